/* msync. */
#include <lib/errno.h>
#include <mm/mapping.h>

enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };

/*
 * The file to write back for the first mapping at *@address or above, counted; NULL: none.
 * *@address moves past that mapping, or to @end; *@hole is set when it began with a gap.
 */
static struct file *sync_next(struct space *space, vaddr_t *address, vaddr_t end, int flags,
			      bool *hole, int *error)
{
	struct mapping *mapping;
	struct file *file = NULL;

	read_lock(&space->lock);
	mapping = space_mapping_from(space, *address);
	*hole |= !mapping || mapping->start > *address;
	if (mapping && mapping->start < end) {
		if (flags & MS_INVALIDATE && mapping->flags & MAPPING_LOCKED)
			*error = -EBUSY;
		else if (flags & MS_SYNC && mapping->flags & MAPPING_SHARED)
			file = mapping->file;
		if (file)
			mapping_file_hooks.get(file);
	}
	*address = mapping ? MIN(end, mapping->end) : end;
	read_unlock(&space->lock);
	return file;
}

int space_sync(struct space *space, vaddr_t address, u64 length, int flags)
{
	vaddr_t end = range_end(address, length);
	bool hole = false;
	int error = 0;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || !IS_ALIGNED(address, PAGE_SIZE) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (!length)
		return 0;
	if (!end)
		return -ENOMEM;
	while (address < end && !error) {
		struct file *file = sync_next(space, &address, end, flags, &hole, &error);

		if (!file)
			continue;
		if (mapping_file_hooks.sync)
			error = mapping_file_hooks.sync(file);
		mapping_file_hooks.put(file);
	}
	return error ? error : hole ? -ENOMEM : 0;
}
