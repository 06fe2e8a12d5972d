// sources: kernel/lib/fdt.c kernel/lib/fdt_values.c kernel/lib/fdt_address.c kernel/lib/fdt_interrupt.c
/*
 * Device trees as dtc makes them: every question with its answer, and then the same questions to
 * blobs that are cut off or damaged, where only the sanitizers judge.
 */
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/fdt.h>
#include <string.h>

#include "check.h"

static const char board[] =
	"/dts-v1/;\n"
	"/memreserve/ 0x40000000 0x80000;\n"
	"/memreserve/ 0x1f0000000 0x1000;\n"
	"/ {\n"
	"	#address-cells = <2>; #size-cells = <2>;\n"
	"	compatible = \"acme,board-2\", \"acme,board\";\n"
	"	model = \"A board\";\n"
	"	aliases { serial0 = \"/soc/bus@100000/serial@200\"; soc = &soc; wrong = <1>; };\n"
	"	chosen { stdout-path = \"serial0:115200n8\"; seed = /bits/ 64 <0x123456789abcdef0>; };\n"
	"	cpus {\n"
	"		#address-cells = <1>; #size-cells = <0>;\n"
	"		cpu@0 { reg = <0>; status = \"disabled\";\n"
	"			cpu0: interrupt-controller { #interrupt-cells = <1>; interrupt-controller; }; };\n"
	"		cpu@4 { reg = <4>; status = \"okay\";\n"
	"			cpu1: interrupt-controller { #interrupt-cells = <1>; interrupt-controller; }; };\n"
	"	};\n"
	"	memory@40000000 { device_type = \"memory\";\n"
	"		reg = <0x0 0x40000000 0x1 0x0>, <0x8 0x0 0x0 0x1000>; };\n"
	"	empty { };\n"
	"	soc: soc {\n"
	"		#address-cells = <1>; #size-cells = <1>; interrupt-parent = <&plic>;\n"
	"		ranges = <0x0 0x9 0x0 0x10000000>, <0x20000000 0x0 0x30000000 0x1000>;\n"
	"		plic: interrupt-controller@c000000 { #interrupt-cells = <2>; interrupt-controller;\n"
	"			#address-cells = <0>;\n"
	"			reg = <0xc000000 0x4000000>; compatible = \"riscv,plic0\";\n"
	"			interrupts-extended = <&cpu0 11>, <0xffffffff>, <&cpu1 11>, <&cpu1 9>; };\n"
	"		bus@100000 {\n"
	"			#address-cells = <1>; #size-cells = <1>; ranges = <0 0x100000 0x1000>;\n"
	"			serial@200 { reg = <0x200 0x100>, <0x1000 1>, <0xf01 0x100>;\n"
	"				reg-names = \"port\", \"outside\", \"over\"; reg-shift = <2>;\n"
	"				interrupts = <7 4>, <8 1>; compatible = \"acme,uart\", \"ns16550a\"; };\n"
	"			serial@300 { reg = <0x300 0x100>; status = \"ok\"; };\n"
	"		};\n"
	"		flat@20000000 { ranges; #address-cells = <1>; #size-cells = <1>;\n"
	"			thing@20000010 { reg = <0x20000010 0x10>; interrupts-extended = <&plic 3 4>,\n"
	"				<&cpu0 5>; }; };\n"
	"		i2c@5000 { reg = <0x5000 0x100>; #address-cells = <1>; #size-cells = <0>;\n"
	"			eeprom@50 { reg = <0x50>; }; };\n"
	"		pci@30000000 { #address-cells = <3>; #size-cells = <2>; device_type = \"pci\";\n"
	"			reg = <0x5800 8>; ranges = <0x3000000 1 0 0x40000000 0 0x100>,\n"
	"				<0 0 0x4000 0x60000 0 0x100>;\n"
	"			dev@0 { reg = <0x800 0 0 0 0>; };\n"
	"			io@1 { reg = <0 0 0x4010 0 8>; }; };\n"
	"		wide@6000 { #address-cells = <9>; #size-cells = <1>; ranges = <1 2 3>;\n"
	"			child@0 { reg = <1 2 3 4>; }; };\n"
	"	};\n"
	"};\n";

struct tree {
	void *blob;
	size_t size;
	struct fdt fdt;
};

static bool compile(const char *source, struct tree *tree)
{
	const char *arguments[] = { "dtc", "-q", "-q", "-I", "dts", "-O", "dtb", "-f", NULL };
	const char *cause = "";

	tree->blob = check_filter(arguments, source, strlen(source), &tree->size);
	if (!tree->blob) {
		printf("# dtc cannot be run\n");
		return false;
	}
	EXPECT(fdt_check(&tree->fdt, tree->blob, tree->size, &cause), 0);
	EXPECT_TRUE(!cause);
	return true;
}

