#pragma once
/*
 * What a function has done to the stack so far, read from its instructions: the kernel keeps no frame
 * pointer, which saves 5 to 8 % of its instructions, and needs no tables for its backtraces.
 */
#include <lib/types.h>

struct prologue {
	u32 size;	  /* bytes from the stack pointer up to the caller's */
	u32 return_below; /* the return address is so many bytes below the caller's stack pointer; */
	bool return_saved; /* false: it is still in ra */
};

/*
 * The prologue as far as it has run at @pc, an instruction of the function that begins at @start: a
 * place that is called from (the return address), or any where a trap came. It takes compilers' code:
 * constant adjustments of sp, the same prologue wherever it stands more than once. Reads [@start, @pc)
 * and nothing else; any context. The RISC-V instruction set, volume I, "Base instruction formats" and
 * "C extension".
 */
struct prologue prologue_read(const u16 *start, const u16 *pc);

/* Is the instruction before @pc, in code that begins at @start, a call? */
bool prologue_follows_call(const u16 *start, const u16 *pc);
