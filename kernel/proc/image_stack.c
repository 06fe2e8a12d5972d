/*
 * The first stack (System V ABI, "Process initialization"). Downwards from the top: 8 zero bytes,
 * the program's name, the strings of envp and argv, 16 random bytes, then aligned to 16 the
 * auxiliary vector, envp, argv, and argc at the stack pointer.
 */
#include <arch/mmu.h>
#include <arch/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/space.h>
#include <proc/arguments.h>
#include <proc/elf.h>
#include <proc/image.h>
#include <proc/process.h>
#include <proc/signal_queue.h>

enum {
	STACK_EXTRA = 128 << 10,
	CLOCK_TICKS = 100,
	RANDOM_SIZE = sizeof(((struct image_stack *)0)->random)
};

/* rseq(2): how much of the area is filled in, and where it may lie. */
enum { RSEQ_FEATURES = 28, RSEQ_ALIGN = 32 };

enum { /* getauxval(3) */
       AT_NULL,
       AT_IGNORE,
       AT_EXECFD,
       AT_PHDR,
       AT_PHENT,
       AT_PHNUM,
       AT_PAGESZ,
       AT_BASE,
       AT_FLAGS,
       AT_ENTRY,
       AT_UID = 11,
       AT_EUID,
       AT_GID,
       AT_EGID,
       AT_PLATFORM,
       AT_HWCAP,
       AT_CLKTCK,
       AT_SECURE = 23,
       AT_RANDOM = 25,
       AT_HWCAP2,
       AT_RSEQ_FEATURE_SIZE,
       AT_RSEQ_ALIGN,
       AT_EXECFN = 31,
       AT_SYSINFO_EHDR = 33,
       AT_MINSIGSTKSZ = 51,
};

struct layout {
	vaddr_t name, strings, random, pointer;
	u64 vector_size;
};

/* Words on their way to the stack, written in blocks. */
struct word_writer {
	struct space *space;
	vaddr_t at;
	unsigned count;
	bool in_environment;
	u64 words[64];
};

static int flush(struct word_writer *writer)
{
	size_t size = writer->count * sizeof(writer->words[0]);
	int error = image_write(writer->space, writer->at, writer->words, size);

	writer->at += size;
	writer->count = 0;
	return error;
}

static int put_word(struct word_writer *writer, u64 word)
{
	writer->words[writer->count++] = word;
	return writer->count == ARRAY_SIZE(writer->words) ? flush(writer) : 0;
}

/* A zero ends argv before the first string of envp. */
static int put_string(void *context, vaddr_t string, bool environment)
{
	struct word_writer *writer = context;
	int error = 0;

	if (environment && !writer->in_environment) {
		writer->in_environment = true;
		error = put_word(writer, 0);
	}
	return error ? error : put_word(writer, string);
}

static unsigned fill_auxv(const struct image_request *request, struct space *space,
			  const struct image_stack *stack, const struct layout *layout)
{
	const struct credentials *who = request->credentials;
	const u64 pairs[][2] = {
		{ AT_SYSINFO_EHDR, space->vdso },
		{ AT_HWCAP, cpu_hwcap() },
		{ AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURES },
		{ AT_RSEQ_ALIGN, RSEQ_ALIGN },
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_CLKTCK, CLOCK_TICKS },
		{ AT_PHDR, stack->program_headers },
		{ AT_PHENT, ELF_PROGRAM_HEADER_SIZE },
		{ AT_PHNUM, stack->header_count },
		{ AT_BASE, stack->interpreter_base },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, stack->program_entry },
		{ AT_UID, who->uid },
		{ AT_EUID, who->euid },
		{ AT_GID, who->gid },
		{ AT_EGID, who->egid },
		{ AT_SECURE, request->secure },
		{ AT_RANDOM, layout->random },
		{ AT_HWCAP2, 0 },
		{ AT_EXECFN, layout->name },
		{ AT_MINSIGSTKSZ, SIGNAL_STACK_MIN },
		{ AT_NULL, 0 },
	};

	static_assert(sizeof(pairs) <= sizeof(((struct space *)0)->auxv), "room in struct space");
	memcpy(space->auxv, pairs, sizeof(pairs));
	return ARRAY_SIZE(pairs) * 2;
}

static int write_vectors(const struct image_request *request, struct space *space,
			 const struct layout *layout, unsigned auxv_words)
{
	struct word_writer writer; /* its words need not be cleared */
	int error;

	writer.space = space;
	writer.at = layout->pointer;
	writer.count = 0;
	writer.in_environment = false;
	error = put_word(&writer, arguments_count(request->arguments));
	if (!error)
		error = arguments_each(request->arguments, layout->strings, put_string, &writer);
	if (!error && !writer.in_environment)
		error = put_word(&writer, 0);
	if (!error)
		error = put_word(&writer, 0);
	if (!error)
		error = flush(&writer);
	return error ? error : image_write(space, writer.at, space->auxv, auxv_words * sizeof(u64));
}

static int map_stack(const struct image_request *request, struct space *space,
		     const struct image_stack *stack, u64 needed)
{
	u64 size = ALIGN_UP(needed + STACK_EXTRA, PAGE_SIZE);
	struct map_request map = {
		.address = stack->top - size,
		.length = size,
		.prot = PAGE_READ | PAGE_WRITE | (stack->executable ? PAGE_EXEC : 0),
		.flags = MAPPING_GROWS_DOWN,
		.fixed = true,
		.no_replace = true,
		.name = "[stack]",
		.limit_pages = request->space_limit / PAGE_SIZE,
	};
	s64 result = space_map(space, &map);

	if (result == -EEXIST || result == -EINVAL)
		return -ENOEXEC;
	return result < 0 ? (int)result : 0;
}

static void note_strings(struct space *space, const struct arguments *arguments, vaddr_t strings)
{
	u64 in_argv = arguments->prefix_size + arguments->environment_start - arguments->skipped;

	space->argument_start = strings;
	space->argument_end = strings + in_argv;
	space->environment_start = strings + in_argv;
	space->environment_end = strings + arguments_size(arguments);
}

int image_fill_stack(const struct image_request *request, struct space *space,
		     const struct image_stack *stack, vaddr_t *stack_pointer)
{
	const struct arguments *arguments = request->arguments;
	size_t name_size = strlen(request->name) + 1;
	u64 strings = arguments_size(arguments);
	u64 pointers = (u64)arguments_count(arguments) + arguments->environment_count + 3;
	struct layout layout;
	unsigned auxv_words;
	int error;

	layout.name = stack->top - sizeof(u64) - name_size;
	layout.strings = layout.name - strings;
	layout.random = ALIGN_DOWN(layout.strings, RANDOM_SIZE) - RANDOM_SIZE;
	auxv_words = fill_auxv(request, space, stack, &layout);
	layout.vector_size = (pointers + auxv_words) * sizeof(u64);
	layout.pointer = ALIGN_DOWN(layout.random - layout.vector_size, 16);
	error = map_stack(request, space, stack, stack->top - layout.pointer);
	if (error)
		return error;
	error = image_write(space, layout.name, request->name, name_size);
	if (!error)
		error = arguments_write(arguments, space, layout.strings);
	if (!error)
		error = image_write(space, layout.random, stack->random, sizeof(stack->random));
	if (!error)
		error = write_vectors(request, space, &layout, auxv_words);
	note_strings(space, arguments, layout.strings);
	*stack_pointer = layout.pointer;
	return error;
}
