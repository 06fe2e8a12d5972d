#include <debug/panic.h>
#include <lib/errno.h>
#include <mm/mapping.h>
#include <mm/slab.h>

struct mapping_file_hooks mapping_file_hooks;
static SLAB_CACHE(mapping_cache, struct mapping);

static void object_lock(struct mapping *mapping)
{
	if (mapping->object)
		mutex_lock(&mapping->object->lock);
}

static void object_unlock(struct mapping *mapping)
{
	if (mapping->object)
		mutex_unlock(&mapping->object->lock);
}

struct mapping *mapping_create(const struct mapping *like)
{
	struct mapping *mapping = slab_alloc(&mapping_cache);

	if (!mapping)
		return NULL;
	*mapping = *like;
	list_init(&mapping->object_link);
	if (mapping->object)
		object_get(mapping->object);
	if (mapping->file)
		mapping_file_hooks.get(mapping->file);
	return mapping;
}

void mapping_release(struct list_node *dead)
{
	while (!list_empty(dead)) {
		struct mapping *mapping = list_first_entry(dead, struct mapping, object_link);

		list_remove(&mapping->object_link);
		if (mapping->object)
			object_put(mapping->object);
		if (mapping->file)
			mapping_file_hooks.put(mapping->file);
		slab_free(&mapping_cache, mapping);
	}
}

static int compare(const void *key, const struct rb_node *node)
{
	vaddr_t start = *(const vaddr_t *)key;
	const struct mapping *mapping = container_of(node, struct mapping, node);

	return start < mapping->start ? -1 : start > mapping->start;
}

static void tree_add(struct mapping *mapping)
{
	struct rb_root *tree = &mapping->space->mappings;
	struct rb_node *clash = rb_insert(tree, &mapping->node, &mapping->start, compare);

	BUG_ON(clash);
	mapping->space->mapping_count++;
}

static void count_pages(struct mapping *mapping, vaddr_t start, vaddr_t end, s64 sign)
{
	s64 pages = sign * (s64)((end - start) >> PAGE_SHIFT);

	mapping->space->pages_mapped += pages;
	if (mapping->flags & MAPPING_LOCKED)
		mapping->space->pages_locked += pages;
}

/* What mapping_find_gap() has learned does not hold any more. */
static void forget_gaps(struct space *space, vaddr_t end)
{
	if (end > space->gap_limit)
		space->gap_length = 0;
}

void mapping_insert(struct space *space, struct mapping *mapping)
{
	assert(mapping->start < mapping->end && mapping->space == space);
	tree_add(mapping);
	count_pages(mapping, mapping->start, mapping->end, 1);
	object_lock(mapping);
	if (mapping->object)
		list_add_tail(&mapping->object->mappings, &mapping->object_link);
	object_unlock(mapping);
}

void mapping_remove(struct mapping *mapping, struct list_node *dead)
{
	struct space *space = mapping->space;

	rb_erase(&space->mappings, &mapping->node);
	space->mapping_count--;
	count_pages(mapping, mapping->start, mapping->end, -1);
	forget_gaps(space, mapping->end);
	object_lock(mapping);
	list_remove_init(&mapping->object_link);
	object_unlock(mapping);
	list_add_tail(dead, &mapping->object_link);
}

/* [object] */
static void set_range(struct mapping *mapping, vaddr_t start, vaddr_t end)
{
	s64 shift = ((s64)start - (s64)mapping->start) >> PAGE_SHIFT;

	if (mapping->object)
		mapping->offset += shift;
	if (mapping->flags & MAPPING_DEVICE)
		mapping->frame_base += shift;
	mapping->start = start;
	mapping->end = end;
}

void mapping_set_range(struct mapping *mapping, vaddr_t start, vaddr_t end)
{
	forget_gaps(mapping->space, mapping->end);
	count_pages(mapping, mapping->start, mapping->end, -1);
	object_lock(mapping);
	set_range(mapping, start, end);
	object_unlock(mapping);
	count_pages(mapping, start, end, 1);
}

struct mapping *mapping_split(struct mapping *mapping, vaddr_t address)
{
	struct mapping *upper = mapping_create(mapping);

	if (!upper)
		return NULL;
	assert(address > mapping->start && address < mapping->end);
	/* In one critical section, so that a zap finds each page in one of the two. */
	object_lock(mapping);
	set_range(upper, address, upper->end);
	set_range(mapping, mapping->start, address);
	if (upper->object)
		list_add_after(&upper->object_link, &mapping->object_link);
	object_unlock(mapping);
	tree_add(upper);
	return upper;
}

