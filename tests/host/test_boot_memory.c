// sources: kernel/boot/discover.c kernel/lib/fdt.c kernel/lib/fdt_values.c kernel/lib/fdt_address.c
// sources: kernel/lib/printf.c kernel/lib/format.c
// flags: -Iarch/host/include
/*
 * What boot_memory_read_tree() makes of trees that dtc built: banks, reservations, the initrd, and the
 * cause in words where a machine cannot boot.
 */
#include <arch/mmu.h>
#include <boot/discover.h>
#include <lib/errno.h>
#include <string.h>

#include "check.h"

#define MIB(n) ((paddr_t)(n) << 20)
#define HEAD   "/dts-v1/;\n"
#define CELLS  "#address-cells = <2>; #size-cells = <2>;\n"

static struct boot_memory memory;
static char message[256];
static paddr_t limit = (paddr_t)128 << 30;

/* Read @source with the kernel at @kernel, 1 MiB long. */
static int read_tree(const char *source, paddr_t kernel)
{
	static const char *const dtc[] = { "dtc", "-q", "-I", "dts", "-O", "dtb", NULL };
	struct fdt fdt;
	size_t size;
	void *blob = check_filter(dtc, source, strlen(source), &size);
	int error;

	if (!blob || fdt_check(&fdt, blob, size, NULL))
		abort();
	memory = (struct boot_memory){ .kernel_start = kernel, .kernel_end = kernel + MIB(1) };
	message[0] = '\0';
	error = boot_memory_read_tree(&memory, &fdt, limit, message, sizeof(message));
	free(blob);
	return error;
}

static void expect_range(const struct memory_range *range, paddr_t start, paddr_t end, bool no_map)
{
	EXPECT(range->start, start);
	EXPECT(range->end, end);
	EXPECT(range->no_map, no_map);
}

static void expect_message(const char *part)
{
	if (!strstr(message, part))
		CHECK_FAIL("expected a message with \"%s\", came \"%s\"", part, message);
}

static paddr_t free_bytes(void)
{
	paddr_t bytes = 0;

	for (unsigned i = 0; i < memory.bank_count; i++)
		bytes += memory.banks[i].end - memory.banks[i].start;
	for (unsigned i = 0; i < memory.reserved_count; i++)
		bytes -= memory.reserved[i].end - memory.reserved[i].start;
	return bytes;
}

static void one_bank(void)
{
	EXPECT(read_tree(
		       HEAD
		       "/memreserve/ 0x80000000 0x80000;\n/ {" CELLS
		       "memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x1800000>; };"
		       "};",
		       0x80200000),
	       0);
	EXPECT(memory.bank_count, 1);
	expect_range(&memory.banks[0], 0x80000000, 0x81800000, false);
	/* The firmware's, what lies below the kernel, and the kernel touch: one range. */
	EXPECT(memory.reserved_count, 1);
	expect_range(&memory.reserved[0], 0x80000000, 0x80300000, false);
	EXPECT(memory.initrd_end, 0);
}

static void kernel_high_in_its_bank(void)
{
	EXPECT(read_tree(
		       HEAD
		       "/ {" CELLS
		       "memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 2 0>; }; };",
		       0x48000000),
	       0);
	expect_range(&memory.banks[0], 0x40000000, 0x240000000, false);
	EXPECT(memory.reserved_count, 2);
	expect_range(&memory.reserved[0], 0x40000000, 0x40200000, false);
	expect_range(&memory.reserved[1], 0x48000000, 0x48100000, false);
}

