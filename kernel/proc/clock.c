#include <arch/time.h>
#include <lib/errno.h>
#include <proc/clock.h>
#include <proc/tree.h>
#include <sched/timer.h>

/* A negative clock is ~number << 3 with these bits. */
enum { CPU_CLOCK_KIND = 3, CPU_CLOCK_THREAD = 4, CPU_CLOCK_NUMBER_SHIFT = 3 };
enum { LOOK_MIN = 1000000 }; /* ns between two looks */

u64 clock_realtime(void)
{
	return time_now() + (u64)time_realtime_offset();
}

static struct id *id_of(s32 number, bool thread)
{
	struct id *id = thread ? thread_current()->user->id : process_current()->id;

	if (number)
		return id_find(number);
	id_get(id);
	return id;
}

int cpu_clock_get(int clock, struct cpu_clock *which)
{
	bool thread = clock == CLOCK_THREAD_CPUTIME_ID;
	unsigned kind = CPU_CLOCK_SCHEDULE, unused_threads;
	struct thread *of;
	s32 number = 0;
	u64 unused;

	if (clock < 0) {
		thread = clock & CPU_CLOCK_THREAD;
		kind = clock & CPU_CLOCK_KIND;
		number = ~(clock >> CPU_CLOCK_NUMBER_SHIFT);
	}
	if (kind > CPU_CLOCK_SCHEDULE)
		return -EINVAL;
	/* One's own thread's number stands for its process. */
	if (!thread && number == thread_current()->tid)
		number = 0;
	*which = (struct cpu_clock){ id_of(number, thread), thread, (u8)kind };
	if (!which->id)
		return -EINVAL;
	if (cpu_clock_read(which, &unused, &unused_threads)) {
		unsigned long state = tree_lock();

		of = thread ? which->id->thread : NULL;
		thread = of && of->process != process_current();
		tree_unlock(state);
		if (!thread)
			return 0;
	}
	cpu_clock_put(which);
	return -EINVAL;
}

void cpu_clock_put(struct cpu_clock *which)
{
	id_put(which->id);
}

bool cpu_clock_read_locked(const struct cpu_clock *which, u64 *ns, unsigned *threads)
{
	u64 user, system;

	if (which->is_thread) {
		if (!which->id->thread)
			return false;
		thread_times(which->id->thread, &user, &system);
		*threads = 1;
	} else {
		if (!which->id->process)
			return false;
		process_times_locked(which->id->process, &user, &system);
		*threads = MAX(which->id->process->thread_count, 1u);
	}
	*ns = which->kind == CPU_CLOCK_VIRTUAL ? user : user + system;
	return true;
}

bool cpu_clock_read(const struct cpu_clock *which, u64 *ns, unsigned *threads)
{
	unsigned long state = tree_lock();
	bool alive = cpu_clock_read_locked(which, ns, threads);

	tree_unlock(state);
	return alive;
}

u64 cpu_clock_patience(u64 now, u64 target, unsigned threads)
{
	return target <= now ? LOOK_MIN : MAX((target - now) / threads, (u64)LOOK_MIN);
}

static int read_cpu_clock(int clock, u64 *ns)
{
	struct cpu_clock which;
	unsigned threads;
	int error = cpu_clock_get(clock, &which);

	if (error)
		return error;
	error = cpu_clock_read(&which, ns, &threads) ? 0 : -EINVAL;
	cpu_clock_put(&which);
	return error;
}

int clock_read(int clock, u64 *ns)
{
	u64 user, system;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = clock_realtime();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = time_now();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		process_times(process_current(), &user, &system);
		*ns = user + system;
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		thread_times(thread_current(), &user, &system);
		*ns = user + system;
		return 0;
	default:
		return clock < 0 ? read_cpu_clock(clock, ns) : -EINVAL;
	}
}
