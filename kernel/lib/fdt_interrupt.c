/* Which controller, and which of its lines (2.4). */
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/fdt.h>

int fdt_interrupt_parent(const struct fdt *fdt, int node)
{
	/* A node without the property has its parent's; a controller on the way is it (2.4.1). */
	while (node >= 0) {
		if (fdt_has(fdt, node, "interrupt-parent"))
			return fdt_reference(fdt, node, "interrupt-parent", 0);
		node = fdt_parent(fdt, node);
		if (node >= 0 && fdt_has(fdt, node, "interrupt-controller"))
			return node;
	}
	return -ENOENT;
}

static int interrupt_cells(const struct fdt *fdt, int controller, u32 *count)
{
	if (fdt_u32(fdt, controller, "#interrupt-cells", count))
		return -EINVAL;
	return *count && *count <= FDT_INTERRUPT_CELLS ? 0 : -EINVAL;
}

static void read_specifier(struct fdt_interrupt *interrupt, int controller, const u8 *data,
			   u32 count)
{
	*interrupt = (struct fdt_interrupt){ .controller = controller, .cell_count = count };
	for (u32 i = 0; i < count; i++)
		interrupt->cells[i] = load_be32(data + 4 * i);
}

/* Each entry: a phandle, then as many cells as its controller wants. */
static int extended(const struct fdt *fdt, const u8 *data, u32 cells_left, unsigned index,
		    struct fdt_interrupt *interrupt)
{
	while (cells_left) {
		u32 phandle = load_be32(data), count = 0;
		int controller = -ENOENT;

		data += 4;
		cells_left--;
		if (phandle && phandle != ~(u32)0) {
			controller = fdt_node_by_phandle(fdt, phandle);
			if (controller < 0 || interrupt_cells(fdt, controller, &count))
				return -EINVAL;
		}
		if (count > cells_left)
			return -EINVAL;
		if (!index--) {
			read_specifier(interrupt, controller, data, count);
			return 0;
		}
		data += 4 * count;
		cells_left -= count;
	}
	return -ENOENT;
}

int fdt_interrupt(const struct fdt *fdt, int node, unsigned index, struct fdt_interrupt *interrupt)
{
	u32 size, count;
	const u8 *data = fdt_property(fdt, node, "interrupts-extended", &size);
	int controller;

	if (data)
		return extended(fdt, data, size / 4, index, interrupt);
	data = fdt_property(fdt, node, "interrupts", &size);
	if (!data)
		return -ENOENT;
	controller = fdt_interrupt_parent(fdt, node);
	if (controller < 0 || interrupt_cells(fdt, controller, &count))
		return -EINVAL;
	if (index >= size / (4 * count))
		return -ENOENT;
	read_specifier(interrupt, controller, data + (size_t)index * 4 * count, count);
	return 0;
}
