#pragma once
/*
 * The system-call tracer: one line of the log per call of a thread that has WORK_TRACE
 * (trace=syscalls).
 */
#include <abi/syscall.h>

struct trap_frame;
struct syscall_trace;

/*
 * The line of a call whose thread is logged, with its arguments as they are now; NULL: none. @call: NULL for a
 * number that is not in the table. Sleeps: reads strings of the program.
 */
struct syscall_trace *syscall_trace_enter(const struct syscall *call,
					  const struct trap_frame *frame);
/* The line with its result goes to the log. @trace may be NULL. */
void syscall_trace_leave(struct syscall_trace *trace, long result);
