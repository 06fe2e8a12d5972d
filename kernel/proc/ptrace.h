#pragma once
/*
 * ptrace(2): one process (the tracer) stops and resumes threads (its tracees) of others. abi/ptrace.c decodes
 * the requests, ptrace.c ties the two together, ptrace_stop.c is what tracees do, ptrace_wait.c tells wait(2).
 *
 *   running → stopped (a stop of any kind) → running (a request of the tracer, its end, or SIGKILL)
 *
 * A tracee stops only by itself, before it returns to user mode or inside of a system call, with no lock
 * held. Everything here is guarded by the tree lock, [tree]; user->trace changes under the tree and
 * the signal lock, so that either is enough to look at it. On Linux a tracer is a thread; here all threads of
 * the tracer's process are it.
 */
#include <proc/process.h>

enum {
	TRACE_OPTION_SYSGOOD = 1 << 0,
	TRACE_OPTION_FORK = 1 << 1,
	TRACE_OPTION_VFORK = 1 << 2,
	TRACE_OPTION_CLONE = 1 << 3,
	TRACE_OPTION_EXEC = 1 << 4,
	TRACE_OPTION_VFORK_DONE = 1 << 5,
	TRACE_OPTION_EXIT = 1 << 6,
	TRACE_OPTION_SECCOMP = 1 << 7, /* there are no filters, so that nothing comes of it */
	TRACE_OPTION_EXIT_KILL = 1 << 20,
	TRACE_OPTIONS = 0xff | TRACE_OPTION_EXIT_KILL,
};
/* An event's option is 1 << its number. STOP comes of PTRACE_SEIZE, without option. */
enum trace_event {
	TRACE_EVENT_FORK = 1,
	TRACE_EVENT_VFORK = 2,
	TRACE_EVENT_CLONE = 3,
	TRACE_EVENT_EXEC = 4,
	TRACE_EVENT_VFORK_DONE = 5,
	TRACE_EVENT_EXIT = 6,
	TRACE_EVENT_STOP = 128,
};

enum trace_stop {
	TRACE_RUNNING,
	TRACE_STOP_SIGNAL, /* info is the signal's, which the tracer may change */
	TRACE_STOP_ENTER,  /* before a system call */
	TRACE_STOP_LEAVE,  /* after it */
	TRACE_STOP_EVENT,
	TRACE_STOP_GROUP, /* the process was stopped by a signal */
};

struct tracee {
	struct user_thread *user; /* [tree] NULL: it ended, wait(2) has not told yet */
	struct process *process;  /* [const] the thread's, counted */
	struct id *id;		  /* [tree] counted: the number that wait(2) reports */
	struct process *tracer;	  /* [const] */
	struct list_node link;	  /* [tree] tracer->tracees */
	u32 options;		  /* [tree] TRACE_OPTION_* */
	bool seized;		  /* [const] by PTRACE_SEIZE */
	bool calls;		  /* [tree] stop at system calls */
	bool trap;		  /* [tree and signal] stop at once: PTRACE_INTERRUPT */
	bool reported;		  /* [tree] wait(2) told of this stop */
	bool listening;		  /* [tree] PTRACE_LISTEN */
	bool watched;		  /* [own] trace_call_leave() will follow */
	bool late_leave;	  /* [own] it did not, but the stop that it makes is due */
	enum trace_stop stop;	  /* [tree] */
	int code;     /* [tree] of the stop: signal | event << 8; the exit status of an ended one */
	u32 released; /* [tree] process->stop_generation of the stop that it was resumed from */
	u64 message;  /* [tree] PTRACE_GETEVENTMSG */
	int signo;    /* [tree] what the tracer resumed it with */
	bool with_info;		 /* [tree] info belongs to the stop */
	struct signal_info info; /* [tree] */
};

/* PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE. 0, -EPERM, -EIO, -ESRCH, -ENOMEM. */
int trace_me(void);
int trace_attach(struct thread *thread, bool seize, u32 options);
/*
 * Hold tracee @thread of the current process for a request: its struct tracee with the tree lock held, to be
 * given up by tree_unlock(*@state); NULL, unlocked: it is none. With @stopped it is in a stop, and its
 * registers are in its frame; may sleep before.
 */
struct tracee *trace_hold(struct thread *thread, bool stopped, unsigned long *state);
/* Held: run on with @signo, 0: none. @calls: stop at the next system call. */
void trace_resume_locked(struct tracee *tracee, int signo, bool calls);
/* Held: the thread is nobody's tracee any more; resumed with @signo. */
void trace_detach_locked(struct tracee *tracee, int signo);
/* PTRACE_INTERRUPT, PTRACE_LISTEN of a held tracee. -EIO. */
int trace_interrupt_locked(struct tracee *tracee);
int trace_listen_locked(struct tracee *tracee);

/* ptrace_stop.c: of the current thread, which may be no tracee (then they do nothing). May sleep. */
/* Before and after a system call. */
void trace_call_enter(void);
void trace_call_leave(void);
/* The stop after a call during whose events the tracer began to ask for such stops. */
void trace_late_leave(void);
/* @event happens, if the tracer wants to hear of it. */
void trace_event(enum trace_event event, u64 message);
/* After exec(2), which the thread began as @former_tid. */
void trace_exec(s32 former_tid);
/* Signal @signo was taken off its queue: what is to be delivered instead, perhaps 0. */
int trace_signal(int signo, struct signal_info *info);
/* The process was stopped: true when the stop was the tracer's, and is over for this thread. */
bool trace_group_stop(void);
/* Something other than a signal is to be done for the tracer. Signal lock held. */
static inline bool trace_trap_pending_locked(const struct user_thread *user)
{
	return user->trace && user->trace->trap;
}
void trace_trap(void);
/* Is the stop of its process also @user's? Signal lock held. */
static inline bool trace_stops_with_process(const struct process *process,
					    const struct user_thread *user)
{
	return process->stop_signal &&
	       !(user->trace && user->trace->released == process->stop_generation);
}
/* The stop of @process is over: its tracees look again. Both locks held. */
void trace_continued_locked(struct process *process);

/* clone(2): a tracee for the child, where it will be one. *@made NULL: it will not. -ENOMEM. */
int trace_inherit(u64 flags, u32 exit_signal, struct tracee **made);
/* The child was linked; both locks held. What does not come to be is left in *@made. */
void trace_inherit_locked(struct user_thread *child, struct tracee **made);
/* One that came to nothing, or NULL. */
void trace_discard(struct tracee *tracee);
void trace_free(struct tracee *tracee);
enum trace_event trace_clone_event(u64 flags, u32 exit_signal);

/* ptrace_wait.c */
/* A tracee of the current process for wait(2): pid, 0: none yet, -ECHILD: no such. */
s64 trace_wait_locked(int which, s32 id, u32 options, struct wait_result *result,
		      struct process **reaped);
/* A thread that is no leader ends with @status. Tree and signal lock held. */
void trace_thread_ended_locked(struct user_thread *user, int status);
/* Is the end of @process first its tracer's to hear of? Tree lock held. */
bool trace_hides_end_locked(struct process *process);
/* @process ended and its tracer shall hear. Tree lock held. */
void trace_tell_end_locked(struct process *process);
/* Nobody will look at @process any more. Tree lock held. */
void trace_reaped_locked(struct process *process);
/* Free what requests and waits of the current process left. Sleeps. */
void trace_collect(void);
/* The current process ends: its tracees go on without it. Returns one that may be reaped, or NULL. */
struct process *trace_tracer_ends(void);
/* The pid of the tracer, 0: none. Tree lock held. */
static inline s32 trace_tracer_pid_locked(const struct user_thread *user)
{
	return user->trace ? user->trace->tracer->id->number : 0;
}
