/*
 * User spaces: tables are made without a lock (compare and swap) and go only under the space's
 * lock.
 */
#include "hart.h"
#include "tables.h"
#include <arch/mmu.h>
#include <arch/tlb.h>
#include <debug/panic.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/table.h>
#include <sched/cpu.h>

/*
 * An upper table holds few entries. The flags of its frame have a bit for each run of 16 that holds any, or
 * once held one.
 */
enum { USER_ENTRIES = TABLE_ENTRIES / 2, RUN_ENTRIES = TABLE_ENTRIES / 32 };

#ifdef SELENE_DEBUG
static void assert_table_empty(pte_t entry)
{
	const pte_t *table = table_of(entry);

	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		BUG_ON(!pte_empty(table[i]));
}
#else
static void assert_table_empty(pte_t entry)
{
}
#endif

int mmu_space_init(struct mmu_space *space)
{
	struct frame *frame = frame_alloc_table();

	if (!frame)
		return -ENOMEM;
	space->cpus = (struct cpumask){ 0 };
	space->root = frame_data(frame);
	for (unsigned i = 0; i < kernel_entry_count; i++)
		space->root[kernel_entries[i]] = kernel_root[kernel_entries[i]];
	return 0;
}

/* The bit of @entry, in an upper table, in the flags of the table's frame. */
static u32 run_bit(const pte_t *entry)
{
	return 1u << ((uintptr_t)entry % PAGE_SIZE / sizeof(*entry) / RUN_ENTRIES);
}

/* The first of [entry, end), in one upper table, that is not empty, or @end. */
static pte_t *skip_unused(pte_t *entry, pte_t *end)
{
	const uintptr_t run_size = RUN_ENTRIES * sizeof(*entry);
	u32 used;

	if (entry >= end || !pte_empty(*entry))
		return entry;
	used = atomic32_read(&frame_of_data(entry)->flags);
	used >>= (uintptr_t)entry % PAGE_SIZE / run_size;
	for (; used && entry < end; used >>= 1) {
		unsigned unused = ctz64(used);
		uintptr_t run = ALIGN_DOWN((uintptr_t)entry, run_size) + unused * run_size;
		pte_t *run_end = (pte_t *)(run + run_size);

		if (unused)
			entry = (pte_t *)run;
		if (entry >= end)
			break;
		entry = table_skip_empty(entry, run_end < end ? run_end : end);
		if (entry < run_end)
			return entry;
		used >>= unused;
	}
	return end;
}

static void free_table(pte_t *entry)
{
	struct frame *frame = frame_of(pte_frame(*entry));

	*entry = (pte_t){ 0 };
	frame_free_table(frame);
}

void mmu_space_destroy(struct mmu_space *space)
{
	pte_t *root = space->root, *root_end = root + USER_ENTRIES;

	assert(cpumask_empty(&space->cpus));
	for (; (root = skip_unused(root, root_end)) < root_end; root++) {
		pte_t *entry = table_of(*root), *end = entry + TABLE_ENTRIES;

		for (; (entry = skip_unused(entry, end)) < end; entry++) {
			assert_table_empty(*entry);
			free_table(entry);
		}
		free_table(root);
	}
	for (unsigned i = 0; i < kernel_entry_count; i++)
		space->root[kernel_entries[i]] = (pte_t){ 0 };
	frame_free_table(frame_of_data(space->root));
	space->root = NULL;
}

/*
 * The run's bit comes before the entry, so that whoever sees the entry, or what lies below it, sees
 * the bit.
 */
static pte_t *table_create(pte_t *entry)
{
	struct frame *frame = frame_alloc_table();

	if (!frame)
		return NULL;
	atomic32_fetch_or(&frame_of_data(entry)->flags, run_bit(entry));
	if (pte_cas(entry, (pte_t){ 0 }, table_entry(frame_address(frame)))) {
		/* An address-wise fence orders leaf entries only (Privileged spec 4.2.1). */
		tlb_flush_local_all();
		return frame_data(frame);
	}
	frame_free_table(frame);
	return table_of(pte_get(entry));
}

