#pragma once
/*
 * Memory objects: pages that several mappings and the file system share. A file's page cache, tmpfs
 * contents, MAP_SHARED|MAP_ANONYMOUS memory and memfd are objects; private anonymous memory is not.
 * The object holds one count of each page in its index; each SHARED or COW entry one more.
 * An object knows its mappings: enough to take pages away at truncate.
 */
#include <lib/list.h>
#include <lib/radix.h>
#include <mm/frame.h>
#include <sched/lock.h>

struct memory_object;

struct object_operations {
	/*
	 * Read page @index into @data (PAGE_SIZE bytes, zeroed by the caller where the file ends). No
	 * object lock held; may sleep. 0 or -EIO, -ENOMEM. NULL: new pages are zeros (tmpfs).
	 */
	int (*fill)(struct memory_object *object, u64 index, void *data);
	/*
	 * A page became dirty (first write, through a mapping or object_page_dirty()). Optional. A
	 * space's lock may be held, so no inode's may be taken.
	 */
	void (*dirtied)(struct memory_object *object, u64 index);
	/* The last reference is gone. Frees the object's container. No locks held. */
	void (*release)(struct memory_object *object);
};

struct memory_object {
	struct atomic32 references;
	struct mutex lock;  /* RANK_OBJECT */
	struct radix pages; /* [object] index → struct frame */
	u64 page_count;	    /* [object] */
	u64 size;	    /* [object; atomic read] bytes; faults past its last page: SIGBUS */
	struct list_node mappings;		    /* [object] struct mapping.object_link */
	const struct object_operations *operations; /* [const] */
	void *owner;				    /* [const] the vnode, or NULL */
	/*
	 * A device shows its pages (mm/shown.h): they stay for good, and a write fault makes those around it
	 * writable as well.
	 */
	bool shown; /* [const] */
	u64 id;	    /* [const] unique, never reused: futex keys */
};

void object_init(struct memory_object *object, const struct object_operations *operations,
		 u64 size);
/* Anonymous shared memory of @size bytes; NULL: out of memory. */
struct memory_object *object_create_anonymous(u64 size);
static inline void object_get(struct memory_object *object)
{
	atomic32_inc(&object->references);
}
void object_put(struct memory_object *object);
/* Give up all pages; for release(). No mapping may be left. */
void object_destroy_pages(struct memory_object *object);

/*
 * The page at @index with a reference for the caller (frame_put()). @create: make or read it when it
 * is missing; else -ENOENT. May sleep. -ENOMEM, -EIO. Past the size is the caller's affair.
 */
int object_page(struct memory_object *object, u64 index, bool create, struct frame **frame);
/* The same with the object locked; may drop and take the lock again while reading in. */
int object_page_locked(struct memory_object *object, u64 index, bool create, struct frame **frame);
void object_page_dirty(struct memory_object *object, struct frame *frame);

/*
 * Change the size. Shrinking: pages past the end leave the index, entries that show them are zapped
 * (SHARED and COW; OWNED copies stay), the tail of the last page is zeroed (hazard 2). May sleep.
 */
void object_set_size(struct memory_object *object, u64 size);
/* Drop the pages [first, last] (hole punching, invalidation), zapping entries that show them. */
void object_drop_pages(struct memory_object *object, u64 first, u64 last);
