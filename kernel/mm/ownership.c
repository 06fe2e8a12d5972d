#include <debug/panic.h>
#include <mm/hazard.h>
#include <mm/ownership.h>

void ownership_release(pte_t pte)
{
	struct frame *frame;

	switch (pte_state(pte)) {
	case PAGE_BORROWED:
		return;
	case PAGE_OWNED:
		frame_free(frame_of(pte_frame(pte)), 0);
		return;
	case PAGE_SHARED:
	case PAGE_COW:
		frame = frame_of(pte_frame(pte));
		BUG_ON(!frame);
		frame_put(frame);
		return;
	}
}

pte_t ownership_fork(pte_t *entry, bool *parent_changed)
{
	pte_t pte = pte_get(entry);
	unsigned prot = pte_prot(pte);
	struct frame *frame;

	switch (pte_state(pte)) {
	case PAGE_BORROWED:
		return pte;
	case PAGE_OWNED:
		/*
		 * The state decides, not W: a page made read-only, or not present, by mprotect must
		 * become COW as well (mm-hazards 12). Nobody else knows the frame yet, and the
		 * child's count is in place before either entry is seen without the lock.
		 */
		frame = frame_of(pte_frame(pte));
		if (BROKEN(RULE_12_FORK_BY_STATE) && !(prot & PAGE_WRITE)) {
			frame_get(frame);
			return pte;
		}
		if (!BROKEN(RULE_COUNT_BEFORE_ENTRY))
			atomic32_set(&frame->references, 2);
		*parent_changed = prot & PAGE_WRITE;
		pte = pte_make(pte_frame(pte), prot & ~PAGE_WRITE, PAGE_COW);
		pte_set(entry, pte);
		if (BROKEN(RULE_COUNT_BEFORE_ENTRY))
			atomic32_set(&frame->references, 2);
		return pte;
	default:
		frame_get(frame_of(pte_frame(pte)));
		return pte;
	}
}
