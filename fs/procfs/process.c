/* /proc/PID and /proc/PID/task/TID. */
#include <arch/time.h>
#include <dev/tty.h>
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/process.h>
#include <proc/ptrace.h>
#include <sched/cpu.h>

enum { KIB_PER_PAGE = PAGE_SIZE / 1024, TICK_NS = 10000000, ARGUMENTS_MAX = 1 << 17 };

static const char *subject_name(const struct proc_subject *subject)
{
	return subject->thread ? subject->thread->name : "";
}

/* Of one thread, or of all that the process has. */
static char subject_letter(const struct proc_subject *subject)
{
	if (subject->thread && subject->thread != subject->process->leader)
		return thread_state_letter(subject->thread);
	return process_state_letter(subject->process);
}

/* Pages of the whole space, in all and resident. */
static void space_size(struct process *process, u64 *pages, struct page_counts *counts)
{
	struct space *space = process_space(process);

	*pages = 0;
	*counts = (struct page_counts){ 0 };
	if (!space)
		return;
	read_lock(&space->lock);
	*pages = space->pages_mapped;
	space_count_pages(space, USER_START, USER_END, counts);
	read_unlock(&space->lock);
	space_put(space);
}

static u64 resident_pages(const struct page_counts *counts)
{
	return counts->owned + counts->shared + counts->cow;
}

/* Numbers of relatives, read together under the tree's lock. */
struct kin {
	s32 parent, group, session, foreground, tracer;
	u64 terminal;
	unsigned threads;
};

static struct kin subject_kin(const struct proc_subject *subject)
{
	struct process *process = subject->process;
	struct kin kin = { .foreground = -1 };
	unsigned long state = spin_lock_irqsave(&process_tree_lock);

	if (process->parent)
		kin.parent = process->parent->id->number;
	if (process->group_id)
		kin.group = process->group_id->number;
	if (process->session_id)
		kin.session = process->session_id->number;
	if (process->terminal) {
		kin.terminal = terminal_number(process->terminal);
		kin.foreground = terminal_foreground_group(process->terminal);
	}
	if (subject->thread && subject->thread->user)
		kin.tracer = trace_tracer_pid_locked(subject->thread->user);
	kin.threads = process->thread_count;
	spin_unlock_irqrestore(&process_tree_lock, state);
	return kin;
}

struct signal_sets {
	u64 pending, shared, blocked, ignored, caught;
};

static struct signal_sets subject_signals(const struct proc_subject *subject)
{
	/* exec may exchange the actions, under this lock. */
	unsigned long state = spin_lock_irqsave(&process_tree_lock);
	struct signal_actions *actions = subject->process->actions;
	struct signal_sets sets = { .shared = subject->process->pending.set };

	if (subject->thread && subject->thread->user) {
		sets.pending = subject->thread->user->pending.set;
		sets.blocked = subject->thread->user->blocked;
	}
	for (int i = 0; actions && i < SIGNAL_MAX; i++) {
		u64 handler = actions->actions[i].handler;

		if (handler == 1)
			sets.ignored |= 1ull << i;
		else if (handler)
			sets.caught |= 1ull << i;
	}
	spin_unlock_irqrestore(&process_tree_lock, state);
	return sets;
}

static void show_stat(struct text *text, const struct proc_subject *subject)
{
	struct process *process = subject->process;
	struct kin kin = subject_kin(subject);
	struct signal_sets sets = subject_signals(subject);
	struct page_counts counts;
	struct thread *thread = subject->thread;
	u64 user, system, pages;
	int nice = thread ? thread->nice : 0;

	process_times(process, &user, &system);
	space_size(process, &pages, &counts);
	text_format(text, "%d (%s) %c %d %d %d %lu %d 0 0 0 0 0 %lu %lu %lu %lu %d %d %u 0 ",
		    subject->tid, subject_name(subject), subject_letter(subject), kin.parent,
		    kin.group, kin.session, (unsigned long)kin.terminal, kin.foreground,
		    (unsigned long)(user / TICK_NS), (unsigned long)(system / TICK_NS),
		    (unsigned long)(process->children_user / TICK_NS),
		    (unsigned long)(process->children_system / TICK_NS), 20 + nice, nice,
		    kin.threads);
	text_format(text, "%lu %lu %lu %lu 0 0 0 0 0 %lu %lu %lu %lu 0 0 0 %d %u 0 0 0 0 0 ",
		    (unsigned long)(process->start_time / TICK_NS),
		    (unsigned long)(pages * PAGE_SIZE), (unsigned long)resident_pages(&counts),
		    (unsigned long)process->limits[RLIMIT_RSS].soft, (unsigned long)sets.pending,
		    (unsigned long)sets.blocked, (unsigned long)sets.ignored,
		    (unsigned long)sets.caught, process->exit_signal,
		    thread && thread->cpu ? thread->cpu->index : 0);
	text_format(text, "0 0 0 0 0 0 0 %d\n", process->exit_status);
}

