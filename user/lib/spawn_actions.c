/* posix_spawn_file_actions_*: POSIX.1-2024 and the _np functions of glibc 2.35. */
#define _GNU_SOURCE
#include "spawn_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int descriptor_valid(int fd)
{
	long limit = sysconf(_SC_OPEN_MAX);
	return fd >= 0 && (limit < 0 || fd < limit);
}

/* Append an action; takes over `path` (from strdup), also on failure. */
static int list_append(posix_spawn_file_actions_t *actions, struct selene_spawn_action action)
{
	struct spawn_list *list = spawn_list_of(actions);
	if (list->used == list->allocated) {
		uint32_t room = list->allocated ? 2 * list->allocated : 8;
		void *items = realloc(list->items, room * sizeof(*list->items));
		if (!items) {
			free((void *)(uintptr_t)action.path);
			return ENOMEM;
		}
		list->items = items;
		list->allocated = room;
	}
	list->items[list->used++] = action;
	return 0;
}

static int list_append_path(posix_spawn_file_actions_t *actions, struct selene_spawn_action action,
			    const char *path)
{
	char *copy = strdup(path);
	if (!copy)
		return ENOMEM;
	action.path = (uintptr_t)copy;
	return list_append(actions, action);
}

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
	memset(actions, 0, sizeof(*actions));
	return 0;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
	struct spawn_list *list = spawn_list_of(actions);
	for (uint32_t i = 0; i < list->used; i++)
		free((void *)(uintptr_t)list->items[i].path);
	free(list->items);
	memset(actions, 0, sizeof(*actions));
	return 0;
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd,
				     const char *restrict path, int oflag, mode_t mode)
{
	struct selene_spawn_action action = {
		.kind = SELENE_SPAWN_OPEN,
		.fd = fd,
		.oflag = oflag,
		.mode = mode,
	};
	return descriptor_valid(fd) ? list_append_path(actions, action, path) : EBADF;
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
	struct selene_spawn_action action = { .kind = SELENE_SPAWN_CLOSE, .fd = fd };
	return descriptor_valid(fd) ? list_append(actions, action) : EBADF;
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int newfd)
{
	struct selene_spawn_action action = {
		.kind = SELENE_SPAWN_DUP2,
		.fd = fd,
		.newfd = newfd,
	};
	if (!descriptor_valid(fd) || !descriptor_valid(newfd))
		return EBADF;
	return list_append(actions, action);
}

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *restrict actions,
					 const char *restrict path)
{
	struct selene_spawn_action action = { .kind = SELENE_SPAWN_CHDIR };
	return list_append_path(actions, action, path);
}

int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions, int fd)
{
	struct selene_spawn_action action = { .kind = SELENE_SPAWN_FCHDIR, .fd = fd };
	return descriptor_valid(fd) ? list_append(actions, action) : EBADF;
}

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int fd)
{
	struct selene_spawn_action action = { .kind = SELENE_SPAWN_CLOSEFROM, .fd = fd };
	return descriptor_valid(fd) ? list_append(actions, action) : EBADF;
}

int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *actions, int fd)
{
	struct selene_spawn_action action = { .kind = SELENE_SPAWN_TCSETPGRP, .fd = fd };
	return descriptor_valid(fd) ? list_append(actions, action) : EBADF;
}
