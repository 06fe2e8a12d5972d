/* Platform-level interrupt controller: RISC-V PLIC specification 1.0.0. */
#include "hart.h"
#include <arch/io.h>
#include <arch/machine.h>
#include <arch/mmu.h>
#include <arch/trap.h>
#include <debug/log.h>
#include <dev/irq.h>
#include <lib/errno.h>
#include <lib/fdt.h>
#include <sched/cpu.h>
#include <sched/lock.h>

enum {
	PLIC_ENABLE = 0x2000,
	PLIC_ENABLE_STRIDE = 0x80,
	PLIC_CONTEXT = 0x200000,
	PLIC_CONTEXT_STRIDE = 0x1000,
	PLIC_CLAIM = 4,
};

static u8 *plic;	      /* [const after boot] NULL: none */
static unsigned line_count;   /* [const after boot] lines 1 … line_count */
static int contexts[CPU_MAX]; /* [const after boot] of each CPU; −1: none */
static struct spinlock plic_lock = SPINLOCK_INIT(RANK_WAIT); /* enable words */

static u8 *context_registers(unsigned cpu)
{
	return plic + PLIC_CONTEXT + contexts[cpu] * PLIC_CONTEXT_STRIDE;
}

static void enable_on(unsigned cpu, unsigned line, bool enable)
{
	u8 *word = plic + PLIC_ENABLE + contexts[cpu] * PLIC_ENABLE_STRIDE + line / 32 * 4;
	u32 bit = 1u << line % 32, value = io_read32(word);

	io_write32(word, enable ? value | bit : value & ~bit);
}

void irq_line_enable(unsigned line, unsigned cpu)
{
	unsigned long state;

	if (!plic || !line || line > line_count || cpu >= hart_count || contexts[cpu] < 0)
		return;
	state = spin_lock_irqsave(&plic_lock);
	for (unsigned other = 0; other < hart_count; other++) {
		if (contexts[other] >= 0)
			enable_on(other, line, other == cpu);
	}
	io_write32(plic + line * 4, 1);
	spin_unlock_irqrestore(&plic_lock, state);
}

/*
 * By priority: the end of an interrupt that is not enabled would be ignored, and it stuck for ever.
 */
void irq_line_disable(unsigned line)
{
	if (plic && line && line <= line_count)
		io_write32(plic + line * 4, 0);
}

void plic_interrupt(void)
{
	unsigned cpu = cpu_this()->index;
	u8 *claim;
	u32 line;

	if (!plic || contexts[cpu] < 0)
		return;
	claim = context_registers(cpu) + PLIC_CLAIM;
	while ((line = io_read32(claim))) {
		irq_dispatch(line);
		io_write32(claim, line);
	}
}

static void reset_contexts(void)
{
	for (unsigned line = 1; line <= line_count; line++)
		io_write32(plic + line * 4, 0);
	for (unsigned cpu = 0; cpu < hart_count; cpu++) {
		if (contexts[cpu] < 0)
			continue;
		for (unsigned line = 0; line <= line_count; line += 32)
			io_write32(plic + PLIC_ENABLE + contexts[cpu] * PLIC_ENABLE_STRIDE +
					   line / 8,
				   0);
		io_write32(context_registers(cpu), 0);
	}
}

int plic_init(const struct fdt *tree)
{
	int node = plic_find(tree), highest;
	struct hart_description described[CPU_MAX];
	u64 address, size;
	u32 lines;

	if (node < 0) {
		log_warning("plic: the device tree has no interrupt controller that is known");
		return -ENODEV;
	}
	if (fdt_reg(tree, node, 0, &address, &size) || fdt_u32(tree, node, "riscv,ndev", &lines)) {
		log_error("plic: reg or riscv,ndev is missing or broken");
		return -EINVAL;
	}
	for (unsigned cpu = 0; cpu < hart_count; cpu++)
		described[cpu] = harts[cpu].is;
	highest = plic_contexts(tree, node, described, hart_count, contexts);
	size = MIN(size, PLIC_CONTEXT + ((u64)highest + 1) * PLIC_CONTEXT_STRIDE);
	if (size < PLIC_CONTEXT + ((u64)highest + 1) * PLIC_CONTEXT_STRIDE) {
		log_error("plic: reg is too small for context %d", highest);
		return -EINVAL;
	}
	line_count = MIN(lines, (u32)IRQ_LINES_MAX - 1);
	plic = mmu_map_device(address, size);
	if (!plic)
		return -ENOMEM;
	reset_contexts();
	log_info("plic: %u lines, context %d on CPU 0", line_count, contexts[0]);
	return 0;
}
