/* Which pages are in memory: mincore, mlock, and faulting in ahead. */
#include <arch/user.h>
#include <lib/errno.h>
#include <mm/mapping.h>
#include <sched/cpu.h>

/* As Linux's populate: private writable memory is given its own pages at once. */
static enum fault_access populate_access(const struct mapping *mapping)
{
	if (mapping->prot & PAGE_WRITE && !(mapping->flags & MAPPING_SHARED))
		return FAULT_WRITE;
	return mapping->prot & (PAGE_READ | PAGE_WRITE) ? FAULT_READ : FAULT_EXEC;
}

int space_populate(struct space *space, vaddr_t start, vaddr_t end)
{
	while (start < end) {
		enum fault_access access = FAULT_READ;
		struct mapping *mapping;
		vaddr_t stop;
		int error = 0;

		read_lock(&space->lock);
		mapping = space_mapping_from(space, start);
		if (mapping && mapping->start < end) {
			start = MAX(start, mapping->start);
			stop = MIN(end, mapping->end);
			access = populate_access(mapping);
			if (!mapping->prot || mapping->flags & MAPPING_DEVICE)
				start = stop;
		} else {
			start = stop = end;
		}
		read_unlock(&space->lock);
		for (; start < stop && !error; start += PAGE_SIZE) {
			error = fault_handle(space, start, access, false);
			schedule_if_needed();
		}
		/* The mapping may have gone or changed in between: what is there now decides. */
		if (error && error != -EFAULT && error != -EACCES)
			return error;
	}
	return 0;
}

static bool entry_exists(struct space *space, vaddr_t address)
{
	pte_t *entry = mmu_walk(&space->mmu, address, false);

	return entry && !pte_empty(pte_get(entry));
}

static bool page_resident(struct mapping *mapping, vaddr_t address)
{
	struct frame *frame;

	if (entry_exists(mapping->space, address) || mapping->flags & MAPPING_DEVICE)
		return true;
	if (!mapping->object ||
	    object_page(mapping->object, mapping_index(mapping, address), false, &frame))
		return false;
	frame_put(frame);
	return true;
}

int space_resident(struct space *space, vaddr_t address, u64 length, vaddr_t vector)
{
	vaddr_t end = range_end(address, length);
	u8 resident[256];

	if (!IS_ALIGNED(address, PAGE_SIZE))
		return -EINVAL;
	if (!length)
		return 0;
	if (!end)
		return -ENOMEM;
	while (address < end) {
		size_t count = 0;

		read_lock(&space->lock);
		for (; address < end && count < sizeof(resident); address += PAGE_SIZE) {
			struct mapping *mapping = mapping_at(space, address);

			if (!mapping) {
				read_unlock(&space->lock);
				return -ENOMEM;
			}
			resident[count++] = page_resident(mapping, address);
		}
		read_unlock(&space->lock);
		/* May fault: not with the lock held. */
		if (copy_out(vector, resident, count))
			return -EFAULT;
		vector += count;
	}
	return 0;
}

/* [space] Pages of [start, end) that are not locked yet; -ENOMEM: a hole. */
static s64 pages_to_lock(struct space *space, vaddr_t start, vaddr_t end)
{
	s64 pages = 0;

	while (start < end) {
		struct mapping *mapping = mapping_at(space, start);

		if (!mapping)
			return -ENOMEM;
		if (!(mapping->flags & MAPPING_LOCKED))
			pages += (MIN(end, mapping->end) - start) >> PAGE_SHIFT;
		start = mapping->end;
	}
	return pages;
}

/* [space] */
static int set_locked(struct mapping *mapping, vaddr_t start, vaddr_t end, bool lock,
		      struct list_node *dead)
{
	u64 pages;

	if (!(mapping->flags & MAPPING_LOCKED) == !lock || mapping->flags & MAPPING_DEVICE)
		return 0;
	mapping = mapping_cut(mapping, start, end, dead);
	if (!mapping)
		return -ENOMEM;
	pages = (mapping->end - mapping->start) >> PAGE_SHIFT;
	mapping->flags ^= MAPPING_LOCKED;
	mapping->space->pages_locked += lock ? pages : -pages;
	mapping_merge(mapping, dead);
	return 0;
}

int space_lock_pages(struct space *space, vaddr_t address, u64 length, bool lock, u64 limit_pages)
{
	struct list_node dead = LIST_INIT(dead);
	vaddr_t start = ALIGN_DOWN(address, PAGE_SIZE), end = range_end(address, length);
	vaddr_t at = start;
	s64 pages;
	int error = 0;

	if (!length)
		return 0;
	if (!end)
		return address + length < address ? -EINVAL : -ENOMEM;
	write_lock(&space->lock);
	pages = pages_to_lock(space, start, end);
	if (pages < 0)
		error = pages;
	else if (lock && space->pages_locked + pages > limit_pages)
		error = limit_pages ? -ENOMEM : -EPERM;
	while (!error && at < end) {
		error = set_locked(mapping_at(space, at), at, end, lock, &dead);
		if (!error)
			at = mapping_at(space, at)->end;
	}
	write_unlock(&space->lock);
	mapping_release(&dead);
	if (error || !lock)
		return error;
	error = space_populate(space, start, end);
	return error == -ENOMEM ? -EAGAIN : error ? -ENOMEM : 0;
}

int space_lock_all(struct space *space, bool current_pages, bool future, u64 limit_pages)
{
	struct list_node dead = LIST_INIT(dead);
	bool change = current_pages || !future;
	struct mapping *mapping;
	vaddr_t at = 0;
	int error = 0;

	write_lock(&space->lock);
	if (current_pages && space->pages_mapped > limit_pages)
		error = -ENOMEM;
	if (!error)
		WRITE_ONCE(space->lock_future, future);
	/* What cannot be joined for want of memory stays as it is, as on Linux. */
	while (!error && change && (mapping = space_mapping_from(space, at))) {
		at = mapping->end;
		(void)set_locked(mapping, mapping->start, mapping->end, current_pages, &dead);
	}
	write_unlock(&space->lock);
	mapping_release(&dead);
	if (!error && current_pages)
		(void)space_populate(space, 0, USER_END);
	return error;
}
