/*
 * /dev/kmsg: the log as records, one for each read(2):
 *
 *	priority,number,microseconds,-;text
 *
 * with bytes that are no plain text as \xNN. A write(2) is a record of a program's.
 */
#include <boot/initcall.h>
#include <debug/log.h>
#include <fs/device_node.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/wait.h>

enum { KMSG_MINOR = 11, WRITE_MAX = 1024 - 32, FACILITY_USER = 1, LEVELS = 8, LEVEL_DEFAULT = 4 };
enum { HEADER_MAX = 64, LINE_MAX = HEADER_MAX + 4 * LOG_TEXT_MAX };
enum { FROM_START = 0, FROM_END = 2, FROM_DATA = 3 }; /* lseek(2) */

struct kmsg_reader {
	struct mutex lock;	  /* RANK_INODE */
	struct log_cursor next;	  /* [lock; atomic read] */
	struct log_record record; /* [lock] */
	char line[LINE_MAX];	  /* [lock] */
};

static int kmsg_open(struct vnode *vnode, struct file *file)
{
	struct kmsg_reader *reader = kmalloc(sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	mutex_init(&reader->lock, RANK_INODE);
	reader->next = log_first();
	file->private = reader;
	return 0;
}

static void kmsg_release(struct file *file)
{
	kfree(file->private);
}

/* [lock] The record as a line: its size. */
static size_t make_line(struct kmsg_reader *reader)
{
	const struct log_record *record = &reader->record;
	size_t size = (size_t)scnprintf(reader->line, HEADER_MAX, "%u,%lu,%lu,-;", record->priority,
					(unsigned long)record->number,
					(unsigned long)record->microseconds);

	for (size_t i = 0; i < record->size; i++) {
		u8 c = (u8)record->text[i];

		if (c < ' ' || c >= 0x7f || c == '\\')
			size += (size_t)scnprintf(reader->line + size, LINE_MAX - size, "\\x%02x",
						  c);
		else
			reader->line[size++] = (char)c;
	}
	reader->line[size++] = '\n';
	return size;
}

/* [lock] */
static ssize_t read_record(struct kmsg_reader *reader, struct io_iterator *iterator)
{
	int result = log_read_record(&reader->next, &reader->record);
	size_t size;

	if (result <= 0)
		return result;
	size = make_line(reader);
	/* It is lost for this reader, as on Linux. */
	if (size > iterator->left)
		return -EINVAL;
	return io_copy(iterator, reader->line, size) == size ? (ssize_t)size : -EFAULT;
}

static ssize_t kmsg_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct kmsg_reader *reader = file->private;
	ssize_t result;

	for (;;) {
		mutex_lock(&reader->lock);
		result = read_record(reader, iterator);
		mutex_unlock(&reader->lock);
		if (result)
			return result;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&log_wait,
					     READ_ONCE(reader->next.position) != log_end()))
			return -ERESTARTSYS;
	}
}

/* A "<priority>" in front is the writer's, but nobody else speaks as the kernel. */
static const char *take_priority(const char *text, unsigned *priority)
{
	const char *end;
	u64 value;

	*priority = FACILITY_USER * LEVELS + LEVEL_DEFAULT;
	if (text[0] != '<' || parse_u64(text + 1, &end, 10, &value) || *end != '>' ||
	    value > UINT32_MAX)
		return text;
	if (value < LEVELS)
		value += FACILITY_USER * LEVELS;
	*priority = (unsigned)value;
	return end + 1;
}

static ssize_t kmsg_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	size_t size = iterator->left;
	unsigned priority;
	const char *line;
	char *text;

	if (size > WRITE_MAX)
		return -EINVAL;
	text = kmalloc(size + 1);
	if (!text)
		return -ENOMEM;
	if (io_copy(iterator, text, size) != size) {
		kfree(text);
		return -EFAULT;
	}
	text[size] = '\0';
	line = take_priority(text, &priority);
	log_write_priority(priority, line);
	kfree(text);
	return (ssize_t)size;
}

static u32 kmsg_poll(struct file *file, struct poll_table *table)
{
	struct kmsg_reader *reader = file->private;

	poll_wait(file, &log_wait, table);
	return READ_ONCE(reader->next.position) != log_end() ? POLLIN | POLLRDNORM : 0;
}

static s64 kmsg_seek(struct file *file, s64 offset, int whence)
{
	struct kmsg_reader *reader = file->private;
	struct log_cursor to;

	if (offset)
		return -ESPIPE;
	if (whence == FROM_START)
		to = log_first();
	else if (whence == FROM_END)
		to = log_last();
	else if (whence == FROM_DATA)
		to = log_cleared();
	else
		return -EINVAL;
	mutex_lock(&reader->lock);
	reader->next = to;
	mutex_unlock(&reader->lock);
	return 0;
}

static const struct file_operations kmsg_operations = {
	.open = kmsg_open,
	.release = kmsg_release,
	.read = kmsg_read,
	.write = kmsg_write,
	.poll = kmsg_poll,
	.seek = kmsg_seek,
	.write_flags = true,
};

static int kmsg_start(void)
{
	return device_node_register("kmsg", S_IFCHR | 0644, DEVICE_NUMBER(MAJOR_MEM, KMSG_MINOR),
				    &kmsg_operations, NULL);
}
INITCALL_CORE(kmsg_start);
