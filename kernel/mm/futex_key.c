#include <lib/errno.h>
#include <mm/hazard.h>
#include <mm/mapping.h>

/* Never by the frame, which copy-on-write moves (mm-hazards 6). */
int space_futex_key(vaddr_t address, bool shared, struct futex_key *key)
{
	struct space *space = space_current();
	struct mapping *mapping;
	int error = 0;

	*key = (struct futex_key){ .base = (uintptr_t)space, .offset = address };
	if (!space || address >= USER_END)
		return -EFAULT;
	if (BROKEN(RULE_6_FUTEX_KEY))
		key->base = pte_frame(*mmu_walk(&space->mmu, address, true));
	if (!shared)
		return 0;
	read_lock(&space->lock);
	mapping = mapping_at(space, address);
	if (!mapping) {
		error = -EFAULT;
	} else if (mapping->flags & MAPPING_SHARED && mapping->object) {
		key->object = mapping->object;
		object_get(key->object);
		key->base = key->object->id;
		key->offset = (mapping_index(mapping, address) << PAGE_SHIFT) + address % PAGE_SIZE;
	}
	read_unlock(&space->lock);
	return error;
}