static void names_and_paths(void)
{
	struct tree tree;
	const struct fdt *fdt = &tree.fdt;
	int soc, bus, serial, node, count = 0;

	if (!compile(board, &tree))
		return;
	EXPECT(fdt_blob_size(tree.blob), tree.size);
	soc = fdt_child(fdt, fdt_root(fdt), "soc");
	bus = fdt_child(fdt, soc, "bus");
	serial = fdt_child(fdt, bus, "serial@200");
	EXPECT_TRUE(soc >= 0 && bus >= 0 && serial >= 0);
	EXPECT(fdt_child(fdt, bus, "serial@30"), -ENOENT);
	EXPECT(fdt_child(fdt, bus, "seria"), -ENOENT);
	EXPECT(fdt_child(fdt, fdt_node_by_path(fdt, "/empty"), "x"), -ENOENT);
	EXPECT_STRING(fdt_node_name(fdt, serial), "serial@200");
	EXPECT_STRING(fdt_node_name(fdt, -ENOENT), "");
	EXPECT_TRUE(fdt_node_is(fdt, serial, "serial") && !fdt_node_is(fdt, serial, "seria"));
	EXPECT(fdt_parent(fdt, serial), bus);
	EXPECT(fdt_parent(fdt, soc), fdt_root(fdt));
	EXPECT(fdt_parent(fdt, fdt_root(fdt)), -ENOENT);
	EXPECT(fdt_parent(fdt, serial + 4), -ENOENT);
	EXPECT(fdt_node_by_path(fdt, "/"), fdt_root(fdt));
	EXPECT(fdt_node_by_path(fdt, "/soc/bus/serial"), serial);
	EXPECT(fdt_node_by_path(fdt, "/soc//bus@100000/serial@200/"), serial);
	EXPECT(fdt_node_by_path(fdt, "serial0"), serial);
	EXPECT(fdt_node_by_path(fdt,
				fdt_string(fdt, fdt_node_by_path(fdt, "/chosen"), "stdout-path")),
	       serial);
	EXPECT(fdt_node_by_path(fdt, "soc/bus/serial@200"), serial);
	EXPECT(fdt_node_by_path(fdt, "serial"), -ENOENT);
	EXPECT(fdt_node_by_path(fdt, "wrong"), -ENOENT);
	EXPECT(fdt_node_by_path(fdt, ""), -ENOENT);
	EXPECT(fdt_node_by_path(fdt, "/soc/none/serial"), -ENOENT);
	fdt_for_each_child(node, fdt, fdt_root(fdt))
		count++;
	EXPECT(count, 6);
	fdt_for_each_node(node, fdt)
		count++;
	EXPECT(count, 6 + 24);
	count = 0;
	fdt_for_each_compatible(node, fdt, "ns16550a")
		EXPECT(node, (count++, serial));
	EXPECT(count, 1);
	EXPECT(fdt_next_compatible(fdt, -1, "acme,board"), fdt_root(fdt));
	free(tree.blob);
}

static void values(void)
{
	struct tree tree;
	const struct fdt *fdt = &tree.fdt;
	int serial, chosen;
	u32 cell, at = 0, size, count = 0;
	u64 number, length;
	const char *name;

	if (!compile(board, &tree))
		return;
	serial = fdt_node_by_path(fdt, "serial0");
	chosen = fdt_node_by_path(fdt, "/chosen");
	EXPECT(fdt_u32(fdt, serial, "reg-shift", &cell), 0);
	EXPECT(cell, 2);
	EXPECT(fdt_u32(fdt, serial, "reg-shif", &cell), -ENOENT);
	EXPECT(fdt_u32(fdt, -ENOENT, "reg", &cell), -ENOENT);
	EXPECT(fdt_u64(fdt, serial, "reg-shift", &number), -EINVAL);
	EXPECT(fdt_u64(fdt, chosen, "seed", &number), 0);
	EXPECT(number, 0x123456789abcdef0);
	EXPECT(fdt_number(fdt, serial, "reg-shift", &number), 0);
	EXPECT(number, 2);
	EXPECT(fdt_number(fdt, chosen, "seed", &number), 0);
	EXPECT(fdt_number(fdt, serial, "reg", &number), -EINVAL);
	EXPECT(fdt_cell(fdt, serial, "reg", 5, &cell), 0);
	EXPECT(cell, 0x100);
	EXPECT(fdt_cell(fdt, serial, "reg", 6, &cell), -ENOENT);
	EXPECT_STRING(fdt_string_at(fdt, serial, "compatible", 1), "ns16550a");
	EXPECT_TRUE(!fdt_string_at(fdt, serial, "compatible", 2));
	EXPECT_TRUE(!fdt_string(fdt, serial, "reg-shift") ||
		    !*fdt_string(fdt, serial, "reg-shift"));
	EXPECT(fdt_string_index(fdt, serial, "reg-names", "over"), 2);
	EXPECT(fdt_string_index(fdt, serial, "reg-names", "por"), -ENOENT);
	EXPECT_TRUE(fdt_has(fdt, fdt_node_by_path(fdt, "/soc/flat"), "ranges"));
	EXPECT_TRUE(fdt_enabled(fdt, serial) && !fdt_enabled(fdt, -1));
	EXPECT_TRUE(fdt_enabled(fdt, fdt_node_by_path(fdt, "/soc/bus/serial@300")));
	EXPECT_TRUE(!fdt_enabled(fdt, fdt_node_by_path(fdt, "/cpus/cpu@0")));
	while (fdt_next_property(fdt, serial, &at, &name, &size))
		count++;
	EXPECT(count, 5);
	EXPECT(fdt_memory_reservation(fdt, 1, &number, &length), 0);
	EXPECT_TRUE(number == 0x1f0000000 && length == 0x1000);
	EXPECT(fdt_memory_reservation(fdt, 2, &number, &length), -ENOENT);
	free(tree.blob);
}

