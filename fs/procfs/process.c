/* /proc/PID and /proc/PID/task/TID. */
#include <arch/time.h>
#include <dev/tty.h>
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/survey.h>
#include <proc/process.h>
#include <proc/ptrace.h>
#include <sched/cpu.h>

enum { KIB_PER_PAGE = PAGE_SIZE / 1024, ARGUMENTS_MAX = 1 << 17 };

static const char *subject_name(const struct proc_subject *subject)
{
	return subject->thread ? subject->thread->name : "";
}

/* A range of the process's own memory, as the process has it now. */
static void show_range(struct text *text, struct process *process, bool environment)
{
	struct space *space = process_space(process);
	vaddr_t at, end;
	char *page;

	if (!space)
		return;
	at = environment ? space->environment_start : space->argument_start;
	end = environment ? space->environment_end : space->argument_end;
	page = kmalloc(PAGE_SIZE);
	text->failed |= !page;
	while (page && at < end && text->size < ARGUMENTS_MAX) {
		ssize_t count = space_read(space, at, page, MIN((size_t)PAGE_SIZE, end - at));

		if (count <= 0)
			break;
		text_append(text, page, count);
		at += count;
	}
	kfree(page);
	space_put(space);
}

static void show_arguments(struct text *text, const struct proc_subject *subject)
{
	show_range(text, subject->process, false);
}

static void show_environment(struct text *text, const struct proc_subject *subject)
{
	show_range(text, subject->process, true);
}

static void show_auxv(struct text *text, const struct proc_subject *subject)
{
	struct space *space = process_space(subject->process);
	size_t count = 0;

	if (!space)
		return;
	while (count + 2 < ARRAY_SIZE(space->auxv) && space->auxv[count])
		count += 2;
	text_append(text, space->auxv, (count + 2) * sizeof(u64));
	space_put(space);
}

static void show_comm(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%s\n", subject_name(subject));
}

static int store_comm(const struct proc_subject *subject, const char *value)
{
	char name[16];

	if (subject->process != process_current())
		return -EINVAL;
	strlcpy(name, value, sizeof(name));
	if (strchr(name, '\n'))
		*strchr(name, '\n') = '\0';
	if (subject->thread)
		thread_set_name(subject->thread, name);
	return 0;
}

