/* Who traces whom, and resuming. */
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>
#include <sched/cpu.h>

static SLAB_CACHE(tracee_cache, struct tracee);

static struct tracee *tracee_make(struct process *process)
{
	struct tracee *tracee = slab_alloc_zeroed(&tracee_cache);

	if (!tracee)
		return NULL;
	tracee->process = process;
	process_get(process);
	list_init(&tracee->link);
	return tracee;
}

/* Without the tree lock. */
void trace_free(struct tracee *tracee)
{
	if (tracee->id)
		id_put(tracee->id);
	process_put(tracee->process);
	slab_free(&tracee_cache, tracee);
}

/* Both locks held. */
static void link_locked(struct tracee *tracee, struct user_thread *user, struct process *tracer)
{
	id_get(user->id);
	tracee->id = user->id;
	tracee->user = user;
	tracee->tracer = tracer;
	tracee->released = tracee->process->stop_generation - 1;
	user->trace = tracee;
	list_add_tail(&tracer->tracees, &tracee->link);
}

/* Both locks held. The caller frees it, by trace_free_later_locked() or trace_free(). */
static void unlink_locked(struct tracee *tracee)
{
	struct user_thread *user = tracee->user;

	list_remove_init(&tracee->link);
	if (!user)
		return;
	user->trace = NULL;
	tracee->user = NULL;
	if (!user->logged)
		atomic32_and(&user->thread->work, ~(u32)WORK_TRACE);
}

/*
 * Under the tree lock neither references can be dropped nor, by the last one, things be freed. The tracer
 * does it when its request is over.
 */
static void free_later_locked(struct tracee *tracee)
{
	list_add_tail(&tracee->tracer->tracees_gone, &tracee->link);
}

void process_log_calls(struct process *process, bool on)
{
	unsigned long state = tree_lock();
	struct user_thread *user;

	process_for_each_thread(user, process) {
		user->logged = on;
		if (on || (user->trace && user->trace->calls))
			atomic32_or(&user->thread->work, WORK_TRACE);
		else
			atomic32_and(&user->thread->work, ~(u32)WORK_TRACE);
	}
	tree_unlock(state);
}

int trace_me(void)
{
	struct process *process = process_current();
	struct tracee *tracee = tracee_make(process);
	struct user_thread *user = thread_current()->user;
	unsigned long state;
	int error = -EPERM;

	if (!tracee)
		return -ENOMEM;
	state = tree_lock();
	spin_lock(&process->actions->lock);
	if (!user->trace && process->parent) {
		link_locked(tracee, user, process->parent);
		error = 0;
	}
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	if (error)
		trace_free(tracee);
	return error;
}

/* A tracee of a stopped process comes out of that stop into its tracer's. */
static void wake_stopped_locked(struct tracee *tracee)
{
	wait_wake_all(&tracee->process->stop_wait);
}

int trace_attach(struct thread *thread, bool seize, u32 options)
{
	struct process *process = thread->process;
	struct signal_info stop = signal_info_kernel(SIGSTOP);
	struct tracee *tracee;
	unsigned long state;
	int error = -EPERM;

	if (process == process_current() || !credentials_may_trace(process))
		return -EPERM;
	tracee = tracee_make(process);
	if (!tracee)
		return -ENOMEM;
	tracee->seized = seize;
	tracee->options = options;
	state = tree_lock();
	spin_lock(&process->actions->lock);
	if (!list_empty(&thread->user->link) && !thread->user->trace && !process->exiting) {
		link_locked(tracee, thread->user, process_current());
		wake_stopped_locked(tracee);
		if (!seize)
			signal_send_locked(process, thread->user, &stop, true);
		error = 0;
	}
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	if (error)
		trace_free(tracee);
	return error;
}

/* The switch away from it is over, so that its registers are all in memory. */
static bool is_off_cpu(const struct thread *thread)
{
	return READ_ONCE(thread->state) == THREAD_SLEEPING && !read_acquire(&thread->on_cpu);
}

struct tracee *trace_hold(struct thread *thread, bool stopped, unsigned long *state)
{
	for (;;) {
		struct tracee *tracee;

		*state = tree_lock();
		tracee = thread->user->trace;
		if (!tracee || tracee->tracer != process_current() ||
		    (stopped && (tracee->stop == TRACE_RUNNING || tracee->listening))) {
			tree_unlock(*state);
			return NULL;
		}
		if (!stopped || is_off_cpu(thread))
			return tracee;
		tree_unlock(*state);
		thread_yield();
	}
}

