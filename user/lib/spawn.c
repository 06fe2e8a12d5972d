/*
 * posix_spawn and posix_spawnp on Selene's spawn call. The attribute functions are the C library's
 * own; their values are read here through its getters.
 */
#define _GNU_SOURCE
#include "spawn_internal.h"
#include <errno.h>
#include <limits.h>
#include <paths.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FLAGS_BY_CALL = POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID | POSIX_SPAWN_USEVFORK,
	FLAGS_BY_CLONE = POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER,
};

/* Signal n is bit n − 1 of the kernel's set, which is how sigset_t begins. */
static uint64_t signals_of(const sigset_t *set)
{
	uint64_t bits;
	memcpy(&bits, set, sizeof(bits));
	return bits;
}

static int attributes_read(const posix_spawnattr_t *attr, struct selene_spawn_args *args,
			   short *flags)
{
	sigset_t set;
	pid_t pgroup;
	*flags = 0;
	if (!attr)
		return 0;
	posix_spawnattr_getflags(attr, flags);
	if (*flags & ~(FLAGS_BY_CALL | FLAGS_BY_CLONE))
		return EINVAL;
	if (*flags & POSIX_SPAWN_RESETIDS)
		args->flags |= SELENE_SPAWN_RESETIDS;
	if (*flags & POSIX_SPAWN_SETSID)
		args->flags |= SELENE_SPAWN_SETSID;
	if (*flags & POSIX_SPAWN_SETPGROUP) {
		posix_spawnattr_getpgroup(attr, &pgroup);
		args->flags |= SELENE_SPAWN_SETPGROUP;
		args->pgroup = pgroup;
	}
	if (*flags & POSIX_SPAWN_SETSIGMASK) {
		posix_spawnattr_getsigmask(attr, &set);
		args->flags |= SELENE_SPAWN_SETSIGMASK;
		args->sigmask = signals_of(&set);
	}
	if (*flags & POSIX_SPAWN_SETSIGDEF) {
		posix_spawnattr_getsigdefault(attr, &set);
		args->flags |= SELENE_SPAWN_SETSIGDEF;
		args->sigdefault = signals_of(&set);
	}
	return 0;
}

/* The pid or a negative errno. */
static long spawn_start(const struct selene_spawn_args *args, const posix_spawnattr_t *attr,
			short flags)
{
	static int call_missing; /* the kernel has said ENOSYS */
	if (!__atomic_load_n(&call_missing, __ATOMIC_RELAXED) && !(flags & FLAGS_BY_CLONE)) {
		int saved = errno;
		long pid = syscall(SELENE_SYS_spawn, args, sizeof(*args));
		int error = errno;
		errno = saved;
		if (pid >= 0)
			return pid;
		if (error != ENOSYS)
			return -error;
		__atomic_store_n(&call_missing, 1, __ATOMIC_RELAXED);
	}
	return spawn_by_clone(args, attr);
}

/* Is it worth a try? With actions that create files, each try would be seen. */
static int candidate_exists(const char *path)
{
	int saved = errno;
	int exists = path[0] != '/' || access(path, F_OK) == 0;
	errno = saved;
	return exists;
}

/* Try the directories of PATH in turn; execvp(3) says which errors mean "go on". */
static long spawn_search(struct selene_spawn_args *args, const posix_spawnattr_t *attr, short flags,
			 const char *file)
{
	const char *path = getenv("PATH");
	size_t file_length = strlen(file);
	long result = -ENOENT;
	int denied = 0;
	char candidate[PATH_MAX + NAME_MAX + 2];
	if (file_length == 0 || file_length > NAME_MAX)
		return file_length ? -ENAMETOOLONG : -ENOENT;
	for (path = path ? path : _PATH_DEFPATH; path;) {
		const char *end = strchrnul(path, ':');
		size_t length = end - path;
		if (length < PATH_MAX) {
			memcpy(candidate, path, length);
			if (length)
				candidate[length++] = '/';
			memcpy(candidate + length, file, file_length + 1);
			args->path = (uintptr_t)candidate;
			result = candidate_exists(candidate) ? spawn_start(args, attr, flags)
							     : -ENOENT;
			if (result == -EACCES)
				denied = 1;
			else if (result != -ENOENT && result != -ENOTDIR && result != -ESTALE &&
				 result != -ENODEV && result != -ETIMEDOUT)
				return result;
		}
		path = *end ? end + 1 : NULL;
	}
	return denied ? -EACCES : result;
}

static int spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attr, char *const argv[], char *const envp[], int search)
{
	struct selene_spawn_args args = {
		.path = (uintptr_t)file,
		.path_fd = -1,
		.argv = (uintptr_t)argv,
		.envp = (uintptr_t)envp,
	};
	short flags;
	int error = attributes_read(attr, &args, &flags);
	if (error)
		return error;
	if (actions) {
		args.actions = (uintptr_t)spawn_list_of(actions)->items;
		args.action_count = spawn_list_of(actions)->used;
	}
	long result = search && !strchr(file, '/') ? spawn_search(&args, attr, flags, file)
						   : spawn_start(&args, attr, flags);
	if (result < 0)
		return -result;
	if (pid)
		*pid = result;
	return 0;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path,
		const posix_spawn_file_actions_t *restrict actions,
		const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		char *const envp[restrict])
{
	return spawn(pid, path, actions, attr, argv, envp, 0);
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file,
		 const posix_spawn_file_actions_t *restrict actions,
		 const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		 char *const envp[restrict])
{
	return spawn(pid, file, actions, attr, argv, envp, 1);
}
