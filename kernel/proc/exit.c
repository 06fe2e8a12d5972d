/* The end of threads and processes: _exit(2), exit_group(2), fatal signals. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/user.h>
#include <debug/panic.h>
#include <dev/tty.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/errno.h>
#include <mm/space.h>
#include <proc/posix_timer.h>
#include <proc/ptrace.h>
#include <proc/semaphore.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>
#include <sched/futex.h>

void process_begin_exit_locked(struct process *process, int status)
{
	struct user_thread *user;

	if (process->exiting)
		return;
	process->exiting = true;
	process->exit_status = status;
	process->stop_signal = 0;
	process->continue_count++;
	process_for_each_thread(user, process) {
		thread_add_work(user->thread, WORK_EXIT);
		thread_wake(user->thread, WAKE_KILL);
	}
}

/*
 * set_tid_address(2): the word is cleared where somebody is left to look at it. Errors are the
 * program's own affair, as on Linux.
 */
static void release_user_memory(struct user_thread *user, struct space *space)
{
	const u32 zero = 0;
	bool shared = process_current()->thread_count > 1 || atomic32_read(&space->users) > 1;

	if (user->robust_list)
		futex_exit_robust(user->robust_list, user->thread->tid);
	user->robust_list = 0;
	if (user->clear_child_tid && shared &&
	    !copy_out(user->clear_child_tid, &zero, sizeof(zero)))
		futex_wake_cleared(user->clear_child_tid);
	user->clear_child_tid = 0;
}

void process_leave_space(void)
{
	struct thread *thread = thread_current();
	struct space *space = space_current();
	unsigned long state;

	if (!space)
		return;
	release_user_memory(thread->user, space);
	state = irq_save();
	thread->mmu = NULL;
	mmu_switch(NULL);
	irq_restore(state);
}

void process_vfork_done(struct process *process)
{
	unsigned long state = tree_lock();
	struct wait_queue *queue = process->vfork_done;

	process->vfork_done = NULL;
	if (queue)
		wait_wake_all(queue);
	tree_unlock(state);
}

/* True: it was the last one. Its time goes to the process, its signals to the other threads. */
static bool unlink_thread(struct process *process, int status)
{
	struct thread *thread = thread_current();
	struct user_thread *user = thread->user;
	u64 user_time, system_time;
	unsigned long state = tree_lock();
	bool last;

	thread_times(thread, &user_time, &system_time);
	process->dead_user += user_time;
	process->dead_system += system_time;
	process->dead_counts.faults += user->faults;
	process->dead_counts.voluntary += thread->switches_voluntary;
	process->dead_counts.involuntary += thread->switches_involuntary;
	process_activity_add_thread(&process->dead_activity, user);
	spin_lock(&process->actions->lock);
	if (thread == process->leader && !process->exiting)
		process->exit_status = status;
	list_remove_init(&user->link);
	user->id->thread = NULL;
	trace_thread_ended_locked(user, process->exiting ? process->exit_status : status);
	last = --process->thread_count == 0;
	signal_flush_locked(process, &user->pending, ~0ull);
	if (!last)
		signal_retarget_locked(process, ~user->blocked);
	spin_unlock(&process->actions->lock);
	if (!last)
		signal_stop_check_locked(process);
	wait_wake_all(&process->exit_wait);
	tree_unlock(state);
	return last;
}

/* Everything that may sleep. Readers from outside find each thing, counted, or NULL. */
static void release_resources(struct process *process)
{
	struct directory_context *directory = process->directory;
	struct file_table *files = process->files;
	struct space *space = process->space;
	unsigned long state;

	posix_timers_delete_all();
	sem_exit(process);
	timer_stop_sync(&process->real_timer);
	timer_stop_sync(&process->cpu_timer);
	state = tree_lock();
	process->space = NULL;
	tree_unlock(state);
	if (space)
		space_leave(space);
	process_vfork_done(process);
	if (process->id == process->session_id)
		terminal_session_exit();
	state = tree_lock();
	process->files = NULL;
	process->directory = NULL;
	process->terminal = NULL;
	tree_unlock(state);
	if (files)
		file_table_put(files);
	if (directory)
		directory_context_put(directory);
	state = signal_lock(process);
	signal_flush_locked(process, &process->pending, ~0ull);
	signal_unlock(process, state);
}

/* PR_SET_CHILD_SUBREAPER: the nearest ancestor that asked for orphans, else init. */
static struct process *new_parent_locked(struct process *process)
{
	struct process *ancestor;

	for (ancestor = process->parent; ancestor; ancestor = ancestor->parent) {
		if (ancestor->child_subreaper && ancestor->state == PROCESS_ALIVE &&
		    ancestor->thread_count)
			return ancestor;
	}
	return process_init;
}

static bool group_has_stopped_locked(struct id *group)
{
	struct process *process;

	list_for_each_entry(process, &group->group, group_link) {
		if (process->state == PROCESS_ALIVE && process->stop_signal)
			return true;
	}
	return false;
}

/* POSIX _exit(): a group that becomes orphaned with a stopped member is told, and goes on. */
static void rescue_group_locked(struct id *group, struct process *except)
{
	struct signal_info hangup = signal_info_kernel(SIGHUP),
			   resume = signal_info_kernel(SIGCONT);
	struct process *process;

	if (!process_group_orphaned_locked(group, except) || !group_has_stopped_locked(group))
		return;
	list_for_each_entry(process, &group->group, group_link) {
		signal_send_in_tree_locked(process, NULL, &hangup, false);
		signal_send_in_tree_locked(process, NULL, &resume, false);
	}
}

