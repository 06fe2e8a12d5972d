#include <mm/detach.h>
#include <mm/mapping.h>

/* The attachment may have been cut into pieces; each knows where the whole began. */
static bool is_piece(const struct mapping *mapping, vaddr_t address)
{
	return mapping->object && mapping->start - (mapping->offset << PAGE_SHIFT) == address;
}

struct memory_object *space_object_at(struct space *space, vaddr_t address,
				      const struct object_operations *operations)
{
	struct memory_object *object = NULL;
	struct mapping *mapping;

	read_lock(&space->lock);
	mapping = space_mapping_from(space, address);
	for (; mapping && !object; mapping = mapping_next(mapping)) {
		if (is_piece(mapping, address) && mapping->object->operations == operations)
			object = mapping->object;
	}
	if (object)
		object_get(object);
	read_unlock(&space->lock);
	return object;
}

int space_detach(struct space *space, vaddr_t address, struct memory_object *object)
{
	struct list_node dead = LIST_INIT(dead);
	struct mapping *mapping, *next;
	int error = 0;

	write_lock(&space->lock);
	mapping = space_mapping_from(space, address);
	for (; mapping && !error; mapping = next) {
		next = mapping_next(mapping);
		if (mapping->object == object && is_piece(mapping, address))
			error = unmap_locked(space, mapping->start, mapping->end, &dead);
	}
	write_unlock(&space->lock);
	mapping_release(&dead);
	return error;
}
