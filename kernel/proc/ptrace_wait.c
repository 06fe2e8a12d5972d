/* What wait(2) tells a tracer, and the ends of tracees and tracers. */
#include <lib/errno.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>
#include <proc/wait.h>

static bool is_wanted(const struct tracee *tracee, int which, s32 id)
{
	if (which == P_PID)
		return tracee->id->number == id;
	return which != P_PGID || tracee->process->group_id->number == id;
}

static void fill(struct wait_result *result, const struct tracee *tracee, int code, int status)
{
	*result = (struct wait_result){ .pid = tracee->id->number,
					.uid = tracee->process->credentials.uid,
					.code = code,
					.status = status };
}

/* The leader of a process that ended, and whose parent is another than its tracer. */
static bool is_hidden_zombie(const struct tracee *tracee)
{
	struct process *process = tracee->process;

	return tracee->user && process->state == PROCESS_ZOMBIE &&
	       process->parent != tracee->tracer && tracee->user->thread == process->leader;
}

/* The tracer heard of it: now it is its parent's. True: nobody will wait for it. */
static bool give_to_parent_locked(struct tracee *tracee)
{
	struct process *process = tracee->process;

	trace_detach_locked(tracee, 0);
	return process_become_zombie_locked(process);
}

static void fill_end(struct wait_result *result, const struct tracee *tracee, int status)
{
	fill(result, tracee, status & 0x7f ? CLD_KILLED : CLD_EXITED, status);
}

static bool take_report_locked(struct tracee *tracee, u32 options, struct wait_result *result,
			       struct process **reaped)
{
	bool keep = options & WNOWAIT;

	if (is_hidden_zombie(tracee) || !tracee->user) {
		struct process *process = tracee->process;

		if (!(options & WEXITED))
			return false;
		fill_end(result, tracee, tracee->user ? process->exit_status : tracee->code);
		if (!keep && !tracee->user)
			trace_detach_locked(tracee, 0);
		else if (!keep && give_to_parent_locked(tracee))
			*reaped = process;
		return true;
	}
	if (tracee->stop == TRACE_RUNNING || tracee->reported)
		return false;
	fill(result, tracee, CLD_TRAPPED, tracee->code << 8 | 0x7f);
	tracee->reported = !keep;
	return true;
}

s64 trace_wait_locked(int which, s32 id, u32 options, struct wait_result *result,
		      struct process **reaped)
{
	struct process *self = process_current();
	struct tracee *tracee;
	s64 found = -ECHILD;

	list_for_each_entry(tracee, &self->tracees, link) {
		if (!is_wanted(tracee, which, id))
			continue;
		found = 0;
		if (take_report_locked(tracee, options, result, reaped))
			return result->pid;
	}
	return found;
}

static void tell_locked(struct process *tracer)
{
	struct signal_info info = { .signo = SIGCHLD, .code = CLD_EXITED };

	spin_lock(&tracer->actions->lock);
	signal_send_locked(tracer, NULL, &info, false);
	spin_unlock(&tracer->actions->lock);
	wait_wake_all(&tracer->child_wait);
}

/*
 * The thread object goes; what wait(2) is to say stays in the tracee. A leader is reported with its process.
 */
void trace_thread_ended_locked(struct user_thread *user, int status)
{
	struct tracee *tracee = user->trace;

	if (!tracee)
		return;
	tracee->stop = TRACE_RUNNING;
	if (user->thread == tracee->process->leader)
		return;
	tracee->code = status;
	tracee->user = NULL;
	user->trace = NULL;
}

static struct tracee *leader_trace_locked(struct process *process)
{
	return process->leader && process->leader->user ? process->leader->user->trace : NULL;
}

bool trace_hides_end_locked(struct process *process)
{
	struct tracee *tracee = leader_trace_locked(process);

	return tracee && tracee->tracer != process->parent;
}

void trace_tell_end_locked(struct process *process)
{
	struct tracee *tracee = leader_trace_locked(process);

	if (tracee)
		tell_locked(tracee->tracer);
}

void trace_reaped_locked(struct process *process)
{
	struct tracee *tracee = leader_trace_locked(process);

	if (tracee)
		trace_detach_locked(tracee, 0);
}

/* Drop what trace_detach_locked() left. Sleeps. */
static void free_gone(struct process *tracer)
{
	for (;;) {
		unsigned long state = tree_lock();
		struct tracee *tracee =
			list_first_entry_or_null(&tracer->tracees_gone, struct tracee, link);

		if (tracee)
			list_remove_init(&tracee->link);
		tree_unlock(state);
		if (!tracee)
			return;
		trace_free(tracee);
	}
}

void trace_collect(void)
{
	struct process *self = process_current();

	if (unlikely(!list_empty(&self->tracees_gone)))
		free_gone(self);
}

struct process *trace_tracer_ends(void)
{
	struct process *self = process_current(), *reaped = NULL;
	struct signal_info kill = signal_info_kernel(SIGKILL);
	unsigned long state = tree_lock();

	while (!reaped && !list_empty(&self->tracees)) {
		struct tracee *tracee = list_first_entry(&self->tracees, struct tracee, link);
		struct process *process = tracee->process;

		if (is_hidden_zombie(tracee)) {
			if (give_to_parent_locked(tracee))
				reaped = process;
			continue;
		}
		if (tracee->options & TRACE_OPTION_EXIT_KILL && tracee->user)
			signal_send_in_tree_locked(process, NULL, &kill, true);
		/* As if it had resumed the tracee with the signal that this was about. */
		trace_detach_locked(tracee, tracee->stop == TRACE_STOP_SIGNAL ? tracee->code : 0);
	}
	tree_unlock(state);
	free_gone(self);
	return reaped;
}
