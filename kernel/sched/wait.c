/*
 * No wake-up is lost. The waiter joins the queue in wait_begin() and tests its condition after
 * it; the waker makes the condition true and then goes through the queue. Both take queue->lock
 * in between, so one section comes first: the waiter's, then the waker finds him on the queue and
 * sets wake_pending, with which thread_block() does not sleep (schedule.c); or the waker's, then
 * the waiter's test comes after it and finds the condition true.
 *
 * A waker may first look without queue->lock whether anybody waits (wait_queue_active()). Then there
 * are two stores and two loads: the waiter joins and tests, the waker makes true and looks. Unlocking
 * orders no later load, so each side has a full barrier between its two: one of them sees the other's
 * store (RISC-V unprivileged specification, A.3.4: the store-buffering shape).
 *
 * wake_pending is cleared only by the outermost wait_begin() of a thread, before it joins, and by
 * thread_block(), after which the caller tests again. Waits inside a wait (a mutex in a
 * condition, poll's many queues, wait in a page fault) may so use up a sign that was meant for
 * the outer one: they leave the sign set when they end, which costs the outer wait one more test.
 *
 * A callback in a thread's place runs in the waker's section, so the same proof holds: either it is
 * called, or it joined after the waker's section and its owner's test sees the condition true.
 */
#include <debug/panic.h>
#include <lib/errno.h>
#include <sched/runqueue.h>

void wait_queue_init(struct wait_queue *queue)
{
	spin_init(&queue->lock, RANK_WAIT);
	list_init(&queue->waiters);
}

static void enqueue(struct wait_queue *queue, struct waiter *waiter)
{
	unsigned long state = spin_lock_irqsave(&queue->lock);

	/* All who are not exclusive come first, so that a waker meets them before he has enough. */
	if (waiter->exclusive)
		list_add_tail(&queue->waiters, &waiter->link);
	else
		list_add_head(&queue->waiters, &waiter->link);
	spin_unlock_irqrestore(&queue->lock, state);
	memory_barrier(); /* the queue before the condition: with wait_queue_active()'s */
}

static void join(struct wait_queue *queue, struct waiter *waiter, bool exclusive)
{
	struct thread *thread = thread_current();

	if (!thread->wait_depth++)
		WRITE_ONCE(thread->wake_pending, false);
	waiter->queue = queue;
	waiter->thread = thread;
	waiter->exclusive = exclusive;
	waiter->events = 0;
	waiter->callback = NULL;
	enqueue(queue, waiter);
}

void wait_begin(struct wait_queue *queue, struct waiter *waiter)
{
	join(queue, waiter, false);
}

void wait_begin_exclusive(struct wait_queue *queue, struct waiter *waiter)
{
	join(queue, waiter, true);
}

int wait_sleep(struct waiter *waiter, u64 deadline, enum wait_mode mode)
{
	assert(waiter->thread == thread_current());
	return thread_block(deadline, mode);
}

void wait_begin_callback(struct wait_queue *queue, struct waiter *waiter, wait_callback *callback,
			 void *private, bool exclusive)
{
	*waiter = (struct waiter){
		.queue = queue, .exclusive = exclusive, .callback = callback, .private = private
	};
	enqueue(queue, waiter);
}

void wait_end_callback(struct waiter *waiter)
{
	unsigned long state = spin_lock_irqsave(&waiter->queue->lock);

	list_remove(&waiter->link);
	spin_unlock_irqrestore(&waiter->queue->lock, state);
}

static bool wake_one(struct waiter *waiter, u32 events, u64 *kicks)
{
	return waiter->callback ? waiter->callback(waiter, events, kicks)
				: thread_wake_deferred(waiter->thread, WAKE_NORMAL, kicks);
}

/* Adds to *@kicks the CPUs to kick once the queue's lock is free. */
static void wake_locked(struct wait_queue *queue, unsigned exclusive_count, u32 events, u64 *kicks)
{
	struct waiter *waiter;

	list_for_each_entry(waiter, &queue->waiters, link) {
		if (waiter->events && !(waiter->events & events))
			continue;
		if (waiter->exclusive && !exclusive_count)
			break;
		if (wake_one(waiter, events, kicks) && waiter->exclusive && exclusive_count != ~0u)
			exclusive_count--;
	}
}

void wait_wake_events(struct wait_queue *queue, unsigned exclusive_count, u32 events)
{
	unsigned long state = spin_lock_irqsave(&queue->lock);
	u64 kicks = 0;

	wake_locked(queue, exclusive_count, events, &kicks);
	spin_unlock_irqrestore(&queue->lock, state);
	cpus_kick(kicks);
}

/* Interrupts are off: the outer queue's lock is held. */
void wait_wake_nested(struct wait_queue *queue, unsigned exclusive_count, u32 events, u64 *kicks)
{
	spin_lock_nested(&queue->lock);
	wake_locked(queue, exclusive_count, events, kicks);
	spin_unlock(&queue->lock);
}

static __noinline void leave_exclusive(struct waiter *waiter)
{
	struct wait_queue *queue = waiter->queue;
	unsigned long state = spin_lock_irqsave(&queue->lock);
	u64 kicks = 0;

	list_remove(&waiter->link);
	/* Chosen to be woken, but it leaves for another reason: the next one shall have it. */
	if (READ_ONCE(waiter->thread->wake_pending))
		wake_locked(queue, 1, ~0u, &kicks);
	spin_unlock_irqrestore(&queue->lock, state);
	cpus_kick(kicks);
}

void wait_end(struct waiter *waiter)
{
	struct thread *thread = waiter->thread;

	if (waiter->exclusive) {
		leave_exclusive(waiter);
	} else {
		unsigned long state = spin_lock_irqsave(&waiter->queue->lock);

		list_remove(&waiter->link);
		spin_unlock_irqrestore(&waiter->queue->lock, state);
	}
	if (--thread->wait_depth)
		WRITE_ONCE(thread->wake_pending, true);
}
