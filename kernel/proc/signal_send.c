/* Sending: to whom a signal goes, and whether it goes at all. */
#include <arch/time.h>
#include <lib/errno.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

struct signal_info signal_info_kernel(int signo)
{
	return (struct signal_info){ .signo = signo, .code = SI_KERNEL };
}

struct signal_info signal_info_user(int signo, int code)
{
	return (struct signal_info){
		.signo = signo,
		.code = code,
		.sender = { .pid = process_current()->id->number,
			    .uid = credentials_current()->uid },
	};
}

static u64 handler_of(struct process *process, int signo)
{
	return process->actions->actions[signo - 1].handler;
}

static bool takes(struct user_thread *user, int signo)
{
	return signo == SIGKILL || !(user->blocked & SIGNAL_BIT(signo));
}

/*
 * A blocked signal is kept even where it is ignored now: the disposition may change before it
 * counts.
 */
static __force_inline bool is_ignored(struct process *process, struct user_thread *user, int signo,
				      bool force)
{
	u64 handler = handler_of(process, signo);

	if (!user)
		user = list_first_entry(&process->threads, struct user_thread, link);
	if (!takes(user, signo))
		return false;
	/* Its tracer decides. */
	if (user->trace && signo != SIGKILL)
		return false;
	if (process == process_init && handler == SIG_DFL && !force)
		return true;
	return handler == SIG_IGN || (handler == SIG_DFL && SIGNALS_IGNORED & SIGNAL_BIT(signo));
}

/* The default action ends the process, and nothing can come between; a fault is reported first. */
static __force_inline bool is_fatal(struct process *process, struct user_thread *user, int signo,
				    bool force)
{
	return handler_of(process, signo) == SIG_DFL && (!user->trace || signo == SIGKILL) &&
	       !((SIGNALS_IGNORED | SIGNALS_STOP) & SIGNAL_BIT(signo)) &&
	       !(user->waiting_set & SIGNAL_BIT(signo)) &&
	       !(force && SIGNALS_SYNCHRONOUS & SIGNAL_BIT(signo)) &&
	       (process != process_init || force);
}

void signal_interrupt_locked(struct user_thread *user)
{
	struct thread *thread = user->thread;

	thread_add_work(thread, WORK_SIGNAL);
	/* Interrupts are off: what the current thread's state is, it stays. */
	if (thread != thread_current() || READ_ONCE(thread->state) != THREAD_RUNNING)
		thread_wake(thread, WAKE_SIGNAL);
}

static struct user_thread *choose_locked(struct process *process, int signo)
{
	struct user_thread *user;

	process_for_each_thread(user, process) {
		if (takes(user, signo))
			return user;
	}
	return NULL;
}

/* A stop signal and SIGCONT cancel each other out, even where they are blocked or ignored. */
static __noinline void cancel_opposite_locked(struct process *process, int signo)
{
	u64 opposite = signo == SIGCONT ? SIGNALS_STOP : SIGNAL_BIT(SIGCONT);
	struct user_thread *user;

	signal_flush_locked(process, &process->pending, opposite);
	process_for_each_thread(user, process)
		signal_flush_locked(process, &user->pending, opposite);
}

/* Is @signo to become pending? */
static __force_inline bool begin_send_locked(struct process *process, struct user_thread *user,
					     int signo, bool force)
{
	if (process->state != PROCESS_ALIVE || !process->thread_count || process->exiting)
		return false;
	if ((SIGNALS_STOP | SIGNAL_BIT(SIGCONT)) & SIGNAL_BIT(signo))
		cancel_opposite_locked(process, signo);
	return !is_ignored(process, user, signo, force);
}

/* It is pending now: somebody may have to act on it. */
static __force_inline void finish_send_locked(struct process *process, struct user_thread *user,
					      int signo, bool force)
{
	/* Who waits joined that queue before it looked under the lock that we hold. */
	if (!list_empty(&process->signal_wait.waiters))
		wait_wake_all(&process->signal_wait);
	if (!user)
		user = choose_locked(process, signo);
	if (!user || !takes(user, signo))
		return;
	if (is_fatal(process, user, signo, force))
		process_begin_exit_locked(process, signo);
	else
		signal_interrupt_locked(user);
}

int signal_send_locked(struct process *process, struct user_thread *user,
		       const struct signal_info *info, bool force)
{
	int error;

	if (!begin_send_locked(process, user, info->signo, force))
		return 0;
	error = signal_enqueue_locked(process, user ? &user->pending : &process->pending, info);
	if (!error)
		finish_send_locked(process, user, info->signo, force);
	return error;
}