static void expect_reg(const struct fdt *fdt, const char *path, unsigned index, int result,
		       u64 address, u64 size)
{
	u64 came_address = 0, came_size = 0;
	int node = fdt_node_by_path(fdt, path);

	EXPECT_TRUE(node >= 0);
	EXPECT(fdt_reg(fdt, node, index, &came_address, &came_size), result);
	EXPECT(came_address, address);
	EXPECT(came_size, size);
}

static void addresses(void)
{
	struct tree tree;
	const struct fdt *fdt = &tree.fdt;
	u64 address, size;

	if (!compile(board, &tree))
		return;
	expect_reg(fdt, "/memory", 0, 0, 0x40000000, 0x100000000);
	expect_reg(fdt, "/memory", 1, 0, 0x800000000, 0x1000);
	expect_reg(fdt, "/memory", 2, -ENOENT, 0, 0);
	expect_reg(fdt, "/soc/interrupt-controller", 0, 0, 0x90c000000, 0x4000000);
	expect_reg(fdt, "serial0", 0, 0, 0x900100200, 0x100);
	expect_reg(fdt, "serial0", 1, -ENXIO, 0, 0);
	expect_reg(fdt, "serial0", 2, -ENXIO, 0, 0);
	expect_reg(fdt, "/soc/flat/thing", 0, 0, 0x30000010, 0x10);
	expect_reg(fdt, "/soc/i2c/eeprom", 0, -ENXIO, 0, 0);
	expect_reg(fdt, "/soc/pci/dev", 0, -EINVAL, 0, 0);
	expect_reg(fdt, "/soc/pci/io", 0, 0, 0x900060010, 8);
	expect_reg(fdt, "/soc/wide/child", 0, -EINVAL, 0, 0);
	expect_reg(fdt, "/soc", 0, -ENOENT, 0, 0);
	EXPECT(fdt_reg_by_name(fdt, fdt_node_by_path(fdt, "serial0"), "port", &address, NULL), 0);
	EXPECT(address, 0x900100200);
	EXPECT(fdt_reg_by_name(fdt, fdt_node_by_path(fdt, "serial0"), "x", &address, NULL),
	       -ENOENT);
	EXPECT(fdt_reg_local(fdt, fdt_node_by_path(fdt, "/cpus/cpu@4"), 0, &address, &size), 0);
	EXPECT_TRUE(address == 4 && size == 0);
	EXPECT(fdt_reg(fdt, -ENOENT, 0, &address, &size), -ENOENT);
	free(tree.blob);
}

static void expect_interrupt(const struct fdt *fdt, const char *path, unsigned index, int result,
			     const char *controller, u32 cells, u32 first)
{
	struct fdt_interrupt interrupt;
	int node = fdt_node_by_path(fdt, path);

	EXPECT(fdt_interrupt(fdt, node, index, &interrupt), result);
	if (result)
		return;
	EXPECT(interrupt.controller, controller ? fdt_node_by_path(fdt, controller) : -ENOENT);
	EXPECT(interrupt.cell_count, cells);
	EXPECT(interrupt.cells[0], first);
}

