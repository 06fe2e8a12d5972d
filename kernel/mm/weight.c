#include <mm/mapping.h>
#include <mm/weight.h>

enum { PARTS = 64 }; /* of a page, so that shares of it can be added up */

static bool is_memory_only(const struct mapping *mapping)
{
	return mapping->flags & MAPPING_SHARED && mapping->object &&
	       !mapping->object->operations->fill;
}

/* [table] */
static u64 entry_parts(pte_t pte, bool memory_only)
{
	struct frame *frame;
	u32 holders;

	switch (pte_state(pte)) {
	case PAGE_OWNED:
		return PARTS;
	case PAGE_COW:
		frame = frame_of(pte_frame(pte));
		return frame->kind == FRAME_USER ? PARTS / MAX(frame_references(frame), 1u) : 0;
	case PAGE_SHARED:
		holders = frame_references(frame_of(pte_frame(pte))) - 1; /* without the index */
		return memory_only ? PARTS / MAX(holders, 1u) : 0;
	default:
		return 0;
	}
}

/* [space, shared] */
static u64 mapping_parts(struct mapping *mapping)
{
	vaddr_t at = mapping->start;
	bool memory_only = is_memory_only(mapping);
	u64 parts = 0;
	pte_t *entry;

	while (at < mapping->end && (entry = mmu_find(&mapping->space->mmu, &at, mapping->end))) {
		vaddr_t stop =
			MIN(mapping->end, ALIGN_DOWN(at, MMU_TABLE_SPAN) + (vaddr_t)MMU_TABLE_SPAN);
		struct spinlock *lock = pte_lock(entry);

		spin_lock(lock);
		for (; at < stop; at += PAGE_SIZE, entry++) {
			pte_t pte = pte_get(entry);

			if (!pte_empty(pte))
				parts += entry_parts(pte, memory_only);
		}
		spin_unlock(lock);
		parts += PARTS; /* the table */
	}
	return parts;
}

bool space_weigh(struct space *space, u64 *pages)
{
	struct mapping *mapping;
	u64 parts = 0;

	*pages = 0;
	if (!read_trylock(&space->lock))
		return false;
	for (mapping = space_mapping_from(space, 0); mapping; mapping = mapping_next(mapping))
		parts += mapping_parts(mapping);
	read_unlock(&space->lock);
	*pages = DIV_ROUND_UP(parts, PARTS);
	return true;
}
