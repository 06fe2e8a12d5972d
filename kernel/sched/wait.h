#pragma once
/*
 * Waiting. No wake-up is lost: the waiter is on the queue with its state set BEFORE it tests the
 * condition, and wait_wake() takes the queue's lock AFTER the condition was made true.
 *
 *	struct waiter waiter;
 *	wait_begin(&queue, &waiter);
 *	while (!(condition)) {
 *		error = wait_sleep(&waiter, deadline, WAIT_INTERRUPTIBLE);
 *		if (error)
 *			break;
 *	}
 *	wait_end(&waiter);
 *
 * A thread may be on several queues (poll): one waiter each, wait_sleep() on any of them.
 */
#include <lib/list.h>
#include <sched/lock.h>

struct wait_queue {
	struct spinlock lock;
	struct list_node waiters; /* [lock] */
};

#define WAIT_QUEUE_INIT(name)                                                                      \
	{                                                                                          \
		SPINLOCK_INIT(RANK_WAIT), LIST_INIT((name).waiters)                                \
	}

struct waiter;
/*
 * Called instead of waking a thread, under queue->lock with interrupts off: may take locks of RANK_WAIT
 * nested, and wake other queues by wait_wake_nested(). True: it found someone for the event, which
 * counts where the waiter is exclusive.
 */
typedef bool wait_callback(struct waiter *waiter, u32 events, u64 *kicks);

struct waiter {
	struct list_node link; /* [queue->lock] */
	struct wait_queue *queue;
	struct thread *thread;
	bool exclusive;		 /* wait_wake(…, n) wakes n of these, and all others */
	u32 events;		 /* for poll: events of interest; 0: any */
	wait_callback *callback; /* instead of waking a thread; NULL: wake it */
	void *private;		 /* the callback's */
};

enum wait_mode { WAIT_UNINTERRUPTIBLE, WAIT_INTERRUPTIBLE, WAIT_KILLABLE };
#define WAIT_FOREVER (~(u64)0)

void wait_queue_init(struct wait_queue *queue);
/* Join @queue. The caller tests its condition afterwards. Spinlocks below RANK_WAIT may be held. */
void wait_begin(struct wait_queue *queue, struct waiter *waiter);
void wait_begin_exclusive(struct wait_queue *queue, struct waiter *waiter);
/*
 * Sleep until woken since the last call (or wait_begin), @deadline (ns of time_now()), or a signal
 * as @mode allows: 0, -ETIMEDOUT, -EINTR. Spurious returns of 0 happen. No spinlock held.
 */
__must_check int wait_sleep(struct waiter *waiter, u64 deadline, enum wait_mode mode);
/* The same without a queue, for those who know their sleeper: thread_wake() ends it. */
__must_check int thread_block(u64 deadline, enum wait_mode mode);
void wait_end(struct waiter *waiter);
/*
 * Have @callback called at each wake-up of @queue until wait_end_callback(), after which it does not
 * run any more. No thread is tied to it. The caller tests its condition after it joined, as ever.
 */
void wait_begin_callback(struct wait_queue *queue, struct waiter *waiter, wait_callback *callback,
			 void *private, bool exclusive);
void wait_end_callback(struct waiter *waiter);
/* From a callback, which passes its @kicks on. Queues must not wake each other in a circle. */
void wait_wake_nested(struct wait_queue *queue, unsigned exclusive_count, u32 events, u64 *kicks);
/* Wake all that are not exclusive and up to @exclusive_count that are. Any context. */
void wait_wake_events(struct wait_queue *queue, unsigned exclusive_count, u32 events);
static inline void wait_wake_all(struct wait_queue *queue)
{
	wait_wake_events(queue, ~0u, ~0u);
}
static inline void wait_wake_one(struct wait_queue *queue)
{
	wait_wake_events(queue, 1, ~0u);
}
/* Someone may be waiting; a hint without the lock, after a full barrier. */
static inline bool wait_queue_active(struct wait_queue *queue)
{
	memory_barrier();
	return !list_empty(&queue->waiters);
}

/* Sleep on @queue until @condition, re-evaluated after each wake-up. Value: 0, -EINTR, -ETIMEDOUT. */
#define wait_event_mode(queue_, condition_, deadline_, mode_)                                      \
	({                                                                                         \
		int error_ = 0;                                                                    \
		struct waiter waiter_;                                                             \
		wait_begin(queue_, &waiter_);                                                      \
		while (!(condition_)) {                                                            \
			error_ = wait_sleep(&waiter_, deadline_, mode_);                           \
			if (error_)                                                                \
				break;                                                             \
		}                                                                                  \
		wait_end(&waiter_);                                                                \
		error_;                                                                            \
	})
#define wait_event_interruptible(queue_, condition_)                                               \
	wait_event_mode(queue_, condition_, WAIT_FOREVER, WAIT_INTERRUPTIBLE)
#define wait_event(queue_, condition_)                                                             \
	((void)wait_event_mode(queue_, condition_, WAIT_FOREVER, WAIT_UNINTERRUPTIBLE))
