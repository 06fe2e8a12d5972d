#include "discover.h"
#include <lib/errno.h>
#include <lib/string.h>

enum { EXTERNAL_INTERRUPT = 9, CONTEXTS_MAX = 15872 }; /* Privileged spec, scause; PLIC spec */

/*
 * Bits of riscv_hwprobe(2) for what a program can use without help from the kernel: not V, whose
 * registers nobody saves, nor Zicboz, which nobody allows.
 */
static const struct {
	char name[12];
	u8 bit;
} extensions[] = {
	{ "zba", 3 },	{ "zbb", 4 },	 { "zbs", 5 },	   { "zbc", 7 },
	{ "zbkb", 8 },	{ "zbkc", 9 },	 { "zbkx", 10 },   { "zknd", 11 },
	{ "zkne", 12 }, { "zknh", 13 },	 { "zksed", 14 },  { "zksh", 15 },
	{ "zkt", 16 },	{ "zfh", 27 },	 { "zfhmin", 28 }, { "zihintntl", 29 },
	{ "zfa", 32 },	{ "zacas", 34 }, { "zicond", 35 }, { "zihintpause", 36 },
};

static u64 extension_bit(const char *name, size_t length)
{
	for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++)
		if (strlen(extensions[i].name) == length &&
		    !strncmp(extensions[i].name, name, length))
			return (u64)1 << extensions[i].bit;
	return 0;
}

static void note_extension(struct hart_description *hart, const char *name, size_t length)
{
	if (length == 1 && *name >= 'a' && *name <= 'z')
		hart->letters |= 1u << (*name - 'a');
	else if (length == 4 && !strncmp(name, "sstc", 4))
		hart->features |= HART_SSTC;
	else
		hart->extensions |= extension_bit(name, length);
}

/*
 * "rv64imafdc_zicsr_sstc": letters up to the first '_', then names (ISA naming, Unprivileged 27).
 */
static void parse_isa_string(struct hart_description *hart, const char *isa)
{
	if (!string_starts_with(isa, "rv64"))
		return;
	for (isa += 4; *isa && *isa != '_'; isa++)
		note_extension(hart, isa, 1);
	while (*isa == '_') {
		const char *name = ++isa;

		while (*isa && *isa != '_')
			isa++;
		note_extension(hart, name, isa - name);
	}
}

static void parse_isa(const struct fdt *tree, struct hart_description *hart)
{
	const char *name;

	name = fdt_string(tree, hart->node, "riscv,isa");
	if (name)
		parse_isa_string(hart, name);
	for (unsigned i = 0; (name = fdt_string_at(tree, hart->node, "riscv,isa-extensions", i));
	     i++)
		note_extension(hart, name, strlen(name));
}

/* A CPU node that supervisor mode can use: enabled, and with an MMU (monitor cores have none). */
static bool usable(const struct fdt *tree, int node, u64 *id)
{
	const char *type = fdt_string(tree, node, "device_type");

	return type && string_equal(type, "cpu") && fdt_enabled(tree, node) &&
	       fdt_has(tree, node, "mmu-type") && !fdt_reg_local(tree, node, 0, id, NULL);
}

unsigned harts_describe(const struct fdt *tree, u64 boot_id, struct hart_description *harts,
			unsigned max)
{
	unsigned count = 1;
	int node;
	u64 id;

	harts[0] = (struct hart_description){ .id = boot_id, .node = -1 };
	if (!tree)
		return count;
	fdt_for_each_child(node, tree, fdt_node_by_path(tree, "/cpus")) {
		struct hart_description *hart = &harts[0];

		if (!usable(tree, node, &id))
			continue;
		if (id != boot_id) {
			if (count == max)
				continue;
			hart = &harts[count++];
		}
		*hart = (struct hart_description){ .id = id, .node = node };
		parse_isa(tree, hart);
	}
	return count;
}

int timebase_describe(const struct fdt *tree, const struct hart_description *hart, u64 *frequency)
{
	if (!fdt_number(tree, fdt_node_by_path(tree, "/cpus"), "timebase-frequency", frequency))
		return 0;
	return fdt_number(tree, hart->node, "timebase-frequency", frequency);
}

int plic_find(const struct fdt *tree)
{
	static const char *const compatible[] = {
		"sifive,plic-1.0.0",
		"riscv,plic0",
		"thead,c900-plic",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(compatible); i++) {
		int node;

		fdt_for_each_compatible(node, tree, compatible[i]) {
			if (fdt_enabled(tree, node))
				return node;
		}
	}
	return -ENODEV;
}

int plic_contexts(const struct fdt *tree, int node, const struct hart_description *harts,
		  unsigned count, int *contexts)
{
	struct fdt_interrupt interrupt;
	int highest = -1;

	for (unsigned hart = 0; hart < count; hart++)
		contexts[hart] = -1;
	for (int i = 0; i < CONTEXTS_MAX && !fdt_interrupt(tree, node, i, &interrupt); i++) {
		int cpu_node = fdt_parent(tree, interrupt.controller);

		if (interrupt.controller < 0 || interrupt.cells[0] != EXTERNAL_INTERRUPT)
			continue;
		for (unsigned hart = 0; hart < count; hart++) {
			if (harts[hart].node >= 0 && harts[hart].node == cpu_node)
				contexts[hart] = highest = i;
		}
	}
	return highest;
}
