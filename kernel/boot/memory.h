#pragma once
/* What the device tree says of RAM, and memory before the frame allocator starts. Boot CPU only. */
#include <lib/types.h>

enum { BOOT_BANKS_MAX = 16, BOOT_RESERVED_MAX = 64 };

struct memory_range {
	paddr_t start, end; /* bytes, page-aligned (banks inwards, reservations outwards) */
	bool no_map;	    /* reservations: must not be in the direct map */
};

struct boot_memory {
	struct memory_range banks[BOOT_BANKS_MAX]; /* sorted, merged */
	unsigned bank_count;
	struct memory_range reserved[BOOT_RESERVED_MAX]; /* sorted, disjoint */
	unsigned reserved_count;
	paddr_t kernel_start, kernel_end; /* image and BSS */
	paddr_t initrd_start, initrd_end; /* 0, 0: none */
};

extern struct boot_memory boot_memory;

/* Fill boot_memory from the tree; boot_failure() with the cause when there is no usable RAM. */
void boot_memory_discover(void);
/* Page-aligned zeroed memory for ever, from the top of a bank below the direct map's limit. */
paddr_t boot_memory_allocate(size_t size);
/* Call @visit for each free range (after all reservations and allocations) to feed frame_init(). */
void boot_memory_each_free(void (*visit)(paddr_t start, paddr_t end));
/* The kernel's own copy of the device tree, from boot_memory_discover() on; the same, opened. */
const void *boot_device_tree(void);
struct fdt;
const struct fdt *boot_fdt(void);
/* Where the firmware put it, physical: set by kernel_main() before boot_memory_discover(). */
extern paddr_t boot_device_tree_address;
