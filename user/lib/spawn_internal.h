#pragma once
/* What the parts of the spawn library share; nothing here is for programs. */
#include "selene_spawn.h"
#include <spawn.h>
#include <sys/types.h>

#define SPAWN_HIDDEN __attribute__((visibility("hidden")))

/* Our list of file actions, kept inside the C library's posix_spawn_file_actions_t. */
struct __attribute__((may_alias)) spawn_list {
	uint32_t allocated;
	uint32_t used;
	struct selene_spawn_action *items; /* paths are our own copies */
};

_Static_assert(sizeof(struct spawn_list) <= sizeof(posix_spawn_file_actions_t), "no room");

static inline struct spawn_list *spawn_list_of(const posix_spawn_file_actions_t *actions)
{
	return (struct spawn_list *)actions;
}

/*
 * The same as the system call, for kernels without it: a vfork-like clone that shares the caller's
 * memory, then execve. `attr` (may be NULL) gives what the arguments have no field for: scheduling.
 * Gives back the pid or a negative errno.
 */
SPAWN_HIDDEN long spawn_by_clone(const struct selene_spawn_args *args,
				 const posix_spawnattr_t *attr);
