#pragma once
/* The per-CPU structure and the scheduler's entry points. */
#include <lib/cpumask.h>
#include <lib/list.h>
#include <sched/lock.h>
#include <sched/timer.h>

struct mmu_space;
struct thread;
struct frame_cache;
struct slab_cpu;
struct kernel_stack;

struct cpu {
	unsigned index;		/* [const] dense, 0 = boot CPU */
	bool online;		/* [atomic] */
	struct thread *current; /* [rq] also for other CPUs to look at in a panic */
	struct thread *idle;	/* [const] */

	struct spinlock queue_lock; /* RANK_RUNQUEUE, interrupts off */
	struct list_node real_time; /* [rq] of real-time policies, by priority: before all others */
	u64 others_ran;		    /* [rq] when others last ran, or none waited */
	u64 others_until;	    /* [rq] so long they go before real-time threads; 0: not now */
	struct list_node woken;	    /* [rq] woken with time left in their slice: first */
	struct list_node queue;	    /* [rq] all other runnable threads, in order */
	unsigned queue_length;	    /* [rq; atomic read] of both */
	struct thread *previous;    /* [own cpu] being switched away from */
	bool idle_waiting;	    /* [atomic] about to be, or in, cpu_wait_for_interrupt() */
	u32 kicked;		    /* [atomic] an IPI is on its way */
	u32 barriers; /* [own cpu; atomic read] full barriers by IPIs: cpus_barrier() */

	struct timer_queue timers; /* sched/timer.h */
	u64 event_deadline;	   /* [own cpu] what the hardware timer is set to */
	u64 slice_deadline;	   /* [rq] end of the current slice when others wait, or ~0 */
	u64 tick_deadline;	   /* [own cpu] next sample of user or system mode, or ~0 */

	u64 time_idle, time_user, time_system, time_irq; /* [own cpu] ns */
	u64 switches, interrupts, steals;		 /* [own cpu] */
	unsigned irq_depth; /* [own cpu] > 0: in an interrupt handler */

	struct frame_cache *frame_cache;     /* mm/frame.c, [own cpu] interrupts off */
	void *slab_cpu;			     /* mm/slab.c, [own cpu] */
	struct kernel_stack *free_stacks[4]; /* [own cpu] to use again: sched/stack.c */
	unsigned free_stack_count;	     /* [own cpu] */
};

extern struct cpu cpus[CPU_MAX];
extern unsigned cpu_count; /* [const after boot] enumerated */
extern struct cpumask cpus_online;
extern struct thread cpu_boot_thread; /* the boot CPU's first and idle thread; tp at entry */

/* Where @cpu's time went since it started, ns; of a CPU that is idle now, up to now. Any context. */
void cpu_times(const struct cpu *cpu, u64 *user, u64 *system, u64 *idle);

/* Threads that are runnable or running, and load averages (1, 5, 15 min; 16.16 fixed point). */
unsigned sched_runnable(void);
void sched_load(u32 load[3]);

/* Boot: this CPU's struct and idle thread (boot CPU), then the others (max as told). */
void sched_init(void);
void smp_boot(unsigned max);
/* Entry of a secondary CPU on its idle thread, called by the port; interrupts off. */
__noreturn void cpu_main(void);
/* The idle loop; the boot CPU joins it when the first process runs. */
__noreturn void cpu_idle(void);

/* Leave the CPU to the next thread as current->state says. Interrupts on or off; no spinlock held. */
void schedule(void);
/* Run a waiting thread when one is due (WORK_RESCHEDULE): long loops in the kernel call it. */
void schedule_if_needed(void);
/* Around each interrupt's up-call: counts, lock checks. Interrupts off. */
struct cpu *interrupt_enter(void);
void interrupt_exit(struct cpu *cpu);
/* Ask @cpu to look at its queue, its timers and its current->work. Any context. */
void cpu_kick(struct cpu *cpu);
/* The same for a set. */
void cpus_kick(u64 cpus);
/*
 * A full memory barrier on each CPU that runs a thread of @mmu (NULL: any user thread), for membarrier(2).
 * Interrupts on, no spinlock held.
 */
void cpus_barrier(const struct mmu_space *mmu);

#include <sched/thread.h>
/* Interrupts off, or only as a hint: the thread may move. */
static inline struct cpu *cpu_this(void)
{
	return thread_current()->cpu;
}
