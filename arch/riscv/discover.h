#pragma once
/*
 * What the device tree says of a RISC-V machine. Nothing here touches a register, so that the host
 * tests run it on the trees of real boards.
 */
#include <lib/fdt.h>
#include <lib/types.h>

enum hart_feature { HART_SSTC = 1 << 0 };

/* A hart that supervisor mode can use. */
struct hart_description {
	u64 id;		/* SBI's hart id */
	int node;	/* in the tree; negative: not in it */
	u32 letters;	/* single-letter extensions: bit 0 = a */
	u32 features;	/* enum hart_feature */
	u64 extensions; /* named ones, bits of riscv_hwprobe(2) */
};

/*
 * Up to @max harts into @harts, the boot hart first, whether the tree has it or not; how many. @tree
 * may be NULL. Left out: what is disabled, and monitor cores, which have no MMU.
 */
unsigned harts_describe(const struct fdt *tree, u64 boot_id, struct hart_description *harts,
			unsigned max);
/* Hz of the time counter, from /cpus, or from a CPU's node in older trees. 0 or -ENOENT. */
int timebase_describe(const struct fdt *tree, const struct hart_description *hart, u64 *frequency);
/* The node of the interrupt controller, or -ENODEV. */
int plic_find(const struct fdt *tree);
/*
 * For each of @count harts the number of its supervisor context in @contexts, −1 for none; the
 * highest of them, or −1. The n-th entry of interrupts-extended is context n: no formula holds on all
 * chips.
 */
int plic_contexts(const struct fdt *tree, int node, const struct hart_description *harts,
		  unsigned count, int *contexts);
