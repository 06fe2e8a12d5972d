/*
 * Locks, from the outside: watch_lock (who watches what) → epoll->lock (one wait or change of an instance
 * at a time; nested from outer to inner instance, which is never a circle) → the files' own locks and
 * wait queues → epoll->ready_lock. A wake-up comes with the file's queue locked and takes
 * ready_lock alone.
 *
 * No event is lost: an item leaves the ready list before its file is asked, so what happens after the
 * answer puts it there again.
 */
#include <arch/user.h>
#include <fs/epoll.h>
#include <fs/file.h>
#include <fs/text.h>
#include <lib/err.h>
#include <mm/slab.h>

enum { QUEUES_MAX = 3, NESTING_MAX = 5 };
#define EVENT_FLAGS (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define EXCLUSIVE_ALLOWED                                                                          \
	(POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct epoll {
	struct mutex lock;	    /* not ranked: files of any kind are asked under it */
	struct list_node items;	    /* [watch_lock] */
	struct spinlock ready_lock; /* RANK_WAIT, interrupts off */
	struct list_node ready;	    /* [ready_lock] */
	unsigned ready_count;	    /* [ready_lock; atomic read] */
	struct wait_queue wait;	    /* threads in epoll_wait() */
	struct wait_queue watch;    /* poll() and outer instances */
	struct file *file;	    /* [const] its own */
};

struct epoll_item {
	struct list_node link;		   /* [watch_lock] in epoll->items */
	struct epoll_item *next;	   /* [watch_lock] in file->watchers */
	struct epoll *epoll;		   /* [const] */
	struct file *file;		   /* [const] not counted: epoll_file_gone() */
	int fd;				   /* [const] */
	struct epoll_event event;	   /* [epoll->lock and ready_lock] */
	struct list_node ready_link;	   /* [ready_lock] */
	bool is_ready;			   /* [ready_lock] */
	unsigned queue_count;		   /* [epoll->lock] */
	struct waiter waiters[QUEUES_MAX]; /* [epoll->lock] */
};

struct item_table {
	struct poll_table table;
	struct epoll_item *item;
	int error;
};

static struct mutex watch_lock = MUTEX_INIT(watch_lock);
static SLAB_CACHE(item_cache, struct epoll_item);
static const struct file_operations epoll_operations;

bool epoll_is(const struct file *file)
{
	return file->operations == &epoll_operations;
}

/* [ready_lock] */
static void make_ready(struct epoll_item *item)
{
	struct epoll *epoll = item->epoll;

	if (item->is_ready)
		return;
	item->is_ready = true;
	list_add_tail(&epoll->ready, &item->ready_link);
	WRITE_ONCE(epoll->ready_count, epoll->ready_count + 1);
}

/* [ready_lock] */
static void make_unready(struct epoll_item *item)
{
	if (!item->is_ready)
		return;
	item->is_ready = false;
	list_remove(&item->ready_link);
	WRITE_ONCE(item->epoll->ready_count, item->epoll->ready_count - 1);
}

static bool item_wake(struct waiter *waiter, u32 events, u64 *kicks)
{
	struct epoll_item *item = waiter->private;
	struct epoll *epoll = item->epoll;
	bool wanted, awaited;

	spin_lock_nested(&epoll->ready_lock);
	wanted = item->event.events & ~EVENT_FLAGS & events;
	if (wanted)
		make_ready(item);
	spin_unlock(&epoll->ready_lock);
	if (!wanted)
		return false;
	awaited = wait_queue_active(&epoll->wait);
	wait_wake_nested(&epoll->wait, 1, POLLIN, kicks);
	wait_wake_nested(&epoll->watch, ~0u, POLLIN, kicks);
	return awaited;
}

static void item_join(struct poll_table *table, struct file *file, struct wait_queue *queue)
{
	struct item_table *joining = container_of(table, struct item_table, table);
	struct epoll_item *item = joining->item;
	struct waiter *waiter = &item->waiters[item->queue_count];

	if (item->queue_count == QUEUES_MAX) {
		joining->error = -ENOMEM;
		return;
	}
	item->queue_count++;
	wait_begin_callback(queue, waiter, item_wake, item, item->event.events & EPOLLEXCLUSIVE);
}

/* Is it ready now? Then on the list, and someone woken. [epoll->lock] */
static void item_check(struct epoll_item *item, struct poll_table *table)
{
	struct epoll *epoll = item->epoll;
	unsigned long state;

	if (!(file_poll(item->file, table) & item->event.events))
		return;
	state = spin_lock_irqsave(&epoll->ready_lock);
	make_ready(item);
	spin_unlock_irqrestore(&epoll->ready_lock, state);
	wait_wake_one(&epoll->wait);
	wait_wake_all(&epoll->watch);
}

/*
 * The file's queues are left before its list of watchers: epoll_file_gone() waits for watch_lock as
 * long as that shows someone. [watch_lock]
 */
static void item_destroy(struct epoll_item *item)
{
	struct epoll *epoll = item->epoll;
	struct epoll_item **at = &item->file->watchers;
	unsigned long state;

	mutex_lock_nested(&epoll->lock);
	while (item->queue_count)
		wait_end_callback(&item->waiters[--item->queue_count]);
	state = spin_lock_irqsave(&epoll->ready_lock);
	make_unready(item);
	spin_unlock_irqrestore(&epoll->ready_lock, state);
	mutex_unlock(&epoll->lock);
	list_remove(&item->link);
	while (*at != item)
		at = &(*at)->next;
	store_release(at, item->next);
	slab_free(&item_cache, item);
}

void epoll_file_gone(struct file *file)
{
	mutex_lock(&watch_lock);
	while (file->watchers)
		item_destroy(file->watchers);
	mutex_unlock(&watch_lock);
}

/* Levels of instances below and above this one, itself included; more than NESTING_MAX: that + 1. */
static int depth_below(struct epoll *epoll, const struct epoll *forbidden, int level)
{
	struct epoll_item *item;
	int deepest = 1;

	if (epoll == forbidden || level > NESTING_MAX)
		return NESTING_MAX + 1;
	list_for_each_entry(item, &epoll->items, link)
		if (epoll_is(item->file))
			deepest = MAX(deepest,
				      1 + depth_below(item->file->private, forbidden, level + 1));
	return deepest;
}

static int depth_above(struct epoll *epoll, int level)
{
	int highest = 1;

	if (level > NESTING_MAX)
		return NESTING_MAX + 1;
	for (struct epoll_item *item = epoll->file->watchers; item; item = item->next)
		highest = MAX(highest, 1 + depth_above(item->epoll, level + 1));
	return highest;
}

/* [watch_lock] */
static int item_add(struct epoll *epoll, struct file *target, int fd, struct epoll_event event)
{
	struct epoll_item *item;
	struct item_table joining = { .table = { item_join, event.events } };

	if (epoll_is(target) &&
	    depth_below(target->private, epoll, 1) + depth_above(epoll, 1) > NESTING_MAX)
		return -ELOOP;
	item = slab_alloc_zeroed(&item_cache);
	if (!item)
		return -ENOMEM;
	item->epoll = epoll;
	item->file = target;
	item->fd = fd;
	item->event = event;
	list_add_tail(&epoll->items, &item->link);
	item->next = target->watchers;
	store_release(&target->watchers, item);
	joining.item = item;
	mutex_lock(&epoll->lock);
	item_check(item, &joining.table);
	mutex_unlock(&epoll->lock);
	if (joining.error)
		item_destroy(item);
	return joining.error;
}

/* [watch_lock] */
static int item_modify(struct epoll_item *item, struct epoll_event event)
{
	struct epoll *epoll = item->epoll;
	unsigned long state;

	if ((item->event.events | event.events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	mutex_lock(&epoll->lock);
	state = spin_lock_irqsave(&epoll->ready_lock);
	item->event = event;
	spin_unlock_irqrestore(&epoll->ready_lock, state);
	item_check(item, NULL);
	mutex_unlock(&epoll->lock);
	return 0;
}

static struct epoll_item *item_find(struct epoll *epoll, struct file *target, int fd)
{
	struct epoll_item *item = target->watchers;

	while (item && (item->epoll != epoll || item->fd != fd))
		item = item->next;
	return item;
}

int epoll_change(struct file *epoll_file, int operation, struct file *target, int fd,
		 struct epoll_event event)
{
	struct epoll *epoll = epoll_file->private;
	struct epoll_item *item;
	int error = 0;

	if (operation != EPOLL_CTL_DEL && event.events & EPOLLEXCLUSIVE &&
	    (operation == EPOLL_CTL_MOD || epoll_is(target) || event.events & ~EXCLUSIVE_ALLOWED))
		return -EINVAL;
	event.events |= POLLERR | POLLHUP;
	mutex_lock(&watch_lock);
	item = item_find(epoll, target, fd);
	if (operation == EPOLL_CTL_ADD)
		error = item ? -EEXIST : item_add(epoll, target, fd, event);
	else if (operation != EPOLL_CTL_DEL && operation != EPOLL_CTL_MOD)
		error = -EINVAL;
	else if (!item)
		error = -ENOENT;
	else if (operation == EPOLL_CTL_MOD)
		error = item_modify(item, event);
	else
		item_destroy(item);
	mutex_unlock(&watch_lock);
	return error;
}

static struct epoll_item *take_ready(struct epoll *epoll)
{
	unsigned long state = spin_lock_irqsave(&epoll->ready_lock);
	struct epoll_item *item = NULL;

	if (!list_empty(&epoll->ready)) {
		item = list_first_entry(&epoll->ready, struct epoll_item, ready_link);
		make_unready(item);
	}
	spin_unlock_irqrestore(&epoll->ready_lock, state);
	return item;
}

static void put_ready(struct epoll_item *item)
{
	unsigned long state = spin_lock_irqsave(&item->epoll->ready_lock);

	make_ready(item);
	spin_unlock_irqrestore(&item->epoll->ready_lock, state);
}

/* After it was reported: level-triggered ones are looked at again, oneshot ones rest. */
static void item_reported(struct epoll_item *item)
{
	unsigned long state = spin_lock_irqsave(&item->epoll->ready_lock);

	if (item->event.events & EPOLLONESHOT)
		item->event.events &= EVENT_FLAGS;
	else if (!(item->event.events & EPOLLET))
		make_ready(item);
	spin_unlock_irqrestore(&item->epoll->ready_lock, state);
}

/* Events to @to: how many, or -EFAULT. Each item that was ready at the start is looked at once. */
static long report(struct epoll *epoll, vaddr_t to, unsigned count)
{
	unsigned done = 0;
	long error = 0;

	mutex_lock(&epoll->lock);
	for (unsigned left = READ_ONCE(epoll->ready_count); left && done < count; left--) {
		struct epoll_item *item = take_ready(epoll);
		struct epoll_event event;

		if (!item)
			break;
		event = item->event;
		event.events &= file_poll(item->file, NULL);
		event.padding = 0;
		if (!event.events)
			continue;
		error = copy_out(to + done * sizeof(event), &event, sizeof(event));
		if (error) {
			put_ready(item);
			break;
		}
		item_reported(item);
		done++;
	}
	mutex_unlock(&epoll->lock);
	if (READ_ONCE(epoll->ready_count))
		wait_wake_one(&epoll->wait);
	return done ? (long)done : error;
}

static int wait_ready(struct epoll *epoll, u64 deadline)
{
	struct waiter waiter;
	int error = 0;

	wait_begin_exclusive(&epoll->wait, &waiter);
	while (!READ_ONCE(epoll->ready_count) && !error)
		error = wait_sleep(&waiter, deadline, WAIT_INTERRUPTIBLE);
	wait_end(&waiter);
	return error;
}

long epoll_wait(struct file *epoll_file, vaddr_t to, unsigned count, u64 deadline)
{
	struct epoll *epoll = epoll_file->private;
	int error = deadline ? 0 : -ETIMEDOUT;

	for (;;) {
		long result = READ_ONCE(epoll->ready_count) ? report(epoll, to, count) : 0;

		if (result)
			return result;
		if (error)
			return error == -ETIMEDOUT ? 0 : error;
		error = wait_ready(epoll, deadline);
	}
}

/* Ready when one of the ready list's files says so; the others leave the list. */
static u32 epoll_poll(struct file *file, struct poll_table *table)
{
	struct epoll *epoll = file->private;
	u32 events = 0;

	poll_wait(file, &epoll->watch, table);
	if (!READ_ONCE(epoll->ready_count))
		return 0;
	mutex_lock_nested(&epoll->lock);
	for (unsigned left = READ_ONCE(epoll->ready_count); left && !events; left--) {
		struct epoll_item *item = take_ready(epoll);

		if (!item)
			break;
		if (!(file_poll(item->file, NULL) & item->event.events))
			continue;
		put_ready(item);
		events = POLLIN | POLLRDNORM;
	}
	mutex_unlock(&epoll->lock);
	return events;
}

/* Seeking does nothing, as on Linux. */
static s64 epoll_seek(struct file *file, s64 offset, int whence)
{
	return 0;
}

static void epoll_release(struct file *file)
{
	struct epoll *epoll = file->private;

	mutex_lock(&watch_lock);
	while (!list_empty(&epoll->items))
		item_destroy(list_first_entry(&epoll->items, struct epoll_item, link));
	mutex_unlock(&watch_lock);
	kfree(epoll);
}

static void epoll_describe(struct file *file, struct text *text)
{
	struct epoll *epoll = file->private;
	struct epoll_item *item;

	/* No watched file goes away meanwhile. */
	mutex_lock(&watch_lock);
	list_for_each_entry(item, &epoll->items, link) {
		const struct vnode *vnode = item->file->vnode;

		text_format(text, "tfd: %8d events: %8x data: %16llx  pos:%ld ino:%lx sdev:%x\n",
			    item->fd, item->event.events, (unsigned long long)item->event.data,
			    (long)item->file->position, vnode ? (unsigned long)vnode->ino : 0,
			    vnode ? (unsigned)vnode->system->device : 0);
	}
	mutex_unlock(&watch_lock);
}

static const struct file_operations epoll_operations = {
	.poll = epoll_poll,
	.describe = epoll_describe,
	.seek = epoll_seek,
	.release = epoll_release,
};

struct file *epoll_create(void)
{
	struct epoll *epoll = kzalloc(sizeof(*epoll));
	struct file *file;

	if (!epoll)
		return ERR_PTR(-ENOMEM);
	mutex_init(&epoll->lock, RANK_NONE);
	spin_init(&epoll->ready_lock, RANK_WAIT);
	list_init(&epoll->items);
	list_init(&epoll->ready);
	wait_queue_init(&epoll->wait);
	wait_queue_init(&epoll->watch);
	file = file_create_unnamed("anon_inode:[eventpoll]", &epoll_operations, O_RDWR, epoll);
	if (IS_ERR(file))
		kfree(epoll);
	else
		epoll->file = file;
	return file;
}
