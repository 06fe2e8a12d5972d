/*
 * ITIMER_REAL is a timer of its own (signal_real_timer). The two that measure CPU time share one:
 * it goes off when that much time may have been used at the earliest, looks, and is set for what is
 * still missing.
 */
#include <arch/time.h>
#include <lib/errno.h>
#include <proc/signal_queue.h>
#include <proc/timers.h>
#include <proc/tree.h>

enum { LOOK_MIN = 1000000 }; /* ns between two looks */

static u64 used_time(struct process *process, bool with_system)
{
	u64 user, system;

	process_times_locked(process, &user, &system);
	return with_system ? user + system : user;
}

/* What is missing, in time that passes: all threads may run at once. */
static u64 time_to_look(struct process *process, const struct cpu_interval *interval, u64 used)
{
	u64 threads = MAX(process->thread_count, 1u);

	if (!interval->target)
		return WAIT_FOREVER;
	if (interval->target <= used)
		return LOOK_MIN;
	return MAX((interval->target - used) / threads, (u64)LOOK_MIN);
}

static void set_cpu_timer_locked(struct process *process)
{
	u64 soonest = MIN(time_to_look(process, &process->virtual_timer, used_time(process, false)),
			  time_to_look(process, &process->profile_timer, used_time(process, true)));

	if (soonest == WAIT_FOREVER || !process->thread_count)
		timer_stop(&process->cpu_timer);
	else
		timer_start(&process->cpu_timer, time_now() + soonest);
}

static void check_locked(struct process *process, struct cpu_interval *interval, u64 used,
			 int signo)
{
	struct signal_info info = signal_info_kernel(signo);

	if (!interval->target || used < interval->target)
		return;
	interval->target = interval->interval ? used + interval->interval : 0;
	signal_send_in_tree_locked(process, NULL, &info, false);
}

void timers_cpu_expired(struct timer *timer)
{
	struct process *process = container_of(timer, struct process, cpu_timer);
	unsigned long state = tree_lock();

	check_locked(process, &process->virtual_timer, used_time(process, false), SIGVTALRM);
	check_locked(process, &process->profile_timer, used_time(process, true), SIGPROF);
	set_cpu_timer_locked(process);
	tree_unlock(state);
}

static void exchange_cpu_locked(struct process *process, int which,
				const struct interval_timer *new, struct interval_timer *old)
{
	struct cpu_interval *interval = which == ITIMER_PROF ? &process->profile_timer
							     : &process->virtual_timer;
	u64 used = used_time(process, which == ITIMER_PROF);

	if (old) {
		old->interval = interval->interval;
		old->value = !interval->target	       ? 0
			     : interval->target > used ? interval->target - used
						       : 1;
	}
	if (!new)
		return;
	interval->interval = new->interval;
	interval->target = new->value ? used + new->value : 0;
	set_cpu_timer_locked(process);
}

/*
 * The handler takes the tree lock too (signal_real_timer), so that the interval is its own or the
 * new one's.
 */
static void exchange_real_locked(struct process *process, const struct interval_timer *new,
				 struct interval_timer *old)
{
	struct timer *timer = &process->real_timer;
	u64 now = time_now();
	bool active = timer->cpu;

	if (old) {
		old->interval = active ? process->real_interval : 0;
		/* A timer that is due but not yet handled has a little left. */
		old->value = !active ? 0 : timer->deadline > now ? timer->deadline - now : 1;
	}
	if (!new)
		return;
	process->real_interval = new->interval;
	if (new->value)
		timer_start(timer, now + new->value);
	else
		timer_stop(timer);
}

int timers_set(int which, const struct interval_timer *new, struct interval_timer *old)
{
	struct process *process = process_current();
	unsigned long state;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	state = tree_lock();
	if (which == ITIMER_REAL)
		exchange_real_locked(process, new, old);
	else
		exchange_cpu_locked(process, which, new, old);
	tree_unlock(state);
	return 0;
}
