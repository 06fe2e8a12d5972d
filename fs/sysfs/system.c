/* What /sys says of the machine: CPUs, memory nodes, the kernel. */
#include <boot/initcall.h>
#include <fs/sysfs/sysfs.h>
#include <lib/printf.h>
#include <mm/frame.h>
#include <sched/cpu.h>

/* "0-3,5": a set of CPUs as a list. */
static void cpu_list(struct text *text, bool online)
{
	const char *separator = "";

	for (unsigned i = 0; i < cpu_count; i++) {
		unsigned first = i;

		if (cpus[i].online != online)
			continue;
		while (i + 1 < cpu_count && cpus[i + 1].online == online)
			i++;
		text_format(text, first == i ? "%s%u" : "%s%u-%u", separator, first, i);
		separator = ",";
	}
	text_format(text, "\n");
}

static void show_online(struct text *text, void *context)
{
	cpu_list(text, true);
}

static void show_offline(struct text *text, void *context)
{
	cpu_list(text, false);
}

static void show_possible(struct text *text, void *context)
{
	text_format(text, cpu_count > 1 ? "0-%u\n" : "%u\n", cpu_count - 1);
}

static void show_kernel_max(struct text *text, void *context)
{
	text_format(text, "%u\n", CPU_MAX - 1);
}

static void show_nothing(struct text *text, void *context)
{
	text_format(text, "\n");
}

static void show_cpu_online(struct text *text, void *context)
{
	text_format(text, "%d\n", ((struct cpu *)context)->online);
}

static void show_index(struct text *text, void *context)
{
	text_format(text, "%u\n", ((struct cpu *)context)->index);
}

/* Groups of 32 bits, from the highest that there can be. */
static void cpu_mask(struct text *text, u64 mask)
{
	int digits = (int)(cpu_count + 3) / 4;

	static_assert(CPU_MAX <= 64, "two groups");
	if (digits > 8)
		text_format(text, "%0*x,", digits - 8, (u32)(mask >> 32));
	text_format(text, "%0*x\n", MIN(digits, 8), (u32)mask);
}

static void show_own_mask(struct text *text, void *context)
{
	cpu_mask(text, 1ull << ((struct cpu *)context)->index);
}

static void show_all_mask(struct text *text, void *context)
{
	cpu_mask(text, ~0ull >> (64 - cpu_count));
}

/* One package, of cores with one thread each. */
static int add_topology(struct sysfs_node *directory, struct cpu *cpu)
{
	static const char *const own[] = { "core_cpus", "thread_siblings", "cluster_cpus" };
	static const char *const own_lists[] = { "core_cpus_list", "thread_siblings_list",
						 "cluster_cpus_list" };
	static const char *const all[] = { "core_siblings", "package_cpus" };
	static const char *const all_lists[] = { "core_siblings_list", "package_cpus_list" };
	struct sysfs_node *node = sysfs_directory(directory, "topology");
	int error = sysfs_file(node, "core_id", 0444, show_index, NULL, cpu);

	for (unsigned i = 0; !error && i < ARRAY_SIZE(own); i++) {
		error = sysfs_file(node, own[i], 0444, show_own_mask, NULL, cpu);
		if (!error)
			error = sysfs_file(node, own_lists[i], 0444, show_index, NULL, cpu);
	}
	for (unsigned i = 0; !error && i < ARRAY_SIZE(all); i++) {
		error = sysfs_file(node, all[i], 0444, show_all_mask, NULL, cpu);
		if (!error)
			error = sysfs_file(node, all_lists[i], 0444, show_possible, NULL, cpu);
	}
	if (!error)
		error = sysfs_text(node, "physical_package_id", "0");
	return error;
}

static int add_cpus(void)
{
	struct sysfs_node *cpu = sysfs_directory(NULL, "devices/system/cpu");
	int error = sysfs_file(cpu, "online", 0444, show_online, NULL, NULL);

	if (!error)
		error = sysfs_file(cpu, "offline", 0444, show_offline, NULL, NULL);
	if (!error)
		error = sysfs_file(cpu, "possible", 0444, show_possible, NULL, NULL);
	if (!error)
		error = sysfs_file(cpu, "present", 0444, show_possible, NULL, NULL);
	if (!error)
		error = sysfs_file(cpu, "isolated", 0444, show_nothing, NULL, NULL);
	if (!error)
		error = sysfs_file(cpu, "kernel_max", 0444, show_kernel_max, NULL, NULL);
	for (unsigned i = 0; !error && i < cpu_count; i++) {
		struct sysfs_node *one;
		char name[16];

		snprintf(name, sizeof(name), "cpu%u", i);
		one = sysfs_directory(cpu, name);
		error = sysfs_file(one, "online", 0444, show_cpu_online, NULL, &cpus[i]);
		if (!error)
			error = add_topology(one, &cpus[i]);
		if (!error)
			error = sysfs_link(sysfs_directory(NULL, "bus/cpu/devices"), name, one);
	}
	return error;
}

/* All memory is equally far: one node. */
static int add_node(void)
{
	static const char *const sets[] = { "online", "possible", "has_cpu", "has_memory",
					    "has_normal_memory" };
	struct sysfs_node *all = sysfs_directory(NULL, "devices/system/node");
	struct sysfs_node *node = sysfs_directory(all, "node0");
	int error = sysfs_file(node, "cpumap", 0444, show_all_mask, NULL, NULL);

	if (!error)
		error = sysfs_file(node, "cpulist", 0444, show_possible, NULL, NULL);
	if (!error)
		error = sysfs_text(node, "distance", "10");
	for (unsigned i = 0; !error && i < ARRAY_SIZE(sets); i++)
		error = sysfs_text(all, sets[i], "0");
	return error;
}

static int add_kernel(void)
{
	struct sysfs_node *kernel = sysfs_directory(NULL, "kernel");
	int error = sysfs_text(kernel, "uevent_seqnum", "0");

	sysfs_directory(kernel, "mm");
	sysfs_directory(kernel, "debug");
	sysfs_directory(NULL, "fs");
	sysfs_directory(NULL, "class");
	sysfs_directory(NULL, "block");
	sysfs_directory(NULL, "module");
	sysfs_directory(NULL, "firmware");
	return error;
}

static int sysfs_system_start(void)
{
	int error = add_kernel();

	if (!error)
		error = add_cpus();
	return error ? error : add_node();
}
INITCALL_FS(sysfs_system_start);
