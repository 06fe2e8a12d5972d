/* What properties say: numbers, strings, `compatible` and `status`. */
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/fdt.h>
#include <lib/string.h>

bool fdt_has(const struct fdt *fdt, int node, const char *name)
{
	return fdt_property(fdt, node, name, NULL);
}

int fdt_u32(const struct fdt *fdt, int node, const char *name, u32 *value)
{
	u32 size;
	const void *data = fdt_property(fdt, node, name, &size);

	if (!data)
		return -ENOENT;
	if (size < 4)
		return -EINVAL;
	*value = load_be32(data);
	return 0;
}

int fdt_u64(const struct fdt *fdt, int node, const char *name, u64 *value)
{
	u32 size;
	const void *data = fdt_property(fdt, node, name, &size);

	if (!data)
		return -ENOENT;
	if (size < 8)
		return -EINVAL;
	*value = load_be64(data);
	return 0;
}

int fdt_number(const struct fdt *fdt, int node, const char *name, u64 *value)
{
	u32 size;
	const void *data = fdt_property(fdt, node, name, &size);

	if (!data)
		return -ENOENT;
	if (size != 4 && size != 8)
		return -EINVAL;
	*value = size == 4 ? load_be32(data) : load_be64(data);
	return 0;
}

int fdt_cell(const struct fdt *fdt, int node, const char *name, unsigned index, u32 *value)
{
	u32 size;
	const u8 *data = fdt_property(fdt, node, name, &size);

	if (!data || index >= size / 4)
		return -ENOENT;
	*value = load_be32(data + (size_t)index * 4);
	return 0;
}

int fdt_reference(const struct fdt *fdt, int node, const char *property, unsigned index)
{
	u32 phandle;
	int error = fdt_cell(fdt, node, property, index, &phandle);

	return error ? error : fdt_node_by_phandle(fdt, phandle);
}

const char *fdt_string_at(const struct fdt *fdt, int node, const char *name, unsigned index)
{
	u32 size;
	const char *text = fdt_property(fdt, node, name, &size);

	while (text && size) {
		u32 length = (u32)strnlen(text, size);

		if (length == size)
			break;
		if (!index--)
			return text;
		text += length + 1;
		size -= length + 1;
	}
	return NULL;
}

const char *fdt_string(const struct fdt *fdt, int node, const char *name)
{
	return fdt_string_at(fdt, node, name, 0);
}

int fdt_string_index(const struct fdt *fdt, int node, const char *name, const char *string)
{
	u32 size;
	const char *text = fdt_property(fdt, node, name, &size);

	for (int index = 0; text && size; index++) {
		u32 length = (u32)strnlen(text, size);

		if (length == size)
			break;
		if (string_equal(text, string))
			return index;
		text += length + 1;
		size -= length + 1;
	}
	return -ENOENT;
}

bool fdt_compatible(const struct fdt *fdt, int node, const char *compatible)
{
	return fdt_string_index(fdt, node, "compatible", compatible) >= 0;
}

int fdt_next_compatible(const struct fdt *fdt, int after, const char *compatible)
{
	int node = after < 0 ? fdt_root(fdt) : fdt_next_node(fdt, after, NULL);

	while (node >= 0 && !fdt_compatible(fdt, node, compatible))
		node = fdt_next_node(fdt, node, NULL);
	return node;
}

bool fdt_enabled(const struct fdt *fdt, int node)
{
	const char *status;

	if (node < 0)
		return false;
	if (!fdt_has(fdt, node, "status"))
		return true;
	status = fdt_string(fdt, node, "status");
	return status && (string_equal(status, "okay") || string_equal(status, "ok"));
}
