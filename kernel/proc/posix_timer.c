/*
 * Timers of a process are guarded by its signal lock; the handler takes the tree lock before it. A
 * handler that was on its way when its timer changed or went finds nothing due.
 */
#include <arch/time.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/clock.h>
#include <proc/posix_timer.h>
#include <proc/tree.h>
#include <sched/timer.h>

enum { PAUSE_WHEN_IGNORED = 1000000 }; /* ns between expiries that nobody will hear of */

struct posix_timer {
	struct list_node link;	      /* [signal] process->posix_timers */
	struct process *process;      /* [const] whose exit deletes it */
	s32 number;		      /* [const] */
	int clock;		      /* [const] */
	struct cpu_clock cpu_clock;   /* [const] id NULL: no CPU clock */
	int notify;		      /* [const] */
	struct id *target;	      /* [const] counted thread, or NULL: the process */
	struct pending_signal signal; /* [signal] */
	struct timer timer;
	u64 deadline;	  /* [signal] ns of time_now() or CPU time; 0: off */
	u64 interval;	  /* [signal] ns; 0: once */
	u64 overrun;	  /* [signal] expiries since the signal became pending */
	s32 last_overrun; /* [signal] */
	bool resting;	  /* [signal] expired, to go on when its signal is taken */
};

static SLAB_CACHE(posix_timer_cache, struct posix_timer);

static bool is_cpu(const struct posix_timer *timer)
{
	return timer->cpu_clock.id;
}

static u64 add_capped(u64 a, u64 b)
{
	return a < WAIT_FOREVER - b ? a + b : WAIT_FOREVER - 1;
}

/* [signal] Expiries up to @now, of which there is one at least, and the next deadline. */
static u64 advance(struct posix_timer *timer, u64 now)
{
	u64 periods;

	if (!timer->interval) {
		timer->deadline = 0;
		return 1;
	}
	periods = (now - timer->deadline) / timer->interval + 1;
	if (periods < (WAIT_FOREVER - timer->deadline) / timer->interval)
		timer->deadline += periods * timer->interval;
	else
		timer->deadline = WAIT_FOREVER - 1;
	return periods;
}

/* Queue its signal, or find it pending already. False: it is ignored. */
static bool send_locked(struct posix_timer *timer)
{
	struct user_thread *user = NULL;

	if (timer->target) {
		if (!timer->target->thread || timer->target->thread->process != timer->process)
			return false;
		user = timer->target->thread->user;
	}
	return signal_send_prepared_locked(timer->process, user, &timer->signal);
}

/* Tree and signal lock are held. */
static void expire_wall_locked(struct posix_timer *timer, u64 now)
{
	if (!timer->deadline || timer->resting || now < timer->deadline)
		return;
	if (timer->notify == SIGEV_NONE) {
		/* Whoever asks works out where it is. */
		timer->resting = true;
		return;
	}
	timer->overrun = 0;
	if (send_locked(timer)) {
		timer->resting = timer->interval;
		if (!timer->interval)
			timer->deadline = 0;
		return;
	}
	advance(timer, now);
	if (timer->deadline)
		timer_start(&timer->timer, MAX(timer->deadline, now + PAUSE_WHEN_IGNORED));
}

static void look_at_cpu_clock_locked(struct posix_timer *timer)
{
	unsigned threads;
	u64 used;

	if (!timer->deadline || !cpu_clock_read_locked(&timer->cpu_clock, &used, &threads))
		return;
	if (used >= timer->deadline) {
		bool was_pending = timer->signal.queue;
		u64 count = advance(timer, used);

		if (was_pending)
			timer->overrun += count;
		else
			timer->overrun = count - 1;
		if (timer->notify != SIGEV_NONE && !was_pending)
			send_locked(timer);
	}
	if (timer->deadline)
		timer_start(&timer->timer,
			    time_now() + cpu_clock_patience(used, timer->deadline, threads));
}

