#pragma once
/*
 * Start-up functions of subsystems and of drivers that are no device-tree nodes. They run on the boot
 * thread with interrupts on and may sleep; all CPUs are up. Levels, in this order:
 *
 *   core     after memory, threads, early consoles and timers
 *   fs       file systems, the root, /dev, /proc
 *   device   after the drivers of the device tree were probed
 *
 * Within a level the order is the link order: do not rely on it. An error is logged by name and the
 * boot goes on, for what cannot work without it will say so itself.
 */
#include <lib/types.h>

typedef int initcall_function(void); /* 0 or -errno */

#define INITCALL_ENTRY_(function_, section_)                                                       \
	static initcall_function *const __attribute__((used, section(section_)))                   \
	initcall_##function_ = function_
#define INITCALL_CORE(function_)   INITCALL_ENTRY_(function_, "initcalls_core")
#define INITCALL_FS(function_)	   INITCALL_ENTRY_(function_, "initcalls_fs")
#define INITCALL_DEVICE(function_) INITCALL_ENTRY_(function_, "initcalls_device")
#define INITCALL(function_)	   INITCALL_DEVICE(function_)

enum initcall_level { INITCALL_LEVEL_CORE, INITCALL_LEVEL_FS, INITCALL_LEVEL_DEVICE };
void initcalls_run(enum initcall_level level);
