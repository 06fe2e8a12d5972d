/*
 * A periodic timer rests after it has expired until someone reads or asks: then the periods that
 * went by are counted. So no interval, however short, costs more than its reader does.
 */
#include <arch/time.h>
#include <fs/file.h>
#include <fs/text.h>
#include <fs/timerfd.h>
#include <lib/err.h>
#include <mm/slab.h>
#include <sched/timer.h>

enum { WORD = sizeof(u64), NS_PER_SECOND = 1000000000 };

struct timerfd {
	struct spinlock lock; /* RANK_WAIT, interrupts off; before the timer's */
	struct timer timer;
	struct wait_queue wait;
	u64 deadline;		     /* [lock] ns of time_now(); 0: off */
	u64 interval;		     /* [lock] ns; 0: once */
	u64 ticks;		     /* [lock; atomic read] not yet read */
	bool resting;		     /* [lock] expired, not started again */
	bool realtime;		     /* [const] */
	bool absolute;		     /* [lock] as it was set */
	bool cancels;		     /* [lock] TFD_TIMER_CANCEL_ON_SET */
	bool canceled;		     /* [lock; atomic read] and the clock was set; not yet told */
	struct list_node clock_link; /* [clock_lock] realtime ones */
};

/* Those that follow CLOCK_REALTIME. Before each one's lock. */
static struct spinlock clock_lock = SPINLOCK_INIT(RANK_TABLE);
static struct list_node on_clock = LIST_INIT(on_clock); /* [clock_lock] */

static void expired(struct timer *timer)
{
	struct timerfd *timed = container_of(timer, struct timerfd, timer);
	unsigned long state = spin_lock_irqsave(&timed->lock);
	/* A handler that was on its way when the setting changed has nothing to report. */
	bool due = timed->deadline && !timed->resting && time_now() >= timed->deadline;

	if (due) {
		WRITE_ONCE(timed->ticks, timed->ticks + 1);
		timed->resting = timed->interval;
		if (!timed->interval)
			timed->deadline = 0;
	}
	spin_unlock_irqrestore(&timed->lock, state);
	if (due)
		wait_wake_events(&timed->wait, ~0u, POLLIN);
}

/* [lock] Count the periods since the last expiry, whose own tick is counted, and go on. */
static void resume(struct timerfd *timed)
{
	u64 periods;

	if (!timed->resting)
		return;
	timed->resting = false;
	periods = (time_now() - timed->deadline) / timed->interval;
	WRITE_ONCE(timed->ticks, timed->ticks + periods);
	if (__builtin_add_overflow(timed->deadline, (periods + 1) * timed->interval,
				   &timed->deadline))
		timed->deadline = WAIT_FOREVER;
	timer_start(&timed->timer, timed->deadline);
}

/* How many there were, 0: none; -ECANCELED: the clock was set meanwhile. */
static s64 take_ticks(struct timerfd *timed)
{
	unsigned long state = spin_lock_irqsave(&timed->lock);
	s64 ticks;

	resume(timed);
	ticks = timed->canceled ? -ECANCELED : (s64)timed->ticks;
	WRITE_ONCE(timed->ticks, 0);
	WRITE_ONCE(timed->canceled, false);
	spin_unlock_irqrestore(&timed->lock, state);
	return ticks;
}

static bool is_readable(struct timerfd *timed)
{
	return READ_ONCE(timed->ticks) || READ_ONCE(timed->canceled);
}

static ssize_t timerfd_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct timerfd *timed = file->private;
	s64 ticks;

	if (iterator->left < WORD)
		return -EINVAL;
	while (!(ticks = take_ticks(timed))) {
		if (io_must_not_wait(file, iterator))
			return -EAGAIN;
		if (wait_event_interruptible(&timed->wait, is_readable(timed)))
			return -ERESTARTSYS;
	}
	if (ticks < 0)
		return ticks;
	return io_copy(iterator, &ticks, WORD) == WORD ? WORD : -EFAULT;
}

static u32 timerfd_poll(struct file *file, struct poll_table *table)
{
	struct timerfd *timed = file->private;

	poll_wait(file, &timed->wait, table);
	return is_readable(timed) ? POLLIN : 0;
}

static s64 timerfd_seek(struct file *file, s64 offset, int whence)
{
	return 0;
}

static void timerfd_release(struct file *file)
{
	struct timerfd *timed = file->private;

	if (timed->realtime) {
		spin_lock(&clock_lock);
		list_remove(&timed->clock_link);
		spin_unlock(&clock_lock);
	}
	timer_stop_sync(&timed->timer);
	kfree(timed);
}

/* [lock] */
static void get_locked(struct timerfd *timed, struct timerfd_setting *setting)
{
	u64 now;

	resume(timed);
	now = time_now();
	setting->interval = timed->interval;
	setting->value = 0;
	/* What is due but has not been handled yet is still on: 1 ns. */
	if (timed->deadline)
		setting->value = timed->deadline > now ? timed->deadline - now : 1;
}

