/*
 * Dirty pages and their way back to the disk.
 *
 * A page becomes dirty before it is written to, with its object locked: by write(2) before the copy, by
 * a mapping before its entry gets W. Write-back takes the dirt away, and W from all entries, under
 * the same lock; so whatever is written after that makes the page dirty again, and whatever was
 * written before is in the page when it goes to the disk.
 */
#include <arch/tlb.h>
#include <lib/errno.h>
#include <mm/hazard.h>
#include <mm/mapping.h>
#include <mm/object_internal.h>
#include <sched/cpu.h>

static struct atomic64 dirty_total;

u64 object_dirty_pages(void)
{
	return atomic64_read(&dirty_total);
}

int object_page_make_dirty_locked(struct memory_object *object, struct frame *frame)
{
	int error = 0;

	if (frame_has(frame, FRAME_DIRTY))
		return 0;
	if (object->operations->make_dirty)
		error = object->operations->make_dirty(object, frame->index);
	if (error)
		return error;
	atomic32_fetch_or(&frame->flags, FRAME_DIRTY);
	radix_mark(&object->pages, frame->index);
	atomic64_inc(&dirty_total);
	if (object->operations->write_pages)
		thread_current()->disk.dirtied += PAGE_SIZE;
	if (!object->dirty_count++ && object->operations->first_dirty)
		object->operations->first_dirty(object);
	return 0;
}

void object_page_forget_dirty(struct memory_object *object, struct frame *frame)
{
	if (!radix_is_marked(&object->pages, frame->index))
		return;
	atomic32_fetch_and(&frame->flags, ~(u32)FRAME_DIRTY);
	radix_unmark(&object->pages, frame->index);
	WRITE_ONCE(object->dirty_count, object->dirty_count - 1);
	atomic64_dec(&dirty_total);
}

/* Table locked: shared entries of [start, end) lose W. */
static void protect_table(struct tlb_batch *batch, pte_t *entry, vaddr_t start, vaddr_t end)
{
	struct spinlock *lock = pte_lock(entry);

	spin_lock(lock);
	for (; start < end; start += PAGE_SIZE, entry++) {
		pte_t pte = pte_get(entry);
		unsigned prot = pte_prot(pte);

		if (pte_state(pte) != PAGE_SHARED || !(prot & PAGE_WRITE))
			continue;
		pte_set(entry, pte_make(pte_frame(pte), prot & ~(unsigned)PAGE_WRITE, PAGE_SHARED));
		tlb_add(batch, start);
	}
	spin_unlock(lock);
}

/* [object] The tables stay, as in mapping_zap() of object.c. */
static void mapping_write_protect(struct mapping *mapping, u64 first, u64 last)
{
	u64 pages = (mapping->end - mapping->start) >> PAGE_SHIFT;
	u64 from = MAX(first, mapping->offset), to = MIN(last, mapping->offset + pages - 1);
	struct tlb_batch batch;
	vaddr_t at, end;
	pte_t *entry;

	if (from > to || !(mapping->flags & MAPPING_SHARED))
		return;
	at = mapping->start + ((from - mapping->offset) << PAGE_SHIFT);
	end = at + ((to - from + 1) << PAGE_SHIFT);
	tlb_begin(&batch, &mapping->space->mmu);
	while (at < end && (entry = mmu_find(&mapping->space->mmu, &at, end))) {
		vaddr_t stop = MIN(end, ALIGN_DOWN(at, MMU_TABLE_SPAN) + MMU_TABLE_SPAN);

		protect_table(&batch, entry, at, stop);
		at = stop;
	}
	tlb_commit(&batch);
}

void object_write_protect_locked(struct memory_object *object, u64 first, u64 last)
{
	struct mapping *mapping;

	list_for_each_entry(mapping, &object->mappings, object_link)
		mapping_write_protect(mapping, first, last);
}

