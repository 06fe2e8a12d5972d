/* The structure of a flattened tree: checking it once, then walking nodes and properties. */
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/fdt.h>
#include <lib/string.h>

enum { MAGIC = 0xd00dfeed, VERSION = 17, HEADER_SIZE = 40, RESERVATION_SIZE = 16 };

/* 5.2: the offsets of the header's fields. */
enum {
	HEADER_MAGIC = 0,
	HEADER_TOTAL_SIZE = 4,
	HEADER_STRUCTURE = 8,
	HEADER_STRINGS = 12,
	HEADER_RESERVED = 16,
	HEADER_VERSION = 20,
	HEADER_COMPATIBLE_VERSION = 24,
	HEADER_BOOT_CPU = 28,
	HEADER_STRINGS_SIZE = 32,
	HEADER_STRUCTURE_SIZE = 36,
};

/* 5.4.1 */
enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOTHING = 4, END = 9 };

/* A token with what belongs to it, at [offset, next) of the structure block. */
struct token {
	u32 kind, offset, next;
	const char *name;
	const void *value;
	u32 size;
};

u32 fdt_blob_size(const void *header)
{
	const u8 *bytes = header;

	return load_be32(bytes + HEADER_MAGIC) == MAGIC ? load_be32(bytes + HEADER_TOTAL_SIZE) : 0;
}

/* The token at @offset; NULL, or what is wrong with it. */
static const char *read_token(const struct fdt *fdt, u32 offset, struct token *token)
{
	u32 left, name_offset;

	if (offset > fdt->structure_size || fdt->structure_size - offset < 4)
		return "the structure ends without an end token";
	left = fdt->structure_size - offset - 4;
	*token = (struct token){ .kind = load_be32(fdt->structure + offset), .offset = offset };
	token->next = offset + 4;
	switch (token->kind) {
	case BEGIN_NODE:
		token->name = (const char *)fdt->structure + token->next;
		token->size = (u32)strnlen(token->name, left);
		if (token->size == left)
			return "a node's name is cut off";
		token->next += ALIGN_UP(token->size + 1, 4);
		break;
	case PROPERTY:
		if (left < 8)
			return "a property is cut off";
		token->size = load_be32(fdt->structure + offset + 4);
		name_offset = load_be32(fdt->structure + offset + 8);
		token->value = fdt->structure + offset + 12;
		if (token->size > left - 8)
			return "a property's value is cut off";
		if (name_offset >= fdt->strings_size)
			return "a property's name lies outside the strings";
		token->name = fdt->strings + name_offset;
		token->next += 8 + ALIGN_UP(token->size, 4);
		break;
	case END_NODE:
	case NOTHING:
	case END:
		break;
	default:
		return "an unknown token";
	}
	return NULL;
}

static const char *check_structure(const struct fdt *fdt)
{
	struct token token = { .next = 0 };
	int depth = 0;
	bool had_root = false, had_child[FDT_MAX_DEPTH + 1] = { false };

	do {
		const char *cause = read_token(fdt, token.next, &token);

		if (cause)
			return cause;
		switch (token.kind) {
		case BEGIN_NODE:
			if (!depth && had_root)
				return "two roots";
			if (depth == FDT_MAX_DEPTH)
				return "nodes too deep";
			had_root = true;
			had_child[depth++] = true;
			had_child[depth] = false;
			break;
		case END_NODE:
			if (!depth--)
				return "a node ends that did not begin";
			break;
		case PROPERTY:
			if (!depth || had_child[depth])
				return "a property outside of its place";
			break;
		}
	} while (token.kind != END);
	return depth || !had_root ? "a node without an end, or no root" : NULL;
}

/* Is [offset, offset + size) behind the header and in the blob, at a multiple of @alignment? */
static bool block_fits(const struct fdt *fdt, u32 offset, u32 size, u32 alignment)
{
	return offset >= HEADER_SIZE && offset <= fdt->size && size <= fdt->size - offset &&
	       IS_ALIGNED(offset, alignment);
}

