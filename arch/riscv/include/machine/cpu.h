#pragma once
#include <machine/csr.h>

/* tp holds the running thread everywhere in the kernel, and nothing else. */
register struct thread *thread_pointer_ __asm__("tp");

static inline struct thread *thread_current(void)
{
	return thread_pointer_;
}

static inline unsigned long irq_save(void)
{
	unsigned long state;

	__asm__ volatile("csrrci %0, sstatus, %1" : "=r"(state) : "K"(SSTATUS_SIE) : "memory");
	return state & SSTATUS_SIE;
}

static inline void irq_restore(unsigned long state)
{
	csr_set(sstatus, state);
}

static inline void irq_enable(void)
{
	csr_set(sstatus, SSTATUS_SIE);
}

static inline void irq_disable(void)
{
	csr_clear(sstatus, SSTATUS_SIE);
}

static inline bool irq_enabled(void)
{
	return csr_read(sstatus) & SSTATUS_SIE;
}

static inline void cpu_relax(void)
{
	/* pause (Zihintpause); a hint, so that CPUs without it take it as a fence of nothing. */
	__asm__ volatile(".4byte 0x0100000f" : : : "memory");
}

static inline void cpu_wait_for_interrupt(void)
{
	__asm__ volatile("wfi" : : : "memory");
}

static inline void memory_barrier(void)
{
	__asm__ volatile("fence iorw, iorw" : : : "memory");
}
