/* Processes and threads: clone, exec, exit, wait, groups and sessions. */
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/path.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/credentials.h>
#include <proc/pidfd.h>
#include <proc/process.h>
#include <proc/rusage.h>
#include <proc/spawn.h>
#include <proc/tree.h>
#include <proc/wait.h>
#include <sched/cpu.h>

enum { EXIT_SIGNAL_MASK = 0xff, CLONE_ARGS_MIN = 64, CLONE_ARGS_MAX = 88, PID_LEVELS_MAX = 32 };

/* struct clone_args of clone3(2). */
struct clone_args {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	u64 set_tid, set_tid_size, cgroup;
};
static_assert(sizeof(struct clone_args) == CLONE_ARGS_MAX, "clone3(2)");

SYSCALL_5(sys_clone, flags, stack, parent_tid, tls, child_tid)
{
	struct clone_request request = {
		.flags = (u32)flags & ~(u32)EXIT_SIGNAL_MASK,
		.pidfd = parent_tid,
		.exit_signal = flags & EXIT_SIGNAL_MASK,
		.child_tid = child_tid,
		.parent_tid = parent_tid,
		.stack = stack,
		.tls = tls,
	};

	/* They share the address. Without the one, CLONE_DETACHED has no meaning any more. */
	if (flags & CLONE_PIDFD && flags & CLONE_PARENT_SETTID)
		return -EINVAL;
	return process_clone(&request);
}

/*
 * What the caller's structure has beyond ours must be 0: it asks for something unknown otherwise.
 */
static int clone_args_in(struct clone_args *args, vaddr_t from, u64 size)
{
	u8 extra;

	memset(args, 0, sizeof(*args));
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_MIN)
		return -EINVAL;
	if (copy_in(args, from, MIN(size, sizeof(*args))))
		return -EFAULT;
	for (u64 at = sizeof(*args); at < size; at++) {
		if (copy_in(&extra, from + at, 1))
			return -EFAULT;
		if (extra)
			return -E2BIG;
	}
	return 0;
}

/* There is one level of ids, so at most one number can be asked for. */
static int wanted_tid_in(const struct clone_args *args, s32 *tid)
{
	*tid = 0;
	if (args->set_tid_size > PID_LEVELS_MAX || !args->set_tid != !args->set_tid_size)
		return -EINVAL;
	if (!args->set_tid)
		return 0;
	if (copy_in(tid, args->set_tid, sizeof(*tid)))
		return -EFAULT;
	if (args->set_tid_size > 1 || *tid < 1)
		return -EINVAL;
	return credentials_capable(CAP_SYS_ADMIN) || credentials_capable(CAP_CHECKPOINT_RESTORE)
		       ? 0
		       : -EPERM;
}

SYSCALL_2(sys_clone3, user_args, size)
{
	s32 tid;
	struct clone_args args;
	struct clone_request request;
	int error = clone_args_in(&args, user_args, size);

	if (error)
		return error;
	if (args.flags & (CLONE_DETACHED | EXIT_SIGNAL_MASK) ||
	    args.exit_signal & ~(u64)EXIT_SIGNAL_MASK)
		return -EINVAL;
	if (args.flags & CLONE_INTO_CGROUP && (args.cgroup > INT32_MAX || size < CLONE_ARGS_MAX))
		return -EINVAL;
	if (args.flags & (CLONE_THREAD | CLONE_PARENT) && args.exit_signal)
		return -EINVAL;
	if (!args.stack != !args.stack_size || args.stack + args.stack_size < args.stack)
		return -EINVAL;
	error = wanted_tid_in(&args, &tid);
	if (error)
		return error;
	/* There are no control groups, so that no descriptor is one's. */
	if (args.flags & CLONE_INTO_CGROUP)
		return -EBADF;
	request = (struct clone_request){
		.flags = args.flags,
		.pidfd = args.pidfd,
		.child_tid = args.child_tid,
		.parent_tid = args.parent_tid,
		.exit_signal = (u32)args.exit_signal,
		.stack = args.stack + args.stack_size,
		.tls = args.tls,
		.tid = tid,
	};
	return process_clone(&request);
}

SYSCALL_2(sys_spawn, args, size)
{
	return process_spawn(args, size);
}

SYSCALL_3(sys_execve, path, argv, envp)
{
	return process_exec(AT_FDCWD, path, argv, envp, 0);
}

SYSCALL_5(sys_execveat, fd, path, argv, envp, flags)
{
	return process_exec((int)fd, path, argv, envp, (int)flags);
}

SYSCALL_1(sys_exit, status)
{
	process_exit_thread((int)(status & 0xff) << 8);
}

SYSCALL_1(sys_exit_group, status)
{
	process_exit_group((int)(status & 0xff) << 8);
}

