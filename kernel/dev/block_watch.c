/* Disks that do not answer: a timer for each queue that has requests in flight, and one thread. */
#include <arch/time.h>
#include <boot/command_line.h>
#include <boot/initcall.h>
#include <debug/log.h>
#include <dev/block_internal.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <sched/thread.h>

static u64 time_limit = 30ull * 1000 * 1000 * 1000; /* ns; [const after boot] */
static struct spinlock expired_lock = SPINLOCK_INIT(RANK_BUDDY);
static struct list_node expired = LIST_INIT(expired); /* [expired_lock] queue.watch_link */
static struct wait_queue expired_wait = WAIT_QUEUE_INIT(expired_wait);

static int set_time_limit(const char *value)
{
	const char *end;
	u64 seconds;

	if (!value || parse_u64(value, &end, 10, &seconds) || *end || !seconds || seconds > 3600)
		return -EINVAL;
	time_limit = seconds * 1000 * 1000 * 1000;
	return 0;
}
COMMAND_LINE("disk-timeout", set_time_limit);

/* An interrupt: look at the oldest request. */
static void check_oldest(struct timer *timer)
{
	struct block_queue *queue = container_of(timer, struct block_queue, timer);
	unsigned long state = spin_lock_irqsave(&queue->lock);
	struct block_request *oldest;
	bool late = false;

	queue->timer_runs = false;
	if (!list_empty(&queue->in_flight)) {
		oldest = list_first_entry(&queue->in_flight, struct block_request, link);
		late = oldest->started + time_limit <= time_now();
		if (!late) {
			queue->timer_runs = true;
			timer_start(timer, oldest->started + time_limit);
		}
	}
	if (late && !queue->expired) {
		queue->expired = true;
		spin_lock(&expired_lock);
		list_add_tail(&expired, &queue->watch_link);
		spin_unlock(&expired_lock);
	} else {
		late = false;
	}
	spin_unlock_irqrestore(&queue->lock, state);
	if (late)
		wait_wake_all(&expired_wait);
}

void block_watch_init(struct block_queue *queue)
{
	timer_init(&queue->timer, check_oldest);
}

void block_watch_begin(struct block_queue *queue)
{
	if (queue->timer_runs)
		return;
	queue->timer_runs = true;
	timer_start(&queue->timer, time_now() + time_limit);
}

static struct block_queue *take_expired(void)
{
	unsigned long state = spin_lock_irqsave(&expired_lock);
	struct block_queue *queue = NULL;

	if (!list_empty(&expired)) {
		queue = list_first_entry(&expired, struct block_queue, watch_link);
		list_remove(&queue->watch_link);
	}
	spin_unlock_irqrestore(&expired_lock, state);
	return queue;
}

/* A device that forgot one request cannot be trusted with the next. */
static void watch(void *argument)
{
	for (;;) {
		struct block_queue *queue;

		wait_event(&expired_wait, (queue = take_expired()));
		log_error("%s: a request was not answered for %llu s: the disk is given up\n",
			  queue->disk->name,
			  (unsigned long long)(time_limit / (1000 * 1000 * 1000)));
		WRITE_ONCE(queue->disk->gone, true);
		if (queue->disk->driver->abort)
			queue->disk->driver->abort(queue->disk);
		block_fail_all(queue, -EIO);
	}
}

static int watch_start(void)
{
	struct thread *thread = thread_create("disks", watch, NULL);

	if (!thread)
		return -ENOMEM;
	thread_start(thread);
	return 0;
}
INITCALL_CORE(watch_start);
