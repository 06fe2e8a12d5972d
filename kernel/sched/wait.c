/*
 * No wake-up is lost. The waiter joins the queue in wait_begin() and tests its condition after
 * it; the waker makes the condition true and then goes through the queue. Both take queue->lock
 * in between, so one section comes first: the waiter's, then the waker finds him on the queue and
 * sets wake_pending, with which thread_block() does not sleep (schedule.c); or the waker's, then
 * the waiter's test comes after it and finds the condition true.
 *
 * wake_pending is cleared only by the outermost wait_begin() of a thread, before it joins, and by
 * thread_block(), after which the caller tests again. Waits inside a wait (a mutex in a
 * condition, poll's many queues, wait in a page fault) may so use up a sign that was meant for
 * the outer one: they leave the sign set when they end, which costs the outer wait one more test.
 */
#include <debug/panic.h>
#include <lib/errno.h>
#include <sched/runqueue.h>

void wait_queue_init(struct wait_queue *queue)
{
	spin_init(&queue->lock, RANK_WAIT);
	list_init(&queue->waiters);
}

static void join(struct wait_queue *queue, struct waiter *waiter, bool exclusive)
{
	struct thread *thread = thread_current();
	unsigned long state;

	if (!thread->wait_depth++)
		WRITE_ONCE(thread->wake_pending, false);
	waiter->queue = queue;
	waiter->thread = thread;
	waiter->exclusive = exclusive;
	waiter->events = 0;
	state = spin_lock_irqsave(&queue->lock);
	/* All who are not exclusive come first, so that a waker meets them before he has enough. */
	if (exclusive)
		list_add_tail(&queue->waiters, &waiter->link);
	else
		list_add_head(&queue->waiters, &waiter->link);
	spin_unlock_irqrestore(&queue->lock, state);
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

/* Returns the CPUs to kick once the queue's lock is free. */
static u64 wake_locked(struct wait_queue *queue, unsigned exclusive_count, u32 events)
{
	struct waiter *waiter;
	u64 kicks = 0;

	list_for_each_entry(waiter, &queue->waiters, link) {
		if (waiter->events && !(waiter->events & events))
			continue;
		if (waiter->exclusive && !exclusive_count)
			break;
		if (thread_wake_deferred(waiter->thread, WAKE_NORMAL, &kicks) &&
		    waiter->exclusive && exclusive_count != ~0u)
			exclusive_count--;
	}
	return kicks;
}

void wait_wake_events(struct wait_queue *queue, unsigned exclusive_count, u32 events)
{
	unsigned long state = spin_lock_irqsave(&queue->lock);
	u64 kicks = wake_locked(queue, exclusive_count, events);

	spin_unlock_irqrestore(&queue->lock, state);
	cpus_kick(kicks);
}

void wait_end(struct waiter *waiter)
{
	struct wait_queue *queue = waiter->queue;
	struct thread *thread = waiter->thread;
	unsigned long state = spin_lock_irqsave(&queue->lock);
	u64 kicks = 0;

	list_remove(&waiter->link);
	/* Chosen to be woken, but it leaves for another reason: the next one shall have it. */
	if (waiter->exclusive && READ_ONCE(thread->wake_pending))
		kicks = wake_locked(queue, 1, ~0u);
	spin_unlock_irqrestore(&queue->lock, state);
	cpus_kick(kicks);
	if (--thread->wait_depth)
		WRITE_ONCE(thread->wake_pending, true);
}
