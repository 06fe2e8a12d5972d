#include <debug/panic.h>
#include <mm/batch.h>
#include <mm/hazard.h>
#include <mm/ownership.h>
#include <mm/table.h>
#include <sched/cpu.h>

void release_begin(struct release_batch *batch, struct space *space)
{
	tlb_begin(&batch->tlb, &space->mmu);
	batch->owned = NULL;
	batch->count = 0;
}

/* Nobody else knows the frame, so that its own fields can hold the chain. */
static __force_inline void chain_add(struct frame **chain, pte_t pte)
{
	struct frame *frame = frame_of(pte_frame(pte));

	frame->chain = *chain;
	*chain = frame;
}

bool release_add(struct release_batch *batch, vaddr_t address, pte_t pte)
{
	/*
	 * What is not present is in no TLB, but for an entry of an object that an mprotect is just taking the
	 * rights from: truncate does not wait for its shootdown.
	 */
	if (pte_prot(pte) || pte_state(pte) == PAGE_SHARED || pte_state(pte) == PAGE_COW)
		tlb_add(&batch->tlb, address);
	switch (pte_state(pte)) {
	case PAGE_BORROWED:
		return false;
	case PAGE_OWNED:
		chain_add(&batch->owned, pte);
		return false;
	default:
		batch->counted[batch->count++] = pte;
		return batch->count == RELEASE_COUNTED_MAX;
	}
}

void release_commit(struct release_batch *batch)
{
	if (!BROKEN(RULE_8_UNMAP_FLUSHES))
		tlb_commit(&batch->tlb);
	frame_free_chain(batch->owned);
	for (unsigned i = 0; i < batch->count; i++)
		ownership_release(batch->counted[i]);
	if (BROKEN(RULE_8_UNMAP_FLUSHES))
		tlb_commit(&batch->tlb);
	batch->owned = NULL;
	batch->count = 0;
	tlb_begin(&batch->tlb, batch->tlb.space);
}

static bool shows_object(pte_t pte)
{
	struct frame *frame;

	if (pte_state(pte) != PAGE_SHARED && pte_state(pte) != PAGE_COW)
		return false;
	frame = frame_of(pte_frame(pte));
	return frame->kind == FRAME_OBJECT;
}

/* Clear [address, end), inside one table, until the batch is full. Returns where it stopped. */
static vaddr_t release_table(struct release_batch *batch, pte_t *entry, vaddr_t address,
			     vaddr_t end, enum release_which which)
{
	struct spinlock *lock = pte_lock(entry);
	bool full = false;

	spin_lock(lock);
	for (; address < end && !full; address += PAGE_SIZE, entry++) {
		pte_t pte = pte_get(entry);

		if (pte_empty(pte) || (which == RELEASE_OBJECT_PAGES && !shows_object(pte)))
			continue;
		pte_set(entry, (pte_t){ 0 });
		full = release_add(batch, address, pte);
	}
	spin_unlock(lock);
	return address;
}

void release_range(struct release_batch *batch, struct space *space, vaddr_t start, vaddr_t end,
		   enum release_which which)
{
	pte_t *entry;

	while (start < end && (entry = mmu_find(&space->mmu, &start, end))) {
		vaddr_t table_end = ALIGN_DOWN(start, MMU_TABLE_SPAN) + MMU_TABLE_SPAN;

		start = release_table(batch, entry, start, MIN(end, table_end), which);
		if (batch->count == RELEASE_COUNTED_MAX)
			release_commit(batch);
		schedule_if_needed();
	}
}

/* [entry, end) of one table. */
static void release_entries(pte_t *entry, pte_t *end)
{
	const struct frame_bank bank = frame_banks[0];
	struct frame *owned = NULL;

	for (; (entry = table_skip_empty(entry, end)) < end; entry++) {
		pte_t pte = *entry;

		*entry = (pte_t){ 0 };
		if (pte_state(pte) == PAGE_OWNED)
			chain_add(&owned, pte);
		else
			ownership_release_in(&bank, pte);
	}
	frame_free_chain(owned);
}

void release_alone(struct space *space, vaddr_t start, vaddr_t end)
{
	pte_t *entry;

	while (start < end && (entry = mmu_find(&space->mmu, &start, end))) {
		vaddr_t table_end = ALIGN_DOWN(start, MMU_TABLE_SPAN) + MMU_TABLE_SPAN;
		vaddr_t stop = MIN(end, table_end);

		release_entries(entry, entry + ((stop - start) >> PAGE_SHIFT));
		start = stop;
		schedule_if_needed();
	}
}