static void set_calls_locked(struct tracee *tracee, bool calls)
{
	struct user_thread *user = tracee->user;

	tracee->calls = calls;
	if (calls || user->logged)
		atomic32_or(&user->thread->work, WORK_TRACE);
	else
		atomic32_and(&user->thread->work, ~(u32)WORK_TRACE);
}

void trace_resume_locked(struct tracee *tracee, int signo, bool calls)
{
	set_calls_locked(tracee, calls);
	tracee->signo = signo;
	tracee->listening = false;
	tracee->stop = TRACE_RUNNING;
	wait_wake_all(&tracee->process->stop_wait);
}

void trace_detach_locked(struct tracee *tracee, int signo)
{
	struct process *process = tracee->process;
	struct user_thread *user = tracee->user;

	spin_lock(&process->actions->lock);
	if (user) {
		tracee->stop = TRACE_RUNNING;
		user->trace_signal = signo;
		/* A stop of the process that the tracer had lifted for it counts again. */
		thread_add_work(user->thread, WORK_SIGNAL);
		wait_wake_all(&process->stop_wait);
	}
	unlink_locked(tracee);
	spin_unlock(&process->actions->lock);
	free_later_locked(tracee);
}

/* Both locks held. */
static void trap_locked(struct tracee *tracee)
{
	tracee->trap = true;
	signal_interrupt_locked(tracee->user);
	if (tracee->listening)
		trace_resume_locked(tracee, 0, tracee->calls);
}

int trace_interrupt_locked(struct tracee *tracee)
{
	if (!tracee->seized)
		return -EIO;
	spin_lock(&tracee->process->actions->lock);
	trap_locked(tracee);
	spin_unlock(&tracee->process->actions->lock);
	return 0;
}

int trace_listen_locked(struct tracee *tracee)
{
	if (!tracee->seized || tracee->code >> 8 != TRACE_EVENT_STOP)
		return -EIO;
	tracee->listening = true;
	if (tracee->trap)
		trace_resume_locked(tracee, 0, tracee->calls);
	return 0;
}

void trace_continued_locked(struct process *process)
{
	struct user_thread *user;

	process_for_each_thread(user, process) {
		if (user->trace && user->trace->seized && user->trace->stop == TRACE_STOP_GROUP)
			trap_locked(user->trace);
	}
}

enum trace_event trace_clone_event(u64 flags, u32 exit_signal)
{
	if (flags & CLONE_VFORK)
		return TRACE_EVENT_VFORK;
	return exit_signal == SIGCHLD && !(flags & CLONE_THREAD) ? TRACE_EVENT_FORK
								 : TRACE_EVENT_CLONE;
}

void trace_discard(struct tracee *tracee)
{
	if (tracee)
		slab_free(&tracee_cache, tracee);
}

int trace_inherit(u64 flags, u32 exit_signal, struct tracee **made)
{
	u32 wanted = 1u << trace_clone_event(flags, exit_signal);
	struct tracee *own;
	unsigned long state;
	bool inherits;

	*made = NULL;
	if (likely(!READ_ONCE(thread_current()->user->trace)))
		return 0;
	state = tree_lock();
	own = thread_current()->user->trace;
	inherits = own &&
		   (flags & CLONE_PTRACE || (own->options & wanted && !(flags & CLONE_UNTRACED)));
	tree_unlock(state);
	if (!inherits)
		return 0;
	*made = slab_alloc_zeroed(&tracee_cache);
	if (!*made)
		return -ENOMEM;
	list_init(&(*made)->link);
	return 0;
}

void trace_inherit_locked(struct user_thread *child, struct tracee **made)
{
	struct tracee *own = thread_current()->user->trace, *tracee = *made;
	struct signal_info stop = signal_info_kernel(SIGSTOP);
	struct process *process = child->thread->process;

	if (!own || !tracee)
		return;
	*made = NULL;
	tracee->process = process;
	process_get(process);
	tracee->options = own->options;
	tracee->seized = own->seized;
	tracee->trap = own->seized;
	link_locked(tracee, child, own->tracer);
	/* It runs its first instruction only after this stop. */
	if (!tracee->seized)
		signal_enqueue_locked(process, &child->pending, &stop);
	thread_add_work(child->thread, WORK_SIGNAL);
}
