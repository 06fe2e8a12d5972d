/* /proc/meminfo and its like: proc(5), "Files and directories" outside of the processes. */
#include <arch/thread.h>
#include <arch/time.h>
#include <boot/command_line.h>
#include <boot/version.h>
#include <dev/irq.h>
#include <dev/tty.h>
#include <fs/buffer.h>
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <proc/process.h>
#include <sched/cpu.h>
#include <sched/timer.h>

enum { KIB_PER_PAGE = PAGE_SIZE / 1024, TICK_NS = 10000000 };

static unsigned long ticks(u64 ns)
{
	return ns / TICK_NS;
}

static void meminfo_line(struct text *text, const char *name, u64 pages)
{
	text_format(text, "%s:%*lu kB\n", name, (int)(23 - strlen(name)), pages * KIB_PER_PAGE);
}

/* Available is what is free or clean, in the caches of files on disks. */
static void show_meminfo(struct text *text, const struct proc_subject *subject)
{
	/* What there is none of, and programs sum up all the same. */
	static const char *const none[] = { "SecPageTables", "NFS_Unstable", "Bounce",
					    "WritebackTmp" };
	struct frame_statistics memory;
	u64 stacks = thread_stack_frames_cached(), dirty = object_dirty_pages();

	frame_statistics(&memory);
	meminfo_line(text, "MemTotal", memory.total);
	meminfo_line(text, "MemFree", memory.free);
	meminfo_line(text, "MemAvailable", memory.free + stacks + object_cached_pages() - dirty);
	meminfo_line(text, "Buffers", buffer_bytes() / PAGE_SIZE);
	meminfo_line(text, "Cached", memory.object);
	meminfo_line(text, "SwapCached", 0);
	meminfo_line(text, "Active", memory.user + memory.object);
	meminfo_line(text, "Inactive", 0);
	meminfo_line(text, "Active(anon)", memory.user);
	meminfo_line(text, "Inactive(anon)", 0);
	meminfo_line(text, "Active(file)", memory.object);
	meminfo_line(text, "Inactive(file)", 0);
	meminfo_line(text, "Unevictable", 0);
	meminfo_line(text, "Mlocked", 0);
	meminfo_line(text, "SwapTotal", 0);
	meminfo_line(text, "SwapFree", 0);
	meminfo_line(text, "Dirty", dirty + buffer_dirty_bytes() / PAGE_SIZE);
	meminfo_line(text, "Writeback", 0);
	meminfo_line(text, "AnonPages", memory.user);
	meminfo_line(text, "Mapped", memory.object);
	meminfo_line(text, "Shmem", memory.object - object_cached_pages());
	meminfo_line(text, "KReclaimable", 0);
	meminfo_line(text, "Slab", memory.slab);
	meminfo_line(text, "SReclaimable", 0);
	meminfo_line(text, "SUnreclaim", memory.slab);
	meminfo_line(text, "KernelStack", thread_count() * 4);
	meminfo_line(text, "PageTables", memory.table);
	for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
		meminfo_line(text, none[i], 0);
	meminfo_line(text, "CommitLimit", memory.total);
	meminfo_line(text, "Committed_AS", memory.user + memory.object);
	meminfo_line(text, "VmallocTotal", 0);
	meminfo_line(text, "VmallocUsed", 0);
	meminfo_line(text, "VmallocChunk", 0);
	meminfo_line(text, "Percpu", 0);
}

static void cpu_line(struct text *text, const char *name, const struct cpu *cpu)
{
	text_format(text, "%s %lu 0 %lu %lu 0 %lu 0 0 0 0\n", name, ticks(cpu->time_user),
		    ticks(cpu->time_system), ticks(cpu->time_idle), ticks(cpu->time_irq));
}

static u64 boot_seconds(void)
{
	return time_realtime_offset() / 1000000000;
}

static void show_stat(struct text *text, const struct proc_subject *subject)
{
	struct cpu sum = { 0 };
	char name[16];

	for (unsigned i = 0; i < cpu_count; i++) {
		sum.time_user += cpus[i].time_user;
		sum.time_system += cpus[i].time_system;
		sum.time_idle += cpus[i].time_idle;
		sum.time_irq += cpus[i].time_irq;
		sum.switches += cpus[i].switches;
		sum.interrupts += cpus[i].interrupts;
	}
	cpu_line(text, "cpu ", &sum);
	for (unsigned i = 0; i < cpu_count; i++) {
		if (!cpus[i].online)
			continue;
		snprintf(name, sizeof(name), "cpu%u", i);
		cpu_line(text, name, &cpus[i]);
	}
	text_format(text,
		    "intr %lu\nctxt %lu\nbtime %lu\nprocesses %d\nprocs_running %u\n"
		    "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		    sum.interrupts, sum.switches, boot_seconds(), process_last_pid(),
		    sched_runnable());
}

