#pragma once
/* spawn(2): design 4 and proc/spawn_abi.h. */
#include <lib/types.h>

/*
 * Start a program in a new process without touching the current one. @args: user address of a
 * struct spawn_args, @size: its size as the caller knows it. The pid, or -errno with nothing left
 * behind. Sleeps.
 */
s64 process_spawn(vaddr_t args, u64 size);
