/* POSIX message queues: mq_open(2) and its family. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/time.h>
#include <arch/user.h>
#include <fs/mqueue/mqueue.h>
#include <lib/err.h>
#include <mm/slab.h>
#include <net/unix.h>
#include <proc/posix_timer.h>
#include <proc/process.h>
#include <sched/timer.h>

/* SIGEV_THREAD: a cookie that the C library wants back through a netlink socket. */
enum { COOKIE_SIZE = 32 };

SYSCALL_4(sys_mq_open, name, flags, mode, attributes_address)
{
	struct mqueue_attributes attributes;
	struct file *file;
	char *text;

	if (attributes_address && copy_in(&attributes, attributes_address, sizeof(attributes)))
		return -EFAULT;
	text = path_copy_in(name, false);
	if (IS_ERR(text))
		return PTR_ERR(text);
	file = mqueue_open(text, (u32)flags, (u32)mode, attributes_address ? &attributes : NULL);
	kfree(text);
	return fd_give(file, true);
}

SYSCALL_1(sys_mq_unlink, name)
{
	char *text = path_copy_in(name, false);
	int error;

	if (IS_ERR(text))
		return PTR_ERR(text);
	error = mqueue_unlink(text);
	kfree(text);
	return error;
}

/* The queue of @fd. */
static struct file_hold queue_hold(unsigned long fd)
{
	struct file_hold hold = file_hold((int)fd);

	if (hold.file && !mqueue_is(hold.file)) {
		file_release(hold);
		hold.file = NULL;
	}
	return hold;
}

/* An absolute time of CLOCK_REALTIME, or 0 for none, as a deadline. */
static int deadline_in(vaddr_t timeout, u64 *deadline)
{
	s64 offset = time_realtime_offset();
	u64 at;
	int error;

	*deadline = WAIT_FOREVER;
	if (!timeout)
		return 0;
	error = time_spec_in(timeout, &at);
	if (error)
		return error;
	if (at != WAIT_FOREVER)
		*deadline = (s64)at > offset ? at - (u64)offset : 1;
	return 0;
}

SYSCALL_5(sys_mq_timedsend, fd, data, size, priority, timeout)
{
	struct io_iterator iterator;
	struct file_hold hold;
	u64 deadline;
	int error = deadline_in(timeout, &deadline);

	if (error)
		return error;
	if ((u32)priority >= MQUEUE_PRIORITIES)
		return -EINVAL;
	hold = queue_hold(fd);
	if (!hold.file)
		return -EBADF;
	io_user(&iterator, data, size, false);
	if (!file_writable(hold.file))
		error = -EBADF;
	else if (size > MQUEUE_SIZE_HARD)
		error = -EMSGSIZE;
	else if (!user_range_valid(data, size))
		error = -EFAULT;
	else
		error = mqueue_send(hold.file, &iterator, (u32)priority, deadline);
	file_release(hold);
	return error;
}

SYSCALL_5(sys_mq_timedreceive, fd, data, size, priority_address, timeout)
{
	struct io_iterator iterator;
	struct file_hold hold;
	u64 deadline;
	u32 priority;
	long result = deadline_in(timeout, &deadline);

	if (result)
		return result;
	hold = queue_hold(fd);
	if (!hold.file)
		return -EBADF;
	io_user(&iterator, data, size, true);
	if (!file_readable(hold.file))
		result = -EBADF;
	else
		result = mqueue_receive(hold.file, &iterator, &priority, deadline);
	file_release(hold);
	if (result >= 0 && priority_address &&
	    copy_out(priority_address, &priority, sizeof(priority)))
		return -EFAULT;
	return result;
}

/* There is no netlink, so that no descriptor can be what SIGEV_THREAD wants. */
static int check_thread_notice(const struct signal_event *event)
{
	u8 cookie[COOKIE_SIZE];
	struct file_hold hold;
	int error;

	if (copy_in(cookie, event->value, sizeof(cookie)))
		return -EFAULT;
	hold = file_hold(event->signo);
	if (!hold.file)
		return -EBADF;
	error = file_is_socket(hold.file) ? -EINVAL : -ENOTSOCK;
	file_release(hold);
	return error;
}

static int notice_in(vaddr_t from, struct mqueue_notice *notice)
{
	struct signal_event event;

	if (copy_in(&event, from, sizeof(event)))
		return -EFAULT;
	if (event.notify != MQUEUE_NOTICE_SIGNAL && event.notify != MQUEUE_NOTICE_NONE &&
	    event.notify != MQUEUE_NOTICE_THREAD)
		return -EINVAL;
	if (event.notify == MQUEUE_NOTICE_SIGNAL && (u32)event.signo > SIGNAL_MAX)
		return -EINVAL;
	if (event.notify == MQUEUE_NOTICE_THREAD)
		return check_thread_notice(&event);
	*notice = (struct mqueue_notice){ (enum mqueue_notice_kind)event.notify, event.signo,
					  event.value };
	return 0;
}

SYSCALL_2(sys_mq_notify, fd, event_address)
{
	struct mqueue_notice notice;
	struct file_hold hold;
	int error = event_address ? notice_in(event_address, &notice) : 0;

	if (error)
		return error;
	hold = queue_hold(fd);
	if (!hold.file)
		return -EBADF;
	error = mqueue_notify(hold.file, event_address ? &notice : NULL);
	file_release(hold);
	return error;
}

SYSCALL_3(sys_mq_getsetattr, fd, new_address, old_address)
{
	struct mqueue_attributes new, old;
	struct file_hold hold;

	if (new_address && copy_in(&new, new_address, sizeof(new)))
		return -EFAULT;
	if (new_address && new.flags & ~(s64)O_NONBLOCK)
		return -EINVAL;
	hold = queue_hold(fd);
	if (!hold.file)
		return -EBADF;
	mqueue_get_attributes(hold.file, &old);
	if (new_address && new.flags & O_NONBLOCK)
		__atomic_fetch_or(&hold.file->flags, (u32)O_NONBLOCK, __ATOMIC_RELAXED);
	else if (new_address)
		__atomic_fetch_and(&hold.file->flags, ~(u32)O_NONBLOCK, __ATOMIC_RELAXED);
	file_release(hold);
	return old_address && copy_out(old_address, &old, sizeof(old)) ? -EFAULT : 0;
}
