/* /proc/PID/stat, statm, status and io: a process in numbers. */
#include <arch/time.h>
#include <arch/trap.h>
#include <dev/tty.h>
#include <fs/file.h>
#include <fs/path.h>
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/space.h>
#include <mm/survey.h>
#include <proc/credentials.h>
#include <proc/process.h>
#include <proc/ptrace.h>
#include <sched/cpu.h>

enum { KIB_PER_PAGE = PAGE_SIZE / 1024, TICK_NS = 10000000 };

/* Flags of stat: proc(5), PF_* of Linux. */
enum { FLAG_FORK_NO_EXEC = 0x40, FLAG_SUPER = 0x100, FLAG_RANDOMIZE = 0x400000 };

static const char *subject_name(const struct proc_subject *subject)
{
	return subject->thread ? subject->thread->name : "";
}

/* Of one thread; a leader's is that of its process, which may have ended altogether. */
static char subject_letter(const struct proc_subject *subject)
{
	if (subject->thread && subject->thread != subject->process->leader)
		return thread_state_letter(subject->thread);
	return process_state_letter(subject->process);
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

void proc_space_size(struct process *process, struct page_counts *counts)
{
	struct space *space = process_space(process);

	*counts = (struct page_counts){ 0 };
	if (!space)
		return;
	read_lock(&space->lock);
	space_count_pages(space, USER_START, USER_END, counts);
	read_unlock(&space->lock);
	space_put(space);
}

/* The parts of a space by what its mappings are, in pages; and where things are. */
struct memory {
	u64 mapped, locked, data, stack, code, library, resident, file, shared_memory, anonymous;
	u64 tables;
	vaddr_t code_start, code_end, stack_start, data_start, data_end, brk_start;
	vaddr_t arguments[2], environment[2];
};

static void count_mapping(struct memory *memory, struct space *space, const struct mapping *mapping)
{
	u64 pages = (mapping->end - mapping->start) >> PAGE_SHIFT;
	struct page_counts counts;

	space_count_pages(space, mapping->start, mapping->end, &counts);
	memory->resident += counts.owned + counts.shared + counts.cow;
	if (mapping->flags & MAPPING_SHARED && !mapping->file)
		memory->shared_memory += counts.shared;
	else if (mapping->file)
		memory->file += counts.shared + counts.cow;
	memory->anonymous += counts.owned + (mapping->file ? 0 : counts.cow);
	if (mapping->flags & MAPPING_GROWS_DOWN)
		memory->stack += pages;
	else if (mapping->prot & PAGE_EXEC && mapping->end <= ALIGN_UP(space->code_end, PAGE_SIZE))
		memory->code += pages;
	else if (mapping->prot & PAGE_EXEC)
		memory->library += pages;
	else if (mapping->prot & PAGE_WRITE && !(mapping->flags & MAPPING_SHARED))
		memory->data += pages;
}

static bool subject_memory(const struct proc_subject *subject, struct memory *memory)
{
	struct space *space = process_space(subject->process);

	*memory = (struct memory){ 0 };
	if (!space)
		return false;
	read_lock(&space->lock);
	for (struct mapping *mapping = space_mapping_from(space, 0); mapping;
	     mapping = mapping_next(mapping))
		count_mapping(memory, space, mapping);
	memory->mapped = space->pages_mapped;
	memory->locked = space->pages_locked;
	memory->code_start = space->code_start;
	memory->code_end = space->code_end;
	memory->stack_start = space->argument_start;
	memory->data_start = space->data_start;
	memory->data_end = space->data_end;
	memory->brk_start = space->brk_start;
	memory->arguments[0] = space->argument_start;
	memory->arguments[1] = space->argument_end;
	memory->environment[0] = space->environment_start;
	memory->environment[1] = space->environment_end;
	read_unlock(&space->lock);
	space_put(space);
	return true;
}

static bool is_task(const struct proc_subject *subject)
{
	return subject->thread && subject->thread != subject->process->leader;
}

static unsigned flags_of(const struct process *process)
{
	return FLAG_RANDOMIZE | (process->has_execed ? 0 : FLAG_FORK_NO_EXEC) |
	       (process->credentials.euid ? 0 : FLAG_SUPER);
}

static void show_stat_memory(struct text *text, const struct proc_subject *subject,
			     const struct memory *memory, const struct signal_sets *sets)
{
	struct process *process = subject->process;
	struct thread *thread = subject->thread;

	text_format(text, "%lu %lu %lu %lu %lu %lu 0 0 %lu %lu %lu %lu %d 0 0 %d %u 0 0 0 0 0 ",
		    (unsigned long)(memory->mapped * PAGE_SIZE), (unsigned long)memory->resident,
		    (unsigned long)process->limits[RLIMIT_RSS].soft, memory->code_start,
		    memory->code_end, memory->stack_start, (unsigned long)sets->pending,
		    (unsigned long)sets->blocked, (unsigned long)sets->ignored,
		    (unsigned long)sets->caught, thread && thread->waiting_for,
		    is_task(subject) ? -1 : process->exit_signal,
		    thread && thread->cpu ? thread->cpu->index : 0);
	text_format(text, "%lu %lu %lu %lu %lu %lu %lu %d\n", memory->data_start, memory->data_end,
		    memory->brk_start, memory->arguments[0], memory->arguments[1],
		    memory->environment[0], memory->environment[1], process->exit_status);
}

void proc_show_stat(struct text *text, const struct proc_subject *subject)
{
	struct process *process = subject->process;
	struct kin kin = subject_kin(subject);
	struct signal_sets sets = subject_signals(subject);
	struct thread *thread = subject->thread;
	struct memory memory;
	u64 user, system;
	int nice = thread ? thread->nice : 0;

	process_times(process, &user, &system);
	if (is_task(subject))
		thread_times(thread, &user, &system);
	subject_memory(subject, &memory);
	text_format(text, "%d (%s) %c %d %d %d %lu %d %u %lu 0 0 0 %lu %lu %lu %lu %d %d %u 0 %lu ",
		    subject->tid, subject_name(subject), subject_letter(subject), kin.parent,
		    kin.group, kin.session, (unsigned long)kin.terminal, kin.foreground,
		    flags_of(process), (unsigned long)process_faults(process),
		    (unsigned long)(user / TICK_NS), (unsigned long)(system / TICK_NS),
		    (unsigned long)(process->children_user / TICK_NS),
		    (unsigned long)(process->children_system / TICK_NS), 20 + nice, nice,
		    kin.threads, (unsigned long)(process->start_time / TICK_NS));
	show_stat_memory(text, subject, &memory, &sets);
}

void proc_show_statm(struct text *text, const struct proc_subject *subject)
{
	struct memory memory;

	subject_memory(subject, &memory);
	text_format(text, "%lu %lu %lu %lu 0 %lu 0\n", (unsigned long)memory.mapped,
		    (unsigned long)memory.resident,
		    (unsigned long)(memory.file + memory.shared_memory), (unsigned long)memory.code,
		    (unsigned long)(memory.data + memory.stack));
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

static unsigned subject_mask(const struct proc_subject *subject)
{
	struct directory_context *context = process_directory(subject->process);
	unsigned mask = 022;

	if (context) {
		mask = context->umask;
		directory_context_put(context);
	}
	return mask;
}

/* proc(5): how many descriptors the table has room for, in steps. */
static unsigned table_room(const struct proc_subject *subject)
{
	struct file_table *files = process_files(subject->process);
	unsigned room = 0;

	if (files) {
		room = ALIGN_UP(MAX(file_table_size(files), 1u), 64u);
		file_table_put(files);
	}
	return room;
}

static void show_ids(struct text *text, const struct proc_subject *subject, const struct kin *kin)
{
	const struct credentials *credentials = &subject->process->credentials;

	text_format(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t",
		    credentials->uid, credentials->euid, credentials->suid, credentials->fsuid,
		    credentials->gid, credentials->egid, credentials->sgid, credentials->fsgid,
		    table_room(subject));
	for (u32 i = 0; i < credentials->group_count; i++)
		text_format(text, i ? " %u" : "%u", credentials->groups[i]);
	text_format(text, " \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n",
		    subject->process->id->number, subject->tid, kin->group, kin->session);
}

static void kib(struct text *text, const char *name, u64 pages)
{
	text_format(text, "%s:\t%8lu kB\n", name, (unsigned long)(pages * KIB_PER_PAGE));
}

/* No peaks are kept: what is now stands for them. */
static void show_status_memory(struct text *text, const struct proc_subject *subject)
{
	struct memory memory;

	if (!subject_memory(subject, &memory))
		return;
	kib(text, "VmPeak", memory.mapped);
	kib(text, "VmSize", memory.mapped);
	kib(text, "VmLck", memory.locked);
	kib(text, "VmPin", 0);
	kib(text, "VmHWM", memory.resident);
	kib(text, "VmRSS", memory.resident);
	kib(text, "RssAnon", memory.anonymous);
	kib(text, "RssFile", memory.file);
	kib(text, "RssShmem", memory.shared_memory);
	kib(text, "VmData", memory.data);
	kib(text, "VmStk", memory.stack);
	kib(text, "VmExe", memory.code);
	kib(text, "VmLib", memory.library);
	kib(text, "VmPTE", memory.tables);
	kib(text, "VmSwap", 0);
	kib(text, "HugetlbPages", 0);
	text_format(text, "CoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n");
}

static void show_status_signals(struct text *text, const struct proc_subject *subject,
				const struct kin *kin)
{
	struct process *process = subject->process;
	struct signal_sets sets = subject_signals(subject);

	text_format(text,
		    "Threads:\t%u\nSigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\n"
		    "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		    kin->threads, process->signals_queued,
		    (unsigned long)process->limits[RLIMIT_SIGPENDING].soft,
		    (unsigned long)sets.pending, (unsigned long)sets.shared,
		    (unsigned long)sets.blocked, (unsigned long)sets.ignored,
		    (unsigned long)sets.caught);
}

static void show_list(struct text *text, u64 set)
{
	const char *separator = "";

	for (unsigned i = 0; i < 64; i++) {
		unsigned first = i;

		if (!(set >> i & 1))
			continue;
		while (i + 1 < 64 && set >> (i + 1) & 1)
			i++;
		text_format(text, first == i ? "%s%u" : "%s%u-%u", separator, first, i);
		separator = ",";
	}
	text_format(text, "\n");
}

static void show_status_privileges(struct text *text, const struct proc_subject *subject)
{
	const struct credentials *credentials = &subject->process->credentials;

	text_format(text,
		    "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\n"
		    "CapAmb:\t%016lx\nNoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n"
		    "Speculation_Store_Bypass:\tunknown\nSpeculationIndirectBranch:\tunknown\n",
		    (unsigned long)credentials->capabilities_inheritable,
		    (unsigned long)credentials->capabilities_permitted,
		    (unsigned long)credentials->capabilities_effective, (1ul << 41) - 1, 0ul,
		    credentials->no_new_privileges);
}

void proc_show_status(struct text *text, const struct proc_subject *subject)
{
	struct process *process = subject->process;
	struct thread *thread = subject->thread;
	char letter = subject_letter(subject);
	struct kin kin = subject_kin(subject);
	u64 cpus;

	text_format(text,
		    "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\n"
		    "PPid:\t%d\nTracerPid:\t%d\n",
		    subject_name(subject), subject_mask(subject), letter, state_name(letter),
		    process->id->number, subject->tid, kin.parent, kin.tracer);
	show_ids(text, subject, &kin);
	show_status_memory(text, subject);
	show_status_signals(text, subject, &kin);
	show_status_privileges(text, subject);
	if (!thread)
		return;
	cpus = thread->affinity.bits & ((1ull << cpu_count) - 1);
	text_format(text, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", (unsigned long)cpus);
	show_list(text, cpus);
	text_format(text,
		    "Mems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%lu\n"
		    "nonvoluntary_ctxt_switches:\t%lu\n",
		    (unsigned long)thread->switches_voluntary,
		    (unsigned long)thread->switches_involuntary);
}

/* Bytes of calls; how many of them a disk saw is not known. */
void proc_show_io(struct text *text, const struct proc_subject *subject)
{
	struct process_activity activity;

	process_activity(subject->process, &activity);
	text_format(text,
		    "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\nread_bytes: %lu\n"
		    "write_bytes: %lu\ncancelled_write_bytes: %lu\n",
		    (unsigned long)activity.bytes_read, (unsigned long)activity.bytes_written,
		    (unsigned long)activity.reads, (unsigned long)activity.writes,
		    (unsigned long)activity.disk.read, (unsigned long)activity.disk.dirtied,
		    (unsigned long)activity.disk.dropped);
}

/* The call in which the thread sleeps. */
void proc_show_syscall(struct text *text, const struct proc_subject *subject)
{
	const struct trap_frame *frame;

	if (!subject->thread || READ_ONCE(subject->thread->state) != THREAD_SLEEPING) {
		text_format(text, "running\n");
		return;
	}
	frame = thread_trap_frame(subject->thread);
	if (trap_in_syscall(frame)) {
		text_format(text, "%ld", trap_syscall_number(frame));
		for (unsigned i = 0; i < 6; i++)
			text_format(text, " 0x%lx", trap_argument(frame, i));
	} else {
		text_format(text, "-1");
	}
	text_format(text, " 0x%lx 0x%lx\n", trap_stack(frame), trap_pc(frame));
}

void proc_show_personality(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%08x\n", subject->process->personality);
}

/* Time on a CPU; how long it waited for one is not measured. */
void proc_show_schedstat(struct text *text, const struct proc_subject *subject)
{
	u64 user = 0, system = 0;

	if (subject->thread)
		thread_times(subject->thread, &user, &system);
	text_format(text, "%lu 0 %lu\n", (unsigned long)(user + system),
		    subject->thread ? (unsigned long)(subject->thread->switches_voluntary +
						      subject->thread->switches_involuntary)
				    : 0);
}

void proc_show_timer_slack(struct text *text, const struct proc_subject *subject)
{
	unsigned long state = spin_lock_irqsave(&process_tree_lock);
	struct user_thread *user = subject->thread ? subject->thread->user : NULL;
	u64 slack = user ? user->timer_slack : 0;

	spin_unlock_irqrestore(&process_tree_lock, state);
	text_format(text, "%llu\n", (unsigned long long)slack);
}

int proc_store_timer_slack(const struct proc_subject *subject, const char *value)
{
	unsigned long state;
	const char *end;
	u64 slack;

	if (parse_u64(value, &end, 0, &slack) || (*end && *end != '\n'))
		return -EINVAL;
	if (subject->process != process_current() && !credentials_capable(CAP_SYS_NICE))
		return -EPERM;
	state = spin_lock_irqsave(&process_tree_lock);
	if (subject->thread && subject->thread->user)
		subject->thread->user->timer_slack =
			slack ? slack : subject->thread->user->timer_slack_default;
	spin_unlock_irqrestore(&process_tree_lock, state);
	return 0;
}

/* There is one group, the root of the unified tree. */
void proc_show_cgroup(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "0::/\n");
}

/* Nobody audits: the value that means none. */
void proc_show_login(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "4294967295");
}
