/* Cadence's SD4HC, as in Microchip's PolarFire SoC: the standard's registers behind its own. */
#include <dev/device.h>
#include <dev/sd/sdhci.h>
#include <lib/errno.h>

enum { STANDARD_REGISTERS = 0x200, REGISTERS_SIZE = 0x300 };

static int cadence_probe(const struct fdt_node *node)
{
	size_t size;
	volatile u8 *registers = device_map(node, 0, &size);

	if (!registers || size < REGISTERS_SIZE)
		return -ENXIO;
	return sdhci_register(registers + STANDARD_REGISTERS,
			      fdt_node_name(node->fdt, node->offset), node);
}

static const char *const compatible[] = { "cdns,sd4hc", NULL };

DRIVER(cadence_driver) = {
	.name = "cadence-sd4hc",
	.compatible = compatible,
	.probe = cadence_probe,
};
