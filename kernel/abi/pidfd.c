/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). */
#include <abi/handler.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/pidfd.h>
#include <proc/process.h>
#include <proc/signal_queue.h>

SYSCALL_2(sys_pidfd_open, pid, flags)
{
	if ((u32)flags & ~(PIDFD_NONBLOCK | PIDFD_THREAD) || (s32)pid <= 0)
		return -EINVAL;
	return fd_give(pidfd_open((s32)pid, (u32)flags), true);
}

/* As rt_sigqueueinfo(2): only to oneself may a program pretend that the kernel or kill(2) sent it. */
static int info_in(struct signal_info *info, vaddr_t from, int signo, const struct file *file)
{
	int error = signal_info_in(info, from);

	if (error)
		return error;
	if (info->signo != signo)
		return -EINVAL;
	if (pidfd_process(file) != process_current() && (info->code >= 0 || info->code == SI_TKILL))
		return -EPERM;
	return 0;
}

SYSCALL_4(sys_pidfd_send_signal, fd, signo, user_info, flags)
{
	const u32 known = PIDFD_SIGNAL_THREAD | PIDFD_SIGNAL_THREAD_GROUP |
			  PIDFD_SIGNAL_PROCESS_GROUP;
	struct signal_info info = signal_info_user((int)signo, SI_USER);
	struct file_hold hold;
	int error = 0;

	if ((u32)flags & ~known || (u32)flags & ((u32)flags - 1))
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	if (user_info)
		error = info_in(&info, user_info, (int)signo, hold.file);
	if (!error && (int)signo && !signal_number_valid((int)signo))
		error = -EINVAL;
	if (!error)
		error = pidfd_signal(hold.file, &info, (u32)flags);
	file_release(hold);
	return error;
}

SYSCALL_3(sys_pidfd_getfd, fd, target, flags)
{
	struct file_hold hold;
	struct file *found;

	if ((u32)flags)
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	found = pidfd_get_file(hold.file, (int)target);
	file_release(hold);
	return fd_give(found, true);
}
