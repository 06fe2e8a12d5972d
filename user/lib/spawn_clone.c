/*
 * posix_spawn for kernels without the spawn call. The child shares the caller's memory until its
 * exec, so it runs on a stack of its own, with all signals blocked, and never returns.
 */
#define _GNU_SOURCE
#include "spawn_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_STACK = 64 << 10, SIGNALS = 64 };

struct child {
	const struct selene_spawn_args *args;
	const posix_spawnattr_t *attr;
	uint64_t mask; /* the caller's */
	int error;     /* written by the child */
};

static int failed(long result)
{
	return result < 0 ? errno : 0;
}

/* Handlers must be gone before signals are let in again: they are the parent's code and data. */
static void child_signals(const struct selene_spawn_args *args)
{
	uint64_t defaults = args->flags & SELENE_SPAWN_SETSIGDEF ? args->sigdefault : 0;
	struct sigaction action, plain = { .sa_handler = SIG_DFL };
	for (int sig = 1; sig <= SIGNALS; sig++) {
		int wanted = defaults >> (sig - 1) & 1;
		if (!wanted && (sigaction(sig, NULL, &action) < 0 || action.sa_handler == SIG_IGN ||
				action.sa_handler == SIG_DFL))
			continue;
		sigaction(sig, &plain, NULL);
	}
}

static int child_scheduling(const posix_spawnattr_t *attr)
{
	struct sched_param param;
	short flags = 0;
	int policy;
	if (attr)
		posix_spawnattr_getflags(attr, &flags);
	if (!(flags & (POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_SETSCHEDPARAM)))
		return 0;
	posix_spawnattr_getschedparam(attr, &param);
	posix_spawnattr_getschedpolicy(attr, &policy);
	if (flags & POSIX_SPAWN_SETSCHEDULER)
		return failed(sched_setscheduler(0, policy, &param));
	return failed(sched_setparam(0, &param));
}

/* The raw calls: the C library's would change every thread, and these are the parent's. */
static int child_ids(const struct selene_spawn_args *args)
{
	int error = 0;
	if (args->flags & SELENE_SPAWN_SETSID)
		error = failed(setsid());
	if (!error && (args->flags & SELENE_SPAWN_SETPGROUP))
		error = failed(setpgid(0, args->pgroup));
	if (!error && (args->flags & SELENE_SPAWN_RESETIDS)) {
		error = failed(syscall(SYS_setresgid, -1, getgid(), -1));
		error = error ? error : failed(syscall(SYS_setresuid, -1, getuid(), -1));
	}
	return error;
}

static int action_open(const struct selene_spawn_action *action)
{
	close(action->fd);
	int fd = open((const char *)(uintptr_t)action->path, action->oflag, action->mode);
	if (fd < 0)
		return errno;
	if (fd == action->fd)
		return 0;
	int error = failed(dup2(fd, action->fd));
	close(fd);
	return error;
}

static int action_dup2(const struct selene_spawn_action *action)
{
	if (action->fd != action->newfd)
		return failed(dup2(action->fd, action->newfd));
	int flags = fcntl(action->fd, F_GETFD);
	return flags < 0 ? errno : failed(fcntl(action->fd, F_SETFD, flags & ~FD_CLOEXEC));
}

static int action_closefrom(int fd)
{
	if (syscall(SYS_close_range, fd, ~0U, 0) == 0)
		return 0;
	for (long limit = sysconf(_SC_OPEN_MAX); fd < limit; fd++)
		close(fd);
	return 0;
}

static int action_run(const struct selene_spawn_action *action)
{
	switch (action->kind) {
	case SELENE_SPAWN_OPEN:
		return action_open(action);
	case SELENE_SPAWN_CLOSE:
		close(action->fd);
		return 0;
	case SELENE_SPAWN_DUP2:
		return action_dup2(action);
	case SELENE_SPAWN_CHDIR:
		return failed(chdir((const char *)(uintptr_t)action->path));
	case SELENE_SPAWN_FCHDIR:
		return failed(fchdir(action->fd));
	case SELENE_SPAWN_CLOSEFROM:
		return action_closefrom(action->fd);
	case SELENE_SPAWN_TCSETPGRP:
		return failed(tcsetpgrp(action->fd, getpgrp()));
	default:
		return EINVAL;
	}
}

static int child_prepare(struct child *child)
{
	const struct selene_spawn_args *args = child->args;
	const struct selene_spawn_action *actions = (const void *)(uintptr_t)args->actions;
	child_signals(args);
	int error = child_scheduling(child->attr);
	error = error ? error : child_ids(args);
	for (uint64_t i = 0; !error && i < args->action_count; i++)
		error = action_run(&actions[i]);
	return error;
}

static int child_main(void *argument)
{
	struct child *child = argument;
	const struct selene_spawn_args *args = child->args;
	uint64_t mask = args->flags & SELENE_SPAWN_SETSIGMASK ? args->sigmask : child->mask;
	child->error = child_prepare(child);
	if (!child->error) {
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
		execve((const char *)(uintptr_t)args->path, (char **)(uintptr_t)args->argv,
		       (char **)(uintptr_t)args->envp);
		child->error = errno;
	}
	_exit(127);
}

long spawn_by_clone(const struct selene_spawn_args *args, const posix_spawnattr_t *attr)
{
	struct child child = { .args = args, .attr = attr };
	uint64_t all = ~0ULL;
	int saved = errno;
	char *stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -ENOMEM;
	/* Raw as well: the C library keeps two signals of its own out of its masks. */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &child.mask, sizeof(all));
	long pid = clone(child_main, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
	if (pid < 0)
		pid = -errno;
	else if (child.error) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		pid = -child.error;
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &child.mask, NULL, sizeof(all));
	munmap(stack, CHILD_STACK);
	errno = saved;
	return pid;
}
