/* Memory devices: null(4), zero(4), full(4), random(4), and the log as kmsg. */
#include <boot/initcall.h>
#include <debug/log.h>
#include <dev/random.h>
#include <fs/device_node.h>
#include <lib/err.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/process.h>
#include <sched/cpu.h>

static ssize_t read_nothing(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return 0;
}

static ssize_t write_swallow(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t size = iterator->left;

	iterator->left = 0;
	return size;
}

static ssize_t write_full(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return -ENOSPC;
}

static s64 seek_nowhere(struct file *file, s64 offset, int whence)
{
	file->position = 0;
	return 0;
}

static ssize_t read_zeros(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t total = 0;

	while (iterator->left) {
		size_t wanted = MIN(iterator->left, (size_t)PAGE_SIZE);
		size_t done = io_zero(iterator, wanted);

		total += done;
		if (done < wanted)
			return total ? total : -EFAULT;
		if (signal_pending())
			break;
		schedule_if_needed();
	}
	return total ? total : iterator->left ? -ERESTARTSYS : 0;
}

/* Anonymous memory; when shared, space_map() makes an object of it (mm-hazards 3). */
static int map_zeros(struct file *file, struct map_request *request)
{
	request->offset = 0;
	return 0;
}

static ssize_t read_random(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t total = 0;
	u8 data[256];

	while (iterator->left) {
		size_t wanted = MIN(iterator->left, sizeof(data)), done;

		random_bytes(data, wanted);
		done = io_copy(iterator, data, wanted);
		total += done;
		if (done < wanted)
			return total ? total : -EFAULT;
		if (signal_pending())
			break;
		schedule_if_needed();
	}
	return total ? total : iterator->left ? -ERESTARTSYS : 0;
}

static ssize_t write_random(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t total = 0;
	u8 data[256];

	while (iterator->left && !signal_pending()) {
		size_t done = io_copy(iterator, data, MIN(iterator->left, sizeof(data)));

		if (!done)
			return total ? total : -EFAULT;
		random_add(data, done);
		total += done;
	}
	return total;
}

/* kmsg: each open file reads from the oldest record on, and waits for new ones. */
struct kmsg_reader {
	u64 sequence;
};

static struct wait_queue kmsg_wait = WAIT_QUEUE_INIT(kmsg_wait);

static void kmsg_news(void)
{
	if (wait_queue_active(&kmsg_wait))
		wait_wake_all(&kmsg_wait);
}

static int kmsg_open(struct vnode *vnode, struct file *file)
{
	file->private = kzalloc(sizeof(struct kmsg_reader));
	return file->private ? 0 : -ENOMEM;
}

static void kmsg_release(struct file *file)
{
	kfree(file->private);
}

static ssize_t kmsg_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct kmsg_reader *reader = file->private;
	char text[1024];
	size_t size;
	int error;

	if (file->flags & O_NONBLOCK && reader->sequence == log_end())
		return -EAGAIN;
	error = wait_event_interruptible(&kmsg_wait, reader->sequence != log_end());
	if (error)
		return -ERESTARTSYS;
	size = log_read(&reader->sequence, text, MIN(sizeof(text), iterator->left));
	if (!size && iterator->left)
		return -EINVAL;
	return io_copy(iterator, text, size) == size ? (ssize_t)size : -EFAULT;
}

static ssize_t kmsg_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	char text[256];
	size_t size = io_copy(iterator, text, MIN(iterator->left, sizeof(text) - 1));
	char *line = text;

	if (!size)
		return iterator->left ? -EFAULT : 0;
	text[size] = '\0';
	/* A "<level>" in front is the writer's priority; the facility part is not kept. */
	if (text[0] == '<')
		while (*line && *line++ != '>')
			;
	log_write(LOG_INFO, "%s%s", line, text[size - 1] == '\n' ? "" : "\n");
	return size;
}

static u32 kmsg_poll(struct file *file, struct poll_table *table)
{
	struct kmsg_reader *reader = file->private;

	poll_wait(file, &kmsg_wait, table);
	return (reader->sequence != log_end() ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM;
}

static s64 kmsg_seek(struct file *file, s64 offset, int whence)
{
	struct kmsg_reader *reader = file->private;

	if (offset)
		return -ESPIPE;
	reader->sequence = whence == 2 ? log_end() : 0;
	return 0;
}

static const struct file_operations null_operations = {
	.read = read_nothing,
	.write = write_swallow,
	.seek = seek_nowhere,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};
static const struct file_operations zero_operations = {
	.read = read_zeros,
	.write = write_swallow,
	.seek = seek_nowhere,
	.map = map_zeros,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};
static const struct file_operations full_operations = {
	.read = read_zeros,
	.write = write_full,
	.seek = seek_nowhere,
	.seekable = true,
	.read_flags = true,
};
static const struct file_operations random_operations = {
	.read = read_random,
	.write = write_random,
	.seek = seek_nowhere,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};
static const struct file_operations kmsg_operations = {
	.open = kmsg_open,
	.release = kmsg_release,
	.read = kmsg_read,
	.write = kmsg_write,
	.poll = kmsg_poll,
	.seek = kmsg_seek,
	.write_flags = true,
};

static int mem_start(void)
{
	static const struct {
		const char *name;
		u32 minor, mode;
		const struct file_operations *operations;
	} nodes[] = {
		{ "null", 3, 0666, &null_operations },
		{ "zero", 5, 0666, &zero_operations },
		{ "full", 7, 0666, &full_operations },
		{ "random", 8, 0666, &random_operations },
		{ "urandom", 9, 0666, &random_operations },
		{ "kmsg", 11, 0644, &kmsg_operations },
	};

	log_notify = kmsg_news;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		int error = device_node_register(nodes[i].name, S_IFCHR | nodes[i].mode,
						 DEVICE_NUMBER(MAJOR_MEM, nodes[i].minor),
						 nodes[i].operations, NULL);
		if (error)
			return error;
	}
	return 0;
}
INITCALL_CORE(mem_start);