static const char *check_reservations(struct fdt *fdt, const u8 *blob)
{
	u32 offset = load_be32(blob + HEADER_RESERVED);

	if (!block_fits(fdt, offset, RESERVATION_SIZE, 8))
		return "the memory reservations lie outside";
	fdt->reserved = blob + offset;
	for (u32 left = fdt->size - offset; left >= RESERVATION_SIZE; left -= RESERVATION_SIZE) {
		const u8 *entry = fdt->reserved + fdt->reserved_count * RESERVATION_SIZE;

		if (!load_be64(entry) && !load_be64(entry + 8))
			return NULL;
		fdt->reserved_count++;
	}
	return "the memory reservations have no end";
}

static const char *check_header(struct fdt *fdt, const u8 *blob, size_t size)
{
	u32 structure, strings;

	if (!IS_ALIGNED((uintptr_t)blob, 4))
		return "not aligned to 4 bytes";
	if (size < HEADER_SIZE || load_be32(blob + HEADER_MAGIC) != MAGIC)
		return "no device tree";
	fdt->size = fdt_blob_size(blob);
	/* Nodes are named by an int. */
	if (fdt->size < HEADER_SIZE || fdt->size > size || fdt->size > INT32_MAX)
		return "its size is larger than what is there";
	if (load_be32(blob + HEADER_VERSION) < VERSION ||
	    load_be32(blob + HEADER_COMPATIBLE_VERSION) > VERSION)
		return "an unknown version of the format";
	structure = load_be32(blob + HEADER_STRUCTURE);
	strings = load_be32(blob + HEADER_STRINGS);
	fdt->structure_size = load_be32(blob + HEADER_STRUCTURE_SIZE);
	fdt->strings_size = load_be32(blob + HEADER_STRINGS_SIZE);
	fdt->boot_cpu = load_be32(blob + HEADER_BOOT_CPU);
	if (!block_fits(fdt, structure, fdt->structure_size, 4))
		return "the structure lies outside";
	if (!block_fits(fdt, strings, fdt->strings_size, 1))
		return "the strings lie outside";
	fdt->structure = blob + structure;
	fdt->strings = (const char *)blob + strings;
	/* With this, every string that begins in the block also ends in it. */
	if (fdt->strings_size && fdt->strings[fdt->strings_size - 1])
		return "the strings do not end with a NUL";
	return NULL;
}

int fdt_check(struct fdt *fdt, const void *blob, size_t size, const char **cause)
{
	const char *found;

	*fdt = (struct fdt){ .size = 0 };
	found = check_header(fdt, blob, size);
	if (!found)
		found = check_reservations(fdt, blob);
	if (!found)
		found = check_structure(fdt);
	if (cause)
		*cause = found;
	return found ? -EINVAL : 0;
}

/* The BEGIN_NODE token of @node; false when there is none. */
static bool node_token(const struct fdt *fdt, int node, struct token *token)
{
	return node >= 0 && IS_ALIGNED(node, 4) && !read_token(fdt, (u32)node, token) &&
	       token->kind == BEGIN_NODE;
}

int fdt_next_node(const struct fdt *fdt, int node, int *depth)
{
	struct token token;

	if (!node_token(fdt, node, &token))
		return -ENOENT;
	if (depth)
		++*depth;
	while (!read_token(fdt, token.next, &token)) {
		if (token.kind == BEGIN_NODE)
			return (int)token.offset;
		if (token.kind == END)
			break;
		if (token.kind == END_NODE && depth)
			--*depth;
	}
	return -ENOENT;
}

int fdt_root(const struct fdt *fdt)
{
	struct token token = { .next = 0 };

	while (!read_token(fdt, token.next, &token) && token.kind != END)
		if (token.kind == BEGIN_NODE)
			return (int)token.offset;
	return -ENOENT;
}

int fdt_first_child(const struct fdt *fdt, int node)
{
	int depth = 0, next = fdt_next_node(fdt, node, &depth);

	return depth == 1 ? next : -ENOENT;
}

int fdt_next_sibling(const struct fdt *fdt, int node)
{
	int depth = 0;

	do {
		node = fdt_next_node(fdt, node, &depth);
	} while (node >= 0 && depth > 0);
	return depth == 0 ? node : -ENOENT;
}

