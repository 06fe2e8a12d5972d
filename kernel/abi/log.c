/* syslog(2). */
#include <abi/handler.h>
#include <arch/user.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <sched/wait.h>

enum {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER,
	SYSLOG_BLOCK = 4096,
	LEVEL_DEFAULT = 7,
	LEVEL_MIN = 1,
	LEVEL_MAX = 8,
};

/* What SYSLOG_READ takes, nobody else gets. */
static struct mutex taken_lock = MUTEX_INIT(taken_lock);
static u64 taken_position; /* [taken_lock; atomic read] */

/* How many bytes there are to show, in records as log_read() formats them. */
static u64 log_size(u64 position, char *block)
{
	u64 total = 0;
	size_t part;

	while ((part = log_read(&position, block, SYSLOG_BLOCK)))
		total += part;
	return total;
}

/* The newest whole records that fit. */
static long log_copy_out(vaddr_t to, u64 size, char *block)
{
	u64 position = log_cleared().position, total = log_size(position, block), done = 0;
	size_t part;

	while ((part = log_read(&position, block, SYSLOG_BLOCK))) {
		char *start = block, *end = block + part;

		while (start < end && total > size) {
			char *next = memchr(start, '\n', (size_t)(end - start));
			size_t line = (size_t)((next ? next + 1 : end) - start);

			start += line;
			total -= MIN(total, line);
		}
		part = MIN((size_t)(end - start), (size_t)(size - done));
		if (part && copy_out(to + done, start, part))
			return -EFAULT;
		done += part;
	}
	return (long)done;
}

static long log_read_all(vaddr_t to, s32 size, bool clear)
{
	char *block;
	long result;

	if (!to || size < 0)
		return -EINVAL;
	if (!size)
		return 0;
	block = kmalloc(SYSLOG_BLOCK);
	if (!block)
		return -ENOMEM;
	result = log_copy_out(to, (u64)size, block);
	if (clear && result >= 0)
		log_clear();
	kfree(block);
	return result;
}

/* [taken_lock] What fits of what nobody has read: bytes, or -EFAULT with nothing lost. */
static long take(vaddr_t to, u64 size, char *block)
{
	u64 position = taken_position, done = 0;

	while (done < size) {
		size_t part = log_read(&position, block, MIN(size - done, (u64)SYSLOG_BLOCK));

		if (!part)
			break;
		if (copy_out(to + done, block, part))
			return done ? (long)done : -EFAULT;
		done += part;
		WRITE_ONCE(taken_position, position);
	}
	return (long)done;
}

static long log_take(vaddr_t to, s32 size)
{
	char *block;
	long result = 0;

	if (!to || size < 0)
		return -EINVAL;
	if (!size)
		return 0;
	block = kmalloc(SYSLOG_BLOCK);
	if (!block)
		return -ENOMEM;
	while (!result) {
		if (wait_event_interruptible(&log_wait, log_end() != READ_ONCE(taken_position))) {
			result = -ERESTARTSYS;
			break;
		}
		mutex_lock(&taken_lock);
		result = take(to, (u64)size, block);
		mutex_unlock(&taken_lock);
	}
	kfree(block);
	return result;
}

SYSCALL_3(sys_syslog, type, address, size)
{
	if (!credentials_capable(CAP_SYS_ADMIN) && (int)type != SYSLOG_READ_ALL &&
	    (int)type != SYSLOG_SIZE_BUFFER)
		return -EPERM;
	switch ((int)type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_READ:
		return log_take(address, (s32)size);
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		return log_read_all(address, (s32)size, (int)type == SYSLOG_READ_CLEAR);
	case SYSLOG_CLEAR:
		log_clear();
		return 0;
	case SYSLOG_CONSOLE_OFF:
		log_set_console_level(LEVEL_MIN);
		return 0;
	case SYSLOG_CONSOLE_ON:
		log_set_console_level(LEVEL_DEFAULT);
		return 0;
	case SYSLOG_CONSOLE_LEVEL:
		if ((s32)size < LEVEL_MIN || (s32)size > LEVEL_MAX)
			return -EINVAL;
		log_set_console_level((int)size);
		return 0;
	case SYSLOG_SIZE_UNREAD:
		return (long)log_unread(READ_ONCE(taken_position));
	case SYSLOG_SIZE_BUFFER:
		return LOG_RING_SIZE;
	default:
		return -EINVAL;
	}
}
