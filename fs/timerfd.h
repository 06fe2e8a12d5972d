#pragma once
/* timerfd_create(2): a timer that is read, polled and waited for as a file. */
#include <lib/types.h>

struct file;

struct timerfd_setting { /* ns; value 0: off */
	u64 interval, value;
};

/* @realtime: absolute times are CLOCK_REALTIME's. O_NONBLOCK in @flags. ERR_PTR(-ENOMEM). */
struct file *timerfd_create(bool realtime, u32 flags);
bool timerfd_is(const struct file *file);
enum { TIMERFD_ABSOLUTE = 1, TIMERFD_CANCEL_ON_SET = 2 }; /* TFD_TIMER_* */
/*
 * *@old: what was left, and the interval. ABSOLUTE: @new->value is a time of its clock. 0, or -ECANCELED: done as well,
 * but the clock was set since CANCEL_ON_SET was asked for, and no read told of it.
 */
int timerfd_set(struct file *file, const struct timerfd_setting *new, unsigned flags,
		struct timerfd_setting *old);
/* CLOCK_REALTIME was moved by @step ns. Any that are due at a time of it move along, and who wanted to know is told. */
void timerfd_clock_set(s64 step);
void timerfd_get(struct file *file, struct timerfd_setting *setting);