static void expired(struct timer *at)
{
	struct posix_timer *timer = container_of(at, struct posix_timer, timer);
	struct process *process = timer->process;
	unsigned long state = tree_lock();

	spin_lock(&process->actions->lock);
	if (is_cpu(timer))
		look_at_cpu_clock_locked(timer);
	else
		expire_wall_locked(timer, time_now());
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
}

void posix_timer_taken_locked(struct posix_timer *timer, struct signal_info *info)
{
	if (timer->resting) {
		timer->resting = false;
		timer->overrun += advance(timer, MAX(time_now(), timer->deadline)) - 1;
		if (timer->deadline)
			timer_start(&timer->timer, timer->deadline);
	}
	timer->last_overrun = (s32)MIN(timer->overrun, (u64)INT32_MAX);
	timer->overrun = 0;
	info->timer.overrun = timer->last_overrun;
}

/* [signal] */
static struct posix_timer *find_locked(s32 number)
{
	struct posix_timer *timer;

	list_for_each_entry(timer, &process_current()->posix_timers, link) {
		if (timer->number == number)
			return timer;
	}
	return NULL;
}

static void timer_free(struct posix_timer *timer)
{
	if (timer->target)
		id_put(timer->target);
	if (is_cpu(timer))
		cpu_clock_put(&timer->cpu_clock);
	slab_free(&posix_timer_cache, timer);
}

static int check_clock(int clock)
{
	u64 unused;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return 0;
	default:
		/* The others can be read and no more; waking the machine needs an alarm clock. */
		return clock < 0 ? 0 : clock_read(clock, &unused) ? -EINVAL : -EOPNOTSUPP;
	}
}

/* The thread of SIGEV_THREAD_ID must be one of ours. */
static int find_target(struct posix_timer *timer, s32 tid)
{
	unsigned long state;
	bool ours;

	timer->target = id_find(tid);
	if (!timer->target)
		return -EINVAL;
	state = tree_lock();
	ours = timer->target->thread && timer->target->thread->process == process_current();
	tree_unlock(state);
	return ours ? 0 : -EINVAL;
}

static int set_event(struct posix_timer *timer, const struct signal_event *event)
{
	struct signal_info *info = &timer->signal.info;

	info->code = SI_TIMER;
	info->signo = SIGALRM;
	if (!event)
		return 0;
	timer->notify = event->notify;
	info->signo = event->signo;
	info->timer.value = event->value;
	if (timer->notify == SIGEV_NONE)
		return 0;
	if (timer->notify < 0 || (timer->notify > SIGEV_THREAD && timer->notify != SIGEV_THREAD_ID))
		return -EINVAL;
	if (timer->notify == SIGEV_THREAD_ID) {
		int error = find_target(timer, event->tid);

		if (error)
			return error;
	}
	return signal_number_valid(info->signo) ? 0 : -EINVAL;
}

static long add(struct posix_timer *timer, bool value_is_number)
{
	struct process *process = process_current();
	unsigned long state = signal_lock(process);
	long number = -EAGAIN;

	if (signal_reserve_locked(process)) {
		number = process->next_posix_timer;
		process->next_posix_timer = (s32)((u32)(number + 1) & INT32_MAX);
		timer->number = (s32)number;
		timer->signal.info.timer.timer = (s32)number;
		if (value_is_number)
			timer->signal.info.timer.value = (u64)number;
		list_add_tail(&process->posix_timers, &timer->link);
	}
	signal_unlock(process, state);
	return number;
}

long posix_timer_create(int clock, const struct signal_event *event)
{
	struct posix_timer *timer;
	long result = check_clock(clock);

	if (result)
		return result;
	timer = slab_alloc_zeroed(&posix_timer_cache);
	if (!timer)
		return -EAGAIN;
	timer->process = process_current();
	timer->clock = clock;
	timer->signal.timer = timer;
	timer_init(&timer->timer, expired);
	if (clock_is_cpu(clock))
		result = cpu_clock_get(clock, &timer->cpu_clock);
	if (result)
		timer->cpu_clock.id = NULL;
	else
		result = set_event(timer, event);
	if (!result)
		result = add(timer, !event);
	if (result < 0)
		timer_free(timer);
	return result;
}

