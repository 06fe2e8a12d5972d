#include <lib/errno.h>
#include <proc/credentials.h>
#include <proc/priority.h>
#include <proc/tree.h>

/* A walk over the threads that a call means. */
struct walk {
	bool set;
	int nice;
	long result;
};

int priority_check(const struct thread *thread, int nice)
{
	const struct credentials *own = credentials_current();
	const struct credentials *other = &thread->process->credentials;

	if (credentials_capable(CAP_SYS_NICE))
		return 0;
	if (own->euid != other->uid && own->euid != other->euid)
		return -EPERM;
	return nice < thread->nice && (u64)(20 - nice) > process_limit(RLIMIT_NICE) ? -EACCES : 0;
}

static void visit(struct thread *thread, struct walk *walk)
{
	int error;

	if (!walk->set) {
		walk->result = MAX(walk->result, (long)(20 - thread->nice));
		return;
	}
	error = priority_check(thread, walk->nice);
	if (!error)
		thread_set_nice(thread, walk->nice);
	if (walk->result == -ESRCH || error)
		walk->result = error;
}

static void visit_process(struct process *process, struct walk *walk)
{
	unsigned long state = tree_lock();
	struct user_thread *user;

	process_for_each_thread(user, process)
		visit(user->thread, walk);
	tree_unlock(state);
}

static bool is_meant(const struct process *process, int which, s32 who)
{
	return which == PRIO_PGRP ? process->group_id->number == who
				  : process->credentials.uid == (u32)who;
}

static long walk_all(int which, s32 who, struct walk *walk)
{
	struct process *process;
	struct thread *thread;

	if (which == PRIO_PROCESS) {
		thread = thread_find(who ? who : thread_current()->tid);
		if (!thread)
			return -ESRCH;
		visit(thread, walk);
		thread_put(thread);
		return walk->result;
	}
	if (which != PRIO_PGRP && which != PRIO_USER)
		return -EINVAL;
	if (!who)
		who = which == PRIO_PGRP ? process_current()->group_id->number
					 : (s32)credentials_current()->uid;
	for (s32 pid = 0; (process = process_next(pid));) {
		pid = process->id->number;
		if (is_meant(process, which, who))
			visit_process(process, walk);
		process_put(process);
	}
	return walk->result;
}

long priority_get(int which, s32 who)
{
	struct walk walk = { .result = -ESRCH };

	return walk_all(which, who, &walk);
}

long priority_set(int which, s32 who, int nice)
{
	struct walk walk = { .set = true,
			     .nice = CLAMP(nice, NICE_MIN, NICE_MAX),
			     .result = -ESRCH };

	return walk_all(which, who, &walk);
}