bool signal_send_prepared_locked(struct process *process, struct user_thread *user,
				 struct pending_signal *prepared)
{
	int signo = prepared->info.signo;

	if (!begin_send_locked(process, user, signo, false))
		return false;
	if (!prepared->queue)
		signal_enqueue_prepared_locked(user ? &user->pending : &process->pending, prepared);
	finish_send_locked(process, user, signo, false);
	return true;
}

void signal_retarget_locked(struct process *process, u64 set)
{
	struct user_thread *user, *current_user = thread_current()->user;

	set &= process->pending.set;
	if (!set)
		return;
	process_for_each_thread(user, process) {
		if (user == current_user || !(set & ~user->blocked))
			continue;
		signal_interrupt_locked(user);
		set &= user->blocked;
		if (!set)
			return;
	}
}

/* The parent of a process that goes on hears of it; its own signal lock comes after the child's. */
static __noinline void continue_if_stopped_locked(struct process *process, int signo)
{
	bool tell;

	spin_lock(&process->actions->lock);
	tell = signal_continue_locked(process) && signo == SIGCONT;
	spin_unlock(&process->actions->lock);
	if (tell)
		process_notify_parent_locked(process, CLD_CONTINUED, SIGCONT);
}

static __force_inline int send_in_tree_locked(struct process *process, struct user_thread *user,
					      const struct signal_info *info, bool force)
{
	int error;

	if (info->signo == SIGCONT ||
	    (info->signo == SIGKILL && (process != process_init || force)))
		continue_if_stopped_locked(process, info->signo);
	spin_lock(&process->actions->lock);
	error = signal_send_locked(process, user, info, force);
	spin_unlock(&process->actions->lock);
	return error;
}

int signal_send_in_tree_locked(struct process *process, struct user_thread *user,
			       const struct signal_info *info, bool force)
{
	return send_in_tree_locked(process, user, info, force);
}

int signal_send_thread(struct thread *thread, const struct signal_info *info)
{
	unsigned long state = tree_lock();
	int error = -ESRCH;

	if (!list_empty(&thread->user->link))
		error = send_in_tree_locked(thread->process, thread->user, info, false);
	tree_unlock(state);
	return error;
}

int signal_send_process(struct process *process, const struct signal_info *info)
{
	unsigned long state = tree_lock();
	int error = signal_send_in_tree_locked(process, NULL, info, false);

	tree_unlock(state);
	return error;
}

int signal_send_group(s32 pgid, int signo)
{
	struct signal_info info = signal_info_kernel(signo);
	struct id *id = id_find(pgid);
	struct process *process;
	unsigned long state;
	int error = -ESRCH;

	if (!id)
		return -ESRCH;
	state = tree_lock();
	list_for_each_entry(process, &id->group, group_link) {
		signal_send_in_tree_locked(process, NULL, &info, false);
		error = 0;
	}
	tree_unlock(state);
	id_put(id);
	return error;
}

/* The current instruction cannot go on: whoever blocks or ignores its signal dies of it. */
void signal_force_fault(int signo, int code, vaddr_t address)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	struct signal_action *action = &process->actions->actions[signo - 1];
	struct signal_info info = { .signo = signo, .code = code, .fault = { address } };
	unsigned long state = tree_lock();

	spin_lock(&process->actions->lock);
	if (action->handler == SIG_IGN || user->blocked & SIGNAL_BIT(signo)) {
		action->handler = SIG_DFL;
		user->blocked &= ~SIGNAL_BIT(signo);
	}
	user->fault_signal = signo;
	signal_send_locked(process, user, &info, true);
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
}

/* setitimer(2), in an interrupt. */
void signal_real_timer(struct timer *timer)
{
	struct process *process = container_of(timer, struct process, real_timer);
	struct signal_info info = signal_info_kernel(SIGALRM);
	unsigned long state = tree_lock();
	u64 interval;

	signal_send_in_tree_locked(process, NULL, &info, false);
	interval = process->real_interval;
	if (interval && process->thread_count) {
		u64 now = time_now(), next = timer->deadline + interval;

		/* Those that were missed, as on a stopped machine, are not made up for. */
		timer_start(timer, next > now ? next : now + interval);
	}
	tree_unlock(state);
}
