/*
 * Reading the pages of a file on a disk: several at once, straight into their frames, and more of them
 * the longer somebody reads on in order.
 */
#include <lib/errno.h>
#include <mm/object_internal.h>
#include <mm/reclaim.h>
#include <sched/cpu.h>

enum { WINDOW_FIRST = 8, WINDOW_SHORT = 8 };

/* [object] How many pages to read at @index. */
static unsigned run_length(struct memory_object *object, u64 index, u64 wanted)
{
	u64 left = object_pages(object) - index;
	bool goes_on = index == object->read_next ||
		       (index && radix_lookup(&object->pages, index - 1));

	if (!goes_on)
		object->read_window = 0;
	else
		object->read_window =
			CLAMP(object->read_window * 2, (u32)WINDOW_FIRST, (u32)OBJECT_RUN_MAX);
	wanted = MAX(wanted, (u64)object->read_window);
	if (frame_is_short())
		wanted = MIN(wanted, (u64)WINDOW_SHORT);
	return CLAMP(MIN(wanted, left), (u64)1, (u64)OBJECT_RUN_MAX);
}

/* [object] Busy pages from @index on, up to the first that is there. 0: not even one. */
static unsigned run_insert(struct memory_object *object, u64 index, unsigned count,
			   struct frame **frames)
{
	unsigned made = 0;

	for (; made < count && !radix_lookup(&object->pages, index + made); made++) {
		struct frame *frame = object_frame_alloc(false);

		if (!frame)
			break;
		atomic32_or(&frame->flags, FRAME_BUSY);
		frame_get(frame);
		if (page_insert(object, index + made, frame)) {
			frame_put(frame);
			frame_put(frame);
			break;
		}
		frames[made] = frame;
	}
	return made;
}

/* [object] The read is over. Truncation may have taken pages out while the lock was open. */
static void run_finish(struct memory_object *object, u64 index, unsigned count,
		       struct frame **frames, int error)
{
	for (unsigned i = 0; i < count; i++) {
		if (error && frames[i]->object == object)
			frame_put(page_remove(object, index + i));
		page_flags_end(frames[i], FRAME_BUSY);
	}
}

int object_read_run(struct memory_object *object, u64 index, u64 wanted, struct frame **found)
{
	struct frame *frames[OBJECT_RUN_MAX];
	unsigned count = run_length(object, index, wanted);
	int error;

	for (;;) {
		count = run_insert(object, index, count, frames);
		if (!count)
			return radix_lookup(&object->pages, index) ? -EEXIST : -ENOMEM;
		mutex_unlock(&object->lock);
		error = object->operations->read_pages(object, index, frames, count);
		thread_current()->disk.read += (u64)count * PAGE_SIZE;
		mutex_lock(&object->lock);
		run_finish(object, index, count, frames, error);
		for (unsigned i = error ? 0 : 1; i < count; i++)
			frame_put(frames[i]);
		/* One bad page of a run must not take the others with it. */
		if (!error || count == 1)
			break;
		count = 1;
	}
	if (error)
		return error;
	object->read_next = index + count;
	*found = frames[0];
	return 0;
}
