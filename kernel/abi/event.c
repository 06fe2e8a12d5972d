/* eventfd(2), epoll(7), timerfd_create(2), signalfd(2). */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/time.h>
#include <arch/user.h>
#include <fs/epoll.h>
#include <fs/file.h>
#include <fs/signalfd.h>
#include <fs/timerfd.h>
#include <lib/err.h>
#include <proc/clock.h>
#include <proc/process.h>

enum { EFD_SEMAPHORE = 1, EVENTS_MAX = INT32_MAX / sizeof(struct epoll_event) };

SYSCALL_2(sys_eventfd2, count, flags)
{
	if ((u32)flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return fd_give(eventfd_create(count, flags & EFD_SEMAPHORE, flags & O_NONBLOCK),
		       flags & O_CLOEXEC);
}

SYSCALL_1(sys_epoll_create1, flags)
{
	if ((u32)flags & ~O_CLOEXEC)
		return -EINVAL;
	return fd_give(epoll_create(), flags & O_CLOEXEC);
}

static long change(struct file *epoll, int operation, struct file *target, int fd,
		   const struct epoll_event *event)
{
	if (!target->operations->poll)
		return -EPERM;
	if (epoll == target || !epoll_is(epoll))
		return -EINVAL;
	return epoll_change(epoll, operation, target, fd, *event);
}

SYSCALL_4(sys_epoll_ctl, epoll_fd, operation, fd, address)
{
	struct epoll_event event = { 0 };
	struct file_hold epoll, target;
	long result = -EBADF;

	if ((int)operation != EPOLL_CTL_DEL && copy_in(&event, address, sizeof(event)))
		return -EFAULT;
	epoll = file_hold((int)epoll_fd);
	if (!epoll.file)
		return -EBADF;
	target = file_hold((int)fd);
	if (target.file) {
		result = change(epoll.file, (int)operation, target.file, (int)fd, &event);
		file_release(target);
	}
	file_release(epoll);
	return result;
}

static long wait_user(int epoll_fd, vaddr_t events, s32 count, u64 deadline)
{
	struct file_hold hold;
	long result = -EINVAL;

	if (count <= 0 || count > (s32)EVENTS_MAX)
		return -EINVAL;
	if (!user_range_valid(events, count * sizeof(struct epoll_event)))
		return -EFAULT;
	hold = file_hold(epoll_fd);
	if (!hold.file)
		return -EBADF;
	if (epoll_is(hold.file))
		result = epoll_wait(hold.file, events, count, deadline);
	file_release(hold);
	return result;
}

static u64 deadline_after(u64 ns)
{
	u64 now = time_now();

	if (!ns)
		return 0;
	return ns < WAIT_FOREVER - now ? now + ns : WAIT_FOREVER;
}

SYSCALL_6(sys_epoll_pwait, fd, events, count, timeout, mask, mask_size)
{
	s32 ms = timeout;
	long result = signal_mask_begin(mask, mask_size);

	if (result)
		return result;
	result = wait_user((int)fd, events, (s32)count,
			   ms < 0 ? WAIT_FOREVER : deadline_after(ms * 1000000ull));
	signal_mask_end(result == -EINTR);
	return result;
}

SYSCALL_6(sys_epoll_pwait2, fd, events, count, timeout, mask, mask_size)
{
	u64 ns = 0;
	long result = timeout ? time_spec_in(timeout, &ns) : 0;

	if (!result)
		result = signal_mask_begin(mask, mask_size);
	if (result)
		return result;
	result =
		wait_user((int)fd, events, (s32)count, timeout ? deadline_after(ns) : WAIT_FOREVER);
	signal_mask_end(result == -EINTR);
	return result;
}

SYSCALL_2(sys_timerfd_create, clock, flags)
{
	if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if ((int)clock != CLOCK_REALTIME && (int)clock != CLOCK_MONOTONIC &&
	    (int)clock != CLOCK_BOOTTIME)
		return -EINVAL;
	return fd_give(timerfd_create((int)clock == CLOCK_REALTIME, flags & O_NONBLOCK),
		       flags & O_CLOEXEC);
}

/* struct itimerspec: the interval, then the value. */
static int setting_in(vaddr_t address, struct timerfd_setting *setting)
{
	int error = time_spec_in(address, &setting->interval);

	return error ? error : time_spec_in(address + sizeof(struct time_spec), &setting->value);
}

static int setting_out(vaddr_t address, const struct timerfd_setting *setting)
{
	int error = time_spec_out(address, setting->interval);

	return error ? error : time_spec_out(address + sizeof(struct time_spec), setting->value);
}

SYSCALL_4(sys_timerfd_settime, fd, flags, new_address, old_address)
{
	struct timerfd_setting new, old;
	struct file_hold hold;
	long result = setting_in(new_address, &new);

	if (result)
		return result;
	if ((u32)flags & ~(TIMERFD_ABSOLUTE | TIMERFD_CANCEL_ON_SET))
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	if (timerfd_is(hold.file))
		result = timerfd_set(hold.file, &new, (u32)flags, &old);
	else
		result = -EINVAL;
	file_release(hold);
	return !result && old_address ? setting_out(old_address, &old) : result;
}

SYSCALL_2(sys_timerfd_gettime, fd, address)
{
	struct timerfd_setting setting;
	struct file_hold hold = file_hold((int)fd);
	bool known;

	if (!hold.file)
		return -EBADF;
	known = timerfd_is(hold.file);
	if (known)
		timerfd_get(hold.file, &setting);
	file_release(hold);
	return known ? setting_out(address, &setting) : -EINVAL;
}

SYSCALL_4(sys_signalfd4, fd, address, size, flags)
{
	struct file_hold hold;
	long result = (s32)fd;
	u64 set;

	if (size != sizeof(set))
		return -EINVAL;
	if (copy_in(&set, address, sizeof(set)))
		return -EFAULT;
	if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if ((s32)fd == -1)
		return fd_give(signalfd_create(set, flags & O_NONBLOCK), flags & O_CLOEXEC);
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	if (signalfd_is(hold.file))
		signalfd_set(hold.file, set);
	else
		result = -EINVAL;
	file_release(hold);
	return result;
}