SYSCALL_1(sys_set_tid_address, address)
{
	thread_current()->user->clear_child_tid = address;
	return thread_current()->tid;
}

static int usage_out(vaddr_t address, const struct wait_result *result)
{
	struct resource_usage usage;

	if (!address)
		return 0;
	rusage_from(result->user_time, result->system_time, &result->counts, &usage);
	return copy_out(address, &usage, sizeof(usage));
}

SYSCALL_4(sys_wait4, pid_argument, status, options_argument, usage)
{
	const u32 known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
	s32 pid = (s32)pid_argument;
	u32 options = (u32)options_argument;
	struct wait_result result;
	int which = P_PID;
	s64 found;

	if (options & ~known)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid < -1) {
		which = P_PGID;
		pid = -pid;
	} else if (pid == -1) {
		which = P_ALL;
	} else if (!pid) {
		which = P_PGID;
		pid = process_current()->group_id->number;
	}
	found = process_wait(which, pid, (int)(options | WEXITED), &result);
	if (found <= 0)
		return found;
	if (status && copy_out(status, &result.status, sizeof(result.status)))
		return -EFAULT;
	return usage_out(usage, &result) ? -EFAULT : found;
}

/* siginfo_t has the status alone; wait4() has it together with how the child ended. */
static s32 plain_status(const struct wait_result *result)
{
	switch (result->code) {
	case CLD_EXITED:
	case CLD_STOPPED:
		return result->status >> 8 & 0xff;
	case CLD_CONTINUED:
		return SIGCONT;
	default:
		return result->status & 0x7f;
	}
}

/* Linux writes these fields alone, and zeros when WNOHANG found nothing. */
static int wait_info_out(vaddr_t address, const struct wait_result *result, bool found)
{
	struct signal_info info = { 0 };
	size_t size = offsetof(struct signal_info, child.status) + sizeof(info.child.status);

	if (!address)
		return 0;
	if (found) {
		info.signo = SIGCHLD;
		info.code = result->code;
		info.child.pid = result->pid;
		info.child.uid = result->uid;
		info.child.status = plain_status(result);
	}
	return copy_out(address, &info, size);
}

/* The number of a pidfd's process is nobody else's as long as it is open. */
static s64 wait_for_pidfd(int fd, u32 options, struct wait_result *result)
{
	struct file_hold hold = file_hold(fd);
	struct process *process = hold.file ? pidfd_process(hold.file) : NULL;
	bool blocks = true;
	s64 found = -EBADF;

	if (process) {
		blocks = options & WNOHANG || !(hold.file->flags & O_NONBLOCK);
		if (!blocks)
			options |= WNOHANG;
		found = process_wait(P_PID, process->id->number, (int)options, result);
	}
	if (hold.file)
		file_release(hold);
	return !found && !blocks ? -EAGAIN : found;
}

SYSCALL_5(sys_waitid, which_argument, id_argument, info, options_argument, usage)
{
	const u32 known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			  __WCLONE | __WALL;
	u32 options = (u32)options_argument;
	s32 id = (s32)id_argument;
	int which = (int)which_argument;
	struct wait_result result;
	s64 found;

	if (options & ~known || !(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	if (which < P_ALL || which > P_PIDFD || (which == P_PID && id <= 0) ||
	    (which != P_ALL && id < 0))
		return -EINVAL;
	if (which == P_PGID && !id)
		id = process_current()->group_id->number;
	if (which == P_PIDFD)
		found = wait_for_pidfd(id, options, &result);
	else
		found = process_wait(which, id, (int)options, &result);
	if (found < 0)
		return found;
	if (found && usage_out(usage, &result))
		return -EFAULT;
	return wait_info_out(info, &result, found > 0);
}

SYSCALL_0(sys_getpid)
{
	return process_current()->id->number;
}

SYSCALL_0(sys_gettid)
{
	return thread_current()->tid;
}

SYSCALL_0(sys_getppid)
{
	return READ_ONCE(process_current()->parent_pid);
}

SYSCALL_2(sys_setpgid, pid, group)
{
	return process_set_group((s32)pid, (s32)group);
}

static long group_or_session(s32 pid, bool session)
{
	struct process *process = process_find(pid ? pid : process_current()->id->number);
	unsigned long state;
	long number;

	if (!process)
		return -ESRCH;
	state = tree_lock();
	number = process->state == PROCESS_DEAD ? -ESRCH
		 : session			? process->session_id->number
						: process->group_id->number;
	tree_unlock(state);
	process_put(process);
	return number;
}

SYSCALL_1(sys_getpgid, pid)
{
	return group_or_session((s32)pid, false);
}

SYSCALL_1(sys_getsid, pid)
{
	return group_or_session((s32)pid, true);
}

SYSCALL_0(sys_setsid)
{
	return process_new_session();
}
