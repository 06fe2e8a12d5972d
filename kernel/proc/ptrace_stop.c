/* What tracees do: they stop, tell their tracer, and sleep until it resumes them. */
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

/* Tree lock held. */
static void tell_tracer_locked(struct tracee *tracee)
{
	struct process *tracer = tracee->tracer;
	struct signal_info info = { .signo = SIGCHLD, .code = CLD_TRAPPED };
	struct signal_action *action = &tracer->actions->actions[SIGCHLD - 1];

	info.child.pid = tracee->id->number;
	info.child.uid = tracee->process->credentials.uid;
	info.child.status = tracee->code & 0x7f;
	spin_lock(&tracer->actions->lock);
	if (action->handler != SIG_IGN && !(action->flags & SA_NOCLDSTOP))
		signal_send_locked(tracer, NULL, &info, false);
	spin_unlock(&tracer->actions->lock);
	wait_wake_all(&tracer->child_wait);
}

static bool still_stopped(struct user_thread *user)
{
	unsigned long state = tree_lock();
	bool stopped = user->trace && user->trace->stop != TRACE_RUNNING;

	tree_unlock(state);
	return stopped;
}

/* Tree lock held: in a stop from here on; what the tracer may see is set. */
static void begin_stop_locked(struct tracee *tracee, enum trace_stop stop, int code)
{
	tracee->stop = stop;
	tracee->code = code;
	tracee->reported = false;
	tracee->listening = false;
	tracee->signo = 0;
	tell_tracer_locked(tracee);
}

/*
 * Sleep until resumed. Killed: no stop any more, so that no request finds registers that are in use. What the
 * tracer resumed it with.
 */
static int sleep_stopped(void)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	unsigned long state;
	int signo;

	(void)wait_event_mode(&process->stop_wait, !still_stopped(user), WAIT_FOREVER,
			      WAIT_KILLABLE);
	state = tree_lock();
	if (user->trace) {
		user->trace->stop = TRACE_RUNNING;
		signo = user->trace->signo;
	} else {
		signo = user->trace_signal;
		user->trace_signal = 0;
	}
	tree_unlock(state);
	return signo;
}

static bool is_dying(void)
{
	return atomic32_read(&thread_current()->work) & WORK_EXIT;
}

/* A stop that no signal caused: its siginfo says where it came from. */
static struct signal_info plain_info(int code)
{
	struct signal_info info = signal_info_user(SIGTRAP, code);

	info.signo = code & 0x7f;
	return info;
}

/* One stop; false: no tracee, or not wanted. *@signo (may be NULL): what it was resumed with. */
static bool stop_here(enum trace_stop stop, int code, u64 message, u32 option, int *signo)
{
	struct user_thread *user = thread_current()->user;
	struct signal_info info = plain_info(code);
	unsigned long state;
	struct tracee *tracee;
	int resumed;

	if (is_dying())
		return false;
	state = tree_lock();
	tracee = user->trace;
	if (!tracee || (option && !(tracee->options & option))) {
		tree_unlock(state);
		return false;
	}
	if (stop == TRACE_STOP_ENTER || stop == TRACE_STOP_LEAVE) {
		if (tracee->options & TRACE_OPTION_SYSGOOD)
			code |= 0x80;
		info.code = code;
	}
	tracee->message = message;
	tracee->info = info;
	tracee->with_info = true;
	begin_stop_locked(tracee, stop, code);
	tree_unlock(state);
	resumed = sleep_stopped();
	if (signo)
		*signo = resumed;
	return true;
}

/* What the tracer resumes from such a stop with comes as a signal of its own. */
static void deliver(int signo)
{
	struct signal_info info = signal_info_user(signo, SI_USER);

	if (signo)
		signal_send_thread(thread_current(), &info);
}

static bool wants_calls(void)
{
	struct user_thread *user = thread_current()->user;
	unsigned long state;
	bool wants;

	if (likely(!READ_ONCE(user->trace)))
		return false;
	state = tree_lock();
	wants = user->trace && user->trace->calls;
	tree_unlock(state);
	return wants;
}

/* Is the current thread, a tracee, in a call that trace_call_leave() will follow? */
static void set_watched(bool watched)
{
	unsigned long state = tree_lock();
	struct tracee *tracee = thread_current()->user->trace;

	if (tracee)
		tracee->watched = watched;
	tree_unlock(state);
}

void trace_call_enter(void)
{
	int signo = 0;

	if (likely(!READ_ONCE(thread_current()->user->trace)))
		return;
	if (wants_calls() && stop_here(TRACE_STOP_ENTER, SIGTRAP, 1, 0, &signo))
		deliver(signo);
	set_watched(true);
}