static void timerfd_describe(struct file *file, struct text *text)
{
	struct timerfd *timed = file->private;
	struct timerfd_setting left;
	unsigned long state = spin_lock_irqsave(&timed->lock);
	u64 ticks = timed->ticks;
	unsigned flags = timed->absolute | timed->cancels << 1;

	get_locked(timed, &left);
	spin_unlock_irqrestore(&timed->lock, state);
	text_format(text, "clockid: %d\nticks: %llu\nsettime flags: 0%o\n", !timed->realtime,
		    (unsigned long long)ticks, flags);
	text_format(text, "it_value: (%llu, %llu)\nit_interval: (%llu, %llu)\n",
		    (unsigned long long)(left.value / NS_PER_SECOND),
		    (unsigned long long)(left.value % NS_PER_SECOND),
		    (unsigned long long)(left.interval / NS_PER_SECOND),
		    (unsigned long long)(left.interval % NS_PER_SECOND));
}

static const struct file_operations timerfd_operations = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.seek = timerfd_seek,
	.release = timerfd_release,
	.describe = timerfd_describe,
	.read_flags = true,
	.no_wait = true,
};

bool timerfd_is(const struct file *file)
{
	return file->operations == &timerfd_operations;
}

void timerfd_get(struct file *file, struct timerfd_setting *setting)
{
	struct timerfd *timed = file->private;
	unsigned long state = spin_lock_irqsave(&timed->lock);

	get_locked(timed, setting);
	spin_unlock_irqrestore(&timed->lock, state);
}

static u64 deadline_of(const struct timerfd *timed, u64 value, bool absolute)
{
	s64 offset = time_realtime_offset();
	u64 now = time_now();

	if (!value)
		return 0;
	if (!absolute)
		return value < WAIT_FOREVER - now ? now + value : WAIT_FOREVER;
	if (!timed->realtime || value == WAIT_FOREVER)
		return value;
	return (s64)value > offset ? value - offset : 1;
}

int timerfd_set(struct file *file, const struct timerfd_setting *new, unsigned flags,
		struct timerfd_setting *old)
{
	struct timerfd *timed = file->private;
	unsigned long state = spin_lock_irqsave(&timed->lock);
	bool was_canceled;

	get_locked(timed, old);
	timer_stop(&timed->timer);
	timed->resting = false;
	timed->absolute = flags & TIMERFD_ABSOLUTE;
	timed->cancels = timed->realtime && flags & TIMERFD_CANCEL_ON_SET && timed->absolute;
	was_canceled = timed->canceled && timed->cancels && new->value;
	WRITE_ONCE(timed->canceled, false);
	WRITE_ONCE(timed->ticks, 0);
	timed->interval = new->interval;
	timed->deadline = deadline_of(timed, new->value, timed->absolute);
	if (timed->deadline)
		timer_start(&timed->timer, timed->deadline);
	spin_unlock_irqrestore(&timed->lock, state);
	return was_canceled ? -ECANCELED : 0;
}

/* [clock_lock] */
static void move_with_clock(struct timerfd *timed, s64 step)
{
	unsigned long state = spin_lock_irqsave(&timed->lock);
	bool canceled = timed->cancels;

	if (canceled)
		WRITE_ONCE(timed->canceled, true);
	if (timed->absolute && timed->deadline && timed->deadline != WAIT_FOREVER &&
	    !timed->resting) {
		s64 moved = (s64)timed->deadline - step;

		timer_stop(&timed->timer);
		timed->deadline = moved > 0 ? (u64)moved : 1;
		timer_start(&timed->timer, timed->deadline);
	}
	spin_unlock_irqrestore(&timed->lock, state);
	if (canceled)
		wait_wake_events(&timed->wait, ~0u, POLLIN);
}

void timerfd_clock_set(s64 step)
{
	struct timerfd *timed;

	spin_lock(&clock_lock);
	list_for_each_entry(timed, &on_clock, clock_link)
		move_with_clock(timed, step);
	spin_unlock(&clock_lock);
}

struct file *timerfd_create(bool realtime, u32 flags)
{
	struct timerfd *timed = kzalloc(sizeof(*timed));
	struct file *file;

	if (!timed)
		return ERR_PTR(-ENOMEM);
	spin_init(&timed->lock, RANK_WAIT);
	timer_init(&timed->timer, expired);
	wait_queue_init(&timed->wait);
	timed->realtime = realtime;
	file = file_create_unnamed("anon_inode:[timerfd]", &timerfd_operations, O_RDWR | flags,
				   timed);
	if (IS_ERR(file)) {
		kfree(timed);
	} else if (realtime) {
		spin_lock(&clock_lock);
		list_add_tail(&on_clock, &timed->clock_link);
		spin_unlock(&clock_lock);
	}
	return file;
}
