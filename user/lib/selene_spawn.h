#pragma once
/*
 * spawn: Selene's own system call. It starts a program as a new child without touching its parent's
 * memory. Two arguments: the address of a struct selene_spawn_args, and its size.
 *
 * Gives back the child's pid, or a negative errno with nothing left behind: no process, no
 * descriptor, no page. In the child, in this order: signals (default, then mask), session and
 * group, ids, the actions from first to last, close-on-exec, and the program itself, whose path is
 * looked up after the actions (so a chdir counts).
 *
 * Size: a smaller struct than this first version is EINVAL; a larger one is fine as long as what
 * lies behind is zero, else E2BIG. Unknown flags and kinds are EINVAL, a bad address EFAULT;
 * otherwise the errors are those of execve(2), fork(2) and of the failed action. Kernels without
 * it: ENOSYS.
 */
#include <stdint.h>

#define SELENE_SYS_spawn 0x5e1e

/* Flags. */
enum {
	SELENE_SPAWN_SETPGROUP = 1,  /* setpgid(0, pgroup) */
	SELENE_SPAWN_SETSID = 2,     /* setsid() */
	SELENE_SPAWN_SETSIGMASK = 4, /* blocked signals = sigmask; otherwise the caller's */
	SELENE_SPAWN_SETSIGDEF = 8,  /* the signals of sigdefault, although ignored: default */
	SELENE_SPAWN_RESETIDS = 16,  /* effective ids = real ids */
	SELENE_SPAWN_CLOSE_FDS = 32, /* close all from 3 on that no action opens or makes */
};

struct selene_spawn_args {
	uint64_t path;	 /* the program's path; may be 0 when path_fd is given */
	int64_t path_fd; /* -1, or the program as an open file */
	uint64_t argv;	 /* arrays of pointers, ending with NULL, as for execve */
	uint64_t envp;
	uint64_t actions; /* array of struct selene_spawn_action */
	uint64_t action_count;
	uint64_t flags;
	int64_t pgroup;	  /* 0: the child leads a group of its own */
	uint64_t sigmask; /* bit n - 1 is signal n */
	uint64_t sigdefault;
};

/* Kinds of actions. */
enum {
	SELENE_SPAWN_OPEN = 1, /* path, oflag, mode: opened as descriptor `fd` */
	SELENE_SPAWN_CLOSE,    /* fd; one that is not open is no error */
	SELENE_SPAWN_DUP2,     /* fd becomes newfd, open in the program; also when they are equal */
	SELENE_SPAWN_CHDIR,    /* path */
	SELENE_SPAWN_FCHDIR,   /* fd */
	SELENE_SPAWN_CLOSEFROM, /* fd and all above it */
	SELENE_SPAWN_TCSETPGRP, /* the child's group becomes the foreground of terminal fd */
};

struct selene_spawn_action {
	uint32_t kind;
	int32_t fd;
	int32_t newfd;
	uint32_t oflag;
	uint32_t mode;
	uint32_t reserved; /* 0 */
	uint64_t path;
};
