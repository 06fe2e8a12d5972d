/* mprotect. */
#include <arch/cache.h>
#include <lib/errno.h>
#include <mm/batch.h>
#include <mm/hazard.h>
#include <mm/mapping.h>
#include <sched/cpu.h>

struct protection {
	struct mapping *mapping;
	struct tlb_batch tlb; /* entries that lost a right */
	bool gained_exec;
};

/*
 * Table locked. W of a shared page is kept only where it is set: a page that is clean starts again
 * with a fault (mm-hazards 11). A right that is gained needs no shootdown: the others fault once.
 */
static void protect_entry(struct protection *change, pte_t *entry, vaddr_t address)
{
	pte_t pte = pte_get(entry);
	unsigned before = pte_prot(pte), after;
	bool dirty = before & PAGE_WRITE;

	if (pte_empty(pte))
		return;
	after = mapping_entry_prot(change->mapping, pte_frame(pte), pte_state(pte), dirty);
	pte_set(entry, pte_make(pte_frame(pte), after, pte_state(pte)));
	if (before & ~after)
		tlb_add(&change->tlb, address);
	if (after & ~before & PAGE_EXEC)
		change->gained_exec = true;
}

static void protect_entries(struct protection *change, vaddr_t start, vaddr_t end)
{
	struct space *space = change->mapping->space;
	pte_t *entry;

	while (start < end && (entry = mmu_find(&space->mmu, &start, end))) {
		vaddr_t stop = MIN(end, ALIGN_DOWN(start, MMU_TABLE_SPAN) + MMU_TABLE_SPAN);
		struct spinlock *lock = pte_lock(entry);

		spin_lock(lock);
		for (; start < stop; start += PAGE_SIZE)
			protect_entry(change, entry++, start);
		spin_unlock(lock);
		schedule_if_needed();
	}
}

/*
 * The object is locked, so that no truncate and no write-back is on its way, which has taken rights
 * from an entry and not told all CPUs yet: it would look here as if there were nothing to tell.
 */
static void protect_shown(struct protection *change)
{
	struct mapping *mapping = change->mapping;
	bool locked = mapping->object && !BROKEN(RULE_PROTECT_LOCKS_OBJECT);

	if (locked)
		mutex_lock(&mapping->object->lock);
	protect_entries(change, mapping->start, mapping->end);
	if (locked)
		mutex_unlock(&mapping->object->lock);
}

/* The part of @mapping in [start, end). The mapping that covers the part's end afterwards. */
static int protect_mapping(struct protection *change, struct mapping **at, vaddr_t start,
			   vaddr_t end, unsigned prot, struct list_node *dead)
{
	struct mapping *mapping = *at;

	if (mapping->flags & MAPPING_NO_EXPAND || prot & ~mapping->prot_max)
		return -EACCES;
	if (mapping->prot == prot)
		return 0;
	mapping = mapping_cut(mapping, start, end, dead);
	if (!mapping)
		return -ENOMEM;
	mapping->prot = prot;
	change->mapping = mapping;
	protect_shown(change);
	*at = mapping_merge(mapping, dead);
	return 0;
}

int space_protect(struct space *space, vaddr_t address, u64 length, unsigned prot)
{
	struct list_node dead = LIST_INIT(dead);
	struct protection change = { .gained_exec = false };
	vaddr_t start = address, end = range_end(address, length);
	struct mapping *mapping;
	int error = 0;

	if (!IS_ALIGNED(address, PAGE_SIZE) || prot & ~PROT_ALL)
		return -EINVAL;
	if (!length)
		return 0;
	if (!end)
		return -ENOMEM;
	write_lock(&space->lock);
	tlb_begin(&change.tlb, &space->mmu);
	while (start < end && !error) {
		mapping = space_mapping_from(space, start);
		if (!mapping || mapping->start > start) {
			error = -ENOMEM;
			break;
		}
		error = protect_mapping(&change, &mapping, start, end, prot, &dead);
		start = mapping->end;
	}
	/* The lock is held until no CPU has the old rights: fork relies on it. */
	if (BROKEN(RULE_PROTECT_FLUSH_LOCKED))
		write_unlock(&space->lock);
	tlb_commit(&change.tlb);
	if (change.gained_exec)
		icache_sync_all();
	if (!BROKEN(RULE_PROTECT_FLUSH_LOCKED))
		write_unlock(&space->lock);
	mapping_release(&dead);
	return error;
}
