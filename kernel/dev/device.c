/*
 * Drivers meet the nodes of the device tree. A node's `compatible` strings are tried from the
 * most to the least specific; the first driver that takes the node keeps it.
 */
#include <arch/mmu.h>
#include <boot/memory.h>
#include <debug/log.h>
#include <dev/device.h>
#include <lib/errno.h>
#include <lib/string.h>

extern const struct driver *const __start_drivers[], *const __stop_drivers[];

static bool driver_knows(const struct driver *driver, const char *compatible)
{
	for (const char *const *known = driver->compatible; *known; known++) {
		if (string_equal(*known, compatible))
			return true;
	}
	return false;
}

/* True: the node has its driver, or the driver said why it cannot have it. */
static bool probe_compatible(const struct fdt_node *node, const char *compatible, int early)
{
	for (const struct driver *const *entry = __start_drivers; entry < __stop_drivers; entry++) {
		const struct driver *driver = *entry;
		int error;

		if (driver->early != early || !driver_knows(driver, compatible))
			continue;
		error = driver->probe(node);
		if (!error)
			return true;
		if (error != -ENODEV) {
			log_warning("%s: %s: error %d", driver->name,
				    fdt_node_name(node->fdt, node->offset), -error);
			return true;
		}
	}
	return false;
}

static void probe_node(const struct fdt_node *node, int early)
{
	const char *compatible;

	for (unsigned i = 0;; i++) {
		compatible = fdt_string_at(node->fdt, node->offset, "compatible", i);
		if (!compatible || probe_compatible(node, compatible, early))
			return;
	}
}

/* What hangs off a disabled bus is not there either. */
void device_probe_all(int early)
{
	const struct fdt *fdt = boot_fdt();
	int depth = 0, disabled_depth = FDT_MAX_DEPTH;

	for (int offset = fdt_root(fdt); offset >= 0; offset = fdt_next_node(fdt, offset, &depth)) {
		const struct fdt_node node = { fdt, offset };

		if (depth > disabled_depth)
			continue;
		disabled_depth = fdt_enabled(fdt, offset) ? FDT_MAX_DEPTH : depth;
		if (disabled_depth == FDT_MAX_DEPTH)
			probe_node(&node, early);
	}
}

void *device_map(const struct fdt_node *node, unsigned index, size_t *size)
{
	u64 address, length;
	int error = fdt_reg(node->fdt, node->offset, index, &address, &length);
	void *registers = NULL;

	if (!error && length)
		registers = mmu_map_device(address, length);
	if (!registers) {
		log_warning("%s: registers %u cannot be mapped: error %d",
			    fdt_node_name(node->fdt, node->offset), index, error ? -error : ENOMEM);
		return NULL;
	}
	if (size)
		*size = length;
	return registers;
}

/*
 * A line of the controller that the port drives is one cell. More cells are another controller's
 * (of pins, say), whose numbers mean nothing here.
 */
int device_interrupt(const struct fdt_node *node, unsigned index)
{
	struct fdt_interrupt interrupt;

	if (fdt_interrupt(node->fdt, node->offset, index, &interrupt) || interrupt.controller < 0 ||
	    interrupt.cell_count != 1)
		return -ENOENT;
	return (int)interrupt.cells[0];
}
