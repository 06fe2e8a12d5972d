#include <debug/panic.h>
#include <lib/err.h>
#include <mm/batch.h>
#include <mm/mapping.h>
#include <mm/slab.h>

static SLAB_CACHE(space_cache, struct space);

static struct spinlock all_lock = SPINLOCK_INIT(RANK_WAIT);
static struct list_node all_spaces = LIST_INIT(all_spaces); /* [all_lock] */
static u64 all_count;					    /* [all_lock] */

struct space *space_allocate(void)
{
	struct space *space = slab_alloc_zeroed(&space_cache);

	if (!space)
		return NULL;
	if (mmu_space_init(&space->mmu)) {
		slab_free(&space_cache, space);
		return NULL;
	}
	rwlock_init(&space->lock, RANK_SPACE);
	atomic32_set(&space->references, 1);
	atomic32_set(&space->users, 1);
	list_init(&space->all_link);
	space->map_top = USER_END;
	return space;
}

void space_publish(struct space *space)
{
	spin_lock(&all_lock);
	list_add_tail(&all_spaces, &space->all_link);
	all_count++;
	spin_unlock(&all_lock);
}

struct space *space_create(void)
{
	struct space *space = space_allocate();

	if (space)
		space_publish(space);
	return space;
}

static void space_unpublish(struct space *space)
{
	spin_lock(&all_lock);
	if (!list_empty(&space->all_link)) {
		list_remove_init(&space->all_link);
		all_count--;
	}
	spin_unlock(&all_lock);
}

void space_put(struct space *space)
{
	if (!atomic32_dec_and_test(&space->references))
		return;
	assert(rb_empty(&space->mappings));
	space_unpublish(space);
	if (space->executable)
		mapping_file_hooks.put(space->executable);
	mmu_space_destroy(&space->mmu);
	slab_free(&space_cache, space);
}

/*
 * Every mapping leaves its object first, so that no truncate comes looking for entries; then
 * nothing refers to the tables but the hardware, which does not run them (mm-hazards 8).
 */
void space_teardown(struct space *space)
{
	struct list_node dead = LIST_INIT(dead);
	struct mapping *mapping;

	write_lock(&space->lock);
	while ((mapping = space_mapping_from(space, 0)))
		mapping_remove(mapping, &dead);
	list_for_each_entry(mapping, &dead, object_link)
		release_alone(space, mapping->start, mapping->end);
	write_unlock(&space->lock);
	mapping_release(&dead);
}

void space_leave(struct space *space)
{
	if (!atomic32_dec_and_test(&space->users))
		return;
	space_teardown(space);
	space_put(space);
}

u64 space_count(void)
{
	return READ_ONCE(all_count);
}

/* [all_lock] The first space from @node on that is not on its way out, referenced. */
static struct space *next_alive(struct list_node *node)
{
	for (; node != &all_spaces; node = node->next) {
		struct space *space = list_entry(node, struct space, all_link);

		if (atomic32_inc_not_zero(&space->references))
			return space;
	}
	return NULL;
}

/*
 * The reference to the visited space keeps its link on the list; only then is the next one taken.
 */
void space_for_each(void (*visit)(struct space *space, void *context), void *context)
{
	struct space *space = NULL;

	for (;;) {
		struct space *last = space;

		spin_lock(&all_lock);
		space = next_alive(last ? last->all_link.next : all_spaces.next);
		spin_unlock(&all_lock);
		if (last)
			space_put(last);
		if (!space)
			return;
		visit(space, context);
	}
}
