#include <arch/mmu.h>
#include <arch/thread.h>
#include <fs/file.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/elf.h>

enum {
	PT_LOAD = 1,
	PT_INTERP = 3,
	PT_GNU_STACK = 0x6474e551,
	PF_X = 1,
	PF_W = 2,
	PF_R = 4,
	CLASS_64 = 2,
	DATA_LITTLE = 1,
	VERSION_CURRENT = 1,
	HEADERS_MAX = 65536 / ELF_PROGRAM_HEADER_SIZE, /* Linux's limit: 64 KiB of them */
};

struct file_header {
	u8 magic[4], class, data, version, abi, padding[8];
	u16 type, machine;
	u32 version2;
	u64 entry, program_headers, section_headers;
	u32 flags;
	u16 size, program_header_size, program_header_count, section_header_size,
		section_header_count, section_names;
};
static_assert(sizeof(struct file_header) == ELF_HEADER_SIZE, "Elf64_Ehdr");

struct program_header {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};
static_assert(sizeof(struct program_header) == ELF_PROGRAM_HEADER_SIZE, "Elf64_Phdr");

bool elf_is(const void *head, size_t size)
{
	return size >= 4 && memcmp(head, "\177ELF", 4) == 0;
}

static int read_exactly(struct file *file, void *to, size_t size, u64 offset)
{
	ssize_t got;

	if (offset > INT64_MAX - size)
		return -ENOEXEC;
	got = file_read_kernel(file, to, size, (s64)offset);
	if (got < 0)
		return (int)got;
	return (size_t)got == size ? 0 : -ENOEXEC;
}

static bool header_is_good(const struct file_header *header)
{
	return elf_is(header, sizeof(*header)) && header->class == CLASS_64 &&
	       header->data == DATA_LITTLE && header->version == VERSION_CURRENT &&
	       (header->type == ELF_TYPE_EXEC || header->type == ELF_TYPE_DYN) &&
	       cpu_runs_elf(header->machine, header->flags) &&
	       header->program_header_size == ELF_PROGRAM_HEADER_SIZE &&
	       header->program_header_count >= 1 && header->program_header_count <= HEADERS_MAX;
}

static unsigned prot_of(u32 flags)
{
	return (flags & PF_R ? PAGE_READ : 0) | (flags & PF_W ? PAGE_WRITE : 0) |
	       (flags & PF_X ? PAGE_EXEC : 0);
}

static int add_segment(struct elf *elf, const struct program_header *header)
{
	const struct elf_segment *last = elf->count ? &elf->segments[elf->count - 1] : NULL;
	u64 end;

	if (header->filesz > header->memsz)
		return -ENOEXEC;
	if (!header->memsz)
		return 0;
	if (__builtin_add_overflow(header->vaddr, header->memsz, &end) || end > USER_END ||
	    header->filesz > INT64_MAX || header->offset > INT64_MAX - header->filesz)
		return -ENOEXEC;
	if (last && header->vaddr < last->vaddr + last->memsz)
		return -ENOEXEC;
	if (header->align > PAGE_SIZE && is_power_of_two(header->align) && header->align < USER_END)
		elf->align = MAX(elf->align, header->align);
	elf->segments[elf->count++] = (struct elf_segment){
		.offset = header->offset,
		.vaddr = header->vaddr,
		.filesz = header->filesz,
		.memsz = header->memsz,
		.prot = prot_of(header->flags),
	};
	return 0;
}

static int read_interpreter(struct file *file, struct elf *elf, const struct program_header *header)
{
	int error;

	if (elf->interpreter || header->filesz < 2 || header->filesz > PATH_MAX)
		return -ENOEXEC;
	elf->interpreter = kmalloc(header->filesz);
	if (!elf->interpreter)
		return -ENOMEM;
	error = read_exactly(file, elf->interpreter, header->filesz, header->offset);
	if (!error && elf->interpreter[header->filesz - 1])
		error = -ENOEXEC;
	return error;
}

static int take_header(struct file *file, struct elf *elf, const struct program_header *header)
{
	switch (header->type) {
	case PT_LOAD:
		return add_segment(elf, header);
	case PT_INTERP:
		return read_interpreter(file, elf, header);
	case PT_GNU_STACK:
		elf->stack_executable = header->flags & PF_X;
		return 0;
	default:
		return 0;
	}
}

/*
 * AT_PHDR: where the program will find its own headers, if a segment's file part covers all of
 * them.
 */
static u64 find_headers(const struct elf *elf, u64 offset, u64 size)
{
	for (unsigned i = 0; i < elf->count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (offset >= segment->offset && segment->filesz >= size &&
		    offset - segment->offset <= segment->filesz - size)
			return segment->vaddr + (offset - segment->offset);
	}
	return 0;
}

static int take_headers(struct file *file, const struct file_header *header, struct elf *elf)
{
	unsigned count = header->program_header_count;
	u64 size = (u64)count * sizeof(struct program_header);
	struct program_header *headers = kmalloc(size);
	int error = -ENOMEM;

	elf->segments = kmalloc(count * sizeof(*elf->segments));
	if (headers && elf->segments)
		error = read_exactly(file, headers, size, header->program_headers);
	for (unsigned i = 0; i < count && !error; i++)
		error = take_header(file, elf, &headers[i]);
	kfree(headers);
	if (error)
		return error;
	if (!elf->count)
		return -ENOEXEC;
	elf->start = elf->segments[0].vaddr;
	elf->end = elf->segments[elf->count - 1].vaddr + elf->segments[elf->count - 1].memsz;
	elf->header_address = find_headers(elf, header->program_headers, size);
	return 0;
}

int elf_read(struct file *file, struct elf *elf)
{
	struct file_header header;
	int error;

	*elf = (struct elf){ .align = PAGE_SIZE };
	error = read_exactly(file, &header, sizeof(header), 0);
	if (error)
		return error;
	if (!header_is_good(&header))
		return -ENOEXEC;
	elf->type = header.type;
	elf->entry = header.entry;
	elf->header_count = header.program_header_count;
	error = take_headers(file, &header, elf);
	if (error)
		elf_free(elf);
	return error;
}

void elf_free(struct elf *elf)
{
	kfree(elf->interpreter);
	kfree(elf->segments);
	elf->interpreter = NULL;
	elf->segments = NULL;
}
