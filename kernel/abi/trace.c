#include <abi/trace.h>
#include <arch/trap.h>
#include <arch/user.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

/* Lines that are kept for /proc/selene/trace: the last ones. */
enum { TRACE_STRING = 48, TRACE_LINE = 192, TRACE_KEPT = 1 << 16 };

static struct spinlock kept_lock = SPINLOCK_INIT(RANK_LOG);
static char kept[TRACE_KEPT]; /* [kept_lock] a ring */
static u64 kept_end;	      /* [kept_lock] bytes that were ever written to it */

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

static void keep(const char *text)
{
	for (; *text; text++)
		kept[kept_end++ % TRACE_KEPT] = *text;
}

/* With trace=syscalls to the log, else to what /proc/selene/trace shows. */
static void finish_line(struct syscall_trace *trace, const char *result)
{
	if (trace_to_log) {
		log_info("%s%s\n", trace->line, result);
	} else {
		spin_lock(&kept_lock);
		keep(trace->line);
		keep(result);
		keep("\n");
		spin_unlock(&kept_lock);
	}
	kfree(trace);
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
		finish_line(trace, "");
		trace = NULL;
	}
	return trace;
}

void syscall_trace_leave(struct syscall_trace *trace, long result)
{
	char text[32];

	if (!trace)
		return;
	if (result > -4096 && result < 1 << 20)
		snprintf(text, sizeof(text), " = %ld", result);
	else
		snprintf(text, sizeof(text), " = %#lx", (unsigned long)result);
	finish_line(trace, text);
}

void syscall_trace_kept(void (*put)(void *context, const char *data, size_t size), void *context)
{
	char *copy = kmalloc(TRACE_KEPT);
	size_t size, start;
	u64 first;

	if (!copy)
		return;
	spin_lock(&kept_lock);
	size = (size_t)MIN(kept_end, (u64)TRACE_KEPT);
	first = kept_end - size;
	for (size_t i = 0; i < size; i++)
		copy[i] = kept[(first + i) % TRACE_KEPT];
	spin_unlock(&kept_lock);
	/* The first line of a full ring is half a line. */
	for (start = 0; first && start < size && copy[start] != '\n'; start++)
		;
	start += first && start < size;
	put(context, copy + start, size - start);
	kfree(copy);
}

void syscall_trace_clear(void)
{
	spin_lock(&kept_lock);
	kept_end = 0;
	spin_unlock(&kept_lock);
}