static u64 now_of(const struct posix_timer *timer)
{
	unsigned threads;
	u64 now = 0;

	if (!is_cpu(timer))
		return time_now();
	cpu_clock_read_locked(&timer->cpu_clock, &now, &threads);
	return now;
}

/* Tree and signal lock are held. */
static void get_locked(struct posix_timer *timer, struct timer_setting *setting)
{
	u64 now = now_of(timer), deadline = timer->deadline;

	setting->interval = timer->interval;
	setting->value = 0;
	if (!deadline || (deadline <= now && !timer->interval && timer->notify == SIGEV_NONE))
		return;
	/* A period that is over but not yet taken note of: what is left of the present one. */
	if (deadline <= now && timer->interval)
		setting->value = timer->interval - (now - deadline) % timer->interval;
	else
		setting->value = deadline > now ? deadline - now : 1;
}

static u64 deadline_of(const struct posix_timer *timer, u64 value, bool absolute)
{
	u64 offset = (u64)time_realtime_offset();

	if (!value)
		return 0;
	if (!absolute)
		return add_capped(now_of(timer), value);
	if (timer->clock == CLOCK_REALTIME || timer->clock == CLOCK_TAI)
		return (s64)value > (s64)offset ? value - offset : 1;
	return value;
}

static void set_locked(struct posix_timer *timer, bool absolute, const struct timer_setting *new)
{
	timer_stop(&timer->timer);
	timer->resting = false;
	timer->overrun = 0;
	timer->last_overrun = 0;
	timer->interval = new->interval;
	timer->deadline = deadline_of(timer, new->value, absolute);
	if (!timer->deadline)
		return;
	if (is_cpu(timer))
		look_at_cpu_clock_locked(timer);
	else
		timer_start(&timer->timer, timer->deadline);
}

int posix_timer_set(s32 number, bool absolute, const struct timer_setting *new,
		    struct timer_setting *old)
{
	struct process *process = process_current();
	unsigned long state = tree_lock();
	struct posix_timer *timer;

	spin_lock(&process->actions->lock);
	timer = find_locked(number);
	if (timer && old)
		get_locked(timer, old);
	if (timer && new)
		set_locked(timer, absolute, new);
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	return timer ? 0 : -EINVAL;
}

int posix_timer_get(s32 number, struct timer_setting *setting)
{
	return posix_timer_set(number, false, NULL, setting);
}

long posix_timer_overrun(s32 number)
{
	struct process *process = process_current();
	unsigned long state = signal_lock(process);
	struct posix_timer *timer = find_locked(number);
	long overrun = timer ? timer->last_overrun : -EINVAL;

	signal_unlock(process, state);
	return overrun;
}

/* [signal] Nothing of it happens any more once timer_stop_sync() has returned. */
static void unlink_locked(struct posix_timer *timer, bool keep_signal)
{
	timer->deadline = 0;
	list_remove(&timer->link);
	signal_unreserve_locked(timer->process);
	if (keep_signal)
		signal_detach_locked(timer->process, &timer->signal);
	else
		signal_forget_locked(timer->process, &timer->signal);
}

static void finish(struct posix_timer *timer)
{
	timer_stop_sync(&timer->timer);
	timer_free(timer);
}

int posix_timer_delete(s32 number)
{
	struct process *process = process_current();
	unsigned long state = signal_lock(process);
	struct posix_timer *timer = find_locked(number);

	if (timer)
		unlink_locked(timer, true);
	signal_unlock(process, state);
	if (!timer)
		return -EINVAL;
	finish(timer);
	return 0;
}

void posix_timers_delete_all(void)
{
	struct process *process = process_current();
	struct posix_timer *timer;
	unsigned long state;

	for (;;) {
		state = signal_lock(process);
		timer = list_first_entry_or_null(&process->posix_timers, struct posix_timer, link);
		if (timer)
			unlink_locked(timer, false);
		signal_unlock(process, state);
		if (!timer)
			return;
		finish(timer);
	}
}
