#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/batch.h>
#include <mm/hazard.h>
#include <mm/object_internal.h>
#include <mm/reclaim.h>
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

/* Whoever waits for a page being read or written sleeps here: few do, so that one queue serves all. */
static struct wait_queue page_queue = WAIT_QUEUE_INIT(page_queue);

static struct atomic64 cached; /* pages of objects with read_pages() */

u64 object_cached_pages(void)
{
	return atomic64_read(&cached);
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
	object->dirty_count = 0;
	object->writing_count = 0;
	object->read_next = 0;
	object->read_window = 0;
	object->write_errors = 0;
	object->write_error = 0;
	object->reclaim_next = 0;
	list_init(&object->reclaim_link);
	if (operations->read_pages)
		reclaim_add(object);
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

struct frame *page_remove(struct memory_object *object, u64 index)
{
	struct frame *frame = radix_lookup(&object->pages, index);

	if (!frame)
		return NULL;
	if (object->operations->write_pages && frame_has(frame, FRAME_DIRTY)) {
		object_page_forget_dirty(object, frame);
		thread_current()->disk.dropped += PAGE_SIZE;
		if (object->operations->drop_dirty)
			object->operations->drop_dirty(object, index);
	}
	radix_remove(&object->pages, index);
	if (object->operations->read_pages)
		atomic64_dec(&cached);
	frame->object = NULL;
	object->page_count--;
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
	if (object->operations->read_pages)
		reclaim_remove(object);
	while (radix_next(&object->pages, &index)) {
		frame_put(page_remove(object, index));
		give_way(index);
	}
}

struct frame *object_frame_alloc(bool zeroed)
{
	struct frame *frame;

	if (unlikely(frame_is_short()))
		reclaim_clean(RECLAIM_BATCH);
	frame = frame_alloc(FRAME_OBJECT, 0);
	if (!frame && reclaim_clean(RECLAIM_BATCH))
		frame = frame_alloc(FRAME_OBJECT, 0);
	if (frame && zeroed)
		page_zero(frame_data(frame));
	return frame;
}

int page_insert(struct memory_object *object, u64 index, struct frame *frame)
{
	int error = radix_insert(&object->pages, index, frame);

	if (error)
		return error;
	frame->object = object;
	frame->index = index;
	object->page_count++;
	if (object->operations->read_pages)
		atomic64_inc(&cached);
	return 0;
}

/* [object] A fresh page of zeros into the index, counted by it and for the caller. */
static int page_make(struct memory_object *object, u64 index, bool busy, struct frame **made)
{
	struct frame *frame = object_frame_alloc(true);
	int error;

	if (!frame)
		return -ENOMEM;
	error = page_insert(object, index, frame);
	if (error) {
		frame_free(frame, 0);
		return error;
	}
	frame_get(frame);
	if (busy)
		atomic32_or(&frame->flags, FRAME_BUSY);
	*made = frame;
	return 0;
}

void page_flags_end(struct frame *frame, u32 flags)
{
	atomic32_fetch_and(&frame->flags, ~flags);
	if (wait_queue_active(&page_queue))
		wait_wake_all(&page_queue);
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
	page_flags_end(frame, FRAME_BUSY);
	return error;
}

void page_wait(struct memory_object *object, struct frame *frame, u32 flags)
{
	frame_get(frame);
	mutex_unlock(&object->lock);
	wait_event(&page_queue, !frame_has(frame, flags));
	frame_put(frame);
	mutex_lock(&object->lock);
}

/* [object], dropped meanwhile: what is there and not being read in, counted; or NULL. */
static struct frame *page_find(struct memory_object *object, u64 index)
{
	struct frame *frame;

	while ((frame = radix_lookup(&object->pages, index))) {
		u32 flags = atomic32_read_acquire(&frame->flags);

		if (likely(!(flags & FRAME_BUSY))) {
			if (object->operations->read_pages && !(flags & FRAME_USED))
				atomic32_or(&frame->flags, FRAME_USED);
			frame_get(frame);
			return frame;
		}
		page_wait(object, frame, FRAME_BUSY);
	}
	return NULL;
}

static void drop_pages(struct memory_object *object, u64 first, u64 last);

/* Where a page may be asked for: to write, also behind the end; a fault, only before it. */
enum page_where { PAGE_ANYWHERE, PAGE_INSIDE };

/* [object], dropped meanwhile: so the size is looked at whenever the page was not there at once. */
static int page_get(struct memory_object *object, u64 index, u64 wanted, enum page_where where,
		    struct frame **found)
{
	struct frame *frame;
	int error;

	for (;;) {
		bool past;

		frame = page_find(object, index);
		past = index >= object_pages(object);
		if (past && where == PAGE_INSIDE) {
			if (frame)
				frame_put(frame);
			return -ENXIO;
		}
		if (frame) {
			*found = frame;
			return 0;
		}
		if (!object->operations->read_pages || past)
			break;
		error = object_read_run(object, index, wanted, found);
		if (error != -EEXIST)
			return error;
	}
	error = page_make(object, index, object->operations->fill != NULL, &frame);
	if (!error && object->operations->fill) {
		error = page_fill(object, index, frame);
		if (error)
			frame_put(frame);
	}
	if (!error)
		*found = frame;
	return error;
}

int object_page_inside_locked(struct memory_object *object, u64 index, struct frame **found)
{
	return page_get(object, index, OBJECT_AROUND - index % OBJECT_AROUND, PAGE_INSIDE, found);
}

int object_page(struct memory_object *object, u64 index, bool create, struct frame **found)
{
	int error = 0;

	mutex_lock(&object->lock);
	if (create)
		error = page_get(object, index, OBJECT_AROUND - index % OBJECT_AROUND,
				 PAGE_ANYWHERE, found);
	else if (!(*found = page_find(object, index)))
		error = -ENOENT;
	mutex_unlock(&object->lock);
	return error;
}

int object_page_ahead(struct memory_object *object, u64 index, u64 wanted, struct frame **frame)
{
	int error;

	mutex_lock(&object->lock);
	error = page_get(object, index, wanted, PAGE_ANYWHERE, frame);
	mutex_unlock(&object->lock);
	return error;
}

void object_page_undo(struct memory_object *object, struct frame *frame)
{
	mutex_lock(&object->lock);
	if (frame->object == object)
		drop_pages(object, frame->index, frame->index);
	mutex_unlock(&object->lock);
}

int object_page_write(struct memory_object *object, u64 index, bool *whole, struct frame **found)
{
	struct frame *frame = NULL;
	int error = 0;

	mutex_lock(&object->lock);
	if (*whole && object->operations->read_pages) {
		frame = page_find(object, index);
		*whole = !frame;
		if (!frame)
			error = page_make(object, index, false, &frame);
	} else {
		error = page_get(object, index, 1, PAGE_ANYWHERE, &frame);
	}
	if (!error && object->operations->write_pages) {
		error = frame->object == object ? object_page_make_dirty_locked(object, frame) : 0;
		if (error)
			frame_put(frame);
	}
	mutex_unlock(&object->lock);
	if (!error)
		*found = frame;
	return error;
}

void object_page_dirty(struct memory_object *object, struct frame *frame)
{
	u32 before = atomic32_read_acquire(&frame->flags);

	/*
	 * What was written may be code: the next executable entry synchronises again (mm-hazards
	 * 10).
	 */
	if (before & FRAME_ICACHE_SYNCED)
		atomic32_and(&frame->flags, ~(u32)FRAME_ICACHE_SYNCED);
	if (before & FRAME_DIRTY)
		return;
	if (object->operations->write_pages) {
		/* It was written back during the copy; its blocks are there, so this cannot fail. */
		mutex_lock(&object->lock);
		if (frame->object == object)
			object_page_make_dirty_locked(object, frame);
		mutex_unlock(&object->lock);
		return;
	}
	before = atomic32_fetch_or(&frame->flags, FRAME_DIRTY);
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

void object_zap(struct memory_object *object, u64 first, u64 last)
{
	struct mapping *mapping;

	list_for_each_entry(mapping, &object->mappings, object_link)
		mapping_zap(mapping, first, last);
}

/*
 * [object] Zap before the index lets go: a page that is out of the index could be made anew, and
 * one mapping would show the old page while another shows the new one. Faults wait for the lock.
 */
static void drop_pages(struct memory_object *object, u64 first, u64 last)
{
	u64 index = first;

	assert(!object->shown);
	if (object->writing_count)
		object_wait_written(object, first, last);
	if (!BROKEN(RULE_2_TRUNCATE_ZAPS))
		object_zap(object, first, last);
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

/*
 * [object], dropped meanwhile: zeros from @size to the end of its page (mm-hazards 2). On a disk too: what
 * lies there would come to light when the file grows. Where the page cannot be had, nothing can be
 * read from it either.
 */
static void clear_tail(struct memory_object *object, u64 size)
{
	u64 index = size / PAGE_SIZE, used = size % PAGE_SIZE;
	struct frame *tail;

	if (object->operations->write_pages) {
		if (page_get(object, index, 1, PAGE_INSIDE, &tail))
			return;
		if (frame_has(tail, FRAME_WRITEBACK))
			page_wait(object, tail, FRAME_WRITEBACK);
	} else {
		/* A page that is being read in gets its bytes from before the change: after it. */
		tail = page_find(object, index);
		if (!tail)
			return;
	}
	memset((u8 *)frame_data(tail) + used, 0, PAGE_SIZE - used);
	if (object->operations->write_pages && tail->object == object)
		object_page_make_dirty_locked(object, tail);
	frame_put(tail);
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
