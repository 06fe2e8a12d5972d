/*
 * Waiting for children: wait4(2), waitid(2).
 *
 * No change is missed: the waiter is on child_wait before it looks at its children under the tree
 * lock, and process_notify_parent_locked() wakes that queue under the same lock after the change.
 */
#include <lib/errno.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>
#include <proc/wait.h>

enum { NS_PER_CLOCK_TICK = 10000000 };

static void fill_times(struct process *process, u64 *user_time, u64 *system_time)
{
	*user_time = process->dead_user + process->children_user;
	*system_time = process->dead_system + process->children_system;
}

void process_notify_parent_locked(struct process *process, int code, int status)
{
	struct process *parent = process->parent;
	bool ended = code == CLD_EXITED || code == CLD_KILLED;
	int signo = ended ? process->exit_signal : SIGCHLD;
	struct signal_info info = { .signo = signo, .code = code };
	struct signal_action *action;
	u64 user_time, system_time;

	if (!parent)
		return;
	fill_times(process, &user_time, &system_time);
	info.child.pid = process->id->number;
	info.child.uid = process->credentials.uid;
	info.child.status = status;
	info.child.user_time = (s64)(user_time / NS_PER_CLOCK_TICK);
	info.child.system_time = (s64)(system_time / NS_PER_CLOCK_TICK);
	if (signo) {
		spin_lock(&parent->actions->lock);
		action = &parent->actions->actions[SIGCHLD - 1];
		if (ended || !(action->flags & SA_NOCLDSTOP))
			signal_send_locked(parent, NULL, &info, false);
		spin_unlock(&parent->actions->lock);
	}
	wait_wake_all(&parent->child_wait);
}

/* Is @child one that the caller asked for? */
static bool is_wanted(struct process *child, int which, s32 id, u32 options)
{
	if (which == P_PID && child->id->number != id)
		return false;
	if (which == P_PGID && child->group_id->number != id)
		return false;
	/* wait(2): a clone child is one that does not end with SIGCHLD. */
	return options & __WALL || (child->exit_signal != SIGCHLD) == !!(options & __WCLONE);
}

static void add_counts(struct usage_counts *to, const struct usage_counts *counts)
{
	to->faults += counts->faults;
	to->voluntary += counts->voluntary;
	to->involuntary += counts->involuntary;
}

static void fill(struct wait_result *result, struct process *child, int code, int status)
{
	result->pid = child->id->number;
	result->uid = child->credentials.uid;
	result->code = code;
	result->status = status;
	fill_times(child, &result->user_time, &result->system_time);
	result->counts = child->dead_counts;
	add_counts(&result->counts, &child->children_counts);
}

/* A zombie is the waiter's for good unless WNOWAIT; its times count as its parent's children's. */
static void reap_locked(struct process *self, struct process *child, u32 options,
			struct wait_result *result, struct process **reaped)
{
	int status = child->exit_status;

	fill(result, child, status & 0x7f ? CLD_KILLED : CLD_EXITED, status);
	if (options & WNOWAIT)
		return;
	self->children_user += result->user_time;
	self->children_system += result->system_time;
	add_counts(&self->children_counts, &result->counts);
	process_unlink_locked(child);
	*reaped = child;
}

static bool traced_by_locked(struct process *child, struct process *tracer)
{
	struct user_thread *user = child->leader ? child->leader->user : NULL;

	return user && user->trace && user->trace->tracer == tracer;
}

/* Has @child something to report? Takes the report unless WNOWAIT. */
static bool take_report_locked(struct process *self, struct process *child, u32 options,
			       struct wait_result *result, struct process **reaped)
{
	if (child->state == PROCESS_ZOMBIE) {
		/* Its tracer hears of it first. */
		if (trace_hides_end_locked(child))
			return false;
		if (options & WEXITED)
			reap_locked(self, child, options, result, reaped);
		return options & WEXITED;
	}
	/* A tracer hears of its own stops instead. */
	if (options & WSTOPPED && child->stop_signal && !traced_by_locked(child, self) &&
	    !child->stop_reported && child->thread_count &&
	    child->stopped_count >= child->thread_count) {
		fill(result, child, CLD_STOPPED, child->stop_signal << 8 | 0x7f);
		child->stop_reported = !(options & WNOWAIT);
		return true;
	}
	if (options & WCONTINUED && child->continue_pending) {
		fill(result, child, CLD_CONTINUED, 0xffff);
		child->continue_pending = options & WNOWAIT;
		return true;
	}
	return false;
}

/* A pid, 0: nothing yet, -ECHILD: no such children. */
static s64 look(int which, s32 id, u32 options, struct wait_result *result, struct process **reaped)
{
	struct process *self = process_current(), *child;
	unsigned long state = tree_lock();
	s64 found = -ECHILD;

	list_for_each_entry(child, &self->children, sibling) {
		if (!is_wanted(child, which, id, options))
			continue;
		found = 0;
		if (take_report_locked(self, child, options, result, reaped)) {
			found = result->pid;
			break;
		}
	}
	if (found <= 0 && !list_empty(&self->tracees)) {
		s64 traced = trace_wait_locked(which, id, options, result, reaped);

		found = traced >= 0 ? traced : found;
	}
	tree_unlock(state);
	return found;
}

s64 process_wait(int which, s32 id, int options, struct wait_result *result)
{
	struct process *reaped = NULL;
	struct waiter waiter;
	int interrupted = 0;
	s64 found;

	wait_begin(&process_current()->child_wait, &waiter);
	for (;;) {
		found = look(which, id, (u32)options, result, &reaped);
		if (found || options & WNOHANG)
			break;
		/* A child's end and its SIGCHLD come together: the child first. */
		if (interrupted) {
			found = -ERESTARTSYS;
			break;
		}
		interrupted = wait_sleep(&waiter, WAIT_FOREVER, WAIT_INTERRUPTIBLE);
	}
	wait_end(&waiter);
	trace_collect();
	if (reaped)
		process_release(reaped);
	return found;
}
