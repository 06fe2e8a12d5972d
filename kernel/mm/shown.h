#pragma once
/*
 * Memory that a device shows and programs draw in. It never goes back to the allocator, and it
 * reaches programs in one of two ways:
 *
 *   lent    the device reads memory itself (ramfb, simple-framebuffer): entries are BORROWED,
 *           nobody counts
 *   shown   the device must be told what changed (virtio-gpu): the pages of a memory object,
 *           entries are
 *           SHARED; a page is write-protected when it was shown, and dirtied() tells its next write
 */
#include <mm/object.h>

/* Memory that mappings with MAPPING_DEVICE may show: what private ones of them copy from. */
struct lent_memory {
	u64 start, count; /* [const] frame numbers */
	const u8 *data;	  /* [const] the kernel's view */
	struct lent_memory *next;
};
/* For good; boot time. */
void lent_memory_register(struct lent_memory *memory);
/* The kernel's view of a lent frame, or of one of RAM. Any context. */
const void *lent_data(u64 frame);

/*
 * Make @object, the caller's memory, one of @count zeroed pages, one behind the other, that lives
 * for ever: operations.release is never called. *@data: the kernel's view. 0, -ENOMEM. Boot time.
 */
int shown_object_init(struct memory_object *object, u64 count,
		      const struct object_operations *operations, void **data);
/* Undo that: no device shows them and no mapping did. */
void shown_object_discard(struct memory_object *object);
/*
 * Pages [first, last] are clean from now on: FRAME_DIRTY goes, entries lose W, all CPUs are told,
 * and the next write to each calls operations.dirtied(). What was written before is in memory. May
 * sleep.
 */
void object_clean_pages(struct memory_object *object, u64 first, u64 last);
