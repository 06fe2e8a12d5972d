#pragma once
/*
 * Flattened device trees (Devicetree Specification 0.4, chapter 5), read where they lie; nothing is
 * allocated or changed. After fdt_check() no call reads outside the blob, whatever it says.
 *
 * A node is named by its offset in the structure block, which is not negative; a negative number in
 * the place of a node is an error (-ENOENT: no such node), and may be handed on: every function
 * answers for it as for a node that has nothing. Pointers that come back point into the blob.
 */
#include <lib/types.h>

enum {
	FDT_MAX_DEPTH = 32,	 /* of nodes; deeper trees are refused */
	FDT_INTERRUPT_CELLS = 4, /* the most that an interrupt may take */
};

struct fdt {
	const u8 *structure;
	const char *strings;
	const u8 *reserved;
	u32 structure_size, strings_size;
	u32 reserved_count;
	u32 size; /* of the blob: its totalsize */
	u32 boot_cpu;
};

/* A node with its tree, for those who get it handed: fdt_u32(node->fdt, node->offset, …). */
struct fdt_node {
	const struct fdt *fdt;
	int offset;
};

/* The totalsize of a blob of which the first 8 bytes are there; 0 when it is none. */
u32 fdt_blob_size(const void *header);
/*
 * Check header, structure, names and values' bounds of a blob at @blob (aligned to 4) of which
 * @size bytes are there, and set up @fdt. -EINVAL: *@cause (may be NULL) says why.
 */
int fdt_check(struct fdt *fdt, const void *blob, size_t size, const char **cause);

/* Nodes. The root has depth 0. fdt_next_node() goes through all in the order of the blob, counting
 * *@depth (may be NULL) up and down. */
int fdt_root(const struct fdt *fdt);
int fdt_next_node(const struct fdt *fdt, int node, int *depth);
int fdt_first_child(const struct fdt *fdt, int node);
int fdt_next_sibling(const struct fdt *fdt, int node);
int fdt_parent(const struct fdt *fdt, int node); /* walks from the root: slow */
/* The name with its unit address ("memory@80000000"); "" for the root and for an error. */
const char *fdt_node_name(const struct fdt *fdt, int node);
/* Is the name without unit address equal to @name? */
bool fdt_node_is(const struct fdt *fdt, int node, const char *name);
/* A child by name; without "@…" in @name the unit address does not matter. */
int fdt_child(const struct fdt *fdt, int node, const char *name);

#define fdt_for_each_child(child, fdt, node)                                                       \
	for ((child) = fdt_first_child(fdt, node); (child) >= 0;                                   \
	     (child) = fdt_next_sibling(fdt, child))
#define fdt_for_each_node(node, fdt)                                                               \
	for ((node) = fdt_root(fdt); (node) >= 0; (node) = fdt_next_node(fdt, node, NULL))
#define fdt_for_each_compatible(node, fdt, compatible)                                             \
	for ((node) = fdt_next_compatible(fdt, -1, compatible); (node) >= 0;                       \
	     (node) = fdt_next_compatible(fdt, node, compatible))

/* "/soc/serial@10000000", "/soc/serial" or an alias as "serial0" or "serial0/child"; a ':' ends it,
 * as in stdout-path. -ENOENT. */
int fdt_node_by_path(const struct fdt *fdt, const char *path);
int fdt_node_by_phandle(const struct fdt *fdt, u32 phandle);
/* The node that a phandle in a property's cell @index names. */
int fdt_reference(const struct fdt *fdt, int node, const char *property, unsigned index);

/* Properties. @size (may be NULL) is set to the number of bytes. NULL: no such property. */
const void *fdt_property(const struct fdt *fdt, int node, const char *name, u32 *size);
/* The properties of a node one after the other: *@at is 0 to begin with. NULL after the last. */
const void *fdt_next_property(const struct fdt *fdt, int node, u32 *at, const char **name,
			      u32 *size);
bool fdt_has(const struct fdt *fdt, int node, const char *name);
/* Big-endian numbers: the first cell, or the two of an u64. -ENOENT; -EINVAL: wrong size. */
int fdt_u32(const struct fdt *fdt, int node, const char *name, u32 *value);
int fdt_u64(const struct fdt *fdt, int node, const char *name, u64 *value);
/* A number of one or two cells. */
int fdt_number(const struct fdt *fdt, int node, const char *name, u64 *value);
/* Cell @index of an array of cells. -ENOENT also behind the end. */
int fdt_cell(const struct fdt *fdt, int node, const char *name, unsigned index, u32 *value);
/* String @index of a list of strings, NUL included in the blob; NULL: none, or no NUL. */
const char *fdt_string_at(const struct fdt *fdt, int node, const char *name, unsigned index);
const char *fdt_string(const struct fdt *fdt, int node, const char *name);
/* The number of @string in the list, or -ENOENT. */
int fdt_string_index(const struct fdt *fdt, int node, const char *name, const char *string);
bool fdt_compatible(const struct fdt *fdt, int node, const char *compatible);
/* The next such node behind @after (-1: the first), or -ENOENT. */
int fdt_next_compatible(const struct fdt *fdt, int after, const char *compatible);
/* No status, "okay" or "ok". */
bool fdt_enabled(const struct fdt *fdt, int node);

/* Addresses (2.3.5, 2.3.6, 2.3.8). What @node says its children have; 2 and 1 by default. */
u32 fdt_address_cells(const struct fdt *fdt, int node);
u32 fdt_size_cells(const struct fdt *fdt, int node);
/*
 * Entry @index of `reg`, as a CPU address. @size may be NULL. -ENOENT: no such entry. -EINVAL:
 * more than 64 bits or broken. -ENXIO: a bus on the way does not show it to the CPU.
 */
int fdt_reg(const struct fdt *fdt, int node, unsigned index, u64 *address, u64 *size);
/* The same by name in reg-names. */
int fdt_reg_by_name(const struct fdt *fdt, int node, const char *name, u64 *address, u64 *size);
/* As it stands, for what is not memory: CPU numbers, chip selects. */
int fdt_reg_local(const struct fdt *fdt, int node, unsigned index, u64 *address, u64 *size);
/* From an address on the bus that @bus makes for its children to a CPU address. */
int fdt_translate(const struct fdt *fdt, int bus, u64 *address, u64 size);
/* Entry @index of /memreserve/. -ENOENT behind the last. */
int fdt_memory_reservation(const struct fdt *fdt, unsigned index, u64 *address, u64 *size);

/* Interrupts (2.4). */
struct fdt_interrupt {
	int controller; /* node; its phandle's or interrupt-parent's */
	u32 cell_count;
	u32 cells[FDT_INTERRUPT_CELLS];
};

/* The controller that the `interrupts` of @node mean, or -ENOENT. */
int fdt_interrupt_parent(const struct fdt *fdt, int node);
/*
 * Entry @index of interrupts-extended, or else of interrupts. -ENOENT behind the last; -EINVAL:
 * broken. An entry without a controller (a phandle of 0 or ~0) has controller -ENOENT.
 */
int fdt_interrupt(const struct fdt *fdt, int node, unsigned index, struct fdt_interrupt *interrupt);
