#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/batch.h>
#include <mm/hazard.h>
#include <mm/object.h>
#include <mm/slab.h>
#include <sched/cpu.h>
#include <sched/wait.h>

static struct slab_cache radix_node_cache = {
	.name = "radix_node",
	.size = RADIX_NODE_SIZE,
	.align = 8,
};
static SLAB_CACHE(object_cache, struct memory_object);

static void *radix_node_alloc(void)
{
	return slab_alloc(&radix_node_cache);
}

static void radix_node_free(void *node)
{
	slab_free(&radix_node_cache, node);
}

static const struct radix_allocator radix_allocator = { radix_node_alloc, radix_node_free };

/* Whoever waits for a page being read in sleeps here: few do, so that one queue serves all. */
static struct wait_queue fill_wait = WAIT_QUEUE_INIT(fill_wait);

static bool frame_has(struct frame *frame, u32 flag)
{
	return atomic32_read_acquire(&frame->flags) & flag;
}

void object_init(struct memory_object *object, const struct object_operations *operations, u64 size)
{
	static struct atomic64 last_id;

	atomic32_set(&object->references, 1);
	mutex_init(&object->lock, RANK_OBJECT);
	radix_init(&object->pages, &radix_allocator);
	object->page_count = 0;
	object->size = size;
	list_init(&object->mappings);
	object->operations = operations;
	object->owner = NULL;
	object->shown = false;
	object->id = atomic64_inc_return(&last_id);
}

static void anonymous_release(struct memory_object *object)
{
	object_destroy_pages(object);
	slab_free(&object_cache, object);
}

struct memory_object *object_create_anonymous(u64 size)
{
	static const struct object_operations operations = { .release = anonymous_release };
	struct memory_object *object = slab_alloc(&object_cache);

	if (object)
		object_init(object, &operations, size);
	return object;
}

void object_put(struct memory_object *object)
{
	if (atomic32_dec_and_test(&object->references))
		object->operations->release(object);
}

/* [object] Take a page out of the index; the index's count goes with it, to be dropped. */
static struct frame *page_remove(struct memory_object *object, u64 index)
{
	struct frame *frame = radix_remove(&object->pages, index);

	if (frame) {
		frame->object = NULL;
		object->page_count--;
	}
	return frame;
}

/* Once in a while in a loop over all pages: nobody else takes the CPU from us. */
static void give_way(u64 index)
{
	if (index % 512 == 0)
		schedule_if_needed();
}

void object_destroy_pages(struct memory_object *object)
{
	u64 index = 0;

	assert(list_empty(&object->mappings));
	while (radix_next(&object->pages, &index)) {
		frame_put(page_remove(object, index));
		give_way(index);
	}
}

/* [object] A fresh page into the index, counted by it and for the caller. */
static int page_insert(struct memory_object *object, u64 index, bool busy, struct frame **made)
{
	struct frame *frame = frame_alloc_zeroed(FRAME_OBJECT);
	int error;

	if (!frame)
		return -ENOMEM;
	error = radix_insert(&object->pages, index, frame);
	if (error) {
		frame_free(frame, 0);
		return error;
	}
	frame->object = object;
	frame->index = index;
	object->page_count++;
	frame_get(frame);
	if (busy)
		atomic32_or(&frame->flags, FRAME_BUSY);
	*made = frame;
	return 0;
}

/*
 * [object], dropped meanwhile. The frame is counted for the caller, whatever becomes of the index.
 */
static int page_fill(struct memory_object *object, u64 index, struct frame *frame)
{
	int error;

	mutex_unlock(&object->lock);
	error = object->operations->fill(object, index, frame_data(frame));
	mutex_lock(&object->lock);
	/* Truncation may have taken it out while the lock was open. */
	if (error && frame->object == object)
		frame_put(page_remove(object, index));
	atomic32_and(&frame->flags, ~(u32)FRAME_BUSY);
	wait_wake_all(&fill_wait);
	return error;
}

/* [object], dropped meanwhile: until another thread has read @frame in, or failed to. */
static void page_wait(struct memory_object *object, struct frame *frame)
{
	frame_get(frame);
	mutex_unlock(&object->lock);
	wait_event(&fill_wait, !frame_has(frame, FRAME_BUSY));
	frame_put(frame);
	mutex_lock(&object->lock);
}

