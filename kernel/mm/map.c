/* mmap, munmap and brk. */
#include <lib/errno.h>
#include <mm/batch.h>
#include <mm/mapping.h>
#include <mm/slab.h>

/* Tables that lie wholly between the neighbours of the gap around [start, end). */
static void free_tables(struct space *space, vaddr_t start, vaddr_t end, struct tlb_batch *batch)
{
	struct mapping *next = space_mapping_from(space, start);
	struct rb_node *node = next ? rb_previous(&next->node) : rb_last(&space->mappings);
	vaddr_t floor = node ? container_of(node, struct mapping, node)->end : USER_START;
	vaddr_t ceiling = next ? next->start : USER_END;

	floor = MAX(ALIGN_UP(floor, MMU_TABLE_SPAN), ALIGN_DOWN(start, MMU_TABLE_SPAN));
	ceiling = MIN(ALIGN_DOWN(ceiling, MMU_TABLE_SPAN), ALIGN_UP(end, MMU_TABLE_SPAN));
	if (floor < ceiling)
		mmu_free_tables(&space->mmu, floor, ceiling, batch);
}

int unmap_locked(struct space *space, vaddr_t start, vaddr_t end, struct list_node *dead)
{
	struct release_batch batch;
	struct mapping *mapping;
	int error = mapping_isolate(space, start, end, dead);

	if (error)
		return error;
	mapping = space_mapping_from(space, start);
	if (!mapping || mapping->start >= end)
		return 0;
	while (mapping && mapping->start < end) {
		struct mapping *next = mapping_next(mapping);

		mapping_remove(mapping, dead);
		mapping = next;
	}
	release_begin(&batch, space);
	release_range(&batch, space, start, end, RELEASE_ALL);
	free_tables(space, start, end, &batch.tlb);
	release_commit(&batch);
	return 0;
}

int space_unmap(struct space *space, vaddr_t address, u64 length)
{
	struct list_node dead = LIST_INIT(dead);
	vaddr_t end = range_end(address, length);
	int error;

	if (!IS_ALIGNED(address, PAGE_SIZE) || !length || !end)
		return -EINVAL;
	write_lock(&space->lock);
	error = unmap_locked(space, address, end, &dead);
	write_unlock(&space->lock);
	mapping_release(&dead);
	return error;
}

/* As Linux's heuristic overcommit: only what could never be had is refused. */
static bool overcommits(const struct map_request *request, u64 pages)
{
	struct frame_statistics statistics;

	if (request->flags & (MAPPING_SHARED | MAPPING_NO_RESERVE | MAPPING_DEVICE) ||
	    !(request->prot & PAGE_WRITE) || pages < 1024)
		return false;
	frame_statistics(&statistics);
	return pages > statistics.total;
}

static int request_check(const struct map_request *request, u64 pages)
{
	unsigned prot_max = request->prot_max ? request->prot_max : PROT_ALL;
	bool fixed = request->fixed;

	if (!request->length || request->prot & ~PROT_ALL)
		return -EINVAL;
	if (request->length > USER_END)
		return -ENOMEM;
	if (fixed && !IS_ALIGNED(request->address, PAGE_SIZE))
		return -EINVAL;
	if (fixed && !range_end(request->address, request->length))
		return -ENOMEM;
	if (fixed && request->address < MAP_ADDRESS_MIN)
		return -EPERM;
	if (request->offset + pages < pages)
		return -EOVERFLOW;
	if (request->flags & MAPPING_GROWS_DOWN &&
	    (request->object || request->flags & (MAPPING_SHARED | MAPPING_DEVICE)))
		return -EINVAL;
	if (request->prot & ~prot_max)
		return -EACCES;
	return overcommits(request, pages) ? -ENOMEM : 0;
}

/* Pages already mapped in [start, end). */
static u64 pages_in(struct space *space, vaddr_t start, vaddr_t end)
{
	struct mapping *mapping = space_mapping_from(space, start);
	u64 pages = 0;

	for (; mapping && mapping->start < end; mapping = mapping_next(mapping))
		pages += (MIN(end, mapping->end) - MAX(start, mapping->start)) >> PAGE_SHIFT;
	return pages;
}