static void show_limits(struct text *text, const struct proc_subject *subject)
{
	static const char *const names[RLIMIT_COUNT][2] = {
		{ "Max cpu time", "seconds" },	   { "Max file size", "bytes" },
		{ "Max data size", "bytes" },	   { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" },
		{ "Max processes", "processes" },  { "Max open files", "files" },
		{ "Max locked memory", "bytes" },  { "Max address space", "bytes" },
		{ "Max file locks", "locks" },	   { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" },  { "Max nice priority", "" },
		{ "Max realtime priority", "" },   { "Max realtime timeout", "us" },
	};

	text_format(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
		    "Units");
	for (int i = 0; i < RLIMIT_COUNT; i++) {
		u64 values[2] = { subject->process->limits[i].soft,
				  subject->process->limits[i].hard };

		text_format(text, "%-25s", names[i][0]);
		for (int v = 0; v < 2; v++) {
			if (values[v] == RLIMIT_INFINITY)
				text_format(text, " %-20s", "unlimited");
			else
				text_format(text, " %-20lu", (unsigned long)values[v]);
		}
		text_format(text, " %-10s\n", names[i][1]);
	}
}

static void show_wait_channel(struct text *text, const struct proc_subject *subject)
{
	const char *where = subject->thread ? READ_ONCE(subject->thread->waiting_for) : NULL;

	text_format(text, "%s", where ? where : "0");
}

static void show_oom_adjust(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%d\n", subject->process->oom_score_adjust);
}

static int store_oom_adjust(const struct proc_subject *subject, const char *value)
{
	bool negative = *value == '-';
	const char *end;
	u64 number;

	if (parse_u64(value + negative, &end, 10, &number) || (*end && *end != '\n') ||
	    number > 1000)
		return -EINVAL;
	if (negative && !credentials_are_root(credentials_current()))
		return -EACCES;
	subject->process->oom_score_adjust = negative ? -(s32)number : (s32)number;
	return 0;
}

static void show_oom_score(struct text *text, const struct proc_subject *subject)
{
	struct page_counts counts;

	proc_space_size(subject->process, &counts);
	text_format(text, "%lu\n", (unsigned long)(counts.owned * KIB_PER_PAGE / 1024));
}

/* Threads, in order of their numbers. */
static s32 next_task(const struct proc_subject *subject, s32 after)
{
	unsigned long state = spin_lock_irqsave(&process_tree_lock);
	struct user_thread *thread;
	s32 best = -1;

	list_for_each_entry(thread, &subject->process->threads, link) {
		s32 tid = thread->thread->tid;

		if (tid > after && (best < 0 || tid < best))
			best = tid;
	}
	spin_unlock_irqrestore(&process_tree_lock, state);
	return best;
}

#define COMMON_ENTRIES                                                                             \
	{ .name = "stat", .mode = S_IFREG | 0444, .show = proc_show_stat },                        \
		{ .name = "statm", .mode = S_IFREG | 0444, .show = proc_show_statm },              \
		{ .name = "status", .mode = S_IFREG | 0444, .show = proc_show_status },            \
		{ .name = "cmdline", .mode = S_IFREG | 0444, .show = show_arguments },             \
		{ .name = "environ",                                                               \
		  .mode = S_IFREG | 0400,                                                          \
		  .private = true,                                                                 \
		  .show = show_environment },                                                      \
		{ .name = "auxv", .mode = S_IFREG | 0400, .private = true, .show = show_auxv },    \
		{ .name = "comm",                                                                  \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_comm,                                                               \
		  .store = store_comm },                                                           \
		{ .name = "limits", .mode = S_IFREG | 0444, .show = show_limits },                 \
		{ .name = "net", .mode = S_IFDIR | 0555, .children = proc_net_entries },           \
		{ .name = "maps",                                                                  \
		  .mode = S_IFREG | 0444,                                                          \
		  .private = true,                                                                 \
		  .show = proc_show_maps },                                                        \
		{ .name = "smaps",                                                                 \
		  .mode = S_IFREG | 0444,                                                          \
		  .private = true,                                                                 \
		  .show = proc_show_smaps },                                                       \
		{ .name = "mem",                                                                   \
		  .mode = S_IFREG | 0600,                                                          \
		  .private = true,                                                                 \
		  .operations = &proc_mem_operations },                                            \
		{ .name = "pagemap",                                                               \
		  .mode = S_IFREG | 0400,                                                          \
		  .private = true,                                                                 \
		  .operations = &proc_pagemap_operations },                                        \
		{ .name = "ns", .mode = S_IFDIR | 0511, .children = proc_namespace_entries },      \
		{ .name = "mounts", .mode = S_IFREG | 0444, .show = proc_show_mounts },            \
		{ .name = "mountinfo", .mode = S_IFREG | 0444, .show = proc_show_mountinfo },      \
		{ .name = "mountstats", .mode = S_IFREG | 0400, .show = proc_show_mountstats },    \
		{ .name = "io", .mode = S_IFREG | 0400, .private = true, .show = proc_show_io },   \
		{ .name = "syscall",                                                               \
		  .mode = S_IFREG | 0400,                                                          \
		  .private = true,                                                                 \
		  .show = proc_show_syscall },                                                     \
		{ .name = "personality",                                                           \
		  .mode = S_IFREG | 0400,                                                          \
		  .private = true,                                                                 \
		  .show = proc_show_personality },                                                 \
		{ .name = "schedstat", .mode = S_IFREG | 0444, .show = proc_show_schedstat },      \
		{ .name = "timerslack_ns",                                                         \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = proc_show_timer_slack,                                                   \
		  .store = proc_store_timer_slack },                                               \
		{ .name = "cgroup", .mode = S_IFREG | 0444, .show = proc_show_cgroup },            \
		{ .name = "loginuid", .mode = S_IFREG | 0444, .show = proc_show_login },           \
		{ .name = "sessionid", .mode = S_IFREG | 0444, .show = proc_show_login },          \
		{ .name = "smaps_rollup",                                                          \
		  .mode = S_IFREG | 0444,                                                          \
		  .private = true,                                                                 \
		  .show = proc_show_rollup },                                                      \
		{ .name = "wchan", .mode = S_IFREG | 0444, .show = show_wait_channel },            \
		{ .name = "oom_score", .mode = S_IFREG | 0444, .show = show_oom_score },           \
		{ .name = "oom_score_adj",                                                         \
		  .mode = S_IFREG | 0644,                                                          \
		  .show = show_oom_adjust,                                                         \
		  .store = store_oom_adjust },                                                     \
		{ .name = "exe",                                                                   \
		  .mode = S_IFLNK | 0777,                                                          \
		  .private = true,                                                                 \
		  .follow = proc_follow_exe },                                                     \
		{ .name = "cwd",                                                                   \
		  .mode = S_IFLNK | 0777,                                                          \
		  .private = true,                                                                 \
		  .follow = proc_follow_cwd },                                                     \
		{ .name = "root",                                                                  \
		  .mode = S_IFLNK | 0777,                                                          \
		  .private = true,                                                                 \
		  .follow = proc_follow_root },                                                    \
		{ .name = "fd",                                                                    \
		  .mode = S_IFDIR | 0500,                                                          \
		  .next = proc_fd_next,                                                            \
		  .member = &proc_fd_member },                                                     \
	{                                                                                          \
		.name = "fdinfo", .mode = S_IFDIR | 0500, .next = proc_fd_next,                    \
		.member = &proc_fdinfo_member                                                      \
	}

const struct proc_entry proc_task_entries[] = { COMMON_ENTRIES, { 0 } };

static const struct proc_entry task_member = {
	.mode = S_IFDIR | 0555,
	.children = proc_task_entries,
};

const struct proc_entry proc_process_entries[] = {
	COMMON_ENTRIES,
	{ .name = "task", .mode = S_IFDIR | 0555, .next = next_task, .member = &task_member },
	{ 0 },
};
