#pragma once
/*
 * Threads: kernel stacks with a state. A user thread belongs to a process (proc/process.h).
 *
 * States:  NEW → RUNNABLE ⇄ RUNNING → SLEEPING → RUNNABLE …  RUNNING → DEAD
 *   SLEEPING (any wake), interruptible, killable or not, as wait_sleep() was told; STOPPED threads
 *   sleep killable in the signal code. The state changes under the lock of the thread's run queue.
 */
#include <arch/thread.h>
#include <lib/cpumask.h>
#include <lib/list.h>
#include <sched/lock.h>
#include <sched/wait.h>

struct cpu;
struct process;
struct mmu_space;

enum thread_state { THREAD_NEW, THREAD_RUNNABLE, THREAD_RUNNING, THREAD_SLEEPING, THREAD_DEAD };

/*
 * thread->work: what to do before user mode; set atomically by anyone, then the CPU is kicked. WORK_TRACE is for the
 * way into the kernel: the way out looks at the low half only.
 */
enum thread_work {
	WORK_RESCHEDULE = 1 << 0,
	WORK_SIGNAL = 1 << 1,	    /* look at pending signals */
	WORK_EXIT = 1 << 2,	    /* the group is exiting */
	WORK_RESTORE_MASK = 1 << 3, /* put back thread->saved_mask (sigsuspend, ppoll) */
	WORK_SEQUENCE = 1 << 4,	    /* it moved, or may be in a restartable sequence */
	WORK_TRACE = 1u << 31,	    /* someone watches its system calls */
};

enum { SEQUENCE_CPU_UNKNOWN = ~0u };

/* What a thread moved from and to disks, in bytes: for /proc/PID/io. */
struct disk_activity {
	u64 read;
	u64 dirtied; /* pages that will have to be written */
	u64 dropped; /* of these, what was thrown away first */
};

struct thread {
	struct arch_thread arch; /* first: the port's assembly knows its offset */
	struct atomic32 work;	 /* [atomic] enum thread_work */
	struct cpu *cpu;	 /* [rq] where it runs or ran last */

	enum thread_state state; /* [rq] */
	bool on_cpu;	   /* [atomic] its stack is in use: wait before running it elsewhere */
	bool wake_pending; /* [rq] woken since wait_begin/wait_sleep */
	u8 wait_mode;	   /* [rq] enum wait_mode while SLEEPING */
	s8 nice;	   /* [rq] −20 … 19 */
	u8 policy;	   /* [rq] sched/policy.h */
	u8 priority;	   /* [rq] 1 … 99 with a real-time policy, else 0 */
	bool reset_policy; /* [own process] its children get SCHED_OTHER */
	struct list_node run_link; /* [rq] */
	struct cpumask affinity;   /* [rq] */
	u64 slice_left;		   /* [rq] ns, as of run_started */
	unsigned wait_depth;	   /* [own cpu] waiters between wait_begin and wait_end */
	u32 sequence_cpu; /* [own cpu] CPU that its rseq(2) area shows, + 1; 0: it has none */
	u64 run_started;  /* [own cpu] ns */
	u64 time_user, time_system; /* [own cpu] ns */
	u64 time_mark;		    /* [own cpu] ns of the last change between user and system */
	u64 switches_voluntary, switches_involuntary;

	vaddr_t stack;			   /* [const] lowest address of the kernel stack */
	struct kernel_stack *stack_object; /* [const] sched/stack.c; NULL: the boot stack */
	struct mmu_space *mmu; /* [own cpu] what mmu_switch() gets; NULL: kernel thread */
	int faults_disabled;   /* [own cpu] user copies fail at once instead of sleeping */
	unsigned locks_held;   /* [own cpu] spinlocks, in debug builds */
	void *held_locks[16];  /* [own cpu] in debug builds */

	char name[16];		   /* [own cpu] comm */
	void (*entry)(void *);	   /* [const] */
	void *argument;		   /* [const] */
	s32 tid;		   /* [const] 0: kernel thread */
	struct process *process;   /* [const] NULL: kernel thread */
	struct user_thread *user;  /* [const] signal state, clear_child_tid…: proc/process.h */
	struct disk_activity disk; /* [own] */
	const char *waiting_for;   /* [own cpu] name for /proc/PID/wchan; NULL */
	struct atomic32 references;
	struct list_node all_link; /* [all-threads lock] */
};

/*
 * A thread that will run @entry(@argument), with interrupts on; when it returns the thread ends. Not yet
 * runnable. Affinity and nice are the current thread's. NULL: out of memory. May sleep.
 */
struct thread *thread_create(const char *name, void (*entry)(void *), void *argument);
/* Drop a reference; the last frees the stack and the thread. Any context but interrupts. */
void thread_put(struct thread *thread);
static inline void thread_get(struct thread *thread)
{
	atomic32_inc(&thread->references);
}
/* Make a NEW thread runnable. */
void thread_start(struct thread *thread);
/* Wake a SLEEPING thread if its wait mode allows (@signal: interruptible; @kill: killable too). */
enum thread_wake { WAKE_NORMAL, WAKE_SIGNAL, WAKE_KILL, WAKE_TIMEOUT };
/* True: it slept, or this is the first WAKE_NORMAL since it looked. Any context. */
bool thread_wake(struct thread *thread, enum thread_wake kind);
/*
 * For wakers that hold a lock: adds to *@kicks the CPUs to interrupt, by cpus_kick() once it is free.
 */
bool thread_wake_deferred(struct thread *thread, enum thread_wake kind, u64 *kicks);
/* Set bits of thread->work and make its CPU notice. Any context. */
void thread_add_work(struct thread *thread, u32 work);
/* End the current thread; never returns. The reference of creation is dropped once off its stack. */
__noreturn void thread_exit(void);
/* Give up the CPU, staying runnable. */
void thread_yield(void);
/* Sleep for @ns; 0 or -EINTR. */
int thread_sleep_ns(u64 ns, enum wait_mode mode);
void thread_set_name(struct thread *thread, const char *name);
/* Move to a CPU in @mask (must contain one that is online): -EINVAL. */
int thread_set_affinity(struct thread *thread, u64 mask);
void thread_set_nice(struct thread *thread, int nice);
/* Would a wait in @mode end now with -EINTR? Of the current thread. */
bool thread_interrupted(enum wait_mode mode);
static inline bool thread_signal_pending(struct thread *thread)
{
	return atomic32_read(&thread->work) & (WORK_SIGNAL | WORK_EXIT);
}
/*
 * CPU time so far, ns, of @thread including the running slice. The sum is exact; what is user and what
 * system is sampled (sched/README.md).
 */
void thread_times(struct thread *thread, u64 *user, u64 *system);

/* Number of live kernel stacks and of frames kept for reuse (for the audit). */
u64 thread_stack_frames_cached(void);
/* Page tables that stacks once needed; they stay. */
u64 thread_stack_tables(void);
u64 thread_count(void);
/* Call @visit for each thread until it returns false; the all-threads lock is held (a spinlock). */
void thread_for_each(bool (*visit)(struct thread *thread, void *context), void *context);
/*
 * To be called by thread_put() of sched/thread.c when the last reference of a thread with ->process is
 * gone, before the thread is freed: proc frees ->user and drops ->process. Does not sleep. Set at boot.
 */
extern void (*thread_release_hook)(struct thread *thread);
