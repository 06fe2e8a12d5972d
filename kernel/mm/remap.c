/* mremap: entries move, frames and their counts stay as they are. */
#include <lib/errno.h>
#include <mm/batch.h>
#include <mm/hazard.h>
#include <mm/mapping.h>
#include <mm/slab.h>

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };
enum { MOVE_BATCH = 64 };

struct remap {
	struct space *space;
	vaddr_t old, old_end, new, new_end; /* new: only with FIXED until a place is found */
	u64 limit_pages;
	int flags;
	struct list_node *dead;
};

/* Make all the tables that the entries of [from, end) will need at @to. */
static int tables_prepare(struct space *space, vaddr_t from, vaddr_t end, vaddr_t to)
{
	vaddr_t start = from;

	while (from < end && mmu_find(&space->mmu, &from, end)) {
		vaddr_t stop = MIN(end, ALIGN_DOWN(from, MMU_TABLE_SPAN) + MMU_TABLE_SPAN);

		if (!mmu_walk(&space->mmu, to + (from - start), true) ||
		    !mmu_walk(&space->mmu, to + (stop - PAGE_SIZE - start), true))
			return -ENOMEM;
		from = stop;
	}
	return 0;
}

/* Up to MOVE_BATCH entries from the table of @from to that of @to; both tables exist. */
static void move_some(struct space *space, struct tlb_batch *batch, pte_t *from, vaddr_t address,
		      vaddr_t to, unsigned count)
{
	pte_t moved[MOVE_BATCH], *entry = mmu_walk(&space->mmu, to, false);
	struct spinlock *lock = pte_lock(from);

	spin_lock(lock);
	for (unsigned i = 0; i < count; i++) {
		moved[i] = pte_get(from + i);
		if (pte_empty(moved[i]))
			continue;
		pte_set(from + i, (pte_t){ 0 });
		tlb_add(batch, address + i * PAGE_SIZE);
	}
	spin_unlock(lock);
	lock = pte_lock(entry);
	spin_lock(lock);
	for (unsigned i = 0; i < count; i++) {
		if (!pte_empty(moved[i]))
			pte_set(entry + i, moved[i]);
	}
	spin_unlock(lock);
}

/*
 * The space is held exclusively, so no fault sees an entry that is nowhere. The object is locked
 * from the first entry to the last, so that no truncate misses one on its way.
 */
static void move_entries(struct space *space, vaddr_t from, vaddr_t end, vaddr_t to)
{
	s64 shift = (s64)(to - from);
	struct tlb_batch batch;
	pte_t *entry;

	tlb_begin(&batch, &space->mmu);
	while (from < end && (entry = mmu_find(&space->mmu, &from, end))) {
		vaddr_t span = MMU_TABLE_SPAN, goal = from + shift;
		u64 left = MIN(MIN(end - from, span - from % span), span - goal % span) / PAGE_SIZE;
		unsigned count = MIN(left, (u64)MOVE_BATCH);

		move_some(space, &batch, entry, from, goal, count);
		from += count * PAGE_SIZE;
	}
	tlb_commit(&batch);
}

/*
 * [space] The new mapping takes the old one's place and pages. 0 or -ENOMEM with nothing changed.
 */
static int move(struct remap *remap, struct mapping *old)
{
	struct space *space = remap->space;
	struct mapping *new = mapping_create(old);
	vaddr_t moved_end = MIN(remap->old_end, remap->old + (remap->new_end - remap->new));
	bool locked = old->object && !BROKEN(RULE_2_MOVE_LOCKS_OBJECT);
	int error = new ? tables_prepare(space, remap->old, moved_end, remap->new) : -ENOMEM;

	if (error) {
		if (new)
			list_add_tail(remap->dead, &new->object_link);
		return error;
	}
	if (old->object)
		new->offset = mapping_index(old, remap->old);
	if (old->flags & MAPPING_DEVICE)
		new->frame_base += (remap->old - old->start) >> PAGE_SHIFT;
	new->start = remap->new;
	new->end = remap->new_end;
	mapping_insert(space, new);
	if (locked)
		mutex_lock(&old->object->lock);
	move_entries(space, remap->old, moved_end, remap->new);
	if (locked)
		mutex_unlock(&old->object->lock);
	return 0;
}

/* [space] Shrink or grow without moving: 0; -ENOMEM: there is no room. */
static int resize_in_place(struct remap *remap, struct mapping *mapping)
{
	struct space *space = remap->space;
	vaddr_t end = range_end(remap->old, remap->new_end - remap->new);

	if (end == remap->old_end)
		return 0;
	if (end && end < remap->old_end)
		return unmap_locked(space, end, remap->old_end, remap->dead);
	if (!end || mapping->end != remap->old_end || !mapping_range_free(space, mapping->end, end))
		return -ENOMEM;
	mapping_set_range(mapping, mapping->start, end);
	mapping_merge(mapping, remap->dead);
	return 0;
}

