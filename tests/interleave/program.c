/*
 * exec for scenarios: the kernel's image builder and ELF reader, on a file that is a memory object.
 * Opening files, random numbers and the vDSO are what the real ones stand on.
 */
#include "program.h"

#include <arch/thread.h>
#include <dev/random.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/err.h>
#include <proc/arguments.h>
#include <proc/elf.h>
#include <proc/image.h>
#include <proc/process.h>
#include <string.h>

#include "memory_internal.h"

enum { HEADER_PAGES = 1, EM_ANY = 243, PT_LOAD = 1, FLAGS_RW = 6 };

static struct file program;
static unsigned program_object;

struct elf_file {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, program_headers, section_headers;
	u32 flags;
	u16 size, program_header_size, program_header_count, section_header_size,
		section_header_count, names;
	struct {
		u32 type, flags;
		u64 offset, vaddr, paddr, filesz, memsz, align;
	} load;
};

/* One segment, writable, at BASE: a byte of the file's second page, and zeros behind it. */
static void header_fill(struct elf_file *header)
{
	*header = (struct elf_file){
		.ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
		.type = ELF_TYPE_EXEC,
		.machine = EM_ANY,
		.version = 1,
		.entry = BASE,
		.program_headers = ELF_HEADER_SIZE,
		.size = ELF_HEADER_SIZE,
		.program_header_size = ELF_PROGRAM_HEADER_SIZE,
		.program_header_count = 1,
		.load = { PT_LOAD, FLAGS_RW, HEADER_PAGES * PAGE_SIZE, BASE, 0, 1, PAGE_SIZE,
			  PAGE_SIZE },
	};
}

static int program_map(struct file *file, struct map_request *request)
{
	request->object = machine.objects[program_object];
	return 0;
}

static void count_file(struct file *file)
{
	file_get(file);
}

void make_program(unsigned object)
{
	static const struct file_operations operations = { .map = program_map };

	make_object(object, HEADER_PAGES + 1);
	program_object = object;
	program.operations = &operations;
	atomic32_set(&program.references, 1);
	mapping_file_hooks = (struct mapping_file_hooks){ count_file, file_put, NULL };
}

int exec_program(unsigned space)
{
	static const struct credentials credentials;
	static char *const words[] = { "a", NULL };
	struct arguments arguments;
	struct image image = { 0 };
	struct image_request request = { .file = &program,
					 .name = "a",
					 .arguments = &arguments,
					 .credentials = &credentials,
					 .stack_limit = 1 << 20,
					 .space_limit = ~(u64)0 };
	int error;

	begin("exec", 0);
	arguments_init(&arguments, request.stack_limit);
	error = arguments_copy_kernel(&arguments, words, words);
	if (!error)
		error = image_build(&request, &image);
	arguments_free(&arguments);
	if (error)
		return error;
	enter_image(space, image.space);
	return 0;
}

ssize_t file_read_kernel(struct file *file, void *to, size_t size, s64 position)
{
	struct elf_file header;

	header_fill(&header);
	if (position >= (s64)sizeof(header))
		return 0;
	size = MIN(size, sizeof(header) - (size_t)position);
	memcpy(to, (u8 *)&header + position, size);
	return size;
}

void file_put(struct file *file)
{
	if (atomic32_dec_and_test(&file->references))
		violation("the program's file is put once too often");
}

struct file *file_open_exec(int directory, const char *name, unsigned flags)
{
	return ERR_PTR(-ENOENT);
}

void random_bytes(void *to, size_t size)
{
	memset(to, 0x5a, size);
}

const void *vdso_image(size_t *size)
{
	*size = PAGE_SIZE;
	return frame_data(frame_of(zero_frame_number));
}

void *vdso_data_page(void)
{
	return frame_data(frame_of(zero_frame_number));
}

unsigned long cpu_hwcap(void)
{
	return 0;
}

bool cpu_runs_elf(unsigned machine, u32 flags)
{
	return machine == EM_ANY;
}