static void banks_are_sorted_and_merged(void)
{
	EXPECT(read_tree(
		       HEAD
		       "/ {" CELLS
		       "memory@200000000 { device_type = \"memory\"; reg = <2 0 0 0x10000000>; };"
		       "memory@80000000 { device_type = \"memory\";"
		       " reg = <0 0x90000000 0 0x10000000>, <0 0x80000000 0 0x10000000>, <0 0 0 0>; };"
		       "memory@300000000 { device_type = \"memory\"; status = \"disabled\";"
		       " reg = <3 0 0 0x10000000>; };"
		       "memory@1000000000 { device_type = \"memory\"; reg = <0x1f 0xf0000000 1 0>; };"
		       "memory@900 { reg = <0 0x900 0 0x1000>; };"
		       "};",
		       0x80200000),
	       0);
	EXPECT(memory.bank_count, 3);
	expect_range(&memory.banks[0], 0x80000000, 0xa0000000, false);
	expect_range(&memory.banks[1], 0x200000000, 0x210000000, false);
	/* Cut at what the direct map shows. */
	expect_range(&memory.banks[2], 0x1ff0000000, limit, false);
}

static void odd_bounds_are_rounded(void)
{
	EXPECT(read_tree(
		       HEAD
		       "/memreserve/ 0x82000800 0x10;\n/ {" CELLS
		       "memory@80000000 { device_type = \"memory\"; reg = <0 0x80000123 0 0x40000000>; };"
		       "};",
		       0x80200000),
	       0);
	expect_range(&memory.banks[0], 0x80001000, 0xc0000000, false);
	expect_range(&memory.reserved[1], 0x82000000, 0x82001000, false);
}

static void reservations_are_disjoint(void)
{
	EXPECT(read_tree(
		       HEAD
		       "/memreserve/ 0x90000000 0x3000;\n/ {" CELLS
		       "memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x40000000>; };"
		       "reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;"
		       " a@80000000 { reg = <0 0x80000000 0 0x40000>; no-map; };"
		       " b@80040000 { reg = <0 0x80040000 0 0x40000>; no-map; };"
		       " c@90001000 { reg = <0 0x90001000 0 0x1000>; no-map; };"
		       " d@a0000000 { reg = <0 0xa0000000 0 0x2000>, <0 0xa0001000 0 0x2000>; };"
		       " e@b0000000 { reg = <0 0xb0000000 0 0x1000>; status = \"disabled\"; };"
		       " f { size = <0 0x1000000>; };"
		       "}; };",
		       0x80200000),
	       0);
	EXPECT(memory.reserved_count, 6);
	expect_range(&memory.reserved[0], 0x80000000, 0x80080000, true);
	expect_range(&memory.reserved[1], 0x80080000, 0x80300000, false);
	expect_range(&memory.reserved[2], 0x90000000, 0x90001000, false);
	expect_range(&memory.reserved[3], 0x90001000, 0x90002000, true);
	expect_range(&memory.reserved[4], 0x90002000, 0x90003000, false);
	expect_range(&memory.reserved[5], 0xa0000000, 0xa0003000, false);
}

static void nested_reservations_in_another_order(void)
{
	static const struct memory_range ranges[] = {
		{ 0x10000, 0x11000, true }, { 0x8000, 0x20000, false }, { 0x9000, 0xa000, true },
		{ 0x7000, 0x9000, false },  { 0x1f000, 0x22000, true },
	};
	u64 covered = 0;

	memory = (struct boot_memory){ 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++)
		EXPECT(boot_memory_reserve(&memory, ranges[i].start, ranges[i].end,
					   ranges[i].no_map),
		       0);
	for (unsigned i = 0; i < memory.reserved_count; i++) {
		covered += memory.reserved[i].end - memory.reserved[i].start;
		EXPECT_TRUE(!i || memory.reserved[i - 1].end <= memory.reserved[i].start);
	}
	EXPECT(covered, 0x22000 - 0x7000);
}

