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
/* *@old: what was left, and the interval. @absolute: @new->value is a time of its clock. */
void timerfd_set(struct file *file, const struct timerfd_setting *new, bool absolute,
		 struct timerfd_setting *old);
void timerfd_get(struct file *file, struct timerfd_setting *setting);
