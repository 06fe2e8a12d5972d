/* madvise. Advice that changes nothing here is accepted where Linux accepts it. */
#include <lib/errno.h>
#include <mm/batch.h>
#include <mm/mapping.h>
#include <sched/cpu.h>

enum {
	MADV_NORMAL,
	MADV_RANDOM,
	MADV_SEQUENTIAL,
	MADV_WILLNEED,
	MADV_DONTNEED,
	MADV_FREE = 8,
	MADV_REMOVE,
	MADV_DONTFORK,
	MADV_DOFORK,
	MADV_MERGEABLE,
	MADV_UNMERGEABLE,
	MADV_HUGEPAGE,
	MADV_NOHUGEPAGE,
	MADV_DONTDUMP,
	MADV_DODUMP,
	MADV_WIPEONFORK,
	MADV_KEEPONFORK,
	MADV_COLD,
	MADV_PAGEOUT,
	MADV_POPULATE_READ,
	MADV_POPULATE_WRITE,
	MADV_DONTNEED_LOCKED,
};

static bool advice_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
	       (advice >= MADV_FREE && advice <= MADV_DONTNEED_LOCKED);
}

static bool is_anonymous(const struct mapping *mapping)
{
	return !mapping->object && !(mapping->flags & MAPPING_DEVICE);
}

/* Private memory reads as zeros, or as the file, afterwards; shared memory is only unmapped. */
static int advise_drop(struct mapping *mapping, vaddr_t start, vaddr_t end, int advice)
{
	struct release_batch batch;

	if (mapping->flags & MAPPING_DEVICE ||
	    (mapping->flags & MAPPING_LOCKED && advice != MADV_DONTNEED_LOCKED))
		return -EINVAL;
	release_begin(&batch, mapping->space);
	release_range(&batch, mapping->space, start, end, RELEASE_ALL);
	release_commit(&batch);
	return 0;
}

/* Change flags of the part of @mapping in [start, end). */
static int advise_flags(struct mapping *mapping, vaddr_t start, vaddr_t end, unsigned set,
			unsigned clear, struct list_node *dead)
{
	if (((mapping->flags | set) & ~clear) == mapping->flags)
		return 0;
	mapping = mapping_cut(mapping, start, end, dead);
	if (!mapping)
		return -ENOMEM;
	mapping->flags = (mapping->flags | set) & ~clear;
	mapping_merge(mapping, dead);
	return 0;
}

/* A hole in memory that has no file behind it but the object itself. Takes the object's lock. */
static int advise_remove(struct mapping *mapping, vaddr_t start, vaddr_t end)
{
	u64 first = mapping_index(mapping, start);

	if (mapping->flags & MAPPING_LOCKED || !mapping->object)
		return -EINVAL;
	if (!(mapping->flags & MAPPING_SHARED) || !(mapping->prot_max & PAGE_WRITE))
		return -EACCES;
	if (mapping->object->operations->fill || mapping->object->shown)
		return -EOPNOTSUPP;
	object_drop_pages(mapping->object, first, first + ((end - start) >> PAGE_SHIFT) - 1);
	return 0;
}

/* [start, end) is inside @mapping. */
static int advise_mapping(struct mapping *mapping, vaddr_t start, vaddr_t end, int advice,
			  struct list_node *dead)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
		return advise_drop(mapping, start, end, advice);
	case MADV_FREE:
		/* "May drop, may keep": keeping is right, and there is no reclaim to tell. */
		return is_anonymous(mapping) && !(mapping->flags & MAPPING_LOCKED) ? 0 : -EINVAL;
	case MADV_REMOVE:
		return advise_remove(mapping, start, end);
	case MADV_DONTFORK:
		return advise_flags(mapping, start, end, MAPPING_DONT_FORK, 0, dead);
	case MADV_DOFORK:
		if (mapping->flags & MAPPING_DEVICE)
			return -EINVAL;
		return advise_flags(mapping, start, end, 0, MAPPING_DONT_FORK, dead);
	case MADV_WIPEONFORK:
		if (!is_anonymous(mapping))
			return -EINVAL;
		return advise_flags(mapping, start, end, MAPPING_WIPE_ON_FORK, 0, dead);
	case MADV_KEEPONFORK:
		return advise_flags(mapping, start, end, 0, MAPPING_WIPE_ON_FORK, dead);
	default:
		return 0;
	}
}

static int advise_range(struct space *space, vaddr_t start, vaddr_t end, int advice)
{
	struct list_node dead = LIST_INIT(dead);
	bool hole = false;
	int error = 0;

	write_lock(&space->lock);
	while (start < end && !error) {
		struct mapping *mapping = space_mapping_from(space, start);
		vaddr_t from = mapping ? MAX(start, mapping->start) : end;
		vaddr_t to = mapping ? MIN(end, mapping->end) : end;

		hole |= from > start;
		if (from < to)
			error = advise_mapping(mapping, from, to, advice, &dead);
		start = to;
	}
	write_unlock(&space->lock);
	mapping_release(&dead);
	return error ? error : hole ? -ENOMEM : 0;
}

/* MADV_POPULATE_*: fault in one by one, without the lock in between. */
static int advise_populate(struct space *space, vaddr_t start, vaddr_t end, int advice)
{
	enum fault_access access = advice == MADV_POPULATE_WRITE ? FAULT_WRITE : FAULT_READ;

	for (; start < end; start += PAGE_SIZE) {
		int error = fault_handle(space, start, access, false);
		bool mapped;

		schedule_if_needed();
		if (thread_interrupted(WAIT_KILLABLE))
			return -EINTR;
		if (!error)
			continue;
		if (error == -EACCES)
			return -EINVAL;
		if (error != -EFAULT)
			return error == -ENOMEM ? -ENOMEM : -EFAULT;
		read_lock(&space->lock);
		mapped = mapping_at(space, start) != NULL;
		read_unlock(&space->lock);
		return mapped ? -EFAULT : -ENOMEM;
	}
	return 0;
}

int space_advise(struct space *space, vaddr_t address, u64 length, int advice)
{
	vaddr_t end = range_end(address, length);

	if (!advice_known(advice) || !IS_ALIGNED(address, PAGE_SIZE))
		return -EINVAL;
	if (!length)
		return 0;
	if (!end)
		return length > -(u64)PAGE_SIZE || address + length < address ? -EINVAL : -ENOMEM;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return advise_populate(space, address, end, advice);
	return advise_range(space, address, end, advice);
}