static pte_t *table_below(pte_t *entry, bool create)
{
	pte_t value = pte_get(entry);

	if (likely(!pte_empty(value)))
		return table_of(value);
	return create ? table_create(entry) : NULL;
}

pte_t *mmu_walk(struct mmu_space *space, vaddr_t address, bool create)
{
	pte_t *table;

	assert(address < USER_END);
	table = table_below(&space->root[table_index(address, 2)], create);
	if (table)
		table = table_below(&table[table_index(address, 1)], create);
	return table ? &table[table_index(address, 0)] : NULL;
}

/* Moves *@address, which @entry maps, on to the first of [entry, end) that is not empty. */
static pte_t *find_entry(pte_t *entry, pte_t *end, unsigned level, vaddr_t *address)
{
	pte_t *found = skip_unused(entry, end);

	if (found > entry)
		*address = ALIGN_DOWN(*address, table_span(level)) +
			   (found - entry) * table_span(level);
	return found < end ? found : NULL;
}

pte_t *mmu_find(struct mmu_space *space, vaddr_t *address, vaddr_t end)
{
	vaddr_t at = *address;

	while (at < end) {
		pte_t *root = find_entry(&space->root[table_index(at, 2)],
					 &space->root[table_index(end - 1, 2) + 1], 2, &at);
		pte_t *middle, *entry;
		vaddr_t next;

		if (!root)
			break;
		middle = table_of(pte_get(root));
		next = MIN(end, ALIGN_DOWN(at, table_span(2)) + table_span(2));
		entry = find_entry(&middle[table_index(at, 1)],
				   &middle[table_index(next - 1, 1) + 1], 1, &at);
		if (entry) {
			*address = at;
			return &table_of(pte_get(entry))[table_index(at, 0)];
		}
		at = next;
	}
	*address = end;
	return NULL;
}

static void unlink_table(pte_t *entry, struct tlb_batch *batch)
{
	struct frame *frame = frame_of(pte_frame(*entry));

	assert_table_empty(*entry);
	pte_set(entry, (pte_t){ 0 });
	frame->table.next = batch->tables;
	batch->tables = frame;
	batch->all = true;
}

void mmu_free_tables(struct mmu_space *space, vaddr_t start, vaddr_t end, struct tlb_batch *batch)
{
	vaddr_t at = ALIGN_UP(start, table_span(1)), next, stop;

	for (; at < end && end - at >= table_span(1); at = next) {
		vaddr_t first = ALIGN_DOWN(at, table_span(2));
		pte_t *root = &space->root[table_index(at, 2)];
		pte_t *middle = table_below(root, false);

		next = first + table_span(2);
		if (!middle)
			continue;
		stop = MIN(next, ALIGN_DOWN(end, table_span(1)));
		for (; at < stop; at += table_span(1)) {
			if (!pte_empty(middle[table_index(at, 1)]))
				unlink_table(&middle[table_index(at, 1)], batch);
		}
		if (first >= start && next <= end)
			unlink_table(root, batch);
	}
}

static void load_root(const pte_t *root)
{
	csr_write(satp, SATP_SV39_MODE | direct_unmap(root) >> PAGE_SHIFT);
	tlb_flush_local_all();
}

void mmu_switch(struct mmu_space *space)
{
	unsigned cpu = cpu_this()->index;
	struct mmu_space *old = harts[cpu].space;

	if (space == old)
		return;
	/*
	 * With full barriers: tlb_commit() sees the bit, or this CPU's walks its entries (hazard
	 * 7).
	 */
	if (space)
		cpumask_set(&space->cpus, cpu);
	load_root(space ? space->root : kernel_root);
	harts[cpu].space = space;
	if (old)
		cpumask_clear(&old->cpus, cpu);
}
