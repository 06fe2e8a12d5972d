/* `reg`, and the way from an address on a bus to one that the CPU sees. */
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/fdt.h>

/* More than any bus needs: PCI has addresses of 3 cells. */
enum { CELLS_MAX = 4 };

static u32 cells(const struct fdt *fdt, int node, const char *name, u32 otherwise)
{
	u32 count;

	return fdt_u32(fdt, node, name, &count) ? otherwise : count;
}

u32 fdt_address_cells(const struct fdt *fdt, int node)
{
	return cells(fdt, node, "#address-cells", 2);
}

u32 fdt_size_cells(const struct fdt *fdt, int node)
{
	return cells(fdt, node, "#size-cells", 1);
}

/* The number of @count cells at @data; false: it has more than 64 bits. */
static bool read_cells(const u8 *data, u32 count, u64 *value)
{
	u64 result = 0;

	for (; count; count--, data += 4) {
		if (result >> 32)
			return false;
		result = result << 32 | load_be32(data);
	}
	*value = result;
	return true;
}

static int read_reg(const struct fdt *fdt, int node, int parent, unsigned index, u64 *address,
		    u64 *size)
{
	u32 address_cells = fdt_address_cells(fdt, parent);
	u32 size_cells = fdt_size_cells(fdt, parent), bytes, entry_size;
	const u8 *reg = fdt_property(fdt, node, "reg", &bytes);

	if (!reg)
		return -ENOENT;
	if (address_cells > CELLS_MAX || size_cells > CELLS_MAX || !address_cells)
		return -EINVAL;
	entry_size = 4 * (address_cells + size_cells);
	if (index >= bytes / entry_size)
		return bytes % entry_size ? -EINVAL : -ENOENT;
	reg += (size_t)index * entry_size;
	if (!read_cells(reg, address_cells, address) ||
	    !read_cells(reg + 4 * address_cells, size_cells, size))
		return -EINVAL;
	return 0;
}

int fdt_reg_local(const struct fdt *fdt, int node, unsigned index, u64 *address, u64 *size)
{
	u64 found_address, found_size;
	int error = read_reg(fdt, node, fdt_parent(fdt, node), index, &found_address, &found_size);

	if (error)
		return error;
	*address = found_address;
	if (size)
		*size = found_size;
	return 0;
}

/* One step up: through the `ranges` (2.3.8) of @bus, whose parent is @parent. */
static int translate_step(const struct fdt *fdt, int bus, int parent, u64 *address, u64 size)
{
	u32 child_cells = fdt_address_cells(fdt, bus), size_cells = fdt_size_cells(fdt, bus);
	u32 parent_cells = fdt_address_cells(fdt, parent), bytes, entry_size;
	const u8 *range = fdt_property(fdt, bus, "ranges", &bytes);

	if (!range)
		return -ENXIO;
	if (!bytes)
		return 0;
	if (child_cells > CELLS_MAX || size_cells > CELLS_MAX || parent_cells > CELLS_MAX)
		return -EINVAL;
	entry_size = 4 * (child_cells + parent_cells + size_cells);
	if (!entry_size)
		return -EINVAL;
	for (; bytes >= entry_size; bytes -= entry_size, range += entry_size) {
		u64 from, to, length, offset;

		/* Entries of more than 64 bits (PCI's) cannot match, but others may follow. */
		if (!read_cells(range, child_cells, &from) ||
		    !read_cells(range + 4 * child_cells, parent_cells, &to) ||
		    !read_cells(range + 4 * (child_cells + parent_cells), size_cells, &length))
			continue;
		offset = *address - from;
		if (*address < from || offset >= length || size > length - offset)
			continue;
		return __builtin_add_overflow(to, offset, address) ? -EINVAL : 0;
	}
	return -ENXIO;
}

int fdt_translate(const struct fdt *fdt, int bus, u64 *address, u64 size)
{
	u64 here = *address;

	for (;;) {
		int parent = fdt_parent(fdt, bus);
		int error;

		if (parent < 0)
			break;
		error = translate_step(fdt, bus, parent, &here, size);
		if (error)
			return error;
		bus = parent;
	}
	if (bus < 0)
		return -ENXIO;
	/* The range must not wrap. */
	if (size && here + (size - 1) < here)
		return -EINVAL;
	*address = here;
	return 0;
}

int fdt_reg(const struct fdt *fdt, int node, unsigned index, u64 *address, u64 *size)
{
	int parent = fdt_parent(fdt, node);
	u64 found_address, found_size;
	int error = read_reg(fdt, node, parent, index, &found_address, &found_size);

	if (!error)
		error = fdt_translate(fdt, parent, &found_address, found_size);
	if (error)
		return error;
	*address = found_address;
	if (size)
		*size = found_size;
	return 0;
}

int fdt_reg_by_name(const struct fdt *fdt, int node, const char *name, u64 *address, u64 *size)
{
	int index = fdt_string_index(fdt, node, "reg-names", name);

	return index < 0 ? index : fdt_reg(fdt, node, (unsigned)index, address, size);
}

int fdt_memory_reservation(const struct fdt *fdt, unsigned index, u64 *address, u64 *size)
{
	const u8 *entry = fdt->reserved + (size_t)index * 16;

	if (index >= fdt->reserved_count)
		return -ENOENT;
	*address = load_be64(entry);
	*size = load_be64(entry + 8);
	return 0;
}
