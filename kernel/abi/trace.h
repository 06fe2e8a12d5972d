#pragma once
/*
 * The system-call tracer: one line per call of a thread whose user->logged is set, to the log (trace=syscalls
 * on the command line: init and all that it starts) or to a ring that /proc/selene/trace shows. Children
 * inherit it. Costs nothing while off: WORK_TRACE sends such threads the long way round.
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
