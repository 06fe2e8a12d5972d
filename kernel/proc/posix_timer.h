#pragma once
/*
 * timer_create(2). A timer has one entry for its signal, so that no expiry is lost for want of
 * memory, and the signal is pending once: what expires meanwhile is counted as overrun. A periodic timer
 * of a clock that is not CPU time rests until its signal is taken; then the periods that went by are
 * counted. So no interval, however short, costs more than the handler of its signal does.
 */
#include <proc/signal_queue.h>

struct posix_timer;

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
struct signal_event { /* struct sigevent, its first part */
	u64 value;
	s32 signo, notify, tid;
};

struct timer_setting { /* ns; value 0: off */
	u64 interval, value;
};

/*
 * All of these are about the current process. *@event: what to do; NULL: SIGALRM with the timer's number.
 * The number, or -EINVAL, -EOPNOTSUPP, -EAGAIN (RLIMIT_SIGPENDING), -ENOMEM.
 */
long posix_timer_create(int clock, const struct signal_event *event);
/* *@old: what was left; may be NULL. 0 or -EINVAL: no such timer. */
int posix_timer_set(s32 number, bool absolute, const struct timer_setting *new,
		    struct timer_setting *old);
int posix_timer_get(s32 number, struct timer_setting *setting);
/* Expiries that its last signal stood for, but one. */
long posix_timer_overrun(s32 number);
int posix_timer_delete(s32 number);
/* exec and exit: delete all. No locks held. */
void posix_timers_delete_all(void);
/* signal_queue.c: @timer's signal is being taken; completes *@info. Signal lock held. */
void posix_timer_taken_locked(struct posix_timer *timer, struct signal_info *info);
