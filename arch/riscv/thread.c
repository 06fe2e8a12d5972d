#include "hart.h"
#include <arch/thread.h>
#include <arch/tlb.h>
#include <sched/cpu.h>

static_assert(offsetof(struct trap_frame, status) == STATUS_OFFSET, "offsets.h");
static_assert(offsetof(struct trap_frame, cause) == CAUSE_OFFSET, "offsets.h");
static_assert(offsetof(struct trap_frame, value) == VALUE_OFFSET, "offsets.h");
static_assert(offsetof(struct trap_frame, argument0) == ARGUMENT_OFFSET, "offsets.h");
static_assert(sizeof(struct trap_frame) == TRAP_FRAME_SIZE, "offsets.h");
static_assert(TRAP_FRAME_SIZE % 16 == 0, "the stack stays aligned");
static_assert(offsetof(struct thread, arch.frame) == THREAD_FRAME, "offsets.h");
static_assert(offsetof(struct thread, arch.scratch) == THREAD_SCRATCH, "offsets.h");
static_assert(offsetof(struct thread, arch.stack_bottom) == THREAD_STACK_BOTTOM, "offsets.h");
static_assert(offsetof(struct thread, arch.context) == THREAD_CONTEXT, "offsets.h");
static_assert(offsetof(struct thread, work) == THREAD_WORK, "offsets.h");
static_assert(WORK_TRACE > UINT16_MAX && WORK_SEQUENCE <= UINT16_MAX, "entry.S");

struct thread *context_switch(struct thread *from, struct thread *to);
void thread_first_run(void);

void thread_context_init(struct thread *thread, void (*entry)(void *), void *argument)
{
	struct arch_thread *arch = &thread->arch;

	*arch = (struct arch_thread){
		.frame = (void *)(thread->stack + KERNEL_STACK_SIZE - sizeof(struct trap_frame)),
		.stack_bottom = thread->stack,
		.fpu_cpu = -1,
	};
	arch->context.ra = (unsigned long)thread_first_run;
	arch->context.sp = (unsigned long)arch->frame;
	arch->context.s[1] = (unsigned long)entry;
	arch->context.s[2] = (unsigned long)argument;
}

struct thread *thread_context_switch(struct thread *from, struct thread *to)
{
	struct hart *hart = &harts[from->cpu->index];
	unsigned generation = READ_ONCE(kernel_map_generation);

	/* @to's stack may be newer than what this CPU's TLB knows of the kernel's tables. */
	if (unlikely(hart->kernel_map_seen != generation)) {
		hart->kernel_map_seen = generation;
		tlb_flush_local_all();
	}
	fpu_switch(from, to);
	return context_switch(from, to);
}