static void interrupts(void)
{
	struct tree tree;
	const struct fdt *fdt = &tree.fdt;
	const char *plic = "/soc/interrupt-controller", *cpu = "/cpus/cpu@4/interrupt-controller";

	if (!compile(board, &tree))
		return;
	expect_interrupt(fdt, "serial0", 0, 0, plic, 2, 7);
	expect_interrupt(fdt, "serial0", 1, 0, plic, 2, 8);
	expect_interrupt(fdt, "serial0", 2, -ENOENT, NULL, 0, 0);
	expect_interrupt(fdt, plic, 0, 0, "/cpus/cpu@0/interrupt-controller", 1, 11);
	expect_interrupt(fdt, plic, 1, 0, NULL, 0, 0);
	expect_interrupt(fdt, plic, 2, 0, cpu, 1, 11);
	expect_interrupt(fdt, plic, 3, 0, cpu, 1, 9);
	expect_interrupt(fdt, plic, 4, -ENOENT, NULL, 0, 0);
	expect_interrupt(fdt, "/soc/flat/thing", 0, 0, plic, 2, 3);
	expect_interrupt(fdt, "/soc/flat/thing", 1, 0, "/cpus/cpu@0/interrupt-controller", 1, 5);
	expect_interrupt(fdt, "/memory", 0, -ENOENT, NULL, 0, 0);
	EXPECT(fdt_interrupt_parent(fdt, fdt_node_by_path(fdt, "serial0")),
	       fdt_node_by_path(fdt, plic));
	EXPECT(fdt_interrupt_parent(fdt, fdt_node_by_path(fdt, "/memory")), -ENOENT);
	free(tree.blob);
}

/* Every question about every node, for the sanitizers. */
static unsigned ask_everything(const struct fdt *fdt)
{
	unsigned answers = 0;
	u64 address, size;
	int node;

	for (unsigned i = 0; i < 100 && !fdt_memory_reservation(fdt, i, &address, &size); i++)
		answers++;
	fdt_for_each_node(node, fdt) {
		struct fdt_interrupt interrupt;
		const char *name;
		u32 at = 0, length, count = 0, value;
		const u8 *data;
		int child, back = -1;

		while ((data = fdt_next_property(fdt, node, &at, &name, &length))) {
			for (u32 i = 0; i < length; i++)
				count += data[i];
			for (unsigned i = 0; fdt_string_at(fdt, node, name, i); i++)
				count += strlen(fdt_string_at(fdt, node, name, i));
			fdt_number(fdt, node, name, &address);
			fdt_reference(fdt, node, name, 0);
			answers += strlen(name);
		}
		fdt_for_each_child(child, fdt, node)
			EXPECT_TRUE(child > back && fdt_parent(fdt, back = child) == node);
		for (unsigned i = 0; i < 4; i++) {
			answers += !fdt_reg(fdt, node, i, &address, &size);
			answers += !fdt_reg_local(fdt, node, i, &address, &size);
			answers += !fdt_interrupt(fdt, node, i, &interrupt);
		}
		answers += fdt_enabled(fdt, node) + fdt_compatible(fdt, node, "ns16550a");
		answers += strlen(fdt_node_name(fdt, node)) + (count & 1);
		fdt_u32(fdt, node, "phandle", &value);
	}
	fdt_node_by_path(fdt, "serial0:115200n8");
	fdt_node_by_path(fdt, "/soc/bus/serial/x");
	return answers;
}

/* An exact copy on the heap of what is left of a blob. True when it was accepted. */
static bool ask_copy(const void *blob, size_t size)
{
	u8 *exact = malloc(size ? size : 1);
	const char *cause = NULL;
	struct fdt fdt;
	int result;

	memcpy(exact, blob, size);
	result = fdt_check(&fdt, exact, size, &cause);
	EXPECT_TRUE(result ? result == -EINVAL && cause : !cause);
	if (!result)
		ask_everything(&fdt);
	free(exact);
	return !result;
}

static void damaged(void)
{
	struct tree tree;
	unsigned accepted = 0;
	u8 *blob;

	if (!compile(board, &tree))
		return;
	EXPECT_TRUE(ask_everything(&tree.fdt) > 100);
	for (size_t size = 0; size < tree.size; size++)
		EXPECT(ask_copy(tree.blob, size), false);
	blob = tree.blob;
	for (size_t bit = 0; bit < tree.size * 8; bit += 3) {
		blob[bit / 8] ^= (u8)(1 << bit % 8);
		accepted += ask_copy(blob, tree.size);
		blob[bit / 8] ^= (u8)(1 << bit % 8);
	}
	for (int i = 0; i < 3000; i++) {
		u8 *copy = malloc(tree.size);

		memcpy(copy, blob, tree.size);
		for (u64 changes = 1 + check_random() % 6; changes; changes--) {
			size_t at = check_random() % (tree.size / 4) * 4;

			copy[at + 3] = (u8)(check_random() % 12);
			if (check_random() % 4 == 0)
				memset(copy + at, check_random() % 2 ? 0xff : 0, 3);
		}
		accepted += ask_copy(copy, tree.size);
		free(copy);
	}
	printf("# %u damaged trees were accepted\n", accepted);
	free(blob);
}

