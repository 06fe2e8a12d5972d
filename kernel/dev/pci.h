#pragma once
/*
 * PCI functions on the root bus of a host bridge with ECAM (PCI Express 5.0, 7.2.2). BARs are given
 * addresses out of the bridge's window for memory below 4 GiB; interrupts are the four lines (no MSI).
 * Drivers are leaves: a PCI_DRIVER() entry. All at boot time, on the boot thread.
 */
#include <lib/types.h>

enum { PCI_BARS = 6, PCI_ANY = 0xffff };

struct pci_host;

struct pci_device {
	struct pci_host *host;
	volatile u8 *config; /* [const] its 4 KiB of configuration space */
	char name[16];	     /* [const] "00:03.0" */
	u16 vendor, device, subsystem;
	u32 class; /* [const] class, subclass, interface: 24 bits */
	int line;  /* [const] interrupt, or -ENOENT */
	struct {
		u64 address, size; /* size 0: not there, or not memory */
		volatile u8 *mapped;
	} bars[PCI_BARS]; /* [const] */
};

struct pci_driver {
	const char *name;
	u16 vendor, device; /* PCI_ANY: any */
	u32 class, class_mask;
	int (*probe)(struct pci_device *device); /* 0, -ENODEV: not this one, or an error */
};
#define PCI_DRIVER(symbol)                                                                         \
	static const struct pci_driver symbol;                                                     \
	static const struct pci_driver *const __attribute__((used, section("pci_drivers")))        \
	symbol##_entry = &symbol;                                                                  \
	static const struct pci_driver symbol

u32 pci_read(const struct pci_device *device, unsigned offset, unsigned size);
void pci_write(struct pci_device *device, unsigned offset, unsigned size, u32 value);
/* The registers behind BAR @bar, mapped at the first call; NULL: there are none. */
volatile u8 *pci_map(struct pci_device *device, unsigned bar);
/* The offset of the next capability with @id after @after (0: the first); 0: none. */
unsigned pci_capability(const struct pci_device *device, u8 id, unsigned after);
