#pragma once
/*
 * Run queues: what sched/ shares inside. The order of threads is round robin by slices of time,
 * which are longer or shorter by the nice value: a thread that has used its slice up gets a new
 * one and goes to the end of ->queue; a woken one that has some left goes to ->woken, which is
 * served first. So short work is done soon, and nobody gets more than his slice while others
 * wait.
 */
#include <sched/cpu.h>
#include <sched/policy.h>

enum { SLICE_UNIT_NS = 500000 };	/* slice = (20 - nice) units: 10 ms for nice 0 */
enum { WAKE_GRANULARITY_NS = 1000000 }; /* so long a thread runs before a woken one takes over */
enum { TICK_NS = 10000000 };		/* sampling of user and system time */

static inline u64 slice_of(const struct thread *thread)
{
	if (thread->priority)
		return ROUND_ROBIN_NS;
	return (u64)(20 - thread->nice) * SLICE_UNIT_NS;
}

void runqueue_init(struct cpu *cpu);
/* Lock the run queue of @thread, with interrupts off; it cannot leave it meanwhile. */
static inline struct cpu *thread_lock(struct thread *thread, unsigned long *state)
{
	*state = irq_save();
	for (;;) {
		struct cpu *cpu = READ_ONCE(thread->cpu);

		spin_lock(&cpu->queue_lock);
		if (likely(READ_ONCE(thread->cpu) == cpu))
			return cpu;
		spin_unlock(&cpu->queue_lock);
	}
}
static inline void thread_unlock(struct cpu *cpu, unsigned long state)
{
	spin_unlock_irqrestore(&cpu->queue_lock, state);
}
/*
 * Put a RUNNABLE thread that is on no queue on one; no run queue locked. Any context. Returns the
 * set of CPUs to kick, which the caller does once it has let go of its own locks: an interrupt to
 * another CPU takes long, and whoever is woken by it would wait for them.
 */
u64 runqueue_place(struct thread *thread, bool woken);
/* The same for a thread that slept, whose thread_lock() gave @cpu: that lock is free on return. */
u64 runqueue_wake(struct cpu *cpu, struct thread *thread, unsigned long state);
/* Which CPU @thread should be woken on. A hint; takes an idle CPU out of the set of idle ones. */
struct cpu *runqueue_choose(const struct thread *thread);
/* Take @thread off its queue. [rq] */
void runqueue_remove(struct cpu *cpu, struct thread *thread);
/*
 * The current thread stays RUNNABLE: behind all others when it has used its slice up or @yields,
 * else in front; on no queue when it may not stay here (runqueue_finish_switch() moves it). [rq]
 */
void runqueue_put_back(struct cpu *cpu, struct thread *thread, bool yields);
/* For an idle CPU: move a waiting thread from the longest queue to its own. False: none waits. */
bool runqueue_steal(struct cpu *cpu);

/*
 * Switch from the current thread, whose state has been changed and which is queued if it is
 * RUNNABLE, to the next one. Own queue locked, interrupts off; the lock is free on return.
 */
void runqueue_switch(struct cpu *cpu);
/* First thing on the stack of a thread that was switched to: let go of the former one. */
void runqueue_finish_switch(void);

/* Charge the current thread of @cpu with the time up to @now. Interrupts off. */
enum charge { CHARGE_USER, CHARGE_SYSTEM, CHARGE_UNKNOWN };
void time_charge(struct cpu *cpu, u64 now, enum charge to);

/* The hardware timer must fire at @deadline or before. Interrupts off, own CPU. */
void cpu_want_event(struct cpu *cpu, u64 deadline);

extern struct cpumask cpus_idle; /* CPUs that look for work, or sleep for want of it */

/* sched/stack.c: a kernel stack, NULL: out of memory; and back. Any context. */
struct kernel_stack *stack_alloc(void);
void stack_free(struct kernel_stack *stack);
vaddr_t stack_base(const struct kernel_stack *stack);
/* Give back memory of free stacks where they are too many. Interrupts on, no spinlock held. */
void stack_trim(void);
/* All free stacks of this CPU and of the common list. As stack_trim(). */
void stack_trim_all(void);
void stack_init(void);
