#include "hart.h"
#include "sbi.h"
#include <arch/smp.h>
#include <arch/time.h>
#include <arch/tlb.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <sched/cpu.h>

extern char secondary_start[], boot_stack[];

unsigned long boot_hart_id;
paddr_t boot_tree_address, kernel_image_physical;

/*
 * Whom each hart shall run, for a hart that came in by the wrong door (start.S). In .data, for such a hart
 * may look before the BSS is cleared.
 */
struct hart_start {
	unsigned long id;
	struct thread *thread; /* written last */
};
extern struct hart_start hart_starts[CPU_MAX];
struct hart_start hart_starts[CPU_MAX] __attribute__((section(".data")));
static_assert(sizeof(struct hart_start) == HART_START_SIZE && CPU_MAX == HART_STARTS &&
		      offsetof(struct hart_start, thread) == HART_START_THREAD,
	      "start.S");

static bool stopping;

void boot_hart_main(unsigned long hart, paddr_t tree, paddr_t image);
void secondary_hart_main(unsigned long hart);
__noreturn void kernel_main(paddr_t device_tree);

static void set_stack(struct thread *thread)
{
	struct arch_thread *arch = &thread->arch;

	arch->stack_bottom = thread->stack;
	arch->frame = (void *)(thread->stack + KERNEL_STACK_SIZE - sizeof(struct trap_frame));
	arch->fpu_cpu = -1;
}

void hart_init_registers(void)
{
	const unsigned long time_counter = 2;

	csr_write(sie, BIT(INTERRUPT_SOFTWARE) | BIT(INTERRUPT_EXTERNAL));
	csr_write(scounteren, time_counter);
}

/* start.S, on the stack and thread of CPU 0. */
void boot_hart_main(unsigned long hart, paddr_t tree, paddr_t image)
{
	kernel_image_physical = image;
	boot_hart_id = hart;
	boot_tree_address = tree;
	cpu_boot_thread.stack = (vaddr_t)boot_stack;
	cpu_boot_thread.cpu = &cpus[0];
	set_stack(&cpu_boot_thread);
	harts[0].is.id = hart;
	harts[0].is.node = -1;
	sbi_init();
	hart_init_registers();
	hart_running(0);
	kernel_main(tree);
}

unsigned smp_enumerate(unsigned max)
{
	const unsigned needed = SBI_HAS_HSM | SBI_HAS_IPI | SBI_HAS_RFENCE;

	harts_discover();
	if (hart_count > 1 && (sbi_features & needed) != needed) {
		log_warning("smp: the firmware lacks HSM, IPI or RFENCE: one hart only");
		hart_count = 1;
	}
	return MIN(hart_count, max);
}

int smp_start(unsigned cpu, struct thread *idle)
{
	struct sbi_result result;

	set_stack(idle);
	hart_starts[cpu].id = harts[cpu].is.id;
	store_release(&hart_starts[cpu].thread, idle);
	/* The new hart must find all that was written so far. */
	memory_barrier();
	result = sbi_hart_start(harts[cpu].is.id, direct_unmap(secondary_start),
				(unsigned long)idle);
	if (!result.error)
		return 0;
	log_warning("smp: hart %lu does not start: SBI error %ld", harts[cpu].is.id, result.error);
	return -EIO;
}

void secondary_hart_main(unsigned long hart)
{
	unsigned cpu = cpu_this()->index;

	assert(harts[cpu].is.id == hart);
	hart_init_registers();
	hart_running(cpu);
	harts[cpu].kernel_map_seen = READ_ONCE(kernel_map_generation);
	tlb_flush_local_all();
	cpu_main();
}

void smp_send_ipi(unsigned cpu)
{
	sbi_send_ipi(cpu);
}

void hart_check_stop(void)
{
	if (likely(!READ_ONCE(stopping)))
		return;
	irq_disable();
	for (;;)
		cpu_wait_for_interrupt();
}

void smp_stop_others(void)
{
	unsigned self = cpu_this()->index;

	WRITE_ONCE(stopping, true);
	memory_barrier();
	for (unsigned cpu = 0; cpu < hart_count; cpu++) {
		if (cpu != self && cpumask_test(&harts_running, cpu))
			sbi_send_ipi(cpu);
	}
}
