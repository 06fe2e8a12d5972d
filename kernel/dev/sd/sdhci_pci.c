/* SD host controllers on PCI: class 08 05, one slot behind BAR 0 (SD Host Controller specification, C). */
#include <dev/pci.h>
#include <dev/sd/sdhci.h>
#include <lib/errno.h>

static int sdhci_pci_probe(struct pci_device *device)
{
	volatile u8 *registers = pci_map(device, 0);

	return registers ? sdhci_register(registers, device->name, NULL) : -ENXIO;
}

PCI_DRIVER(sdhci_pci_driver) = {
	.name = "sdhci-pci",
	.vendor = PCI_ANY,
	.device = PCI_ANY,
	.class = 0x080500,
	.class_mask = 0xffff00,
	.probe = sdhci_pci_probe,
};
