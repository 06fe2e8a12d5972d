/*
 * pidfd_spawn and pidfd_spawnp of glibc 2.39. They must come from here as well: the C library's own
 * would take our list of file actions for one of its own. Where pidfd_open is not there: ENOSYS.
 */
#define _GNU_SOURCE
#include "spawn_internal.h"
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Older headers do not have them. */
int pidfd_spawn(int *restrict pidfd, const char *restrict path,
		const posix_spawn_file_actions_t *restrict actions,
		const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		char *const envp[restrict]);
int pidfd_spawnp(int *restrict pidfd, const char *restrict file,
		 const posix_spawn_file_actions_t *restrict actions,
		 const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		 char *const envp[restrict]);

/* The child cannot be gone: only its parent reaps it. Without a descriptor it must not go on. */
static int give_pidfd(int error, pid_t pid, int *pidfd)
{
	int saved = errno, fd;
	if (error)
		return error;
	fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd >= 0) {
		*pidfd = fd;
	} else {
		error = errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	errno = saved;
	return error;
}

int pidfd_spawn(int *restrict pidfd, const char *restrict path,
		const posix_spawn_file_actions_t *restrict actions,
		const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		char *const envp[restrict])
{
	pid_t pid = 0;
	int error = posix_spawn(&pid, path, actions, attr, argv, envp);
	return give_pidfd(error, pid, pidfd);
}

int pidfd_spawnp(int *restrict pidfd, const char *restrict file,
		 const posix_spawn_file_actions_t *restrict actions,
		 const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		 char *const envp[restrict])
{
	pid_t pid = 0;
	int error = posix_spawnp(&pid, file, actions, attr, argv, envp);
	return give_pidfd(error, pid, pidfd);
}
