#pragma once
/* What a device tree says of memory, without touching any: pure, for tests on the host too. */
#include <boot/memory.h>
#include <lib/fdt.h>

enum { BOOT_MEMORY_NEEDED = 16 << 20 }; /* bytes of RAM without the firmware's */

/*
 * Fill @memory's banks, reservations and initrd; its kernel_start and kernel_end are set, RAM from
 * @limit on is left out (physical, the end of what the direct map can show). 0, or -EINVAL with the
 * cause and the remedy in @message.
 */
int boot_memory_read_tree(struct boot_memory *memory, const struct fdt *fdt, paddr_t limit,
			  char *message, size_t message_size);
/* Add a reservation, keeping them sorted and disjoint. -ENOSPC. */
int boot_memory_reserve(struct boot_memory *memory, paddr_t start, paddr_t end, bool no_map);
/* The highest place of @size bytes in a bank below @limit outside all reservations; 0: none. */
paddr_t boot_memory_find(const struct boot_memory *memory, u64 size, paddr_t limit,
			 const struct memory_range *avoid);
