#include <arch/io.h>
#include <arch/mmu.h>
#include <debug/log.h>
#include <dev/device.h>
#include <dev/pci.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <mm/slab.h>

enum { CONFIG_SIZE = 4096, DEVICES = 32, FUNCTIONS = 8 };
enum { /* configuration space, 7.5.1 */
       VENDOR = 0x00,
       DEVICE = 0x02,
       COMMAND = 0x04,
       STATUS = 0x06,
       CLASS = 0x08,
       HEADER_TYPE = 0x0e,
       BAR = 0x10,
       SUBSYSTEM = 0x2e,
       CAPABILITIES = 0x34,
       INTERRUPT_PIN = 0x3d,
};
enum {
	COMMAND_MEMORY = 2,
	COMMAND_MASTER = 4,
	COMMAND_NO_INTERRUPT = 1 << 10,
	STATUS_CAPABILITIES = 1 << 4,
	HEADER_MULTIPLE = 0x80,
	BAR_IO = 1,
	BAR_TYPE = 6,
	BAR_64 = 4,
};
/* The bus's cells for an address: what kind of space it is (IEEE 1275, PCI bus binding 2.2.1.1). */
enum { SPACE_SHIFT = 24, SPACE_MASK = 3, SPACE_MEMORY_32 = 2, CELLS_PCI = 3 };

struct pci_host {
	const struct fdt *fdt;
	int node;
	volatile u8 *config;	 /* of bus 0 */
	u64 window, end, offset; /* of the bus's addresses still free; plus @offset: the CPU's */
};

extern const struct pci_driver *const __start_pci_drivers[], *const __stop_pci_drivers[];

u32 pci_read(const struct pci_device *device, unsigned offset, unsigned size)
{
	const volatile u8 *at = device->config + offset;

	return size == 1 ? io_read8(at) : size == 2 ? io_read16(at) : io_read32(at);
}

void pci_write(struct pci_device *device, unsigned offset, unsigned size, u32 value)
{
	volatile u8 *at = device->config + offset;

	if (size == 1)
		io_write8(at, value);
	else if (size == 2)
		io_write16(at, value);
	else
		io_write32(at, value);
}

unsigned pci_capability(const struct pci_device *device, u8 id, unsigned after)
{
	unsigned at, steps = 48;

	if (after)
		at = pci_read(device, after + 1, 1);
	else if (pci_read(device, STATUS, 2) & STATUS_CAPABILITIES)
		at = pci_read(device, CAPABILITIES, 1);
	else
		return 0;
	/* A list that runs in a circle ends, too. */
	while ((at &= 0xfc) && steps--) {
		if (pci_read(device, at, 1) == id)
			return at;
		at = pci_read(device, at + 1, 1);
	}
	return 0;
}

volatile u8 *pci_map(struct pci_device *device, unsigned bar)
{
	if (bar >= PCI_BARS || !device->bars[bar].size)
		return NULL;
	if (!device->bars[bar].mapped)
		device->bars[bar].mapped =
			mmu_map_device(device->bars[bar].address, device->bars[bar].size);
	return device->bars[bar].mapped;
}

/* Entry of `ranges` for memory below 4 GiB: child address (3 cells), parent address, size (2). */
static int find_window(struct pci_host *host)
{
	u32 parent = fdt_address_cells(host->fdt, fdt_parent(host->fdt, host->node)), size;
	const u8 *ranges = fdt_property(host->fdt, host->node, "ranges", &size);
	u32 entry = 4 * (CELLS_PCI + parent + 2);

	if (!ranges || parent < 1 || parent > 2)
		return -EINVAL;
	for (; size >= entry; ranges += entry, size -= entry) {
		u64 address = load_be64(ranges + 4), to;

		if ((load_be32(ranges) >> SPACE_SHIFT & SPACE_MASK) != SPACE_MEMORY_32)
			continue;
		to = parent == 2 ? load_be64(ranges + 12) : load_be32(ranges + 12);
		host->window = address;
		host->end = address + load_be64(ranges + entry - 8);
		host->offset = to - address;
		return host->end >> 32 && host->end != 1ull << 32 ? -EINVAL : 0;
	}
	return -EINVAL;
}

/*
 * The line behind a function's pin: interrupt-map (Devicetree 2.4.3). Each entry: the child's address and
 * pin under the mask, the controller, its own address cells and its line.
 */
static int find_line(const struct pci_host *host, unsigned number, unsigned pin)
{
	u32 size, mask_size, cells[4] = { number << 8, 0, 0, pin };
	const u8 *map = fdt_property(host->fdt, host->node, "interrupt-map", &size);
	const u8 *mask = fdt_property(host->fdt, host->node, "interrupt-map-mask", &mask_size);

	if (!pin || !map || !mask || mask_size < 16)
		return -ENOENT;
	while (size >= 20) {
		int controller = fdt_node_by_phandle(host->fdt, load_be32(map + 16));
		u32 address_cells = 0, interrupt_cells = 0, entry;
		bool same = true;

		if (controller < 0 ||
		    fdt_u32(host->fdt, controller, "#interrupt-cells", &interrupt_cells))
			return -ENOENT;
		fdt_u32(host->fdt, controller, "#address-cells", &address_cells);
		if (address_cells > 3 || !interrupt_cells || interrupt_cells > 3)
			return -ENOENT;
		entry = 20 + 4 * (address_cells + interrupt_cells);
		if (entry > size)
			return -ENOENT;
		for (unsigned i = 0; i < 4; i++)
			same &= !((load_be32(map + 4 * i) ^ cells[i]) & load_be32(mask + 4 * i));
		if (same)
			return (int)load_be32(map + 20 + 4 * address_cells);
		map += entry;
		size -= entry;
	}
	return -ENOENT;
}

