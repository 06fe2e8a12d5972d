/* /proc/selene: what only this kernel has to say. */
#include <abi/syscall.h>
#include <fs/counter.h>
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/audit.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <mm/trim.h>
#include <proc/process.h>

static void put_text(void *context, const char *data, size_t size)
{
	text_append(context, data, size);
}

static void show_audit(struct text *text, const struct proc_subject *subject)
{
	dentry_cache_shrink(~(u64)0);
	memory_trim();
	audit_run(put_text, text);
}

static bool show_unimplemented_call(long number, u64 count, void *context)
{
	text_format(context, "%ld %lu\n", number, (unsigned long)count);
	return true;
}

static void show_unimplemented(struct text *text, const struct proc_subject *subject)
{
	syscall_unimplemented_for_each(show_unimplemented_call, text);
}

static bool show_slab(const char *name, u32 size, u64 live, u64 frames, void *context)
{
	text_format(context, "%-24s %6u bytes %8lu live %6lu pages\n", name, size,
		    (unsigned long)live, (unsigned long)frames);
	return true;
}

static void show_slabs(struct text *text, const struct proc_subject *subject)
{
	slab_for_each(show_slab, text);
}

/*
 * Writing n makes the n-th allocation, of frames or objects, of this process from now on fail, once; 0
 * calls it off. Reading: 1 when it did fail.
 */
static int store_fail(const struct proc_subject *subject, const char *value)
{
	const char *end;
	u64 n;

	if (parse_u64(value, &end, 10, &n) || (*end && *end != '\n'))
		return -EINVAL;
	frame_fail_after(n);
	return 0;
}

static void show_fail(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%d\n", frame_fail_happened());
}

static struct counter *counters; /* [atomic] only ever grows */

void counter_register(struct counter *counter)
{
	counter->next = read_acquire(&counters);
	while (!atomic_replace_value(&counters, &counter->next, counter))
		;
}

static void show_counters(struct text *text, const struct proc_subject *subject)
{
	for (struct counter *counter = read_acquire(&counters); counter; counter = counter->next)
		text_format(text, "%s %lu\n", counter->name,
			    (unsigned long)atomic64_read(&counter->value));
}

static void show_trace(struct text *text, const struct proc_subject *subject)
{
	syscall_trace_kept(put_text, text);
}

/* "PID": log its calls; "-PID": no longer; "clear": forget what was logged. */
static int store_trace(const struct proc_subject *subject, const char *value)
{
	bool off = *value == '-';
	struct process *process;
	const char *end;
	u64 pid;

	if (string_starts_with(value, "clear")) {
		syscall_trace_clear();
		return 0;
	}
	if (parse_u64(value + off, &end, 10, &pid) || (*end && *end != '\n') || pid > INT32_MAX)
		return -EINVAL;
	process = process_find((s32)pid);
	if (!process)
		return -ESRCH;
	process_log_calls(process, !off);
	process_put(process);
	return 0;
}

const struct proc_entry proc_selene_entries[] = {
	{ .name = "audit", .mode = S_IFREG | 0400, .show = show_audit },
	{ .name = "counters", .mode = S_IFREG | 0444, .show = show_counters },
	{ .name = "trace", .mode = S_IFREG | 0600, .show = show_trace, .store = store_trace },
	{ .name = "unimplemented", .mode = S_IFREG | 0444, .show = show_unimplemented },
	{ .name = "slabs", .mode = S_IFREG | 0400, .show = show_slabs },
	{ .name = "fail", .mode = S_IFREG | 0600, .show = show_fail, .store = store_fail },
	{ 0 },
};
