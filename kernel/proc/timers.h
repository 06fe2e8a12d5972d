#pragma once
/* setitimer(2), getitimer(2), alarm(2): interval timers of the current process. */
#include <lib/types.h>

struct timer;

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

struct interval_timer {
	u64 value, interval; /* ns; value 0: off */
};

/* @new may be NULL; *@old is filled when @old is not. -EINVAL: no such timer. */
int timers_set(int which, const struct interval_timer *new, struct interval_timer *old);
/* Handler of process->cpu_timer. */
void timers_cpu_expired(struct timer *timer);
