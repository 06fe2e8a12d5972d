#pragma once
/* Short words for tests about spaces, on top of mm_port.h. */
#include "mm_port.h"

enum { R = PAGE_READ, W = PAGE_WRITE, X = PAGE_EXEC, RW = R | W };

static struct space *S; /* the space of the tests' words */

/* S becomes @space on CPUs 0 and 1; CPU 0 runs. */
static inline void enter(struct space *space)
{
	for (unsigned cpu = 2; cpu--;) {
		host_run_on(cpu);
		mmu_switch(space ? &space->mmu : NULL);
	}
	S = space;
}

static inline struct space *fresh(void)
{
	struct space *space = space_create();

	if (!space)
		abort();
	space->map_top = 0x3f00000000;
	space->stack_limit = 1 << 20;
	enter(space);
	return space;
}

static inline void leave(struct space *space)
{
	if (S == space)
		enter(NULL);
	space_leave(space);
}

static inline struct map_request request(vaddr_t address, u64 pages, unsigned prot, unsigned flags)
{
	return (struct map_request){ .address = address,
				     .length = pages * PAGE_SIZE,
				     .prot = prot,
				     .prot_max = R | W | X,
				     .flags = flags,
				     .fixed = address != 0,
				     .limit_pages = ~0ull };
}

static inline s64 map(vaddr_t address, u64 pages, unsigned prot, unsigned flags)
{
	struct map_request wanted = request(address, pages, prot, flags);

	return space_map(S, &wanted);
}

static inline s64 map_object(vaddr_t address, u64 pages, unsigned prot, unsigned flags,
			     struct memory_object *object, u64 offset)
{
	struct map_request wanted = request(address, pages, prot, flags);

	wanted.object = object;
	wanted.offset = offset;
	return space_map(S, &wanted);
}

/* The entry of @address in S, and what it says. */
static inline pte_t entry_at(vaddr_t address)
{
	pte_t *entry = mmu_walk(&S->mmu, address, false);

	return entry ? *entry : (pte_t){ 0 };
}

static inline struct frame *frame_at(vaddr_t address)
{
	return frame_of(pte_frame(entry_at(address)));
}

/* -1: empty. */
static inline int state_at(vaddr_t address)
{
	return pte_empty(entry_at(address)) ? -1 : (int)pte_state(entry_at(address));
}

static inline unsigned prot_at(vaddr_t address)
{
	return pte_prot(entry_at(address)) & (R | W | X);
}

static inline int store(vaddr_t address, u8 value)
{
	return host_store(address, &value, 1);
}

/* The byte, or the negative error. */
static inline int load(vaddr_t address)
{
	u8 value = 0;
	int error = host_load(address, &value, 1);

	return error ? error : value;
}
