/* The address space of a new program: where things lie, and in which order they are made. */
#include <arch/mmu.h>
#include <arch/thread.h>
#include <dev/random.h>
#include <fs/file.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/space.h>
#include <proc/arguments.h>
#include <proc/elf.h>
#include <proc/image.h>
#include <proc/process.h>

/*
 * From the top: stack; below it room for its growth; map_top, from where mmap goes down
 * (interpreter, vDSO); far below, at two thirds, position-independent programs and their heap.
 */
enum { /* by how many pages, as bits of one random number */
       STACK_RANDOM_BITS = 11,
       MAP_RANDOM_BITS = 16,
       PROGRAM_RANDOM_BITS = 18,
       BRK_RANDOM_BITS = 13,
};
#define STACK_GAP_MIN (128ul << 20)
#define STACK_GAP_MAX (USER_END / 6 * 5)
#define STACK_GUARD   (1ul << 20)
#define PROGRAM_BASE  (USER_END / 3 * 2)

struct builder {
	u64 random; /* bits that no place has used yet */
	const struct image_request *request;
	struct space *space;
	struct elf program;
	struct elf interpreter;
	struct file *interpreter_file; /* NULL: none */
	u64 program_bias, interpreter_bias;
	u64 limit_pages;
	struct image_stack stack;
};

/* A random number of bytes, whole pages, below 2^@bits pages. */
static u64 random_offset(struct builder *builder, unsigned bits)
{
	u64 pages = builder->random & ((1ul << bits) - 1);

	builder->random >>= bits;
	return builder->request->randomise ? pages * PAGE_SIZE : 0;
}

/* All from one request: random numbers are what costs the most here. */
static void choose_random(struct builder *builder)
{
	struct {
		u64 places;
		u8 bytes[sizeof(builder->stack.random)];
	} random;

	static_assert(STACK_RANDOM_BITS + MAP_RANDOM_BITS + PROGRAM_RANDOM_BITS + BRK_RANDOM_BITS <=
			      8 * sizeof(builder->random),
		      "each bit serves once");
	random_bytes(&random, sizeof(random));
	builder->random = random.places;
	memcpy(builder->stack.random, random.bytes, sizeof(random.bytes));
}

/*
 * The page below USER_END stays empty, so that no access runs from user addresses into the
 * kernel's.
 */
static void choose_layout(struct builder *builder)
{
	struct space *space = builder->space;
	u64 gap = CLAMP(builder->request->stack_limit, STACK_GAP_MIN, STACK_GAP_MAX);

	space->stack_top = USER_END - PAGE_SIZE - random_offset(builder, STACK_RANDOM_BITS);
	space->stack_limit = builder->request->stack_limit;
	space->map_top = ALIGN_DOWN(space->stack_top - gap - STACK_GUARD -
					    random_offset(builder, MAP_RANDOM_BITS),
				    PAGE_SIZE);
	builder->stack.top = space->stack_top;
}

static int open_interpreter(struct builder *builder)
{
	struct file *file;
	int error;

	if (!builder->program.interpreter)
		return 0;
	file = file_open_exec(AT_FDCWD, builder->program.interpreter, LOOKUP_FOLLOW);
	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	builder->interpreter_file = file;
	error = elf_read(file, &builder->interpreter);
	return error == -ENOEXEC ? -ELIBBAD : error;
}

/* What must be added to the file's addresses so that they begin at or above @base. */
static u64 bias_for(const struct elf *elf, vaddr_t base)
{
	return ALIGN_UP(base, elf->align) - ALIGN_DOWN(elf->start, elf->align);
}

static int load_program(struct builder *builder)
{
	struct elf *elf = &builder->program;
	struct image_stack *stack = &builder->stack;
	u64 bias = 0;
	int error;

	if (elf->type == ELF_TYPE_DYN)
		bias = bias_for(elf, PROGRAM_BASE + random_offset(builder, PROGRAM_RANDOM_BITS));
	if (elf->end + bias > USER_END)
		return -ENOMEM;
	error = image_map_segments(builder->space, builder->request->file, elf, bias,
				   builder->limit_pages);
	builder->program_bias = bias;
	stack->program_entry = elf->entry + bias;
	stack->program_headers = elf->header_address ? elf->header_address + bias : 0;
	stack->header_count = elf->header_count;
	stack->executable = elf->stack_executable;
	return error;
}

