#pragma once
/* What shmdt(2) needs to know of a space's mappings. */
#include <mm/space.h>

/*
 * The object with @operations, counted, that a mapping shows whose first page would lie at @address;
 * NULL: none. May sleep.
 */
struct memory_object *space_object_at(struct space *space, vaddr_t address,
				      const struct object_operations *operations);
/* Unmap all of what shows @object as if it were mapped from @address on. 0 or -ENOMEM. May sleep. */
int space_detach(struct space *space, vaddr_t address, struct memory_object *object);
