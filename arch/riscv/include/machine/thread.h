#pragma once
#include <machine/offsets.h>

/* The port's part of a thread. Assembly knows the offsets: <machine/offsets.h>. */
struct arch_thread {
	struct trap_frame *frame; /* [const] user's, at the top of the kernel stack */
	unsigned long scratch;	  /* trap entry, before there is a frame */
	vaddr_t stack_bottom;	  /* lowest address of the stack that it is on */
	struct {
		unsigned long ra, sp, s[12];
	} context; /* while it does not run */

	u64 fpu[32];   /* [own cpu] as of the last save */
	u32 fcsr;      /* [own cpu] follows fpu[]: fpu.S */
	u32 fcsr_rest; /* [own cpu] 0, as in a signal frame */
	s32 fpu_cpu;   /* [own cpu] CPU whose registers held it last; −1: none */
	bool fpu_used; /* [own cpu] false: FS is Off, registers are 0 */
};

static inline struct trap_frame *thread_trap_frame(struct thread *thread)
{
	return ((struct arch_thread *)thread)->frame;
}
