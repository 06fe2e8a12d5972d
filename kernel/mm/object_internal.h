#pragma once
/* Between the files of memory objects: object.c, object_read.c, object_write.c, reclaim.c. */
#include <mm/object.h>

static inline bool frame_has(struct frame *frame, u32 flags)
{
	return atomic32_read_acquire(&frame->flags) & flags;
}

/* [object] A page out of the index, whose count of it is the caller's to drop. NULL: none. */
struct frame *page_remove(struct memory_object *object, u64 index);
/* [object] @frame, made by the caller with one reference, which becomes the index's. */
int page_insert(struct memory_object *object, u64 index, struct frame *frame);
/* [object], dropped meanwhile: until @frame has none of @flags. The caller looks it up again. */
void page_wait(struct memory_object *object, struct frame *frame, u32 flags);
/* Clear @flags of a page and wake those that wait. */
void page_flags_end(struct frame *frame, u32 flags);
/* [object], dropped meanwhile: no page of [first, last] is being written to the disk. */
void object_wait_written(struct memory_object *object, u64 first, u64 last);
/*
 * [object], dropped meanwhile: read the page at @index, which is missing, and some after it. @wanted: how
 * many the caller is about to use. With a reference. -EIO, -ENOMEM; -EEXIST: somebody else did.
 */
int object_read_run(struct memory_object *object, u64 index, u64 wanted, struct frame **found);
/* [object] Clear the entries that show pages [first, last]. */
void object_zap(struct memory_object *object, u64 first, u64 last);
static inline u64 object_pages(const struct memory_object *object)
{
	u64 size = READ_ONCE(object->size);

	return size / PAGE_SIZE + (size % PAGE_SIZE != 0);
}
/* A page for an object; when memory is short clean pages of others go first. NULL: out of memory. */
struct frame *object_frame_alloc(bool zeroed);
