#pragma once
/* setitimer(2), getitimer(2), alarm: ITIMER_REAL of the current process. */
#include <lib/types.h>

struct interval_timer {
	u64 value, interval;		/* ns; value 0: off */
};

/* @new may be NULL; *@old is filled when @old is not. */
void timers_set_real(const struct interval_timer *new, struct interval_timer *old);