static bool can_join(const struct mapping *low, const struct mapping *high)
{
	u64 pages = (low->end - low->start) >> PAGE_SHIFT;

	if (low->end != high->start || low->prot != high->prot || low->prot_max != high->prot_max ||
	    low->flags != high->flags || low->object != high->object || low->file != high->file ||
	    low->name != high->name || low->flags & MAPPING_NO_EXPAND)
		return false;
	if (low->flags & MAPPING_DEVICE)
		return low->frame_base + pages == high->frame_base;
	return !low->object || low->offset + pages == high->offset;
}

/* @high vanishes into @low. */
static void join(struct mapping *low, struct mapping *high, struct list_node *dead)
{
	struct space *space = low->space;

	rb_erase(&space->mappings, &high->node);
	space->mapping_count--;
	object_lock(low);
	set_range(low, low->start, high->end);
	list_remove_init(&high->object_link);
	object_unlock(low);
	list_add_tail(dead, &high->object_link);
}

struct mapping *mapping_merge(struct mapping *mapping, struct list_node *dead)
{
	struct rb_node *previous = rb_previous(&mapping->node);
	struct mapping *next = mapping_next(mapping);

	if (next && can_join(mapping, next))
		join(mapping, next, dead);
	if (previous) {
		struct mapping *low = container_of(previous, struct mapping, node);

		if (can_join(low, mapping)) {
			join(low, mapping, dead);
			return low;
		}
	}
	return mapping;
}

struct mapping *space_mapping_from(struct space *space, vaddr_t address)
{
	struct rb_node *node = space->mappings.top;
	struct mapping *found = NULL;

	while (node) {
		struct mapping *mapping = container_of(node, struct mapping, node);

		if (address >= mapping->end) {
			node = node->right;
			continue;
		}
		found = mapping;
		if (address >= mapping->start)
			break;
		node = node->left;
	}
	return found;
}

struct mapping *mapping_at(struct space *space, vaddr_t address)
{
	struct mapping *mapping = space_mapping_from(space, address);

	return mapping && mapping->start <= address ? mapping : NULL;
}

static int split_at(struct space *space, vaddr_t address)
{
	struct mapping *mapping = mapping_at(space, address);

	if (!mapping || mapping->start == address)
		return 0;
	if (space->mapping_count >= MAPPING_COUNT_MAX)
		return -ENOMEM;
	return mapping_split(mapping, address) ? 0 : -ENOMEM;
}

int mapping_isolate(struct space *space, vaddr_t start, vaddr_t end, struct list_node *dead)
{
	struct mapping *upper;
	int error = split_at(space, start);

	if (error)
		return error;
	error = split_at(space, end);
	if (error) {
		upper = mapping_at(space, start);
		if (upper)
			mapping_merge(upper, dead);
	}
	return error;
}

struct mapping *mapping_cut(struct mapping *mapping, vaddr_t start, vaddr_t end,
			    struct list_node *dead)
{
	struct space *space = mapping->space;

	start = MAX(start, mapping->start);
	if (mapping_isolate(space, start, MIN(end, mapping->end), dead))
		return NULL;
	return mapping_at(space, start);
}

/* A new mapping must end here, to leave a stack its guard. */
static vaddr_t guarded_start(const struct mapping *mapping)
{
	vaddr_t guard = STACK_GUARD_PAGES * PAGE_SIZE;

	if (!(mapping->flags & MAPPING_GROWS_DOWN))
		return mapping->start;
	return mapping->start > guard ? mapping->start - guard : 0;
}

bool mapping_range_free(struct space *space, vaddr_t start, vaddr_t end)
{
	struct mapping *next = space_mapping_from(space, start);

	return !next || end <= guarded_start(next);
}

/* The highest gap of @length bytes in [low, high): its start for a mapping at its top; 0: none. */
static vaddr_t search_down(struct space *space, u64 length, vaddr_t low, vaddr_t high)
{
	struct mapping *above = space_mapping_from(space, high);
	vaddr_t top = above ? MIN(high, guarded_start(above)) : high;

	for (;;) {
		struct rb_node *node = above ? rb_previous(&above->node)
					     : rb_last(&space->mappings);
		struct mapping *below = rb_entry_or_null(node, struct mapping, node);
		vaddr_t bottom = below ? MAX(below->end, low) : low;

		if (top > bottom && top - bottom >= length)
			return top - length;
		if (!below || below->start <= low)
			return 0;
		top = MIN(top, guarded_start(below));
		above = below;
	}
}

/*
 * Programs map again and again without unmapping much; starting where the last search for at most
 * this length ended makes that cheap without a tree of gaps.
 */
vaddr_t mapping_find_gap(struct space *space, u64 length)
{
	bool known = space->gap_length && length >= space->gap_length;
	vaddr_t address = search_down(space, length, MAP_ADDRESS_MIN,
				      known ? space->gap_limit : space->map_top);

	if (address) {
		space->gap_limit = address;
		space->gap_length = length;
		return address;
	}
	return search_down(space, length, MAX(space->map_top, MAP_ADDRESS_MIN), USER_END);
}
