#include <lib/errno.h>
#include <proc/credentials.h>
#include <proc/kill.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

/*
 * kill(2): the real or effective user is the target's real or saved one; SIGCONT within the
 * session.
 */
static bool may_signal(const struct process *process, int signo)
{
	const struct credentials *own = credentials_current(), *other = &process->credentials;

	return own->euid == other->suid || own->euid == other->uid || own->uid == other->suid ||
	       own->uid == other->uid || credentials_capable(CAP_KILL) ||
	       (signo == SIGCONT && process->session_id == process_current()->session_id);
}

static int kill_process(struct process *process, const struct signal_info *info)
{
	if (!may_signal(process, info->signo))
		return -EPERM;
	return info->signo ? signal_send_process(process, info) : 0;
}

static int kill_one(s32 pid, const struct signal_info *info)
{
	struct process *process = process_find(pid);
	struct thread *thread;
	int error;

	if (!process) {
		/* A thread's id stands for its process. */
		thread = thread_find(pid);
		if (!thread)
			return -ESRCH;
		error = kill_process(thread->process, info);
		thread_put(thread);
		return error;
	}
	error = kill_process(process, info);
	process_put(process);
	return error;
}

/* 0 when one could be signalled, and as on Linux when somebody is there that one may not signal. */
static int kill_all(const struct signal_info *info)
{
	struct process *process;
	int result = -ESRCH, error;

	for (s32 pid = 0; (process = process_next(pid));) {
		pid = process->id->number;
		if (process != process_init && process != process_current()) {
			error = kill_process(process, info);
			if (result)
				result = error == -EPERM ? 0 : error;
		}
		process_put(process);
	}
	return result;
}

/*
 * In one step under the tree lock: a member that forks meanwhile has either linked its child, which
 * gets the signal too, or finds its own pending and starts the fork again (child_link).
 */
static int kill_group(s32 group, const struct signal_info *info)
{
	struct id *id = id_find(group);
	struct process *process;
	unsigned long state;
	int result = -ESRCH;

	if (!id)
		return -ESRCH;
	state = tree_lock();
	list_for_each_entry(process, &id->group, group_link) {
		int error = may_signal(process, info->signo) ? 0 : -EPERM;

		if (!error && info->signo)
			error = signal_send_in_tree_locked(process, NULL, info, false);
		if (result)
			result = error;
	}
	tree_unlock(state);
	id_put(id);
	return result;
}

int kill_processes(s32 pid, const struct signal_info *info)
{
	if (pid > 0)
		return kill_one(pid, info);
	if (pid == -1)
		return kill_all(info);
	if (pid == INT32_MIN)
		return -ESRCH;
	return kill_group(pid ? -pid : process_current()->group_id->number, info);
}

static int kill_found(struct thread *thread, s32 pid, const struct signal_info *info)
{
	if (pid && thread->process->id->number != pid)
		return -ESRCH;
	if (!may_signal(thread->process, info->signo))
		return -EPERM;
	return info->signo ? signal_send_thread(thread, info) : 0;
}

int kill_thread(s32 pid, s32 tid, const struct signal_info *info)
{
	struct thread *thread = thread_current();
	int error;

	/* raise(3) and its like: one need not be looked for. */
	if (tid == thread->tid)
		return kill_found(thread, pid, info);
	thread = thread_find(tid);
	if (!thread)
		return -ESRCH;
	error = kill_found(thread, pid, info);
	thread_put(thread);
	return error;
}
