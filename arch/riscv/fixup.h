#pragma once
/*
 * The exception table: pairs of an instruction that may fault and where to go on when the fault
 * cannot be mended.
 */
#ifdef __ASSEMBLER__
/* clang-format off */
	.macro	faultable fixup:req, instruction:vararg
900\@:	\instruction
	.pushsection exception_table, "a"
	.balign	8
	.quad	900\@b, \fixup
	.popsection
	.endm
/* clang-format on */
#else
#include <lib/types.h>

struct exception_entry {
	vaddr_t pc, fixup;
};

/* Where to go on after a fault at @pc; 0: nowhere, the kernel is wrong. */
vaddr_t exception_fixup(vaddr_t pc);
#endif
