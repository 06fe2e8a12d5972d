#include <lib/errno.h>
#include <proc/credentials.h>
#include <proc/priority.h>
#include <proc/tree.h>

/* A walk over the threads that a call means. */
struct walk {
	void (*visit)(struct thread *thread, struct walk *walk);
	int value;
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

static void get_nice(struct thread *thread, struct walk *walk)
{
	walk->result = MAX(walk->result, (long)(20 - thread->nice));
}

static void set_nice(struct thread *thread, struct walk *walk)
{
	int error = priority_check(thread, walk->value);

	if (!error)
		thread_set_nice(thread, walk->value);
	if (walk->result == -ESRCH || error)
		walk->result = error;
}

/* The best of all: the lowest class that is one, then the lowest level. */
static void get_io(struct thread *thread, struct walk *walk)
{
	long value = thread->user->io_priority;

	if (walk->result <= 0 || (value && value < walk->result))
		walk->result = value;
}

static void set_io(struct thread *thread, struct walk *walk)
{
	int error = priority_check(thread, thread->nice);

	if (!error)
		thread->user->io_priority = (u16)walk->value;
	if (walk->result == -ESRCH || error)
		walk->result = error;
}

static void visit_process(struct process *process, struct walk *walk)
{
	unsigned long state = tree_lock();
	struct user_thread *user;

	process_for_each_thread(user, process)
		walk->visit(user->thread, walk);
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
		walk->visit(thread, walk);
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
	struct walk walk = { .visit = get_nice, .result = -ESRCH };

	return walk_all(which, who, &walk);
}

long priority_set(int which, s32 who, int nice)
{
	struct walk walk = { .visit = set_nice,
			     .value = CLAMP(nice, NICE_MIN, NICE_MAX),
			     .result = -ESRCH };

	return walk_all(which, who, &walk);
}

enum { IO_NONE, IO_REAL_TIME, IO_BEST_EFFORT, IO_IDLE, IO_CLASS_SHIFT = 13, IO_LEVELS = 8 };

/* IOPRIO_WHO_PROCESS is 1, and the others follow. */
long priority_get_io(int which, s32 who)
{
	struct walk walk = { .visit = get_io, .result = -ESRCH };

	return walk_all(which - 1, who, &walk);
}

long priority_set_io(int which, s32 who, s32 value)
{
	struct walk walk = { .visit = set_io, .value = value, .result = -ESRCH };
	s32 class = value >> IO_CLASS_SHIFT & 7, level = value & (IO_LEVELS - 1);

	if (class > IO_IDLE || (class == IO_NONE && level))
		return -EINVAL;
	if (class == IO_REAL_TIME && !credentials_capable(CAP_SYS_ADMIN) &&
	    !credentials_capable(CAP_SYS_NICE))
		return -EPERM;
	return walk_all(which - 1, who, &walk);
}
