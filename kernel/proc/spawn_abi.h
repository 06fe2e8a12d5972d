#pragma once
/* spawn(2), Selene's own call: the layout that user/lib/selene_spawn.h shows to programs. */
#include <lib/types.h>

enum { SELENE_SYS_spawn = 0x5e1e };

enum {
	SPAWN_SETPGROUP = 1,
	SPAWN_SETSID = 2,
	SPAWN_SETSIGMASK = 4,
	SPAWN_SETSIGDEF = 8,
	SPAWN_RESETIDS = 16,
	SPAWN_CLOSE_FDS = 32
};

/*
 * long spawn(const struct spawn_args *args, size_t size): the pid or -errno. size below
 * sizeof(struct spawn_args): EINVAL; above: what lies behind must be 0, else E2BIG.
 */
struct spawn_args {
	u64 path;    /* user address, or 0 with path_fd */
	s64 path_fd; /* −1: none */
	u64 argv, envp;
	u64 actions, action_count;
	u64 flags;
	s64 pgroup;
	u64 sigmask, sigdefault;
};

enum {
	SPAWN_OPEN = 1,
	SPAWN_CLOSE,
	SPAWN_DUP2,
	SPAWN_CHDIR,
	SPAWN_FCHDIR,
	SPAWN_CLOSEFROM,
	SPAWN_TCSETPGRP
};

struct spawn_action {
	u32 kind;
	s32 fd, newfd;
	u32 oflag, mode, reserved;
	u64 path;
};
