#include "hart.h"
#include "sbi.h"
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/machine.h>
#include <arch/mmu.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <lib/fdt.h>

/* The "test finisher" of QEMU and SiFive: the one way to hand the host an exit status. */
enum { FINISHER_FAIL = 0x3333, FINISHER_STATUS_SHIFT = 16, FINISHER_PATIENCE = 100000000 };

static void *finisher; /* [const after boot] NULL: none */

static int finisher_address(const struct fdt *tree, u64 *address)
{
	static const char *const compatible[] = { "sifive,test0", "sifive,test1" };

	for (unsigned i = 0; i < ARRAY_SIZE(compatible); i++) {
		int node = fdt_next_compatible(tree, -1, compatible[i]);

		if (node >= 0 && fdt_enabled(tree, node))
			return fdt_reg(tree, node, 0, address, NULL);
	}
	return -ENODEV;
}

int machine_init(void)
{
	const struct fdt *tree = machine_tree();
	u64 address;
	int error;

	if (!tree)
		return -ENODEV;
	harts_discover();
	if (!finisher_address(tree, &address))
		finisher = mmu_map_device(address, PAGE_SIZE);
	error = timer_init_hardware(tree);
	if (error)
		return error;
	error = plic_init(tree);
	/*
	 * Without interrupts from devices the machine still runs: consoles of the firmware are
	 * polled.
	 */
	return error == -ENODEV ? 0 : error;
}

/* Before machine_init() the first tables may still show all of the physical addresses. */
static void *finisher_early(void)
{
	const void *blob = direct_map(boot_tree_address);
	struct fdt tree;
	u64 address;

	if (mmu_kernel_entry(DEVICE_WINDOW_BASE).value || boot_tree_address & 3 ||
	    boot_tree_address - 1 >= DIRECT_MAP_SIZE - 1 ||
	    fdt_check(&tree, blob, fdt_blob_size(blob), NULL) ||
	    finisher_address(&tree, &address) || address >= DIRECT_MAP_SIZE)
		return NULL;
	return direct_map(address);
}

void machine_power(enum power_action action)
{
	static const char message[] = "Halted: this firmware cannot switch the machine off.\r\n";

	irq_disable();
	if (action == POWER_FAILURE) {
		void *device = finisher ? finisher : finisher_early();

		if (device)
			io_write32(device, 1u << FINISHER_STATUS_SHIFT | FINISHER_FAIL);
		/* The machine goes on for a moment, and a second request would replace the status. */
		for (unsigned i = 0; device && i < FINISHER_PATIENCE; i++)
			cpu_relax();
	}
	sbi_system_reset(action == POWER_RESTART ? SBI_COLD_REBOOT : SBI_SHUTDOWN,
			 action == POWER_FAILURE);
	firmware_write(message, sizeof(message) - 1);
	for (;;)
		cpu_wait_for_interrupt();
}
