#include <abi/trace.h>
#include <arch/trap.h>
#include <arch/user.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { TRACE_STRING = 48, TRACE_LINE = 192 };

struct syscall_trace {
	char line[TRACE_LINE];
	size_t length;
};

static void put_text(struct syscall_trace *trace, const char *text)
{
	trace->length =
		MIN(trace->length + (size_t)scnprintf(trace->line + trace->length,
						      TRACE_LINE - trace->length, "%s", text),
		    (size_t)TRACE_LINE - 1);
}

static void put_string(struct syscall_trace *trace, vaddr_t address)
{
	char text[TRACE_STRING + 8] = "\"";
	ssize_t length = string_in(text + 1, address, TRACE_STRING);

	if (length == -EFAULT) {
		snprintf(text, sizeof(text), "%#lx", (unsigned long)address);
	} else {
		text[TRACE_STRING] = 0;
		strlcat(text, length < 0 ? "\"…" : "\"", sizeof(text));
	}
	put_text(trace, text);
}

static void put_argument(struct syscall_trace *trace, unsigned kind, unsigned long value)
{
	char text[24];

	switch (kind) {
	case ARG_PATH:
	case ARG_STRING:
		put_string(trace, value);
		return;
	case ARG_INT:
	case ARG_FD:
	case ARG_DIRFD:
	case ARG_PID:
	case ARG_SIGNAL:
		snprintf(text, sizeof(text), "%d", (int)value);
		break;
	case ARG_UNSIGNED:
	case ARG_SIZE:
		snprintf(text, sizeof(text), "%lu", value);
		break;
	case ARG_OFFSET:
		snprintf(text, sizeof(text), "%ld", (long)value);
		break;
	case ARG_MODE:
		snprintf(text, sizeof(text), "%#lo", value);
		break;
	default:
		snprintf(text, sizeof(text), "%#lx", value);
		break;
	}
	put_text(trace, text);
}

struct syscall_trace *syscall_trace_enter(const struct syscall *call,
					  const struct trap_frame *frame)
{
	struct thread *thread = thread_current();
	long number = trap_syscall_number(frame);
	struct syscall_trace *trace;

	if (!READ_ONCE(thread->user->logged))
		return NULL;
	trace = kmalloc(sizeof(*trace));
	if (!trace)
		return NULL;
	trace->length =
		(size_t)scnprintf(trace->line, TRACE_LINE, "%s[%d] ", thread->name, thread->tid);
	if (!call) {
		trace->length += (size_t)scnprintf(trace->line + trace->length,
						   TRACE_LINE - trace->length, "syscall_%ld(",
						   number);
	} else {
		put_text(trace, call->name);
		put_text(trace, "(");
	}
	for (unsigned i = 0; call && i < 6 && call->arguments[i] != ARG_NONE; i++) {
		if (i)
			put_text(trace, ", ");
		put_argument(trace, call->arguments[i], trap_argument(frame, i));
	}
	put_text(trace, ")");
	/* These do not come back. */
	if (call && string_starts_with(call->name, "exit")) {
		log_info("%s\n", trace->line);
		kfree(trace);
		trace = NULL;
	}
	return trace;
}

void syscall_trace_leave(struct syscall_trace *trace, long result)
{
	if (!trace)
		return;
	if (result > -4096 && result < 1 << 20)
		log_info("%s = %ld\n", trace->line, result);
	else
		log_info("%s = %#lx\n", trace->line, (unsigned long)result);
	kfree(trace);
}
