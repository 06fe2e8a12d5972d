#pragma once
/* getpriority(2), setpriority(2): nice values of threads. */
#include <lib/types.h>

struct thread;

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
enum { NICE_MIN = -20, NICE_MAX = 19 };

/*
 * The highest priority (lowest nice) of those meant, as 20 − nice; @who 0: the caller. -EINVAL,
 * -ESRCH.
 */
long priority_get(int which, s32 who);
/* -EINVAL, -ESRCH, -EPERM (not one's own), -EACCES (higher than RLIMIT_NICE allows). */
long priority_set(int which, s32 who, int nice);
/*
 * ioprio_get(2), ioprio_set(2): class << 13 | level. Kept, inherited and shown; the order of requests to
 * devices does not depend on it. -EINVAL, -ESRCH, -EPERM.
 */
long priority_get_io(int which, s32 who);
long priority_set_io(int which, s32 who, s32 value);
/* May the current process give @thread the value @nice? 0, -EPERM, -EACCES. */
int priority_check(const struct thread *thread, int nice);
