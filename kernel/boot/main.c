/*
 * The order of the start. What needs no other CPU and no sleep happens on the boot CPU's first
 * thread, which then becomes its idle thread; the rest happens on a thread of its own, which may
 * sleep.
 */
#include <arch/machine.h>
#include <arch/mmu.h>
#include <boot/command_line.h>
#include <boot/initcall.h>
#include <boot/memory.h>
#include <boot/version.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <dev/device.h>
#include <fs/root.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <proc/process.h>
#include <sched/cpu.h>

static void parse_command_line(void)
{
	const struct fdt *fdt = boot_fdt();
	const char *line = fdt_string(fdt, fdt_node_by_path(fdt, "/chosen"), "bootargs");

	command_line_parse(line ? line : "");
}

static void print_banner(void)
{
	const struct fdt *fdt = boot_fdt();
	const char *model = fdt_string(fdt, fdt_root(fdt), "model");
	struct frame_statistics memory;
	unsigned harts = cpumask_count(&cpus_online);

	frame_statistics(&memory);
	log_write(LOG_NOTICE, "Selene %s (%u %s, %lu MiB)", SELENE_VERSION, harts,
		  harts == 1 ? "hart" : "harts",
		  (unsigned long)(memory.total >> (20 - PAGE_SHIFT)));
	log_info("machine: %s; command line: \"%s\"", model ? model : "unnamed", command_line());
}

static void start_init(void)
{
	char *const *arguments = command_line_init_arguments();
	char *argv[40] = { (char *)command_line_init };
	char *const envp[] = { "HOME=/", "TERM=linux", NULL };
	int error;

	for (size_t i = 0; arguments[i] && i < ARRAY_SIZE(argv) - 2; i++)
		argv[i + 1] = arguments[i];
	error = process_start_init(command_line_init, argv, envp);
	if (error)
		boot_failure("%s of the initramfs cannot be started: error %d (%s)",
			     command_line_init, -error,
			     error == -ENOENT	 ? "it is not there"
			     : error == -EACCES	 ? "it is not executable"
			     : error == -ENOEXEC ? "it is no program for this machine"
						 : "see the messages above");
}

static void boot_thread(void *argument)
{
	initcalls_run(INITCALL_LEVEL_CORE);
	initcalls_run(INITCALL_LEVEL_FS);
	device_probe_all(0);
	initcalls_run(INITCALL_LEVEL_DEVICE);
	root_mount();
	start_init();
}

void kernel_main(paddr_t device_tree)
{
	struct thread *thread;

	boot_device_tree_address = device_tree;
	boot_memory_discover();
	parse_command_line();
	mmu_init();
	frame_init();
	slab_init();
	sched_init();
	if (machine_init())
		boot_failure("the machine's interrupt controller or clock cannot be used: "
			     "see the messages above");
	irq_enable();
	device_probe_all(1);
	smp_boot(CPU_MAX);
	print_banner();
	thread = thread_create("boot", boot_thread, NULL);
	if (!thread)
		boot_failure("no memory for the first thread: give the machine more");
	thread_start(thread);
	cpu_idle();
}
