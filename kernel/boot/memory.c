#include <arch/mmu.h>
#include <boot/discover.h>
#include <debug/panic.h>
#include <lib/string.h>

extern char _text[], _end[];

enum { TREE_SIZE_MAX = 4 << 20 }; /* far above any; a wild size is not believed */

struct boot_memory boot_memory;
paddr_t boot_device_tree_address;

static struct fdt tree;
static const void *tree_copy;

const void *boot_device_tree(void)
{
	return tree_copy;
}

const struct fdt *boot_fdt(void)
{
	return &tree;
}

/* The tree where the firmware left it. */
static const void *original_tree(u32 *size)
{
	const paddr_t address = boot_device_tree_address;
	const char *cause = "the size in its header is absurd";
	const void *blob;

	if (!address || address & 3 || address >= DIRECT_MAP_SIZE - TREE_SIZE_MAX)
		boot_failure("no device tree: the boot loader passed the address 0x%lx; "
			     "it must pass one in a1",
			     (unsigned long)address);
	blob = direct_map(address);
	*size = fdt_blob_size(blob);
	if (!*size)
		boot_failure("no device tree at 0x%lx, which the boot loader passed: "
			     "its magic number is missing",
			     (unsigned long)address);
	if (*size > TREE_SIZE_MAX || fdt_check(&tree, blob, *size, &cause))
		boot_failure("the device tree at 0x%lx is broken: %s", (unsigned long)address,
			     cause);
	return blob;
}

static paddr_t allocate(size_t size, const struct memory_range *avoid)
{
	paddr_t address = boot_memory_find(&boot_memory, size, DIRECT_MAP_SIZE, avoid);

	if (!address || boot_memory_reserve(&boot_memory, address, address + size, false))
		boot_failure("no room for %lu KiB that the kernel needs to start: "
			     "give the machine more memory",
			     (unsigned long)size >> 10);
	memset(direct_map(address), 0, size);
	return address;
}

paddr_t boot_memory_allocate(size_t size)
{
	return allocate(ALIGN_UP(size, (size_t)PAGE_SIZE), NULL);
}

/* Nobody reserves the tree, and all the rest of the start reads it: copy it out of harm's way. */
static void copy_tree(const void *original, u32 size)
{
	const struct memory_range place = {
		.start = boot_device_tree_address,
		.end = boot_device_tree_address + size,
	};
	void *copy = direct_map(allocate(ALIGN_UP((size_t)size, (size_t)PAGE_SIZE), &place));

	memcpy(copy, original, size);
	tree_copy = copy;
	if (fdt_check(&tree, copy, size, NULL))
		boot_failure("the device tree changed while it was copied: is its memory in use?");
}

void boot_memory_discover(void)
{
	char message[256];
	u32 size;
	const void *original = original_tree(&size);

	boot_memory.kernel_start = direct_unmap(_text);
	boot_memory.kernel_end = ALIGN_UP(direct_unmap(_end), (paddr_t)PAGE_SIZE);
	if (boot_memory_read_tree(&boot_memory, &tree, DIRECT_MAP_SIZE, message, sizeof(message)))
		boot_failure("%s", message);
	copy_tree(original, size);
}

void boot_memory_each_free(void (*visit)(paddr_t start, paddr_t end))
{
	for (unsigned i = 0; i < boot_memory.bank_count; i++) {
		paddr_t start = boot_memory.banks[i].start, end = boot_memory.banks[i].end;

		for (unsigned j = 0; j < boot_memory.reserved_count; j++) {
			const struct memory_range *hole = &boot_memory.reserved[j];

			if (hole->end <= start || hole->start >= end)
				continue;
			if (hole->start > start)
				visit(start, hole->start);
			start = hole->end;
		}
		if (start < end)
			visit(start, end);
	}
}
