/*
 * Floating point, lazily. A thread has FS = Off until its first such instruction. Afterwards it is
 * saved at switch-out when the FS that its trap saved says Dirty, and loaded at switch-in unless
 * this CPU's registers hold it still: nobody else was loaded since, and it ran nowhere else.
 */
#include "hart.h"
#include <arch/thread.h>
#include <lib/string.h>
#include <sched/cpu.h>

static_assert(offsetof(struct arch_thread, fcsr) - offsetof(struct arch_thread, fpu) == 256,
	      "fpu.S");

void fpu_store_registers(u64 *registers);
void fpu_load_registers(const u64 *registers);

static void save_if_dirty(struct thread *thread)
{
	struct trap_frame *frame = thread->arch.frame;

	if (!thread->arch.fpu_used || (frame->status & SSTATUS_FS) != SSTATUS_FS_DIRTY)
		return;
	csr_set(sstatus, SSTATUS_FS);
	fpu_store_registers(thread->arch.fpu);
	frame->status = (frame->status & ~(unsigned long)SSTATUS_FS) | SSTATUS_FS_CLEAN;
}

static void load(struct thread *thread, unsigned cpu)
{
	csr_set(sstatus, SSTATUS_FS);
	fpu_load_registers(thread->arch.fpu);
	thread->arch.fpu_cpu = (s32)cpu;
	harts[cpu].fpu_owner = thread;
}

void fpu_switch(struct thread *from, struct thread *to)
{
	unsigned cpu = from->cpu->index;

	save_if_dirty(from);
	if (to->arch.fpu_used && (harts[cpu].fpu_owner != to || to->arch.fpu_cpu != (s32)cpu))
		load(to, cpu);
}

bool fpu_first_use(struct trap_frame *frame)
{
	struct thread *thread = thread_current();

	if (frame->status & SSTATUS_FS || !(cpu_hwcap() & 1u << ('d' - 'a')))
		return false;
	if (!thread->arch.fpu_used) {
		memset(thread->arch.fpu, 0, sizeof(thread->arch.fpu));
		thread->arch.fcsr = 0;
		thread->arch.fpu_used = true;
	}
	load(thread, cpu_this()->index);
	frame->status |= SSTATUS_FS_CLEAN;
	return true;
}

void fpu_sync_current(void)
{
	struct thread *thread = thread_current();
	unsigned long state;

	/* Only user mode makes it dirty. */
	if ((thread->arch.frame->status & SSTATUS_FS) != SSTATUS_FS_DIRTY)
		return;
	state = irq_save();
	save_if_dirty(thread);
	irq_restore(state);
}

void thread_fpu_reset(struct thread *thread)
{
	thread->arch.fpu_used = false;
	thread->arch.fpu_cpu = -1;
	thread->arch.frame->status &= ~(unsigned long)SSTATUS_FS;
}

void thread_fpu_fork(struct thread *child)
{
	struct arch_thread *from = &thread_current()->arch, *to = &child->arch;

	fpu_sync_current();
	to->fpu_used = from->fpu_used;
	to->fpu_cpu = -1;
	if (!from->fpu_used)
		return;
	memcpy(to->fpu, from->fpu, sizeof(to->fpu));
	to->fcsr = from->fcsr;
}