/* How large BAR @bar is, and an address for it. The number of BARs that it takes. */
static unsigned assign_bar(struct pci_device *device, unsigned bar)
{
	struct pci_host *host = device->host;
	unsigned at = BAR + 4 * bar;
	u32 low = pci_read(device, at, 4), high = ~0u;
	bool wide = (low & BAR_TYPE) == BAR_64 && bar + 1 < PCI_BARS;
	u64 size, address;

	if (low & BAR_IO)
		return 1;
	pci_write(device, at, 4, ~0u);
	low = pci_read(device, at, 4);
	if (wide) {
		pci_write(device, at + 4, 4, ~0u);
		high = pci_read(device, at + 4, 4);
	}
	if (!(low & ~0xfu) && (!wide || !high))
		return wide ? 2 : 1;
	size = ~((u64)high << 32 | (low & ~0xfu)) + 1;
	address = ALIGN_UP(host->window, MAX(size, (u64)PAGE_SIZE));
	if (!size || size & (size - 1) || address < host->window || address >= host->end ||
	    size > host->end - address) {
		log_warning("pci %s: no room for BAR %u\n", device->name, bar);
		pci_write(device, at, 4, 0);
		return wide ? 2 : 1;
	}
	host->window = address + size;
	pci_write(device, at, 4, address);
	if (wide)
		pci_write(device, at + 4, 4, address >> 32);
	device->bars[bar].address = address + host->offset;
	device->bars[bar].size = size;
	return wide ? 2 : 1;
}

static bool driver_matches(const struct pci_driver *driver, const struct pci_device *device)
{
	return (driver->vendor == PCI_ANY || driver->vendor == device->vendor) &&
	       (driver->device == PCI_ANY || driver->device == device->device) &&
	       (device->class & driver->class_mask) == driver->class;
}

static void probe_drivers(struct pci_device *device)
{
	for (const struct pci_driver *const *entry = __start_pci_drivers;
	     entry < __stop_pci_drivers; entry++) {
		int error;

		if (!driver_matches(*entry, device))
			continue;
		error = (*entry)->probe(device);
		if (!error)
			return;
		if (error != -ENODEV)
			log_warning("pci %s: %s: error %d\n", device->name, (*entry)->name, -error);
	}
}

static void add_function(struct pci_host *host, unsigned number)
{
	struct pci_device *device = kzalloc(sizeof(*device));
	u16 command;

	if (!device)
		return;
	device->host = host;
	device->config = host->config + (size_t)number * CONFIG_SIZE;
	device->vendor = pci_read(device, VENDOR, 2);
	device->device = pci_read(device, DEVICE, 2);
	device->subsystem = pci_read(device, SUBSYSTEM, 2);
	device->class = pci_read(device, CLASS, 4) >> 8;
	snprintf(device->name, sizeof(device->name), "00:%02x.%u", number / FUNCTIONS,
		 number % FUNCTIONS);
	device->line = find_line(host, number, pci_read(device, INTERRUPT_PIN, 1));
	/* Bridges have two BARs and other things behind them; what lies beyond is not looked for. */
	if ((pci_read(device, HEADER_TYPE, 1) & ~HEADER_MULTIPLE) != 0) {
		kfree(device);
		return;
	}
	command = pci_read(device, COMMAND, 2) & ~(COMMAND_MEMORY | COMMAND_NO_INTERRUPT);
	pci_write(device, COMMAND, 2, command);
	for (unsigned bar = 0; bar < PCI_BARS;)
		bar += assign_bar(device, bar);
	pci_write(device, COMMAND, 2, command | COMMAND_MEMORY | COMMAND_MASTER);
	probe_drivers(device);
}

static void scan(struct pci_host *host)
{
	for (unsigned slot = 0; slot < DEVICES; slot++) {
		for (unsigned function = 0; function < FUNCTIONS; function++) {
			unsigned number = slot * FUNCTIONS + function;
			const volatile u8 *config = host->config + (size_t)number * CONFIG_SIZE;

			if (io_read16(config + VENDOR) != 0xffff)
				add_function(host, number);
			else if (!function)
				break;
			if (!function && !(io_read8(config + HEADER_TYPE) & HEADER_MULTIPLE))
				break;
		}
	}
}

static int host_probe(const struct fdt_node *node)
{
	size_t bus_size = (size_t)DEVICES * FUNCTIONS * CONFIG_SIZE;
	struct pci_host *host = kzalloc(sizeof(*host));
	u64 address, size;
	int error = host ? fdt_reg(node->fdt, node->offset, 0, &address, &size) : -ENOMEM;

	if (error)
		goto fail;
	host->fdt = node->fdt;
	host->node = node->offset;
	error = size < bus_size ? -EINVAL : find_window(host);
	if (error)
		goto fail;
	host->config = mmu_map_device(address, bus_size);
	error = host->config ? 0 : -ENOMEM;
	if (error)
		goto fail;
	scan(host);
	return 0;
fail:
	kfree(host);
	return error;
}

static const char *const compatible[] = { "pci-host-ecam-generic", NULL };

DRIVER(pci_host_driver) = {
	.name = "pci",
	.compatible = compatible,
	.probe = host_probe,
};
