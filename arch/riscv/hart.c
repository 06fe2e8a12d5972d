#include "hart.h"
#include "sbi.h"
#include <arch/smp.h>
#include <arch/thread.h>
#include <arch/tlb.h>
#include <boot/memory.h>
#include <debug/log.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <sched/cpu.h>

struct hart harts[CPU_MAX];
unsigned hart_count;
struct cpumask harts_running;
bool tlb_flushes_all;
const char cpu_machine_name[] = "riscv64";

const struct fdt *machine_tree(void)
{
	static struct fdt tree;
	const void *blob = boot_device_tree();

	if (!tree.structure && (!blob || fdt_check(&tree, blob, fdt_blob_size(blob), NULL)))
		return NULL;
	return &tree;
}

void harts_discover(void)
{
	struct hart_description found[CPU_MAX];

	if (hart_count)
		return;
	hart_count = harts_describe(machine_tree(), boot_hart_id, found, CPU_MAX);
	for (unsigned i = 0; i < hart_count; i++)
		harts[i].is = found[i];
}

bool harts_all_have(enum hart_feature feature)
{
	for (unsigned i = 0; i < hart_count; i++) {
		if (!(harts[i].is.features & feature))
			return false;
	}
	return true;
}

/* SiFive errata CIP-1200, as SiFive's errata list gives the affected cores. */
static bool has_cip_1200(const struct hart *hart)
{
	unsigned long date = hart->implementation & 0xffffff;

	return hart->vendor == 0x489 &&
	       (hart->architecture == 0x8000000000000007 || hart->architecture == 1) &&
	       date <= 0x200630 && hart->implementation != 0x1200626;
}

void hart_running(unsigned cpu)
{
	struct hart *hart = &harts[cpu];

	hart->vendor = sbi_vendor();
	hart->architecture = sbi_architecture();
	hart->implementation = sbi_implementation();
	if (has_cip_1200(hart))
		WRITE_ONCE(tlb_flushes_all, true);
	cpumask_set(&harts_running, cpu);
}

unsigned long cpu_hwcap(void)
{
	static const char wanted[] = "imafdc"; /* Linux's COMPAT_HWCAP_ISA_* that Selene keeps */
	u32 common = ~0u, mask = 0;

	for (const char *letter = wanted; *letter; letter++)
		mask |= 1u << (*letter - 'a');
	for (unsigned i = 0; i < hart_count; i++)
		common &= harts[i].is.letters;
	return common & mask;
}

bool cpu_runs_elf(unsigned machine, u32 flags)
{
	enum { EM_RISCV = 243 };
	const u32 rvc = 1, float_abi = 6, float_double = 4, rve = 8;
	unsigned long hwcap = cpu_hwcap();

	if (machine != EM_RISCV || flags & rve || (flags & float_abi) > float_double)
		return false;
	if (flags & rvc && !(hwcap & 1u << ('c' - 'a')))
		return false;
	return !(flags & float_abi) || hwcap & 1u << ('d' - 'a');
}

static size_t describe_isa(const struct fdt *tree, int node, char *buffer, size_t size)
{
	const char *name = fdt_string(tree, node, "riscv,isa");
	size_t used;

	if (name)
		return scnprintf(buffer, size, "%s", name);
	name = fdt_string(tree, node, "riscv,isa-base");
	used = scnprintf(buffer, size, "%.4s", name ? name : "rv64");
	for (unsigned i = 0; (name = fdt_string_at(tree, node, "riscv,isa-extensions", i)); i++)
		used += scnprintf(buffer + used, size - used, "%s%s", name[1] ? "_" : "", name);
	return used;
}

size_t cpu_describe(unsigned index, char *buffer, size_t size)
{
	const struct hart *hart = &harts[index];
	const struct fdt *tree = machine_tree();
	const char *model;
	size_t used;

	used = scnprintf(buffer, size, "processor\t: %u\nhart\t\t: %lu\nisa\t\t: ", index,
			 hart->is.id);
	if (tree)
		used += describe_isa(tree, hart->is.node, buffer + used, size - used);
	used += scnprintf(buffer + used, size - used, "\nmmu\t\t: sv39\n");
	model = tree ? fdt_string(tree, hart->is.node, "compatible") : NULL;
	if (model && !string_equal(model, "riscv"))
		used += scnprintf(buffer + used, size - used, "uarch\t\t: %s\n", model);
	used += scnprintf(buffer + used, size - used,
			  "mvendorid\t: 0x%lx\nmarchid\t\t: 0x%lx\nmimpid\t\t: 0x%lx\n\n",
			  hart->vendor, hart->architecture, hart->implementation);
	return used;
}
