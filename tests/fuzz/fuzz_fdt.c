// sources: kernel/lib/fdt.c kernel/lib/fdt_values.c kernel/lib/fdt_address.c kernel/lib/fdt_interrupt.c
// sources: kernel/boot/discover.c kernel/lib/printf.c kernel/lib/format.c
// flags: -Iarch/host/include -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/* Device trees: every question to every node, and what the boot makes of the memory in them. */
#include <arch/mmu.h>
#include <boot/discover.h>
#include <stdlib.h>
#include <string.h>

struct boot_memory boot_memory;

static void ask_values(const struct fdt *fdt, int node)
{
	const char *name;
	u32 at = 0, size, cell;
	u64 value, extent;

	while (fdt_next_property(fdt, node, &at, &name, &size)) {
		fdt_u32(fdt, node, name, &cell);
		fdt_u64(fdt, node, name, &value);
		fdt_number(fdt, node, name, &value);
		fdt_cell(fdt, node, name, 3, &cell);
		fdt_string_at(fdt, node, name, 2);
		fdt_string_index(fdt, node, name, "okay");
		fdt_reference(fdt, node, name, 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		fdt_reg(fdt, node, i, &value, &extent);
		fdt_reg_local(fdt, node, i, &value, &extent);
	}
	value = 0x1000;
	fdt_translate(fdt, node, &value, 0x1000);
}

static void ask_node(const struct fdt *fdt, int node)
{
	struct fdt_interrupt interrupt;
	int child;

	ask_values(fdt, node);
	if (!memchr(fdt_node_name(fdt, node), 0, fdt->size))
		abort();
	fdt_compatible(fdt, node, "virtio,mmio");
	fdt_enabled(fdt, node);
	fdt_parent(fdt, node);
	fdt_interrupt_parent(fdt, node);
	for (unsigned i = 0; i < 4; i++)
		fdt_interrupt(fdt, node, i, &interrupt);
	fdt_for_each_child(child, fdt, node)
		fdt_node_is(fdt, child, "cpu");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct boot_memory memory = { .kernel_start = 0x80200000, .kernel_end = 0x80300000 };
	u8 *exact = malloc(size ? size : 1);
	char message[200];
	const char *cause;
	struct fdt fdt;
	int node, nodes = 0;

	memcpy(exact, data, size);
	if (!fdt_check(&fdt, exact, size, &cause)) {
		fdt_for_each_node(node, &fdt) {
			if (++nodes > 200)
				break;
			ask_node(&fdt, node);
		}
		fdt_node_by_path(&fdt, "/soc/serial@10000000");
		fdt_node_by_path(&fdt, "serial0:115200");
		fdt_node_by_phandle(&fdt, 1);
		fdt_next_compatible(&fdt, -1, "riscv");
		boot_memory_read_tree(&memory, &fdt, 0x2000000000, message, sizeof(message));
	}
	free(exact);
	return 0;
}
