#pragma once
/* This CPU. The port's <machine/cpu.h> supplies the bodies inline. */
#include <lib/types.h>

struct thread;

/* The running thread; its ->cpu is the per-CPU base. Valid from the first C function on each CPU. */
static inline struct thread *thread_current(void);

/* Disable interrupts on this CPU and return the former state for irq_restore(). Nests. */
static inline unsigned long irq_save(void);
static inline void irq_restore(unsigned long state);
static inline void irq_enable(void);
static inline void irq_disable(void);
static inline bool irq_enabled(void);

/* Hint inside a busy-wait loop. */
static inline void cpu_relax(void);
/* Sleep until an interrupt is pending, even a masked one. Interrupts off; may return early. */
static inline void cpu_wait_for_interrupt(void);

/* Orders all earlier loads and stores before all later ones, on memory and on devices. */
static inline void memory_barrier(void);

#include <machine/cpu.h>