/* [space] Where it goes, with room made there. An address, or -errno. */
static s64 place(struct space *space, const struct map_request *request, struct list_node *dead)
{
	vaddr_t size = ALIGN_UP(request->length, PAGE_SIZE);
	vaddr_t address = request->address;
	u64 pages = size >> PAGE_SHIFT;
	int error;

	if (space->mapping_count >= MAPPING_COUNT_MAX)
		return -ENOMEM;
	if (request->fixed) {
		u64 replaced = pages_in(space, address, address + size);

		if (replaced && request->no_replace)
			return -EEXIST;
		if (pages > request->limit_pages ||
		    space->pages_mapped - replaced > request->limit_pages - pages)
			return -ENOMEM;
		error = unmap_locked(space, address, address + size, dead);
		return error ? error : (s64)address;
	}
	if (pages > request->limit_pages || space->pages_mapped > request->limit_pages - pages)
		return -ENOMEM;
	if (address && address <= USER_END - size) {
		address = MAX(ALIGN_UP(address, PAGE_SIZE), MAP_ADDRESS_MIN);
		if (range_end(address, size) && mapping_range_free(space, address, address + size))
			return address;
	}
	address = mapping_find_gap(space, size);
	return address ? (s64)address : -ENOMEM;
}

static struct mapping *mapping_make(struct space *space, const struct map_request *request,
				    struct memory_object *object)
{
	return mapping_create(&(struct mapping){
		.prot = request->prot,
		.prot_max = request->prot_max ? request->prot_max & PROT_ALL : PROT_ALL,
		.flags = request->flags,
		.space = space,
		.object = object,
		.offset = object ? request->offset : 0,
		.frame_base = request->frame_base,
		.file = request->file,
		.name = request->name,
	});
}

s64 space_map(struct space *space, const struct map_request *request)
{
	struct list_node dead = LIST_INIT(dead);
	u64 pages = request->length / PAGE_SIZE + (request->length % PAGE_SIZE != 0);
	struct memory_object *object = request->object;
	struct mapping *mapping;
	s64 address = request_check(request, pages);

	if (address)
		return address;
	/* Shared memory without a file is an object of its own (mm-hazards 3). */
	if (!object && (request->flags & (MAPPING_SHARED | MAPPING_DEVICE)) == MAPPING_SHARED) {
		object = object_create_anonymous(pages << PAGE_SHIFT);
		if (!object)
			return -ENOMEM;
	}
	mapping = mapping_make(space, request, object);
	if (object != request->object)
		object_put(object);
	if (!mapping)
		return -ENOMEM;

	write_lock(&space->lock);
	address = place(space, request, &dead);
	if (address > 0) {
		mapping->start = address;
		mapping->end = address + (pages << PAGE_SHIFT);
		mapping_insert(space, mapping);
		mapping_merge(mapping, &dead);
	} else {
		list_add_tail(&dead, &mapping->object_link);
	}
	write_unlock(&space->lock);
	mapping_release(&dead);
	/* As Linux: what cannot be had now is left to the fault. */
	if (address > 0 && (request->populate || request->flags & MAPPING_LOCKED))
		space_populate(space, address, address + (pages << PAGE_SHIFT));
	return address;
}

/*
 * [space] Room for the heap up to @end, with a page to spare below what comes next, as Linux has
 * it.
 */
static int brk_grow(struct space *space, vaddr_t start, vaddr_t end, struct list_node *dead)
{
	struct mapping *mapping;

	if (space->mapping_count >= MAPPING_COUNT_MAX ||
	    !mapping_range_free(space, start, end + PAGE_SIZE))
		return -ENOMEM;
	mapping = mapping_create(&(struct mapping){
		.prot = PAGE_READ | PAGE_WRITE,
		.prot_max = PROT_ALL,
		.flags = MAPPING_BRK,
		.space = space,
		.start = start,
		.end = end,
	});
	if (!mapping)
		return -ENOMEM;
	mapping_insert(space, mapping);
	mapping_merge(mapping, dead);
	return 0;
}

vaddr_t space_set_brk(struct space *space, vaddr_t brk, u64 limit)
{
	struct list_node dead = LIST_INIT(dead);
	vaddr_t old_end, end;
	int error = 0;

	write_lock(&space->lock);
	if (brk < space->brk_start || brk >= USER_END - PAGE_SIZE || brk - space->brk_start > limit)
		goto out;
	old_end = ALIGN_UP(space->brk, PAGE_SIZE);
	end = ALIGN_UP(brk, PAGE_SIZE);
	if (end < old_end)
		error = unmap_locked(space, end, old_end, &dead);
	else if (end > old_end)
		error = brk_grow(space, old_end, end, &dead);
	if (!error)
		space->brk = brk;
out:
	brk = space->brk;
	write_unlock(&space->lock);
	mapping_release(&dead);
	return brk;
}