int fdt_parent(const struct fdt *fdt, int node)
{
	int path[FDT_MAX_DEPTH], depth = 0;

	for (int at = fdt_root(fdt); at >= 0 && at <= node; at = fdt_next_node(fdt, at, &depth)) {
		if (depth < 0 || depth >= FDT_MAX_DEPTH)
			break;
		if (at == node)
			return depth ? path[depth - 1] : -ENOENT;
		path[depth] = at;
	}
	return -ENOENT;
}

const char *fdt_node_name(const struct fdt *fdt, int node)
{
	struct token token;

	return node_token(fdt, node, &token) ? token.name : "";
}

/* Equal to @wanted of @length characters, the unit address aside unless it is asked for. */
static bool name_matches(const char *name, const char *wanted, size_t length)
{
	if (strncmp(name, wanted, length))
		return false;
	return !name[length] || (name[length] == '@' && !memchr(wanted, '@', length));
}

bool fdt_node_is(const struct fdt *fdt, int node, const char *name)
{
	return node >= 0 && !strchr(name, '@') &&
	       name_matches(fdt_node_name(fdt, node), name, strlen(name));
}

static int child_by_name(const struct fdt *fdt, int node, const char *name, size_t length)
{
	int child;

	fdt_for_each_child(child, fdt, node)
		if (name_matches(fdt_node_name(fdt, child), name, length))
			return child;
	return -ENOENT;
}

int fdt_child(const struct fdt *fdt, int node, const char *name)
{
	return child_by_name(fdt, node, name, strlen(name));
}

/* The length of the first name in a path. */
static size_t component_length(const char *path)
{
	size_t length = 0;

	while (path[length] && path[length] != '/' && path[length] != ':')
		length++;
	return length;
}

static int descend(const struct fdt *fdt, int node, const char *path)
{
	while (node >= 0 && *path && *path != ':') {
		size_t length = component_length(path);

		if (length)
			node = child_by_name(fdt, node, path, length);
		path += length;
		if (*path == '/')
			path++;
	}
	return node;
}

/* The path that the alias @name of @length characters stands for, or NULL. */
static const char *alias_path(const struct fdt *fdt, const char *name, size_t length)
{
	int aliases = fdt_child(fdt, fdt_root(fdt), "aliases");
	const char *path, *property, *value;
	u32 size, at = 0;

	while ((value = fdt_next_property(fdt, aliases, &at, &property, &size))) {
		if (strncmp(property, name, length) || property[length])
			continue;
		path = value;
		return size && path[0] == '/' && !path[size - 1] ? path : NULL;
	}
	return NULL;
}

int fdt_node_by_path(const struct fdt *fdt, const char *path)
{
	int node = fdt_root(fdt);
	size_t length = component_length(path);

	if (*path != '/') {
		const char *target = alias_path(fdt, path, length);

		node = target ? descend(fdt, node, target) : -ENOENT;
		path += length;
	}
	return descend(fdt, node, path);
}

int fdt_node_by_phandle(const struct fdt *fdt, u32 phandle)
{
	int node;

	if (!phandle || phandle == ~(u32)0)
		return -ENOENT;
	fdt_for_each_node(node, fdt) {
		u32 value;

		if (!fdt_u32(fdt, node, "phandle", &value) && value == phandle)
			return node;
	}
	return -ENOENT;
}

const void *fdt_next_property(const struct fdt *fdt, int node, u32 *at, const char **name,
			      u32 *size)
{
	struct token token;

	if (!node_token(fdt, node, &token))
		return NULL;
	if (*at)
		token.next = *at;
	while (!read_token(fdt, token.next, &token)) {
		if (token.kind == NOTHING)
			continue;
		if (token.kind != PROPERTY)
			break;
		*at = token.next;
		*name = token.name;
		*size = token.size;
		return token.value;
	}
	return NULL;
}

const void *fdt_property(const struct fdt *fdt, int node, const char *name, u32 *size)
{
	const char *found;
	const void *value;
	u32 at = 0, length;

	while ((value = fdt_next_property(fdt, node, &at, &found, &length))) {
		if (!string_equal(found, name))
			continue;
		if (size)
			*size = length;
		return value;
	}
	return NULL;
}
