#pragma once
/* Offsets and sizes for assembly; arch/riscv/thread.c asserts that they are the C structures'. */

#define PC_OFFSET	0 /* struct trap_frame; register n is at 8 * n */
#define STATUS_OFFSET	256
#define CAUSE_OFFSET	264
#define VALUE_OFFSET	272
#define ARGUMENT_OFFSET 280
#define TRAP_FRAME_SIZE 288

#define THREAD_FRAME	    0 /* struct thread, from its struct arch_thread */
#define THREAD_SCRATCH	    8
#define THREAD_STACK_BOTTOM 16
#define THREAD_CONTEXT	    24 /* ra, sp, s0 … s11 */
#define THREAD_WORK	    408

#define HART_START_ID	  0 /* struct hart_start */
#define HART_START_THREAD 8
#define HART_START_SIZE	  16
#define HART_STARTS	  64 /* CPU_MAX */

#define USER_END_SHIFT 38

#define KERNEL_STACK_SHIFT 14
#define KERNEL_STACK_SIZE  (1 << KERNEL_STACK_SHIFT)
