/* Three levels of tables in the simulated RAM. */
#include "host.h"
#include <arch/mmu.h>
#include <arch/tlb.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <mm/frame.h>

enum { LEVEL_BITS = 9, ENTRIES = 1 << LEVEL_BITS, TOP = 2 };

static vaddr_t span(unsigned level)
{
	return (vaddr_t)PAGE_SIZE << LEVEL_BITS * level;
}

static unsigned slot(vaddr_t address, unsigned level)
{
	return address / span(level) % ENTRIES;
}

static pte_t *table_of(pte_t entry)
{
	return direct_map(pte_frame(entry) << PAGE_SHIFT);
}

int mmu_space_init(struct mmu_space *space)
{
	struct frame *frame = frame_alloc_table();

	if (!frame)
		return -ENOMEM;
	space->cpus = (struct cpumask){ 0 };
	space->root = frame_data(frame);
	return 0;
}

static void table_destroy(pte_t *table, unsigned level)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		if (pte_empty(table[i]))
			continue;
		BUG_ON(level == 0);
		table_destroy(table_of(table[i]), level - 1);
		table[i] = (pte_t){ 0 };
	}
	frame_free_table(frame_of_data(table));
}

void mmu_space_destroy(struct mmu_space *space)
{
	BUG_ON(!cpumask_empty(&space->cpus));
	table_destroy(space->root, TOP);
	space->root = NULL;
}

pte_t *mmu_walk(struct mmu_space *space, vaddr_t address, bool create)
{
	pte_t *table = space->root;

	BUG_ON(address >= USER_END);
	for (unsigned level = TOP; level > 0; level--) {
		pte_t *entry = &table[slot(address, level)];

		if (pte_empty(*entry)) {
			struct frame *frame = create ? frame_alloc_table() : NULL;

			if (!frame)
				return NULL;
			if (!pte_cas(entry, (pte_t){ 0 },
				     (pte_t){ frame_address(frame) | PTE_USED }))
				frame_free_table(frame);
		}
		table = table_of(*entry);
	}
	return &table[slot(address, 0)];
}

pte_t *mmu_find(struct mmu_space *space, vaddr_t *address, vaddr_t end)
{
	while (*address < end) {
		pte_t *table = space->root;
		unsigned level = TOP;

		while (level > 0 && !pte_empty(table[slot(*address, level)]))
			table = table_of(table[slot(*address, level--)]);
		if (!level)
			return &table[slot(*address, 0)];
		*address = ALIGN_DOWN(*address, span(level)) + span(level);
	}
	*address = end;
	return NULL;
}

static void unlink_table(pte_t *entry, struct tlb_batch *batch)
{
	struct frame *frame = frame_of(pte_frame(*entry));
	pte_t *table = frame_data(frame);

	for (unsigned i = 0; i < ENTRIES; i++)
		BUG_ON(!pte_empty(table[i]));
	*entry = (pte_t){ 0 };
	frame->table.next = batch->tables;
	batch->tables = frame;
	batch->all = true;
}

void mmu_free_tables(struct mmu_space *space, vaddr_t start, vaddr_t end, struct tlb_batch *batch)
{
	start = ALIGN_UP(start, span(1));
	end = ALIGN_DOWN(end, span(1));
	for (vaddr_t at = start; at < end; at += span(1)) {
		pte_t *upper = &space->root[slot(at, TOP)], *entry;

		if (pte_empty(*upper)) {
			at = ALIGN_DOWN(at, span(TOP)) + span(TOP) - span(1);
			continue;
		}
		entry = &table_of(*upper)[slot(at, 1)];
		if (!pte_empty(*entry))
			unlink_table(entry, batch);
		if (slot(at, 1) == ENTRIES - 1 && ALIGN_DOWN(at, span(TOP)) >= start)
			unlink_table(upper, batch);
	}
}
