#pragma once
/*
 * Who frees this page: the state in the entry (design.md 3).
 *
 *  state     the frame                      write fault          fork             unmap
 *  BORROWED  not ours, not counted          zero page: new OWNED same entry       leave it alone
 *  OWNED     this entry's alone             set W                both COW, ref 2  free it
 *  SHARED    counted                        mark dirty, set W    same, ref + 1    drop one
 *  COW       counted, never writable        last: OWNED in place same, ref + 1    drop one
 *                                           else copy: new OWNED
 *
 * Edges: (empty) → BORROWED | OWNED | SHARED | COW; BORROWED zero → OWNED; OWNED → COW (fork);
 * COW → OWNED (copied, or taken over by the last holder); any → (empty).
 * All edges happen under the page table's lock; OWNED → COW also needs the space exclusively.
 */
#include <mm/frame.h>
#include <mm/hazard.h>

/* What the hardware may allow for an entry of @state in a mapping with @prot: never W for COW. */
static inline unsigned ownership_prot(enum page_state state, unsigned prot, bool dirty)
{
	if (state == PAGE_COW || (state == PAGE_SHARED && !dirty && !BROKEN(RULE_11_DIRTY_WITH_W)))
		prot &= ~PAGE_WRITE;
	return prot ? prot | PAGE_USER : 0;
}
/*
 * Give up what the cleared entry @pte held: free, drop or leave alone. After the shootdown. @bank: as
 * for frame_of_in().
 */
static __force_inline void ownership_release_in(const struct frame_bank *bank, pte_t pte)
{
	switch (pte_state(pte)) {
	case PAGE_BORROWED:
		return;
	case PAGE_OWNED:
		frame_free(frame_of_in(bank, pte_frame(pte)), 0);
		return;
	case PAGE_SHARED:
	case PAGE_COW:
		frame_put(frame_of_in(bank, pte_frame(pte)));
		return;
	}
}
static inline void ownership_release(pte_t pte)
{
	ownership_release_in(&frame_banks[0], pte);
}

/*
 * fork: what the child gets for *@entry, which is @pte, updating the parent's; the table's lock is held. Sets
 * *@narrowed when the parent could write there until now, which a TLB may remember. @bank: frame_of_in().
 *
 * The state decides, not W: a page made read-only, or not present, by mprotect must become COW as well
 * (mm-hazards 12). Nobody else knows an OWNED frame yet, and the child's count is in place before
 * either entry is seen without the lock.
 */
static __force_inline pte_t ownership_fork(const struct frame_bank *bank, pte_t *entry, pte_t pte,
					   bool *narrowed)
{
	struct frame *frame;

	switch (pte_state(pte)) {
	case PAGE_BORROWED:
		return pte;
	case PAGE_OWNED:
		frame = frame_of_in(bank, pte_frame(pte));
		if (BROKEN(RULE_12_FORK_BY_STATE) && !(pte_prot(pte) & PAGE_WRITE)) {
			frame_get(frame);
			return pte;
		}
		if (!BROKEN(RULE_COUNT_BEFORE_ENTRY))
			atomic32_set(&frame->references, 2);
		*narrowed |= pte_prot(pte) & PAGE_WRITE;
		pte = pte_make(pte_frame(pte), pte_prot(pte) & ~PAGE_WRITE, PAGE_COW);
		pte_set(entry, pte);
		if (BROKEN(RULE_COUNT_BEFORE_ENTRY))
			atomic32_set(&frame->references, 2);
		return pte;
	case PAGE_SHARED:
	case PAGE_COW:
		frame_get(frame_of_in(bank, pte_frame(pte)));
		return pte;
	}
	return pte;
}