static void initrd(void)
{
	static const char tree[] = HEAD
		"/ {" CELLS
		"memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x8000000>; };"
		"chosen { linux,initrd-start = <%s>; linux,initrd-end = <%s>; }; };";
	char source[400];

	snprintf(source, sizeof(source), tree, "0x84000400", "0x84100777");
	EXPECT(read_tree(source, 0x80200000), 0);
	EXPECT(memory.initrd_start, 0x84000400);
	EXPECT(memory.initrd_end, 0x84100777);
	expect_range(&memory.reserved[1], 0x84000000, 0x84101000, false);
	snprintf(source, sizeof(source), tree, "0 0x84000000", "0 0x84100000");
	EXPECT(read_tree(source, 0x80200000), 0);
	EXPECT(memory.initrd_start, 0x84000000);
	snprintf(source, sizeof(source), tree, "0x87f00000", "0x88100000");
	EXPECT(read_tree(source, 0x80200000), -EINVAL);
	expect_message("not in RAM");
	snprintf(source, sizeof(source), tree, "0x84100000", "0x84000000");
	EXPECT(read_tree(source, 0x80200000), -EINVAL);
	expect_message("not in RAM");
	snprintf(source, sizeof(source), tree, "0x80280000", "0x80380000");
	EXPECT(read_tree(source, 0x80200000), -EINVAL);
	expect_message("overlaps the kernel");
}

static void failures_say_why(void)
{
	char source[4096];
	size_t length;

	EXPECT(read_tree(HEAD "/ {" CELLS "};", 0x80200000), -EINVAL);
	expect_message("no enabled /memory");
	EXPECT(read_tree(HEAD "/ {" CELLS "memory@80000000 { device_type = \"memory\";"
			      " reg = <0 0x80000000 0 0x1000000>; }; };",
			 0x80200000),
	       -EINVAL);
	expect_message("16384 KiB are there");
	EXPECT(read_tree(HEAD "/ {" CELLS "memory@80000000 { device_type = \"memory\";"
			      " reg = <0 0x80000000 0 0x8000000>; }; };",
			 0x40200000),
	       -EINVAL);
	expect_message("outside the memory");
	length = snprintf(
		source, sizeof(source),
		HEAD
		"/ {" CELLS
		"memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x8000000>");
	for (unsigned i = 1; i < 20; i++)
		length +=
			snprintf(source + length, sizeof(source) - length, ", <%u 0 0 0x1000>", i);
	snprintf(source + length, sizeof(source) - length, "; }; };");
	EXPECT(read_tree(source, 0x80200000), -EINVAL);
	expect_message("more than 16 memory banks");
}

static void allocation_avoids_everything(void)
{
	struct memory_range avoid = { 0x8fff0123, 0x8fff8000, false };
	paddr_t place;

	EXPECT(read_tree(HEAD "/memreserve/ 0x8ffff000 0x1000;\n/memreserve/ 0x8fffc000 0x1000;\n"
			      "/ {" CELLS "memory@80000000 { device_type = \"memory\";"
			      " reg = <0 0x80000000 0 0x10000000>; }; };",
			 0x80200000),
	       0);
	EXPECT(boot_memory_find(&memory, 0x1000, limit, NULL), 0x8fffe000);
	EXPECT(boot_memory_find(&memory, 0x2001, limit, NULL), 0x8fff9000);
	EXPECT(boot_memory_find(&memory, 0x2001, limit, &avoid), 0x8fff9000);
	EXPECT(boot_memory_find(&memory, 0x5000, limit, &avoid), 0x8ffeb000);
	EXPECT(boot_memory_find(&memory, 0x1000, 0x81000000, NULL), 0x80fff000);
	EXPECT(boot_memory_find(&memory, MIB(512), limit, NULL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		u64 size = (check_random() % 8 + 1) * PAGE_SIZE;
		paddr_t before = free_bytes();

		place = boot_memory_find(&memory, size, limit, &avoid);
		EXPECT_TRUE(place >= avoid.end || place + size <= avoid.start);
		EXPECT(boot_memory_reserve(&memory, place, place + size, false), 0);
		EXPECT(free_bytes(), before - size);
	}
}

int main(void)
{
	RUN(one_bank);
	RUN(kernel_high_in_its_bank);
	RUN(banks_are_sorted_and_merged);
	RUN(odd_bounds_are_rounded);
	RUN(reservations_are_disjoint);
	RUN(nested_reservations_in_another_order);
	RUN(initrd);
	RUN(failures_say_why);
	RUN(allocation_avoids_everything);
	return CHECK_RESULT;
}
