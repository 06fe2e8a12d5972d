#pragma once
/*
 * The one builder of program images, for exec and spawn alike: a NEW space with segments,
 * interpreter, stack, arguments, auxiliary vector and vDSO. It reads nobody's page tables and
 * changes nothing but the new space, so that every failure is undone by dropping that.
 */
#include <lib/types.h>

struct arguments;
struct credentials;
struct elf;
struct file;
struct space;

struct image_request {
	struct file *file; /* an ELF file; open for execution */
	const char *name;  /* AT_EXECFN */
	const struct arguments *arguments;
	const struct credentials *credentials; /* as the program will have them */
	bool secure;			       /* AT_SECURE: set-id */
	u64 stack_limit;		       /* RLIMIT_STACK, bytes */
	u64 space_limit;		       /* RLIMIT_AS, bytes */
	bool randomise;
};

struct image {
	struct space *space;  /* references and users 1 */
	vaddr_t entry, stack; /* where the first thread starts */
};

/*
 * 0, or -ENOEXEC, -ENOMEM, -E2BIG, -ELIBBAD (interpreter is no program), and what opening the
 * interpreter returns; nothing is left behind then. Sleeps.
 */
int image_build(const struct image_request *request, struct image *image);

/* image_segments.c. Map the segments of @elf at their addresses plus @bias. */
int image_map_segments(struct space *space, struct file *file, const struct elf *elf, u64 bias,
		       u64 limit_pages);

/* image_stack.c. */
struct image_stack {
	vaddr_t top; /* the stack mapping ends here */
	bool executable;
	vaddr_t interpreter_base; /* AT_BASE */
	vaddr_t program_headers;  /* AT_PHDR; 0: none */
	unsigned header_count;	  /* AT_PHNUM */
	vaddr_t program_entry;	  /* AT_ENTRY */
	u8 random[16];		  /* what AT_RANDOM points to */
};
/* Map the stack and fill it; *@stack_pointer is what the program starts with. */
int image_fill_stack(const struct image_request *request, struct space *space,
		     const struct image_stack *stack, vaddr_t *stack_pointer);
/* space_write() that must copy everything. */
int image_write(struct space *space, vaddr_t to, const void *from, size_t size);
