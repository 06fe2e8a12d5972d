#pragma once
/*
 * The system-call table (abi/table.h) is the one source of the dispatcher, the tracer's decoding,
 * the coverage page and the fuzzer's grammar: SYSCALL(number, name, handler, status, arguments…). A
 * handler takes its arguments as unsigned longs and returns a result or -errno.
 */
#include <lib/types.h>

/* How the tracer prints an argument, and what the fuzzer puts there. */
enum argument_kind {
	ARG_NONE,
	ARG_INT,
	ARG_UNSIGNED,
	ARG_HEX,
	ARG_FD,
	ARG_DIRFD,
	ARG_PATH,
	ARG_STRING,
	ARG_BUFFER_IN,
	ARG_BUFFER_OUT,
	ARG_POINTER,
	ARG_SIZE,
	ARG_FLAGS,
	ARG_MODE,
	ARG_SIGNAL,
	ARG_PID,
	ARG_OFFSET,
};

enum syscall_status { SYSCALL_COMPLETE, SYSCALL_PARTIAL };

typedef long syscall_handler(unsigned long, unsigned long, unsigned long, unsigned long,
			     unsigned long, unsigned long);

/* Its size is a power of two, so that the dispatcher finds a call by a shift. */
struct syscall {
	const char *name;
	syscall_handler *handler;
	u8 status;
	u8 arguments[6];
} __aligned_to(32);

/* NULL: not in the table (ENOSYS). */
const struct syscall *syscall_find(long number);
/* How often @number got ENOSYS: for /proc/selene/unimplemented; visit until false. */
void syscall_unimplemented_for_each(bool (*visit)(long number, u64 count, void *context),
				    void *context);

/* The lines of the tracer that are kept, and forgetting them: for /proc/selene/trace. */
void syscall_trace_kept(void (*put)(void *context, const char *data, size_t size), void *context);
void syscall_trace_clear(void);

/* struct timespec of the 64-bit ABI, and checked conversion to ns (-EINVAL). */
struct time_spec {
	s64 seconds, nanoseconds;
};
int time_spec_in(vaddr_t address, u64 *ns);
int time_spec_out(vaddr_t address, u64 ns);
