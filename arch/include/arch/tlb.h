#pragma once
/* Translation caches. On return from tlb_commit() no CPU that runs the space holds an old view. */
#include <arch/mmu.h>

struct frame;
enum { TLB_BATCH_PAGES = 32 }; /* above this, everything is flushed */

struct tlb_batch {
	struct mmu_space *space;
	vaddr_t start, end;   /* range to flush; start >= end: nothing */
	bool all;	      /* tables were freed, or too many pages */
	struct frame *tables; /* frames of freed tables, linked by the port */
};

static inline void tlb_begin(struct tlb_batch *batch, struct mmu_space *space)
{
	*batch = (struct tlb_batch){ .space = space, .start = USER_END };
}

/* Note that the entry of @address was changed or cleared. */
static inline void tlb_add(struct tlb_batch *batch, vaddr_t address)
{
	batch->start = MIN(batch->start, address);
	batch->end = MAX(batch->end, address + PAGE_SIZE);
	if (batch->end > batch->start + TLB_BATCH_PAGES * PAGE_SIZE)
		batch->all = true;
}

/* Flush on every CPU of the space and wait. Interrupts on (asserted), no spinlock held. Reusable. */
void tlb_commit(struct tlb_batch *batch);
/* This CPU only: after an entry went from invalid to valid or gained rights. Any context. */
static inline void tlb_flush_local(vaddr_t address);
static inline void tlb_flush_local_all(void);

#include <machine/tlb.h>
