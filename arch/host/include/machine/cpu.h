#pragma once
#include <machine/step.h>

extern struct thread *host_thread; /* running on the simulated CPU */
extern bool host_interrupts_off;

static inline struct thread *thread_current(void)
{
	return host_thread;
}

static inline unsigned long irq_save(void)
{
	unsigned long state = host_interrupts_off;

	host_interrupts_off = true;
	return state;
}

static inline void irq_restore(unsigned long state)
{
	host_interrupts_off = state;
}

static inline void irq_enable(void)
{
	host_interrupts_off = false;
}

static inline void irq_disable(void)
{
	host_interrupts_off = true;
}

static inline bool irq_enabled(void)
{
	return !host_interrupts_off;
}

static inline void cpu_relax(void)
{
	host_at(HOST_RELAX, NULL);
}

static inline void cpu_wait_for_interrupt(void)
{
	__builtin_trap();
}

static inline void memory_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