/*
 * mmap finds the place, as for any library; nobody else maps in this space, so that it stays free.
 */
static int load_interpreter(struct builder *builder)
{
	struct elf *elf = &builder->interpreter;
	struct map_request probe = {
		.length = elf->end - ALIGN_DOWN(elf->start, elf->align) + elf->align,
		.limit_pages = builder->limit_pages,
	};
	s64 base;

	if (!builder->interpreter_file)
		return 0;
	if (elf->type == ELF_TYPE_DYN) {
		base = space_map(builder->space, &probe);
		if (base < 0)
			return (int)base;
		space_unmap(builder->space, (vaddr_t)base, probe.length);
		builder->interpreter_bias = bias_for(elf, (vaddr_t)base);
	}
	builder->stack.interpreter_base = builder->interpreter_bias;
	return image_map_segments(builder->space, builder->interpreter_file, elf,
				  builder->interpreter_bias, builder->limit_pages);
}

static void note_areas(struct builder *builder)
{
	struct space *space = builder->space;
	const struct elf *elf = &builder->program;

	for (unsigned i = 0; i < elf->count; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		vaddr_t start = segment->vaddr + builder->program_bias;

		if (segment->prot & PAGE_EXEC && !space->code_end) {
			space->code_start = start;
			space->code_end = start + segment->filesz;
		} else if (segment->prot & PAGE_WRITE) {
			space->data_start = start;
			space->data_end = start + segment->filesz;
		}
	}
	space->brk_start = ALIGN_UP(elf->end + builder->program_bias, PAGE_SIZE) +
			   random_offset(builder, BRK_RANDOM_BITS);
	space->brk = space->brk_start;
}

static int map_borrowed(struct space *space, vaddr_t at, const void *frames, size_t size,
			unsigned prot, const char *name)
{
	struct map_request request = {
		.address = at,
		.length = size,
		.prot = prot,
		.prot_max = prot,
		.fixed = true,
		.flags = MAPPING_DEVICE | MAPPING_NO_EXPAND,
		.name = name,
		.frame_base = direct_unmap(frames) >> PAGE_SHIFT,
		.limit_pages = ~0ull,
	};
	s64 result = space_map(space, &request);

	return result < 0 ? (int)result : 0;
}

/* One page of time data, then the vDSO's image: both the kernel's own frames, BORROWED. */
static int map_vdso(struct builder *builder)
{
	struct space *space = builder->space;
	size_t size;
	const void *image = vdso_image(&size);
	struct map_request probe = { .length = PAGE_SIZE + size, .limit_pages = ~0ull };
	s64 base = space_map(space, &probe);
	int error;

	if (base < 0)
		return (int)base;
	error = map_borrowed(space, (vaddr_t)base, vdso_data_page(), PAGE_SIZE, PAGE_READ,
			     "[vvar]");
	if (!error)
		error = map_borrowed(space, (vaddr_t)base + PAGE_SIZE, image, size,
				     PAGE_READ | PAGE_EXEC, "[vdso]");
	space->vdso = (vaddr_t)base + PAGE_SIZE;
	return error;
}

static int build(struct builder *builder, struct image *image)
{
	int error = load_program(builder);

	if (!error)
		error = load_interpreter(builder);
	if (!error)
		error = map_vdso(builder);
	if (error)
		return error;
	note_areas(builder);
	error = image_fill_stack(builder->request, builder->space, &builder->stack, &image->stack);
	if (error)
		return error;
	file_get(builder->request->file);
	builder->space->executable = builder->request->file;
	image->space = builder->space;
	image->entry = builder->interpreter_file
			       ? builder->interpreter.entry + builder->interpreter_bias
			       : builder->stack.program_entry;
	return 0;
}

int image_build(const struct image_request *request, struct image *image)
{
	struct builder builder = {
		.request = request,
		.limit_pages = request->space_limit / PAGE_SIZE,
	};
	int error = elf_read(request->file, &builder.program);

	if (error)
		return error;
	error = open_interpreter(&builder);
	if (error)
		goto free_elf;
	error = -ENOMEM;
	builder.space = space_create();
	if (!builder.space)
		goto free_elf;
	choose_random(&builder);
	choose_layout(&builder);
	error = build(&builder, image);
	if (error)
		space_leave(builder.space);
free_elf:
	elf_free(&builder.interpreter);
	elf_free(&builder.program);
	if (builder.interpreter_file)
		file_put(builder.interpreter_file);
	return error;
}
