#include <arch/time.h>
#include <proc/process.h>
#include <proc/timers.h>
#include <proc/tree.h>

/* The handler takes the tree lock too (signal_real_timer), so that the interval is its own or the new one's. */
void timers_set_real(const struct interval_timer *new, struct interval_timer *old)
{
	struct process *process = process_current();
	struct timer *timer = &process->real_timer;
	unsigned long state = tree_lock();
	u64 now = time_now();
	bool active = timer->cpu;

	if (old) {
		old->interval = active ? process->real_interval : 0;
		/* A timer that is due but not yet handled has a little left. */
		old->value = !active ? 0 : timer->deadline > now ? timer->deadline - now : 1;
	}
	if (new) {
		process->real_interval = new->interval;
		if (new->value)
			timer_start(timer, now + new->value);
		else
			timer_stop(timer);
	}
	tree_unlock(state);
}
