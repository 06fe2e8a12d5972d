/* From the trap to the handler, and back. */
#include <abi/handler.h>
#include <abi/trace.h>
#include <arch/trap.h>
#include <lib/errno.h>
#include <proc/process.h>
#include <proc/ptrace.h>
#include <proc/spawn_abi.h>
#include <proc/tree.h>

/* Linux's numbers are their own slots; Selene's own call, far above them, has the last one. */
enum { LINUX_NUMBERS = 512, OWN_SLOT = LINUX_NUMBERS, SLOTS };

static const struct syscall table[SLOTS] = {
#define SYSCALL(number, name_, handler_, status_, ...)                                             \
	[(long)(number) < LINUX_NUMBERS ? (long)(number) : OWN_SLOT] = {                           \
		.name = #name_,                                                                    \
		.handler = (handler_),                                                             \
		.status = (status_),                                                               \
		.arguments = { __VA_ARGS__ },                                                      \
	},
#include <abi/table.h>
#undef SYSCALL
};

static struct atomic32 unimplemented[SLOTS]; /* the last one: every number above Linux's */

const struct syscall *syscall_find(long number)
{
	const struct syscall *call = NULL;

	if ((unsigned long)number < LINUX_NUMBERS)
		call = &table[number];
	else if (number == SELENE_SYS_spawn)
		call = &table[OWN_SLOT];
	return call && call->handler ? call : NULL;
}

static long count_unimplemented(long number)
{
	unsigned long slot = (unsigned long)number < LINUX_NUMBERS ? (unsigned long)number
								   : OWN_SLOT;

	atomic32_inc(&unimplemented[slot]);
	return -ENOSYS;
}

void syscall_unimplemented_for_each(bool (*visit)(long number, u64 count, void *context),
				    void *context)
{
	for (long slot = 0; slot < SLOTS; slot++) {
		u32 count = atomic32_read(&unimplemented[slot]);

		if (count && !visit(slot < LINUX_NUMBERS ? slot : -1, count, context))
			return;
	}
}

static long call_handler(const struct syscall *call, const struct trap_frame *frame)
{
	return call->handler(trap_argument(frame, 0), trap_argument(frame, 1),
			     trap_argument(frame, 2), trap_argument(frame, 3),
			     trap_argument(frame, 4), trap_argument(frame, 5));
}

/* Someone looks on: the log, or a tracer, who may change the call. */
static long call_watched(struct trap_frame *frame)
{
	const struct syscall *call;
	struct syscall_trace *trace;
	long result;

	trap_set_result(frame, -ENOSYS);
	trace_call_enter();
	if (atomic32_read(&thread_current()->work) & WORK_EXIT)
		return -EINTR;
	call = syscall_find(trap_syscall_number(frame));
	trace = syscall_trace_enter(call, frame);
	if (call)
		result = call_handler(call, frame);
	else if (trap_syscall_number(frame) == -1)
		result = trap_result(frame);
	else
		result = count_unimplemented(trap_syscall_number(frame));
	syscall_trace_leave(trace, result);
	return result;
}

/* What the tracer made of the result is in the frame. */
static long watch(struct trap_frame *frame)
{
	trap_set_result(frame, call_watched(frame));
	trace_call_leave();
	return trap_result(frame);
}

/* A number without a handler, Selene's own number, or someone watches. */
static __noinline long dispatch_rare(struct trap_frame *frame)
{
	const struct syscall *call = syscall_find(trap_syscall_number(frame));

	if (atomic32_read(&thread_current()->work) & WORK_TRACE)
		return watch(frame);
	return call ? call_handler(call, frame) : count_unimplemented(trap_syscall_number(frame));
}

long syscall_dispatch(unsigned long first, unsigned long second, unsigned long third,
		      unsigned long fourth, unsigned long fifth, unsigned long sixth,
		      struct trap_frame *frame, unsigned long number)
{
	const struct syscall *call = &table[number];

	if (unlikely(number >= LINUX_NUMBERS || !call->handler ||
		     atomic32_read(&thread_current()->work) & WORK_TRACE))
		return dispatch_rare(frame);
	return call->handler(first, second, third, fourth, fifth, sixth);
}

/* The signal that interrupted the call may be another thread's by now; the restart is still ours. */
void syscall_failed(long result)
{
	if ((unsigned long)(result + ERESTART_RESTARTBLOCK) <= ERESTART_RESTARTBLOCK - ERESTARTSYS)
		thread_add_work(thread_current(), WORK_SIGNAL);
}