/* What dtc never writes: NOP tokens, nodes too deep, two roots, headers that lie. */
static u8 made[8192];
static u32 made_size;

static void put32(u32 value)
{
	store_le32(made + made_size, swap32(value));
	made_size += 4;
}

static void made_header(u32 structure_size)
{
	static const char strings[] = "x";
	const u32 header[] = { 0xd00dfeed, 0,  56, 56 + structure_size, 40,
			       17,	   16, 0,  sizeof(strings),	structure_size };

	memmove(made + 56, made, structure_size);
	made_size = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(header); i++)
		put32(header[i]);
	memset(made + 40, 0, 16);
	memcpy(made + 56 + structure_size, strings, sizeof(strings));
	made_size = 56 + structure_size + sizeof(strings);
	store_le32(made + 4, swap32(made_size));
}

static void expect_made(const u32 *tokens, unsigned count, const char *expected)
{
	const char *cause = NULL;
	struct fdt fdt;

	made_size = 0;
	for (unsigned i = 0; i < count; i++)
		put32(tokens[i]);
	made_header(made_size);
	EXPECT(fdt_check(&fdt, made, made_size, &cause), expected ? -EINVAL : 0);
	if (expected)
		EXPECT_STRING(cause, expected);
	else
		ask_everything(&fdt);
}

#define EXPECT_MADE(expected, ...)                                                                 \
	expect_made((const u32[]){ __VA_ARGS__ }, sizeof((u32[]){ __VA_ARGS__ }) / 4, expected)

static void by_hand(void)
{
	u32 tokens[200];
	unsigned count;

	EXPECT_MADE(NULL, 4, 1, 0, 4, 3, 0, 0, 4, 3, 4, 0, 7, 4, 1, 0x61000000, 2, 4, 2, 4, 9);
	EXPECT_MADE("two roots", 1, 0, 2, 1, 0, 2, 9);
	EXPECT_MADE("a node without an end, or no root", 9);
	EXPECT_MADE("a node without an end, or no root", 1, 0, 9);
	EXPECT_MADE("a node ends that did not begin", 2, 9);
	EXPECT_MADE("a property outside of its place", 1, 0, 1, 0, 2, 3, 0, 0, 2, 9);
	EXPECT_MADE("a property outside of its place", 3, 0, 0, 9);
	EXPECT_MADE("a property's value is cut off", 1, 0, 3, 0xfffffffd, 0, 2, 9);
	EXPECT_MADE("a property's name lies outside the strings", 1, 0, 3, 0, 2, 2, 9);
	EXPECT_MADE("the structure ends without an end token", 1, 0, 2);
	EXPECT_MADE("an unknown token", 1, 0, 5, 2, 9);
	EXPECT_MADE("a node's name is cut off", 1, 0x61616161);
	for (unsigned depth = FDT_MAX_DEPTH; depth <= FDT_MAX_DEPTH + 1; depth++) {
		count = 0;
		for (unsigned i = 0; i < depth; i++) {
			tokens[count++] = 1;
			tokens[count++] = i ? 0x61000000 : 0;
		}
		for (unsigned i = 0; i < depth; i++)
			tokens[count++] = 2;
		tokens[count++] = 9;
		expect_made(tokens, count, depth > FDT_MAX_DEPTH ? "nodes too deep" : NULL);
	}
}

/* Names of files with trees may be given: each is asked everything, whole and damaged. */
static int ask_file(const char *name)
{
	static u8 blob[1 << 20];
	FILE *file = fopen(name, "rb");
	size_t size = file ? fread(blob, 1, sizeof(blob), file) : 0;
	bool accepted;

	check_name = name;
	accepted = ask_copy(blob, size);
	printf("%s %s\n", accepted && !check_failures_here ? "ok" : "not ok", name);
	if (file)
		fclose(file);
	return accepted ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **arguments)
{
	if (count > 1)
		return ask_file(arguments[1]);
	RUN(names_and_paths);
	RUN(values);
	RUN(addresses);
	RUN(interrupts);
	RUN(damaged);
	RUN(by_hand);
	return CHECK_RESULT;
}
