#pragma once
/*
 * What the parts of signal handling share.
 *
 *   signal_actions.c  dispositions          signal_send.c     to a thread, a process, a group
 *   signal_queue.c    pending signals       signal_stop.c     stop and continue
 *   signal_mask.c     blocking, taking      signal_deliver.c  before user mode
 *
 * The lock of process->actions guards the queues, masks, and exit and stop state of all processes
 * that share these actions. Order: tree → signal. Interrupts are off under both, as timers send
 * signals. Another process's ->actions may be read under the tree lock; one's own changes only in
 * one's own exec.
 *
 * No signal is lost between a sender and its target: a sender queues the signal and then sets
 * WORK_SIGNAL, both under the signal lock; only the thread itself clears WORK_SIGNAL, under the
 * same lock, after it found nothing that it may take; and it clears bits of its mask under that
 * lock and then looks again. A thread about to sleep tests WORK_SIGNAL after it set its state, and
 * a sender wakes it after setting WORK_SIGNAL (sched/wait.h). A signal of the whole process that
 * its chosen thread blocks or leaves behind by exiting is handed on (signal_retarget_locked).
 */
#include <proc/process.h>

enum { SIG_DFL = 0, SIG_IGN = 1 };
enum { SS_ONSTACK = 1, SS_DISABLE = 2 };
#define SS_AUTODISARM 0x80000000u
enum { SIGNAL_STACK_MIN = 2048 };

#define SIGNALS_STOP                                                                               \
	(SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define SIGNALS_IGNORED                                                                            \
	(SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
/* Raised by the instruction itself: delivered first. */
#define SIGNALS_SYNCHRONOUS                                                                        \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |     \
	 SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

/* The signal lock of the current process, or of any under the tree lock. */
static inline unsigned long signal_lock(struct process *process)
{
	return spin_lock_irqsave(&process->actions->lock);
}
static inline void signal_unlock(struct process *process, unsigned long state)
{
	spin_unlock_irqrestore(&process->actions->lock, state);
}

/* signal_actions.c. All default; a copy (NULL: out of memory). */
struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_copy(struct signal_actions *from);
static inline void signal_actions_get(struct signal_actions *actions)
{
	atomic32_inc(&actions->references);
}
void signal_actions_put(struct signal_actions *actions);
/*
 * exec and CLONE_CLEAR_SIGHAND: handlers become default, what is ignored stays so. @all: that too.
 */
void signal_actions_reset(struct signal_actions *actions, bool all);
/*
 * sigaction(2) of the current process; @old may be NULL, @new loses what no action can have. -EINVAL.
 */
int signal_get_action(int signo, struct signal_action *action);
int signal_set_action(int signo, struct signal_action *new, struct signal_action *old);

/* A signal with its information, on one queue at most. */
struct pending_signal {
	struct list_node link;	    /* [signal] */
	struct signal_queue *queue; /* [signal] where it is, or NULL */
	struct signal_info info;    /* [signal] */
	struct posix_timer *timer;  /* [const] whose part it is; NULL: its own object */
};

/* signal_queue.c. The signal lock is held in all of these. */
/* Put @prepared, which is a timer's and on no queue, on @queue. */
void signal_enqueue_prepared_locked(struct signal_queue *queue, struct pending_signal *prepared);
/* Take @prepared off its queue, if it is on one. */
void signal_forget_locked(struct process *process, struct pending_signal *prepared);
/* A pending @prepared becomes an object of its own, or goes when there is none. */
void signal_detach_locked(struct process *process, struct pending_signal *prepared);
/* Room for one signal of RLIMIT_SIGPENDING: false when there is none; and back. */
bool signal_reserve_locked(struct process *process);
void signal_unreserve_locked(struct process *process);
/* 0, or -EAGAIN: no room for the information, which @info needs (sigqueue, timers). */
int signal_enqueue_locked(struct process *process, struct signal_queue *queue,
			  const struct signal_info *info);
/* Take the first of @set from @queue: its number, or 0. */
int signal_dequeue_locked(struct process *process, struct signal_queue *queue, u64 set,
			  struct signal_info *info);
void signal_flush_locked(struct process *process, struct signal_queue *queue, u64 set);

/* signal_send.c. The tree and signal locks are held. @user: NULL for the whole process. */
int signal_send_locked(struct process *process, struct user_thread *user,
		       const struct signal_info *info, bool force);
/*
 * A timer's @prepared to @user, NULL: the whole process. True: it is pending, now or already; false:
 * it is ignored.
 */
bool signal_send_prepared_locked(struct process *process, struct user_thread *user,
				 struct pending_signal *prepared);
/* The same with the tree lock alone, and what SIGCONT and SIGKILL do to a stopped process. */
int signal_send_in_tree_locked(struct process *process, struct user_thread *user,
			       const struct signal_info *info, bool force);
/* Give the process's pending signals of @set to threads that take them; not to the current one. */
void signal_retarget_locked(struct process *process, u64 set);
/* Set WORK_SIGNAL of @user's thread and interrupt its sleep. */
void signal_interrupt_locked(struct user_thread *user);
void signal_real_timer(struct timer *timer);
/* A kernel-made or user-made siginfo. */
struct signal_info signal_info_kernel(int signo);
struct signal_info signal_info_user(int signo, int code);

/* signal_mask.c: of the current thread. */
/* Replace the blocked set (never KILL, STOP). */
void signal_set_blocked(u64 mask);
/* Set or clear WORK_SIGNAL of the current thread as its queues say; signal lock held. */
void signal_update_work_locked(void);

/* signal_stop.c */
/* SIGCONT or SIGKILL was sent: forget the stop. True: the parent is to be told. Both locks held. */
bool signal_continue_locked(struct process *process);
/* The current thread took stop signal @signo when continue_count was @count. No locks held. */
void signal_stop_begin(int signo, u32 count);
/* Sleep while the process is stopped. No locks held. */
void signal_stop_sleep(void);
/*
 * The number of threads went down: is that what a stop waited for? Tree lock held, signal lock not.
 */
void signal_stop_check_locked(struct process *process);
