#pragma once
/*
 * The system-call tracer: one line of the log per call of a thread that has WORK_TRACE
 * (trace=syscalls).
 */
#include <abi/syscall.h>

struct trap_frame;

enum { TRACE_LINE = 192 };
struct syscall_trace {
	char line[TRACE_LINE];
	size_t length;
};

/* @call: NULL for a number that is not in the table. Sleeps: reads strings of the program. */
void syscall_trace_enter(struct syscall_trace *trace, const struct syscall *call,
			 const struct trap_frame *frame);
void syscall_trace_leave(struct syscall_trace *trace, long result);
