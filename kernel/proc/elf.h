#pragma once
/*
 * Reading ELF files (System V ABI, "Object files" and "Program loading"): parse and check only.
 * Whatever the file holds, the answer is a description that satisfies the promises below, or
 * -ENOEXEC.
 */
#include <lib/types.h>

struct file;

enum { ELF_HEADER_SIZE = 64, ELF_PROGRAM_HEADER_SIZE = 56, ELF_TYPE_EXEC = 2, ELF_TYPE_DYN = 3 };

/*
 * PT_LOAD: vaddr ascending, no two overlap; vaddr + memsz and offset + filesz do not wrap; filesz ≤
 * memsz.
 */
struct elf_segment {
	u64 offset, vaddr, filesz, memsz; /* bytes; memsz > 0 */
	unsigned prot;			  /* PAGE_READ | PAGE_WRITE | PAGE_EXEC */
};

struct elf {
	unsigned type; /* ELF_TYPE_EXEC or ELF_TYPE_DYN */
	u64 entry;
	u64 align;	       /* largest p_align of the segments: a power of two ≥ PAGE_SIZE */
	u64 start, end;	       /* [start, end) holds all segments; end - start < USER_END */
	u64 header_address;    /* vaddr of the program headers, 0: in no segment */
	unsigned header_count; /* program headers in the file */
	bool stack_executable; /* PT_GNU_STACK with PF_X */
	char *interpreter;     /* PT_INTERP: kmalloc'ed path, or NULL */
	unsigned count;	       /* ≥ 1 */
	struct elf_segment *segments; /* kmalloc'ed */
};

/*
 * Read @file into *@elf. -ENOEXEC: not a program for this machine; -ENOMEM, -EIO and what reading
 * returns. After success the caller calls elf_free(). Sleeps.
 */
int elf_read(struct file *file, struct elf *elf);
void elf_free(struct elf *elf);
/* Does @head, the first @size bytes of a file, begin an ELF file? */
bool elf_is(const void *head, size_t size);