int object_page_locked(struct memory_object *object, u64 index, bool create, struct frame **found)
{
	struct frame *frame;
	int error;

	while ((frame = radix_lookup(&object->pages, index))) {
		if (!frame_has(frame, FRAME_BUSY)) {
			frame_get(frame);
			*found = frame;
			return 0;
		}
		page_wait(object, frame);
	}
	if (!create)
		return -ENOENT;
	error = page_insert(object, index, object->operations->fill != NULL, &frame);
	if (!error && object->operations->fill) {
		error = page_fill(object, index, frame);
		if (error)
			frame_put(frame);
	}
	if (!error)
		*found = frame;
	return error;
}

int object_page(struct memory_object *object, u64 index, bool create, struct frame **frame)
{
	int error;

	mutex_lock(&object->lock);
	error = object_page_locked(object, index, create, frame);
	mutex_unlock(&object->lock);
	return error;
}

void object_page_dirty(struct memory_object *object, struct frame *frame)
{
	u32 before = atomic32_fetch_or(&frame->flags, FRAME_DIRTY);

	/*
	 * What was written may be code: the next executable entry synchronises again (mm-hazards
	 * 10).
	 */
	if (before & FRAME_ICACHE_SYNCED)
		atomic32_and(&frame->flags, ~(u32)FRAME_ICACHE_SYNCED);
	if (!(before & FRAME_DIRTY) && object->operations->dirtied)
		object->operations->dirtied(object, frame->index);
}

/*
 * [object] Clear the entries of @mapping that show pages [first, last], and shoot them down.
 *
 * This walks the tables of a space whose lock is not held. They stay: a mapping is unlinked from
 * its object, under the object's lock, before its entries are cleared and its tables freed, and a
 * leaf table is freed only when no mapping touches its span. So as long as a mapping is on the
 * list, and the object locked, the tables over its range are there; and the mmu_space with them,
 * because a space is destroyed after its mappings are gone. start, end and offset of a mapping with
 * an object change under the object's lock only.
 */
static void mapping_zap(struct mapping *mapping, u64 first, u64 last)
{
	u64 pages = (mapping->end - mapping->start) >> PAGE_SHIFT;
	u64 from = MAX(first, mapping->offset), to = MIN(last, mapping->offset + pages - 1);
	struct release_batch batch;
	vaddr_t start;

	if (from > to)
		return;
	start = mapping->start + ((from - mapping->offset) << PAGE_SHIFT);
	release_begin(&batch, mapping->space);
	release_range(&batch, mapping->space, start, start + ((to - from + 1) << PAGE_SHIFT),
		      BROKEN(RULE_2_TRUNCATE_KEEPS_OWN) ? RELEASE_ALL : RELEASE_OBJECT_PAGES);
	release_commit(&batch);
}

/*
 * [object] Zap before the index lets go: a page that is out of the index could be made anew, and
 * one mapping would show the old page while another shows the new one. Faults wait for the lock.
 */
static void drop_pages(struct memory_object *object, u64 first, u64 last)
{
	struct mapping *mapping;
	u64 index = first;

	assert(!object->shown);
	list_for_each_entry(mapping, &object->mappings, object_link) {
		if (!BROKEN(RULE_2_TRUNCATE_ZAPS))
			mapping_zap(mapping, first, last);
	}
	while (radix_next(&object->pages, &index) && index <= last) {
		frame_put(page_remove(object, index));
		give_way(index);
		if (index == last)
			break;
	}
}

void object_drop_pages(struct memory_object *object, u64 first, u64 last)
{
	if (first > last)
		return;
	mutex_lock(&object->lock);
	drop_pages(object, first, last);
	mutex_unlock(&object->lock);
}

/* [object], dropped meanwhile: zeros from @size to the end of its page (mm-hazards 2). */
static void clear_tail(struct memory_object *object, u64 size)
{
	u64 index = size / PAGE_SIZE, used = size % PAGE_SIZE;
	struct frame *tail = radix_lookup(&object->pages, index);

	/* A page that is being read in gets its bytes from before the change: after it, then. */
	while (tail && frame_has(tail, FRAME_BUSY)) {
		page_wait(object, tail);
		tail = radix_lookup(&object->pages, index);
	}
	if (tail)
		memset((u8 *)frame_data(tail) + used, 0, PAGE_SIZE - used);
}

void object_set_size(struct memory_object *object, u64 size)
{
	u64 before;

	mutex_lock(&object->lock);
	before = object->size;
	WRITE_ONCE(object->size, size);
	if (size < before) {
		drop_pages(object, size / PAGE_SIZE + (size % PAGE_SIZE != 0), ~(u64)0);
		if (size % PAGE_SIZE && !BROKEN(RULE_2_CLEAR_TAIL))
			clear_tail(object, size);
	}
	mutex_unlock(&object->lock);
}
