/* Reading and writing the memory of any space, by way of the kernel's map of all RAM. */
#include <arch/cache.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/hazard.h>
#include <mm/mapping.h>

struct foreign {
	struct space *space;
	vaddr_t address;
	void *data;
	size_t size; /* within one page */
	bool write, force;
};

/* [space] May the copy use what the entry shows as it is? RAM only: devices have no place there. */
static bool entry_usable(const struct foreign *copy, const struct mapping *mapping, pte_t pte)
{
	bool allowed = pte_prot(pte) || copy->force;

	if (pte_empty(pte) || !frame_of(pte_frame(pte)))
		return false;
	if (!copy->write)
		return allowed;
	if (pte_prot(pte) & PAGE_WRITE)
		return true;
	return copy->force && (pte_state(pte) == PAGE_OWNED || BROKEN(RULE_4_FORCED_COPIES)) &&
	       !(mapping->flags & MAPPING_SHARED);
}

/*
 * The copy, if the page is there as it must be: 1; 0: it must be faulted in. -EFAULT: not mapped.
 * The table's lock is held over the copy, and nothing that a cleared entry showed is freed before
 * that.
 */
static int copy_present(const struct foreign *copy)
{
	struct mapping *mapping = mapping_at(copy->space, copy->address);
	struct spinlock *lock;
	pte_t *entry, pte;
	void *data;
	bool usable;

	if (!mapping)
		return 0; /* a stack may grow: the fault decides */
	if (!copy->force && !(mapping->prot & (copy->write ? PAGE_WRITE : PAGE_READ | PAGE_WRITE)))
		return -EFAULT;
	entry = mmu_walk(&copy->space->mmu, copy->address, false);
	if (!entry)
		return 0;
	lock = pte_lock(entry);
	spin_lock(lock);
	pte = pte_get(entry);
	usable = entry_usable(copy, mapping, pte);
	if (usable) {
		data = direct_map(pte_frame(pte) << PAGE_SHIFT);
		data = (u8 *)data + copy->address % PAGE_SIZE;
		if (copy->write)
			memcpy(data, copy->data, copy->size);
		else
			memcpy(copy->data, data, copy->size);
	} else if (!pte_empty(pte) && !frame_of(pte_frame(pte))) {
		spin_unlock(lock);
		return -EFAULT;
	}
	spin_unlock(lock);
	/* What a debugger writes is code more often than not (mm-hazards 4). */
	if (usable && copy->write && mapping->prot & PAGE_EXEC)
		icache_sync_all();
	return usable;
}

static int copy_page(const struct foreign *copy)
{
	enum fault_access access = copy->write ? FAULT_WRITE : FAULT_READ;
	int done, error;

	for (;;) {
		read_lock(&copy->space->lock);
		done = copy_present(copy);
		read_unlock(&copy->space->lock);
		if (done)
			return done > 0 ? 0 : done;
		error = fault_handle(copy->space, copy->address, access, copy->force);
		if (error)
			return error;
	}
}

static ssize_t copy_range(struct foreign *copy, size_t size)
{
	size_t done = 0;
	int error = 0;

	while (done < size) {
		copy->size = MIN(size - done, PAGE_SIZE - copy->address % PAGE_SIZE);
		error = copy_page(copy);
		if (error)
			break;
		done += copy->size;
		copy->address += copy->size;
		copy->data = (u8 *)copy->data + copy->size;
	}
	if (done || !size)
		return (ssize_t)done;
	return error == -ENOMEM ? -ENOMEM : -EFAULT;
}

ssize_t space_read(struct space *space, vaddr_t from, void *to, size_t size)
{
	struct foreign copy = { .space = space, .address = from, .data = to };

	return copy_range(&copy, size);
}

ssize_t space_read_forced(struct space *space, vaddr_t from, void *to, size_t size)
{
	struct foreign copy = { .space = space, .address = from, .data = to, .force = true };

	return copy_range(&copy, size);
}

ssize_t space_write(struct space *space, vaddr_t to, const void *from, size_t size, bool force)
{
	struct foreign copy = { .space = space,
				.address = to,
				.data = (void *)(uintptr_t)from,
				.write = true,
				.force = force };

	return copy_range(&copy, size);
}