static void stop_after_call(void)
{
	int signo = 0;

	if (wants_calls() && stop_here(TRACE_STOP_LEAVE, SIGTRAP, 2, 0, &signo))
		deliver(signo);
}

void trace_call_leave(void)
{
	if (likely(!READ_ONCE(thread_current()->user->trace)))
		return;
	set_watched(false);
	stop_after_call();
}

void trace_late_leave(void)
{
	struct user_thread *user = thread_current()->user;
	unsigned long state;
	bool late;

	if (likely(!READ_ONCE(user->trace)))
		return;
	state = tree_lock();
	late = user->trace && user->trace->late_leave;
	if (late)
		user->trace->late_leave = false;
	tree_unlock(state);
	if (late)
		stop_after_call();
}

void trace_event(enum trace_event event, u64 message)
{
	struct user_thread *user = thread_current()->user;
	unsigned long state;

	if (likely(!READ_ONCE(user->trace)) ||
	    !stop_here(TRACE_STOP_EVENT, SIGTRAP | (int)event << 8, message, 1u << event, NULL))
		return;
	state = tree_lock();
	if (user->trace && user->trace->calls && !user->trace->watched) {
		user->trace->late_leave = true;
		thread_add_work(user->thread, WORK_SIGNAL);
	}
	tree_unlock(state);
}

void trace_exec(s32 former_tid)
{
	struct user_thread *user = thread_current()->user;
	struct signal_info info = signal_info_user(SIGTRAP, SI_USER);
	unsigned long state;
	struct tracee *tracee;
	bool plain;

	if (likely(!READ_ONCE(user->trace)))
		return;
	state = tree_lock();
	tracee = user->trace;
	plain = tracee && !(tracee->options & TRACE_OPTION_EXEC) && !tracee->seized;
	tree_unlock(state);
	if (plain)
		signal_send_thread(thread_current(), &info);
	else
		trace_event(TRACE_EVENT_EXEC, (u64)former_tid);
}

void trace_trap(void)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	unsigned long state = tree_lock();
	int signo;

	spin_lock(&process->actions->lock);
	if (user->trace)
		user->trace->trap = false;
	signo = process->stop_signal ? process->stop_signal : SIGTRAP;
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	stop_here(signo == SIGTRAP ? TRACE_STOP_EVENT : TRACE_STOP_GROUP,
		  signo | TRACE_EVENT_STOP << 8, 0, 0, NULL);
}

/* The tracer may have another signal delivered, whose information is then not the old one's. */
static int replaced(int signo, struct signal_info *info)
{
	struct user_thread *user = thread_current()->user;

	if (signo && signo != info->signo)
		*info = signal_info_user(signo, SI_USER);
	/* Blocked meanwhile: it waits its turn. */
	if (signo && user->blocked & SIGNAL_BIT(signo)) {
		signal_send_thread(thread_current(), info);
		return 0;
	}
	return signo;
}

int trace_signal(int signo, struct signal_info *info)
{
	struct user_thread *user = thread_current()->user;
	unsigned long state;
	struct tracee *tracee;

	if (likely(!READ_ONCE(user->trace)) || signo == SIGKILL)
		return signo;
	state = tree_lock();
	tracee = user->trace;
	if (!tracee || is_dying()) {
		tree_unlock(state);
		return signo;
	}
	tracee->info = *info;
	tracee->with_info = true;
	begin_stop_locked(tracee, TRACE_STOP_SIGNAL, signo);
	tree_unlock(state);
	signo = sleep_stopped();
	state = tree_lock();
	if (user->trace && signo == user->trace->info.signo)
		*info = user->trace->info;
	tree_unlock(state);
	return replaced(signo, info);
}

bool trace_group_stop(void)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	unsigned long state = tree_lock();
	struct tracee *tracee = user->trace;
	u32 generation = process->stop_generation;
	int code = process->stop_signal;
	bool still_traced;

	if (!tracee || !code || is_dying()) {
		tree_unlock(state);
		return false;
	}
	if (tracee->seized)
		code |= TRACE_EVENT_STOP << 8;
	tracee->with_info = tracee->seized;
	tracee->info = plain_info(code);
	tracee->message = 0;
	begin_stop_locked(tracee, TRACE_STOP_GROUP, code);
	tree_unlock(state);
	sleep_stopped();
	state = tree_lock();
	still_traced = user->trace != NULL;
	if (still_traced)
		user->trace->released = generation;
	tree_unlock(state);
	return still_traced;
}
