/*
 * The locks themselves, every atomic operation a step: nobody is in together with a writer, nobody is
 * left asleep. And wait queues.
 */
#include <sched/wait.h>

#include "parts.h"

enum { BUSY_STEPS = 2 };

static struct rwlock rwlock;
static struct mutex mutex;
static struct spinlock spinlock;
static struct wait_queue queue;
static u32 readers, writers, ready, woken;

static void be_in(bool write)
{
	if (writers || (write && readers))
		violation("%u readers and %u writers are in with another", readers, writers);
	*(write ? &writers : &readers) += 1;
	step(STEP_WAIT, &cpu_count); /* others may come now */
	if (writers > 1 || (writers && readers))
		violation("%u readers and %u writers are in together", readers, writers);
	*(write ? &writers : &readers) -= 1;
}

static void reads_locked(void)
{
	read_lock(&rwlock);
	be_in(false);
	read_unlock(&rwlock);
}

static void writes_locked(void)
{
	write_lock(&rwlock);
	be_in(true);
	write_unlock(&rwlock);
}

static void reads_and_writes_locked(void)
{
	reads_locked();
	writes_locked();
}

static void three(void (*first)(void), void (*second)(void), void (*third)(void))
{
	make_space(0, 3);
	threads(first, second, third);
}

static void rwlock_two_readers(void)
{
	rwlock_init(&rwlock, RANK_NONE);
	three(writes_locked, reads_locked, reads_locked);
}

static void rwlock_two_writers(void)
{
	rwlock_init(&rwlock, RANK_NONE);
	three(writes_locked, writes_locked, reads_locked);
}

static void rwlock_both(void)
{
	rwlock_init(&rwlock, RANK_NONE);
	three(writes_locked, reads_and_writes_locked, NULL);
}

static void locks_mutex(void)
{
	mutex_lock(&mutex);
	be_in(true);
	mutex_unlock(&mutex);
}

static void locks_mutex_twice(void)
{
	locks_mutex();
	locks_mutex();
}

static void mutex_three(void)
{
	mutex_init(&mutex, RANK_NONE);
	three(locks_mutex, locks_mutex, locks_mutex);
}

static void mutex_again(void)
{
	mutex_init(&mutex, RANK_NONE);
	three(locks_mutex_twice, locks_mutex_twice, NULL);
}

/* A signal may come at any time: thread_block() says so as often as it likes. */
static void locks_interruptibly(void)
{
	if (mutex_lock_interruptible(&mutex))
		return;
	be_in(true);
	mutex_unlock(&mutex);
}

static void mutex_signal(void)
{
	mutex_init(&mutex, RANK_NONE);
	three(locks_mutex, locks_interruptibly, locks_mutex);
	machine.threads[1].signalled = true;
}

static void locks_spinlock(void)
{
	for (unsigned i = 0; i < BUSY_STEPS; i++) {
		spin_lock(&spinlock);
		be_in(true);
		spin_unlock(&spinlock);
	}
}

static void spinlock_three(void)
{
	spin_init(&spinlock, RANK_NONE);
	three(locks_spinlock, locks_spinlock, locks_spinlock);
}

static void sleeps_until_ready(void)
{
	wait_event(&queue, READ_ONCE(ready));
	woken++;
}

static void makes_ready(void)
{
	WRITE_ONCE(ready, 1);
	step(STEP_WAIT, &cpu_count);
	wait_wake_all(&queue);
}

static void wait_two(void)
{
	wait_queue_init(&queue);
	three(sleeps_until_ready, sleeps_until_ready, makes_ready);
}

/* Two things and two who take one each: a wake-up of one must not get lost on the way. */
static void takes_one(void)
{
	struct waiter waiter;

	wait_begin_exclusive(&queue, &waiter);
	while (!READ_ONCE(ready))
		(void)!wait_sleep(&waiter, WAIT_FOREVER, WAIT_UNINTERRUPTIBLE);
	ready--;
	wait_end(&waiter);
}

static void gives_two(void)
{
	for (unsigned i = 0; i < 2; i++) {
		ready++;
		step(STEP_WAIT, &cpu_count);
		wait_wake_one(&queue);
	}
}

static void wait_exclusive(void)
{
	wait_queue_init(&queue);
	three(takes_one, takes_one, gives_two);
}

#define FINE .fine = true
const struct scenario lock_scenarios[] = {
	{ "spinlock", "three threads, twice each", spinlock_three, FINE },
	{ "mutex", "three threads", mutex_three, FINE },
	{ "mutex-twice", "two threads, twice each", mutex_again, FINE },
	{ "mutex-signal", "one of three gives up for a signal", mutex_signal, FINE },
	{ "rwlock-readers", "two readers and a writer", rwlock_two_readers, FINE },
	{ "rwlock-writers", "two writers and a reader", rwlock_two_writers, FINE },
	{ "rwlock-twice", "a writer against one that reads and writes", rwlock_both, FINE },
	{ "wait", "two sleep until a third makes it true", wait_two, FINE },
	{ "wait-exclusive", "two sleep for one thing each", wait_exclusive, FINE },
	{ 0 },
};
