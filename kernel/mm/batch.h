#pragma once
/*
 * Taking entries away: gather what they held, shoot down once, then release (mm-hazards 8). Frames
 * that only one entry owned are chained through themselves, without limit; counted ones fill an
 * array. So unmapping never needs memory.
 */
#include <arch/tlb.h>
#include <mm/space.h>

enum { RELEASE_COUNTED_MAX = 64 };

struct release_batch {
	struct tlb_batch tlb;
	struct frame *owned; /* chain */
	unsigned count;
	pte_t counted[RELEASE_COUNTED_MAX];
};

void release_begin(struct release_batch *batch, struct space *space);
/*
 * Take over what @pte, cleared from the entry of @address, held. Table lock held. True: full now.
 */
bool release_add(struct release_batch *batch, vaddr_t address, pte_t pte);
/* Shoot down and release. As tlb_commit(): interrupts on, no spinlock. Reusable. */
void release_commit(struct release_batch *batch);

/* Which entries release_range() clears: all, or those that show frames of memory objects. */
enum release_which { RELEASE_ALL, RELEASE_OBJECT_PAGES };
/*
 * Clear the entries of [start, end) into @batch, committing when it is full; the caller commits the
 * rest. The space is held exclusively, or (RELEASE_OBJECT_PAGES) the lock of the object whose
 * mapping covers the range. May sleep.
 */
void release_range(struct release_batch *batch, struct space *space, vaddr_t start, vaddr_t end,
		   enum release_which which);
/*
 * [start, end) of a space that no CPU runs and nothing refers to: no locks, no shootdown; an OWNED page
 * costs no atomic operation and no counter that CPUs share. May sleep.
 */
void release_alone(struct space *space, vaddr_t start, vaddr_t end);
