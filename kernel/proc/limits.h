#pragma once
/* getrlimit(2): resource limits of a process. */
#include <proc/process.h>

/* The first process's: Linux's defaults. */
void limits_init(struct process *process);
/*
 * prlimit64(2) on @process: @new may be NULL, *@old is filled when @old is not. -EINVAL (unknown
 * resource, soft above hard), -EPERM (hard limit raised).
 */
int limits_change(struct process *process, unsigned resource, const struct resource_limit *new,
		  struct resource_limit *old);
