#include <lib/errno.h>
#include <mm/space.h>
#include <proc/process.h>
#include <proc/rusage.h>
#include <proc/tree.h>

enum {
	NS_PER_MICROSECOND = 1000,
	MICROSECONDS_PER_SECOND = 1000000,
	KIB_PER_PAGE = PAGE_SIZE / 1024
};

void rusage_from_times(u64 user, u64 system, struct resource_usage *usage)
{
	u64 user_us = user / NS_PER_MICROSECOND, system_us = system / NS_PER_MICROSECOND;

	*usage = (struct resource_usage){ 0 };
	usage->user_time.seconds = (s64)(user_us / MICROSECONDS_PER_SECOND);
	usage->user_time.microseconds = (s64)(user_us % MICROSECONDS_PER_SECOND);
	usage->system_time.seconds = (s64)(system_us / MICROSECONDS_PER_SECOND);
	usage->system_time.microseconds = (s64)(system_us % MICROSECONDS_PER_SECOND);
}

static void add_switches(const struct thread *thread, struct resource_usage *usage)
{
	usage->voluntary_switches += (s64)thread->switches_voluntary;
	usage->involuntary_switches += (s64)thread->switches_involuntary;
}

/* What is resident now stands for the most that ever was: nobody keeps the peak. */
static void add_memory(struct resource_usage *usage)
{
	struct space *space = space_current();
	struct page_counts counts;

	read_lock(&space->lock);
	space_count_pages(space, USER_START, USER_END, &counts);
	read_unlock(&space->lock);
	usage->max_resident = (s64)(counts.owned + counts.shared + counts.cow) * KIB_PER_PAGE;
}

int rusage_current(int who, struct resource_usage *usage)
{
	struct process *process = process_current();
	struct user_thread *user;
	u64 in_user, in_system;
	unsigned long state;

	switch (who) {
	case RUSAGE_CHILDREN:
		rusage_from_times(process->children_user, process->children_system, usage);
		return 0;
	case RUSAGE_THREAD:
		thread_times(thread_current(), &in_user, &in_system);
		rusage_from_times(in_user, in_system, usage);
		add_switches(thread_current(), usage);
		return 0;
	case RUSAGE_SELF:
		process_times(process, &in_user, &in_system);
		rusage_from_times(in_user, in_system, usage);
		state = tree_lock();
		process_for_each_thread(user, process)
			add_switches(user->thread, usage);
		tree_unlock(state);
		add_memory(usage);
		return 0;
	default:
		return -EINVAL;
	}
}