/*
 * [object], dropped meanwhile when it must wait: the next run of dirty pages in [*first, last], up to
 * OBJECT_RUN_MAX, counted, marked as being written and no longer dirty. *@first is the run's. 0: none.
 */
static unsigned run_take(struct memory_object *object, u64 *first, u64 last, bool wait,
			 struct frame **frames)
{
	struct frame *frame;
	unsigned count = 0;
	u64 index = *first;

	while ((frame = radix_next_marked(&object->pages, &index)) && index <= last) {
		if (!frame_has(frame, FRAME_WRITEBACK | FRAME_BUSY))
			break;
		if (wait)
			page_wait(object, frame, FRAME_WRITEBACK | FRAME_BUSY);
		else if (!++index)
			return 0;
	}
	if (!frame || index > last)
		return 0;
	*first = index;
	while (count < OBJECT_RUN_MAX && index <= last && radix_is_marked(&object->pages, index)) {
		frame = radix_lookup(&object->pages, index);
		if (frame_has(frame, FRAME_WRITEBACK | FRAME_BUSY))
			break;
		frame_get(frame);
		atomic32_fetch_or(&frame->flags, FRAME_WRITEBACK);
		object_page_forget_dirty(object, frame);
		frames[count++] = frame;
		if (!++index)
			break;
	}
	object->writing_count += count;
	if (!BROKEN(RULE_WRITE_BACK_PROTECTS))
		object_write_protect_locked(object, *first, *first + count - 1);
	return count;
}

/* [object] */
static void run_end(struct memory_object *object, struct frame **frames, unsigned count, int error)
{
	object->writing_count -= count;
	for (unsigned i = 0; i < count; i++) {
		page_flags_end(frames[i], FRAME_WRITEBACK);
		if (error == -ENOMEM && frames[i]->object == object)
			object_page_make_dirty_locked(object, frames[i]);
		frame_put(frames[i]);
	}
	if (error && error != -ENOMEM) {
		WRITE_ONCE(object->write_error, error);
		WRITE_ONCE(object->write_errors, object->write_errors + 1);
	}
}

void object_wait_written(struct memory_object *object, u64 first, u64 last)
{
	u64 index = first;
	struct frame *frame;

	while (object->writing_count && (frame = radix_next(&object->pages, &index)) &&
	       index <= last) {
		if (frame_has(frame, FRAME_WRITEBACK))
			page_wait(object, frame, FRAME_WRITEBACK);
		else if (!++index)
			break;
	}
}

int object_write_back(struct memory_object *object, u64 first, u64 last, enum object_write how)
{
	struct frame *frames[OBJECT_RUN_MAX];
	u64 at = first;
	int error = 0;
	unsigned count;

	if (!object->operations->write_pages)
		return 0;
	mutex_lock(&object->lock);
	while ((count = run_take(object, &at, last, how == OBJECT_WAIT, frames))) {
		int failed;

		mutex_unlock(&object->lock);
		failed = object->operations->write_pages(object, at, frames, count);
		mutex_lock(&object->lock);
		run_end(object, frames, count, failed);
		error = error ? error : failed;
		at += count;
		if (!at || failed == -ENOMEM)
			break;
		schedule_if_needed();
	}
	if (how == OBJECT_WAIT)
		object_wait_written(object, first, last);
	mutex_unlock(&object->lock);
	return error;
}

u64 object_drop_clean(struct memory_object *object, u64 first, u64 last)
{
	u64 index = first, dropped = 0;
	struct frame *frame;

	mutex_lock(&object->lock);
	for (; (frame = radix_next(&object->pages, &index)) && index <= last; index++) {
		if (!frame_has(frame, FRAME_BUSY | FRAME_DIRTY | FRAME_WRITEBACK) &&
		    frame_references(frame) == 1) {
			frame_put(page_remove(object, index));
			dropped++;
		}
		if (index == last)
			break;
	}
	mutex_unlock(&object->lock);
	return dropped;
}
