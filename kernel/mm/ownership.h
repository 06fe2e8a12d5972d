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
/* Give up what the cleared entry @pte held: free, drop or leave alone. After the shootdown. */
void ownership_release(pte_t pte);
/* fork: what the child gets for *@entry, updating the parent's; the table's lock is held. */
pte_t ownership_fork(pte_t *entry, bool *parent_changed);
