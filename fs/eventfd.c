/* eventfd(2): a counter that is read and written in words of 8 bytes. */
#include <fs/file.h>
#include <fs/text.h>
#include <lib/err.h>
#include <mm/slab.h>

enum { WORD = sizeof(u64) };
#define COUNT_MAX (~(u64)0 - 1)

struct eventfd {
	struct mutex lock; /* RANK_INODE */
	struct wait_queue read_wait, write_wait;
	u64 count;	/* [lock; atomic read] */
	bool semaphore; /* [const] a read takes 1, not all */
	u32 id;		/* [const] for /proc/PID/fdinfo */
};

static struct atomic32 last_id;

/* Under the lock: what a read gets, or 0. */
static u64 take(struct eventfd *event)
{
	u64 count = event->count;

	if (count && event->semaphore)
		count = 1;
	WRITE_ONCE(event->count, event->count - count);
	return count;
}

static ssize_t eventfd_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct eventfd *event = file->private;
	u64 count;

	if (iterator->left < WORD)
		return -EINVAL;
	for (;;) {
		mutex_lock(&event->lock);
		count = take(event);
		mutex_unlock(&event->lock);
		if (count)
			break;
		if (io_must_not_wait(file, iterator))
			return -EAGAIN;
		if (wait_event_interruptible(&event->read_wait, READ_ONCE(event->count)))
			return -ERESTARTSYS;
	}
	wait_wake_events(&event->write_wait, ~0u, POLLOUT);
	return io_copy(iterator, &count, WORD) == WORD ? WORD : -EFAULT;
}

static bool add(struct eventfd *event, u64 count)
{
	bool fits;

	mutex_lock(&event->lock);
	fits = count <= COUNT_MAX - event->count;
	if (fits)
		WRITE_ONCE(event->count, event->count + count);
	mutex_unlock(&event->lock);
	return fits;
}

static ssize_t eventfd_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct eventfd *event = file->private;
	u64 count;

	if (iterator->left < WORD)
		return -EINVAL;
	if (io_copy(iterator, &count, WORD) != WORD)
		return -EFAULT;
	if (count > COUNT_MAX)
		return -EINVAL;
	while (!add(event, count)) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&event->write_wait,
					     count <= COUNT_MAX - READ_ONCE(event->count)))
			return -ERESTARTSYS;
	}
	wait_wake_events(&event->read_wait, ~0u, POLLIN);
	return WORD;
}

static u32 eventfd_poll(struct file *file, struct poll_table *table)
{
	struct eventfd *event = file->private;
	u32 events = 0;
	u64 count;

	poll_wait(file, &event->read_wait, table);
	poll_wait(file, &event->write_wait, table);
	count = READ_ONCE(event->count);
	if (count)
		events |= POLLIN;
	if (count < COUNT_MAX)
		events |= POLLOUT;
	return events;
}

/* Seeking does nothing, as on Linux. */
static s64 eventfd_seek(struct file *file, s64 offset, int whence)
{
	return 0;
}

static void eventfd_describe(struct file *file, struct text *text)
{
	const struct eventfd *event = file->private;

	text_format(text, "eventfd-count: %16llx\neventfd-id: %u\neventfd-semaphore: %d\n",
		    (unsigned long long)READ_ONCE(event->count), event->id, event->semaphore);
}

static void eventfd_release(struct file *file)
{
	kfree(file->private);
}

static const struct file_operations eventfd_operations = {
	.read = eventfd_read,
	.write = eventfd_write,
	.seek = eventfd_seek,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.describe = eventfd_describe,
	.read_flags = true,
	.no_wait = true,
};

struct file *eventfd_create(u32 count, bool semaphore, u32 flags)
{
	struct eventfd *event = kzalloc(sizeof(*event));
	struct file *file;

	if (!event)
		return ERR_PTR(-ENOMEM);
	mutex_init(&event->lock, RANK_INODE);
	wait_queue_init(&event->read_wait);
	wait_queue_init(&event->write_wait);
	event->count = count;
	event->semaphore = semaphore;
	event->id = atomic32_inc_return(&last_id);
	file = file_create_unnamed("anon_inode:[eventfd]", &eventfd_operations, O_RDWR | flags,
				   event);
	if (IS_ERR(file))
		kfree(event);
	return file;
}
