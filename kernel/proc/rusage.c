#include <lib/errno.h>
#include <mm/space.h>
#include <mm/survey.h>
#include <proc/process.h>
#include <proc/rusage.h>
#include <proc/tree.h>

enum {
	NS_PER_MICROSECOND = 1000,
	MICROSECONDS_PER_SECOND = 1000000,
	KIB_PER_PAGE = PAGE_SIZE / 1024
};

void rusage_from(u64 user, u64 system, const struct usage_counts *counts,
		 struct resource_usage *usage)
{
	u64 user_us = user / NS_PER_MICROSECOND, system_us = system / NS_PER_MICROSECOND;

	*usage = (struct resource_usage){ 0 };
	usage->user_time.seconds = (s64)(user_us / MICROSECONDS_PER_SECOND);
	usage->user_time.microseconds = (s64)(user_us % MICROSECONDS_PER_SECOND);
	usage->system_time.seconds = (s64)(system_us / MICROSECONDS_PER_SECOND);
	usage->system_time.microseconds = (s64)(system_us % MICROSECONDS_PER_SECOND);
	usage->minor_faults = (s64)counts->faults;
	usage->voluntary_switches = (s64)counts->voluntary;
	usage->involuntary_switches = (s64)counts->involuntary;
}

static void add_thread(const struct thread *thread, struct usage_counts *counts)
{
	counts->faults += thread->user->faults;
	counts->voluntary += thread->switches_voluntary;
	counts->involuntary += thread->switches_involuntary;
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
	struct usage_counts counts = { 0 };
	struct user_thread *user;
	u64 in_user, in_system;
	unsigned long state;

	switch (who) {
	case RUSAGE_CHILDREN:
		rusage_from(process->children_user, process->children_system,
			    &process->children_counts, usage);
		return 0;
	case RUSAGE_THREAD:
		thread_times(thread_current(), &in_user, &in_system);
		add_thread(thread_current(), &counts);
		rusage_from(in_user, in_system, &counts, usage);
		return 0;
	case RUSAGE_SELF:
		process_times(process, &in_user, &in_system);
		state = tree_lock();
		counts = process->dead_counts;
		process_for_each_thread(user, process)
			add_thread(user->thread, &counts);
		tree_unlock(state);
		rusage_from(in_user, in_system, &counts, usage);
		add_memory(usage);
		return 0;
	default:
		return -EINVAL;
	}
}