static void show_statm(struct text *text, const struct proc_subject *subject)
{
	struct page_counts counts;
	u64 pages;

	space_size(subject->process, &pages, &counts);
	text_format(text, "%lu %lu %lu 0 0 %lu 0\n", (unsigned long)pages,
		    (unsigned long)resident_pages(&counts),
		    (unsigned long)(counts.shared + counts.cow), (unsigned long)counts.owned);
}

static const char *state_name(char letter)
{
	switch (letter) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 't':
		return "tracing stop";
	case 'Z':
		return "zombie";
	}
	return "dead";
}

static void show_ids(struct text *text, const struct credentials *credentials)
{
	text_format(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", credentials->uid,
		    credentials->euid, credentials->suid, credentials->fsuid, credentials->gid,
		    credentials->egid, credentials->sgid, credentials->fsgid);
	text_format(text, "Groups:\t");
	for (u32 i = 0; i < credentials->group_count; i++)
		text_format(text, "%u ", credentials->groups[i]);
	text_format(text, "\n");
}

static void show_status_memory(struct text *text, struct process *process)
{
	struct page_counts counts;
	u64 pages;

	space_size(process, &pages, &counts);
	if (!pages)
		return;
	text_format(text,
		    "VmSize:\t%8lu kB\nVmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\nRssFile:\t%8lu kB\n",
		    (unsigned long)(pages * KIB_PER_PAGE),
		    (unsigned long)(resident_pages(&counts) * KIB_PER_PAGE),
		    (unsigned long)(counts.owned * KIB_PER_PAGE),
		    (unsigned long)((counts.shared + counts.cow) * KIB_PER_PAGE));
}

static void show_status(struct text *text, const struct proc_subject *subject)
{
	struct process *process = subject->process;
	struct signal_sets sets = subject_signals(subject);
	char letter = subject_letter(subject);
	struct kin kin = subject_kin(subject);

	text_format(text,
		    "Name:\t%s\nUmask:\t0022\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\n"
		    "PPid:\t%d\nTracerPid:\t%d\n",
		    subject_name(subject), letter, state_name(letter), process->id->number,
		    subject->tid, kin.parent, kin.tracer);
	show_ids(text, &process->credentials);
	show_status_memory(text, process);
	text_format(text,
		    "Threads:\t%u\nSigQ:\t0/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\n"
		    "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		    kin.threads, (unsigned long)process->limits[RLIMIT_SIGPENDING].soft,
		    (unsigned long)sets.pending, (unsigned long)sets.shared,
		    (unsigned long)sets.blocked, (unsigned long)sets.ignored,
		    (unsigned long)sets.caught);
	text_format(text, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nNoNewPrivs:\t%d\n",
		    (unsigned long)process->credentials.capabilities_inheritable,
		    (unsigned long)process->credentials.capabilities_permitted,
		    (unsigned long)process->credentials.capabilities_effective,
		    process->credentials.no_new_privileges);
	if (subject->thread)
		text_format(text,
			    "Cpus_allowed:\t%lx\nvoluntary_ctxt_switches:\t%lu\n"
			    "nonvoluntary_ctxt_switches:\t%lu\n",
			    (unsigned long)subject->thread->affinity.bits,
			    (unsigned long)subject->thread->switches_voluntary,
			    (unsigned long)subject->thread->switches_involuntary);
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
	u64 pages;

	space_size(subject->process, &pages, &counts);
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
	{ .name = "stat", .mode = S_IFREG | 0444, .show = show_stat },                             \
		{ .name = "statm", .mode = S_IFREG | 0444, .show = show_statm },                   \
		{ .name = "status", .mode = S_IFREG | 0444, .show = show_status },                 \
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
		{ .name = "mounts", .mode = S_IFREG | 0444, .show = proc_show_mounts },            \
		{ .name = "mountinfo", .mode = S_IFREG | 0444, .show = proc_show_mountinfo },      \
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