static void show_uptime(struct text *text, const struct proc_subject *subject)
{
	u64 up = time_now() / TICK_NS, idle = 0;

	for (unsigned i = 0; i < cpu_count; i++)
		idle += cpus[i].time_idle / TICK_NS;
	text_format(text, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
}

static void show_loadavg(struct text *text, const struct proc_subject *subject)
{
	u32 load[3];

	sched_load(load);
	for (int i = 0; i < 3; i++)
		text_format(text, "%u.%02u ", load[i] >> 16, (load[i] & 0xffff) * 100 >> 16);
	text_format(text, "%u/%lu %d\n", sched_runnable(), (unsigned long)thread_count(),
		    process_last_pid());
}

static void show_cpuinfo(struct text *text, const struct proc_subject *subject)
{
	char *paragraph = kmalloc(2048);

	for (unsigned i = 0; paragraph && i < cpu_count; i++) {
		if (!cpus[i].online)
			continue;
		text_append(text, paragraph, cpu_describe(i, paragraph, 2048));
		text_append(text, "\n", 1);
	}
	text->failed |= !paragraph;
	kfree(paragraph);
}

static void show_version(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "Linux version 6.12.0-selene (Selene %s) #1 Selene %s SMP\n",
		    SELENE_VERSION, SELENE_VERSION);
}

static void show_file_systems(struct text *text, const struct proc_subject *subject)
{
	for (struct file_system_type *type = file_system_first(); type; type = type->next)
		text_format(text, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
}

static void show_command_line(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%s\n", command_line());
}

static void show_consoles(struct text *text, const struct proc_subject *subject)
{
	const char *name = terminal_console_name();

	if (name)
		text_format(text, "%-21s-W- (EC p a)\n", name);
}

static void show_interrupts(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "    ");
	for (unsigned cpu = 0; cpu < cpu_count; cpu++)
		text_format(text, "       CPU%u", cpu);
	text_format(text, "\n");
	for (unsigned line = 0; line < IRQ_LINES_MAX; line++) {
		if (!irq_name(line))
			continue;
		text_format(text, "%3u:", line);
		for (unsigned cpu = 0; cpu < cpu_count; cpu++)
			text_format(text, " %10lu", (unsigned long)irq_count(line, cpu));
		text_format(text, "  %s\n", irq_name(line));
	}
}

static void show_vmstat(struct text *text, const struct proc_subject *subject)
{
	struct frame_statistics memory;

	frame_statistics(&memory);
	text_format(text,
		    "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\n"
		    "nr_page_table_pages %lu\n",
		    memory.free, memory.user, memory.object, memory.table);
}

static void show_swaps(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static void show_devices(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n"
			  "\nBlock devices:\n");
}

static ssize_t self_readlink(const struct proc_subject *subject, char *buffer, size_t size)
{
	return scnprintf(buffer, size, "%d", process_current()->id->number);
}

static ssize_t thread_self_readlink(const struct proc_subject *subject, char *buffer, size_t size)
{
	return scnprintf(buffer, size, "%d/task/%d", process_current()->id->number,
			 thread_current()->tid);
}

static ssize_t mounts_readlink(const struct proc_subject *subject, char *buffer, size_t size)
{
	return scnprintf(buffer, size, "self/mounts");
}

static ssize_t net_readlink(const struct proc_subject *subject, char *buffer, size_t size)
{
	return scnprintf(buffer, size, "self/net");
}

const struct proc_entry proc_root_entries[] = {
	{ .name = "self", .mode = S_IFLNK | 0777, .readlink = self_readlink },
	{ .name = "thread-self", .mode = S_IFLNK | 0777, .readlink = thread_self_readlink },
	{ .name = "mounts", .mode = S_IFLNK | 0777, .readlink = mounts_readlink },
	{ .name = "net", .mode = S_IFLNK | 0777, .readlink = net_readlink },
	{ .name = "meminfo", .mode = S_IFREG | 0444, .show = show_meminfo },
	{ .name = "stat", .mode = S_IFREG | 0444, .show = show_stat },
	{ .name = "uptime", .mode = S_IFREG | 0444, .show = show_uptime },
	{ .name = "loadavg", .mode = S_IFREG | 0444, .show = show_loadavg },
	{ .name = "cpuinfo", .mode = S_IFREG | 0444, .show = show_cpuinfo },
	{ .name = "version", .mode = S_IFREG | 0444, .show = show_version },
	{ .name = "filesystems", .mode = S_IFREG | 0444, .show = show_file_systems },
	{ .name = "cmdline", .mode = S_IFREG | 0444, .show = show_command_line },
	{ .name = "consoles", .mode = S_IFREG | 0444, .show = show_consoles },
	{ .name = "interrupts", .mode = S_IFREG | 0444, .show = show_interrupts },
	{ .name = "vmstat", .mode = S_IFREG | 0444, .show = show_vmstat },
	{ .name = "swaps", .mode = S_IFREG | 0444, .show = show_swaps },
	{ .name = "partitions", .mode = S_IFREG | 0444, .show = proc_show_partitions },
	{ .name = "diskstats", .mode = S_IFREG | 0444, .show = proc_show_diskstats },
	{ .name = "devices", .mode = S_IFREG | 0444, .show = show_devices },
	{ .name = "sysrq-trigger", .mode = S_IFREG | 0200, .store = proc_store_sysrq },
	{ .name = "sysvipc", .mode = S_IFDIR | 0555, .children = proc_sysvipc_entries },
	{ .name = "selene", .mode = S_IFDIR | 0555, .children = proc_selene_entries },
	{ .name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_entries },
	{ 0 },
};