static void reparent_child_locked(struct process *child, struct process *to)
{
	struct process *from = child->parent;
	struct signal_info death = signal_info_kernel(child->death_signal);
	bool group_at_risk = child->group_id != from->group_id &&
			     child->session_id == from->session_id;

	list_remove_init(&child->sibling);
	child->parent = to;
	WRITE_ONCE(child->parent_pid, to->id->number);
	list_add_tail(&to->children, &child->sibling);
	if (child->state == PROCESS_ALIVE && child->death_signal)
		signal_send_in_tree_locked(child, NULL, &death, false);
	child->exit_signal = SIGCHLD;
	if (group_at_risk)
		rescue_group_locked(child->group_id, NULL);
}

/* POSIX 2.4.3: a parent that ignores SIGCHLD or sets SA_NOCLDWAIT leaves no zombies. */
static bool is_reaped_at_once_locked(struct process *process)
{
	struct signal_action *action;
	bool at_once;

	if (process->discard || !process->parent)
		return true;
	if (process->exit_signal != SIGCHLD)
		return false;
	spin_lock(&process->parent->actions->lock);
	action = &process->parent->actions->actions[SIGCHLD - 1];
	at_once = action->handler == SIG_IGN || action->flags & SA_NOCLDWAIT;
	spin_unlock(&process->parent->actions->lock);
	return at_once;
}

/* True: nobody will wait for it, and it has left the tree. */
bool process_become_zombie_locked(struct process *process)
{
	bool at_once = is_reaped_at_once_locked(process);

	if (!process->discard) {
		int status = process->exit_status, signo = status & 0x7f;

		process_notify_parent_locked(process, signo ? CLD_KILLED : CLD_EXITED,
					     signo ? signo : status >> 8 & 0xff);
	} else if (process->parent) {
		wait_wake_all(&process->parent->child_wait);
	}
	if (at_once)
		process_unlink_locked(process);
	return at_once;
}

/*
 * Children that ended before their parent are init's to reap; where it ignores SIGCHLD they leave
 * one at a time, as dropping the tree's reference may not happen under its lock.
 */
static struct process *pass_on_child(struct process *process)
{
	unsigned long state = tree_lock();
	struct process *child, *to, *gone = NULL;

	to = new_parent_locked(process);
	while (!gone && !list_empty(&process->children)) {
		child = list_first_entry(&process->children, struct process, sibling);
		reparent_child_locked(child, to);
		if (child->state == PROCESS_ZOMBIE && !trace_hides_end_locked(child) &&
		    process_become_zombie_locked(child))
			gone = child;
	}
	tree_unlock(state);
	return gone;
}

static void finish_process(struct process *process)
{
	struct process *gone;
	unsigned long state;
	bool at_once, hidden;

	if (process == process_init) {
		int status = process->exit_status;

		boot_failure("init (process 1) ended: %s %d; the system cannot go on without it",
			     status & 0x7f ? "killed by signal" : "exit status",
			     status & 0x7f ? status & 0x7f : status >> 8);
	}
	release_resources(process);
	while ((gone = trace_tracer_ends()))
		process_release(gone);
	while ((gone = pass_on_child(process)))
		process_release(gone);
	state = tree_lock();
	if (process->parent && process->parent->group_id != process->group_id &&
	    process->parent->session_id == process->session_id)
		rescue_group_locked(process->group_id, process);
	process->state = PROCESS_ZOMBIE;
	hidden = trace_hides_end_locked(process);
	if (hidden)
		trace_tell_end_locked(process);
	at_once = !hidden && process_become_zombie_locked(process);
	wait_wake_all(&process->exit_wait);
	tree_unlock(state);
	if (at_once)
		process_release(process);
}

void process_exit_thread(int status)
{
	struct process *process = process_current();

	trace_event(TRACE_EVENT_EXIT, (u64)status);
	process_leave_space();
	if (unlink_thread(process, status))
		finish_process(process);
	thread_exit();
}

void process_exit_group(int status)
{
	struct process *process = process_current();
	unsigned long state;

	trace_event(TRACE_EVENT_EXIT, (u64)status);
	state = tree_lock();
	spin_lock(&process->actions->lock);
	/* While another thread does exec, the process goes on without this thread. */
	if (!process->execing)
		process_begin_exit_locked(process, status);
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	process_exit_thread(status);
}

void process_discard(void)
{
	struct process *process = process_current();
	unsigned long state = tree_lock();

	process->discard = true;
	tree_unlock(state);
	process_exit_group(0);
}

int process_end_other_threads(void)
{
	struct process *process = process_current();
	struct thread *thread = thread_current();
	struct user_thread *user;
	unsigned long state = tree_lock();
	int error = 0;

	spin_lock(&process->actions->lock);
	if (process->exiting || process->execing) {
		error = -EAGAIN;
	} else {
		process->execing = true;
		process_for_each_thread(user, process) {
			if (user->thread == thread)
				continue;
			thread_add_work(user->thread, WORK_EXIT);
			thread_wake(user->thread, WAKE_KILL);
		}
	}
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	if (error)
		return error;
	error = wait_event_mode(&process->exit_wait, READ_ONCE(process->thread_count) == 1,
				WAIT_FOREVER, WAIT_KILLABLE);
	state = signal_lock(process);
	process->execing = false;
	signal_unlock(process, state);
	return error;
}