/* [space] All that forbids the change, as Linux has it. */
static int remap_check(const struct remap *remap, struct mapping *mapping)
{
	u64 old_size = remap->old_end - remap->old, new_size = remap->new_end - remap->new;
	u64 grown = new_size > old_size ? (new_size - old_size) >> PAGE_SHIFT : 0;

	if (!mapping || mapping->end < remap->old_end)
		return -EFAULT;
	if (!old_size && !(mapping->flags & MAPPING_SHARED))
		return -EINVAL;
	if (remap->flags & MREMAP_DONTUNMAP && (mapping->object || mapping->flags & MAPPING_DEVICE))
		return -EINVAL;
	if (grown && mapping->flags & (MAPPING_NO_EXPAND | MAPPING_DEVICE))
		return -EFAULT;
	if (grown && mapping->object &&
	    mapping_index(mapping, remap->old) + (new_size >> PAGE_SHIFT) < mapping->offset)
		return -EINVAL;
	if (remap->flags & MREMAP_DONTUNMAP)
		grown = new_size >> PAGE_SHIFT;
	if (grown &&
	    (grown > remap->limit_pages || remap->space->pages_mapped > remap->limit_pages - grown))
		return -ENOMEM;
	return 0;
}

/* [space] Find the place, move, take the old range away. */
static s64 remap_move(struct remap *remap, struct mapping *mapping)
{
	struct space *space = remap->space;
	u64 size = remap->new_end - remap->new;
	int error;

	/* Splits of the two ranges and the new mapping. */
	if (space->mapping_count >= MAPPING_COUNT_MAX - 6)
		return -ENOMEM;
	if (remap->flags & MREMAP_FIXED) {
		error = unmap_locked(space, remap->new, remap->new_end, remap->dead);
		if (error)
			return error;
		mapping = mapping_at(space, remap->old);
		if (!mapping)
			return -EFAULT;
	} else {
		remap->new = mapping_find_gap(space, size);
		if (!remap->new)
			return -ENOMEM;
		remap->new_end = remap->new + size;
	}
	/* Its borders first: after the move there must be nothing left that can fail. */
	if (remap->old_end > remap->old && !(remap->flags & MREMAP_DONTUNMAP)) {
		mapping = mapping_cut(mapping, remap->old, remap->old_end, remap->dead);
		if (!mapping) {
			space->gap_length = 0;
			return -ENOMEM;
		}
	}
	error = move(remap, mapping);
	if (error) {
		/* Nothing lies in the gap that was found: the next search shall see it again. */
		space->gap_length = 0;
		mapping_merge(mapping, remap->dead);
		return error;
	}
	if (remap->old_end > remap->old && !(remap->flags & MREMAP_DONTUNMAP))
		unmap_locked(space, remap->old, remap->old_end, remap->dead);
	mapping_merge(mapping_at(space, remap->new), remap->dead);
	return (s64)remap->new;
}

static s64 remap_locked(struct remap *remap)
{
	u64 old_size = remap->old_end - remap->old, new_size = remap->new_end - remap->new;
	struct mapping *mapping = mapping_at(remap->space, remap->old);
	int error = remap_check(remap, mapping);

	if (error)
		return error;
	if (!(remap->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && old_size) {
		error = resize_in_place(remap, mapping);
		if (!error || new_size <= old_size)
			return error ? error : (s64)remap->old;
	}
	return remap->flags & MREMAP_MAYMOVE ? remap_move(remap, mapping) : -ENOMEM;
}

static int arguments_check(vaddr_t old, u64 old_length, u64 new_length, int flags, vaddr_t new)
{
	u64 old_size = ALIGN_UP(old_length, PAGE_SIZE), new_size = ALIGN_UP(new_length, PAGE_SIZE);

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) ||
	    (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE)) ||
	    (flags & MREMAP_DONTUNMAP && old_size != new_size) || !IS_ALIGNED(old, PAGE_SIZE) ||
	    !new_length || new_length > USER_END || !range_end(old, old_length))
		return -EINVAL;
	if (!(flags & MREMAP_FIXED))
		return 0;
	if (!IS_ALIGNED(new, PAGE_SIZE) || !range_end(new, new_length) ||
	    (new < old + old_size &&old < new + new_size))
		return -EINVAL;
	return new < MAP_ADDRESS_MIN ? -EPERM : 0;
}

s64 space_remap(struct space *space, vaddr_t old_address, u64 old_length, u64 new_length, int flags,
		vaddr_t new_address, u64 limit_pages)
{
	struct list_node dead = LIST_INIT(dead);
	struct remap remap = { .space = space,
			       .limit_pages = limit_pages,
			       .flags = flags,
			       .dead = &dead,
			       .old = old_address };
	bool populate = false;
	u64 old_size = ALIGN_UP(old_length, PAGE_SIZE);
	s64 result = arguments_check(old_address, old_length, new_length, flags, new_address);

	if (result)
		return result;
	remap.old_end = old_address + old_size;
	remap.new = flags &MREMAP_FIXED ? new_address : 0;
	remap.new_end = remap.new + ALIGN_UP(new_length, PAGE_SIZE);
	write_lock(&space->lock);
	result = remap_locked(&remap);
	if (result > 0)
		populate = mapping_at(space, result)->flags & MAPPING_LOCKED;
	write_unlock(&space->lock);
	mapping_release(&dead);
	if (populate && new_length > old_size)
		space_populate(space, result + old_size, result + ALIGN_UP(new_length, PAGE_SIZE));
	return result;
}
