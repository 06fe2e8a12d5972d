/*
 * Banks are rounded inwards to pages, reservations outwards. Reserved are: /memreserve/, the
 * children of /reserved-memory that have a place (with or without no-map), the kernel, the
 * initrd, and of the first 2 MiB of the kernel's bank what lies below the kernel, where firmware
 * lives that no tree may mention.
 */
#include <arch/mmu.h>
#include <boot/discover.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

enum { FIRMWARE_SPAN = 2 << 20 };

struct discovery {
	struct boot_memory *memory;
	const struct fdt *fdt;
	paddr_t limit;
	char *message;
	size_t message_size;
};

static __printf(2, 3) int fail(const struct discovery *discovery, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(discovery->message, discovery->message_size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* The end of [start, start + size), or the last page when that wraps. */
static paddr_t range_end(paddr_t start, u64 size)
{
	return start + size < start ? ~(paddr_t)0 : start + size;
}

static paddr_t page_up(paddr_t address)
{
	return address > ~(paddr_t)0 - PAGE_SIZE ? ALIGN_DOWN(address, PAGE_SIZE)
						 : ALIGN_UP(address, PAGE_SIZE);
}

static void remove_at(struct memory_range *ranges, unsigned *count, unsigned at)
{
	for (--*count; at < *count; at++)
		ranges[at] = ranges[at + 1];
}

/* Before the first that begins later. */
static int insert(struct memory_range *ranges, unsigned *count, unsigned max,
		  struct memory_range range)
{
	unsigned at;

	if (range.start >= range.end)
		return 0;
	if (*count == max)
		return -ENOSPC;
	for (at = (*count)++; at > 0 && ranges[at - 1].start > range.start; at--)
		ranges[at] = ranges[at - 1];
	ranges[at] = range;
	return 0;
}

/* Neighbours that touch or overlap become one. */
static void merge_banks(struct boot_memory *memory)
{
	unsigned at = 1;

	while (at < memory->bank_count) {
		struct memory_range *bank = &memory->banks[at - 1];

		if (bank[1].start > bank->end) {
			at++;
			continue;
		}
		bank->end = MAX(bank->end, bank[1].end);
		remove_at(memory->banks, &memory->bank_count, at);
	}
}

static int add_bank(struct discovery *discovery, paddr_t start, u64 size)
{
	struct boot_memory *memory = discovery->memory;
	struct memory_range bank = {
		.start = page_up(start),
		.end = ALIGN_DOWN(MIN(range_end(start, size), discovery->limit),
				  (paddr_t)PAGE_SIZE),
	};

	/* Frame 0 stays unused, so that no valid frame has the address 0. */
	if (!bank.start)
		bank.start = PAGE_SIZE;
	if (insert(memory->banks, &memory->bank_count, BOOT_BANKS_MAX, bank))
		return fail(discovery, "the device tree has more than %d memory banks",
			    BOOT_BANKS_MAX);
	merge_banks(memory);
	return 0;
}

static int read_banks(struct discovery *discovery)
{
	const struct fdt *fdt = discovery->fdt;
	int node, error = 0;
	u64 start, size;

	fdt_for_each_child(node, fdt, fdt_root(fdt)) {
		const char *type = fdt_string(fdt, node, "device_type");

		if (!fdt_enabled(fdt, node) || !type || !string_equal(type, "memory"))
			continue;
		for (unsigned i = 0; !error && !fdt_reg(fdt, node, i, &start, &size); i++)
			error = add_bank(discovery, start, size);
		if (error)
			return error;
	}
	if (!discovery->memory->bank_count)
		return fail(discovery, "the device tree has no enabled /memory node with a size: "
				       "check the tree that the boot loader passes");
	return 0;
}

/*
 * Overlaps are cut so that the ranges stay disjoint; no-map wins, for it forbids even speculative
 * reads, and a plain reservation is only the allocator's affair.
 */
int boot_memory_reserve(struct boot_memory *memory, paddr_t start, paddr_t end, bool no_map)
{
	struct memory_range range = { ALIGN_DOWN(start, (paddr_t)PAGE_SIZE), page_up(end), no_map };

	for (unsigned i = 0; i < memory->reserved_count && range.start < range.end;) {
		struct memory_range *other = &memory->reserved[i], rest = *other;

		bool touches = other->end >= range.start && other->start <= range.end;

		if (touches && other->no_map == no_map) {
			range.start = MIN(range.start, other->start);
			range.end = MAX(range.end, other->end);
			remove_at(memory->reserved, &memory->reserved_count, i);
			i = 0;
		} else if (other->end <= range.start || other->start >= range.end) {
			i++;
		} else if (no_map) {
			/* What sticks out of the new range at either side stays. */
			remove_at(memory->reserved, &memory->reserved_count, i);
			if (insert(memory->reserved, &memory->reserved_count, BOOT_RESERVED_MAX,
				   (struct memory_range){ rest.start, range.start, false }) ||
			    insert(memory->reserved, &memory->reserved_count, BOOT_RESERVED_MAX,
				   (struct memory_range){ range.end, rest.end, false }))
				return -ENOSPC;
			i = 0;
		} else {
			int error = boot_memory_reserve(memory, range.start,
							MIN(range.end, rest.start), false);

			if (error)
				return error;
			range.start = rest.end;
			i = 0;
		}
	}
	return insert(memory->reserved, &memory->reserved_count, BOOT_RESERVED_MAX, range);
}

static int reserve(struct discovery *discovery, paddr_t start, u64 size, bool no_map)
{
	if (!size)
		return 0;
	if (boot_memory_reserve(discovery->memory, start, range_end(start, size), no_map))
		return fail(discovery, "the device tree has more than %d memory reservations",
			    BOOT_RESERVED_MAX);
	return 0;
}

/* Children without `reg` ask for memory of a size anywhere; nothing here would use it. */
static int read_reservations(struct discovery *discovery)
{
	const struct fdt *fdt = discovery->fdt;
	int parent = fdt_child(fdt, fdt_root(fdt), "reserved-memory"), node, error = 0;
	u64 start, size;

	for (unsigned i = 0; !error && !fdt_memory_reservation(fdt, i, &start, &size); i++)
		error = reserve(discovery, start, size, false);
	fdt_for_each_child(node, fdt, parent) {
		bool no_map = fdt_has(fdt, node, "no-map");

		if (!fdt_enabled(fdt, node))
			continue;
		for (unsigned i = 0; !error && !fdt_reg(fdt, node, i, &start, &size); i++)
			error = reserve(discovery, start, size, no_map);
	}
	return error;
}

static const struct memory_range *bank_with(const struct boot_memory *memory, paddr_t start,
					    paddr_t end)
{
	for (unsigned i = 0; i < memory->bank_count; i++) {
		if (memory->banks[i].start <= start && end <= memory->banks[i].end)
			return &memory->banks[i];
	}
	return NULL;
}

static int reserve_kernel(struct discovery *discovery)
{
	const struct boot_memory *memory = discovery->memory;
	const struct memory_range *bank =
		bank_with(memory, memory->kernel_start, memory->kernel_end);
	paddr_t firmware_end;
	int error;

	if (!bank)
		return fail(discovery,
			    "the kernel lies at 0x%lx, outside the memory of the device tree: "
			    "load it into a bank of the tree's /memory",
			    (unsigned long)memory->kernel_start);
	firmware_end = MIN(bank->start + FIRMWARE_SPAN, memory->kernel_start);
	error = reserve(discovery, bank->start, firmware_end - bank->start, false);
	if (error)
		return error;
	return reserve(discovery, memory->kernel_start, memory->kernel_end - memory->kernel_start,
		       false);
}

static int reserve_initrd(struct discovery *discovery)
{
	struct boot_memory *memory = discovery->memory;
	const struct fdt *fdt = discovery->fdt;
	int chosen = fdt_child(fdt, fdt_root(fdt), "chosen");
	u64 start, end;

	if (fdt_number(fdt, chosen, "linux,initrd-start", &start) ||
	    fdt_number(fdt, chosen, "linux,initrd-end", &end))
		return 0;
	if (start >= end || !bank_with(memory, start, end))
		return fail(discovery,
			    "the initrd [0x%lx, 0x%lx) of the device tree is not in RAM: "
			    "load it into a memory bank and pass its right bounds",
			    (unsigned long)start, (unsigned long)end);
	if (start < memory->kernel_end && end > memory->kernel_start)
		return fail(discovery,
			    "the initrd [0x%lx, 0x%lx) overlaps the kernel [0x%lx, 0x%lx): "
			    "load it elsewhere",
			    (unsigned long)start, (unsigned long)end,
			    (unsigned long)memory->kernel_start, (unsigned long)memory->kernel_end);
	memory->initrd_start = start;
	memory->initrd_end = end;
	return reserve(discovery, start, end - start, false);
}

/* RAM that is the kernel's to manage: all but what others reserved. */
static u64 usable_size(const struct boot_memory *memory)
{
	u64 size = 0;

	for (unsigned i = 0; i < memory->bank_count; i++) {
		const struct memory_range *bank = &memory->banks[i];

		size += bank->end - bank->start;
		for (unsigned j = 0; j < memory->reserved_count; j++) {
			paddr_t start = MAX(bank->start, memory->reserved[j].start);
			paddr_t end = MIN(bank->end, memory->reserved[j].end);

			size -= start < end ? end - start : 0;
		}
	}
	return size;
}

int boot_memory_read_tree(struct boot_memory *memory, const struct fdt *fdt, paddr_t limit,
			  char *message, size_t message_size)
{
	struct discovery discovery = { memory, fdt, limit, message, message_size };
	u64 usable;
	int error = read_banks(&discovery);

	if (!error)
		error = read_reservations(&discovery);
	if (error)
		return error;
	usable = usable_size(memory);
	if (usable < BOOT_MEMORY_NEEDED + FIRMWARE_SPAN)
		return fail(&discovery,
			    "too little memory: %lu KiB are there, and %lu KiB are needed: "
			    "give the machine more",
			    (unsigned long)usable >> 10,
			    (unsigned long)(BOOT_MEMORY_NEEDED + FIRMWARE_SPAN) >> 10);
	error = reserve_kernel(&discovery);
	return error ? error : reserve_initrd(&discovery);
}

/* The highest end of @size bytes in [start, end) that meet no reservation; 0: none. */
static paddr_t find_in(const struct boot_memory *memory, paddr_t start, paddr_t end, u64 size,
		       const struct memory_range *avoid)
{
	for (unsigned i = memory->reserved_count + 1; i-- > 0;) {
		/* The range to avoid may lie anywhere: it is tried at each step. */
		const struct memory_range *hole = i ? &memory->reserved[i - 1] : NULL;

		if (end < start || end - start < size)
			return 0;
		if (avoid && avoid->start < end && avoid->end > end - size) {
			end = ALIGN_DOWN(MIN(end, avoid->start), (paddr_t)PAGE_SIZE);
			i++;
			continue;
		}
		if (!hole || hole->end <= end - size)
			return end;
		if (hole->start < end)
			end = hole->start;
	}
	return 0;
}

paddr_t boot_memory_find(const struct boot_memory *memory, u64 size, paddr_t limit,
			 const struct memory_range *avoid)
{
	size = ALIGN_UP(size, (u64)PAGE_SIZE);
	for (unsigned i = memory->bank_count; i-- > 0;) {
		const struct memory_range *bank = &memory->banks[i];
		paddr_t end = find_in(memory, bank->start, MIN(bank->end, limit), size, avoid);

		if (end)
			return end - size;
	}
	return 0;
}
