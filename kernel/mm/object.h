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
	 * Files on disks, instead of `fill`: read the run of @count (1 … OBJECT_RUN_MAX) pages from
	 * @index on into @frames, all bytes of each: zeros in holes and past the end. No object lock
	 * held, but perhaps a vnode's or a space's: only locks that rank below RANK_OBJECT may be
	 * taken. May sleep. -EIO, -ENOMEM: none of the pages counts; the wanted one is tried alone.
	 */
	int (*read_pages)(struct memory_object *object, u64 index, struct frame *const frames[],
			  unsigned count);
	/*
	 * Write the run of dirty pages back; blocks are allocated here. Past object->size nothing needs
	 * to be written. Pages may change meanwhile, which makes them dirty again. Returns when all
	 * is on its way through the device's cache (fsync flushes it). No object lock held, no
	 * vnode's or space's may be taken. May sleep. -ENOMEM: the pages stay dirty and are tried
	 * again; -EIO, -ENOSPC: they are given up, and fsync() says so.
	 */
	int (*write_pages)(struct memory_object *object, u64 index, struct frame *const frames[],
			   unsigned count);
	/*
	 * A clean page is about to become dirty, by write(2) or a shared mapping: reserve what
	 * write_pages() will need. The object is locked; locks as in read_pages(). -ENOSPC,
	 * -EDQUOT, -EIO, -ENOMEM: the write fails, a mapping's with SIGBUS. Optional.
	 */
	int (*make_dirty)(struct memory_object *object, u64 index);
	/* A dirty page is dropped unwritten (truncate): what make_dirty() reserved is not needed. The
	 * object is locked. Optional. */
	void (*drop_dirty)(struct memory_object *object, u64 index);
	/* With write_pages(): the first page became dirty; keep the object alive. The object is
	 * locked. fs/writeback.h has writeback_object_dirty() for it. */
	void (*first_dirty)(struct memory_object *object);
	/*
	 * A page became dirty (first write, through a mapping or object_page_dirty()). Optional. A
	 * space's lock may be held, so no inode's may be taken.
	 */
	void (*dirtied)(struct memory_object *object, u64 index);
	/* The last reference is gone. Frees the object's container. No locks held. */
	void (*release)(struct memory_object *object);
};

enum {
	OBJECT_RUN_MAX = 64, /* pages of one read_pages() or write_pages() */
	OBJECT_AROUND = 16,  /* a fault reads up to the next multiple of this */
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
	bool shown;		       /* [const] */
	u64 id;			       /* [const] unique, never reused: futex keys */
	u64 dirty_count;	       /* [object; atomic read] pages that are marked in `pages` */
	u64 writing_count;	       /* [object] pages with FRAME_WRITEBACK */
	u64 read_next;		       /* [object] where the last run that was read ended */
	u32 read_window;	       /* [object] pages of the next run */
	u32 write_errors;	       /* [object; atomic read] write-backs that failed so far */
	int write_error;	       /* [object] the last one's error */
	u64 reclaim_next;	       /* [object] where reclaim goes on */
	struct list_node reclaim_link; /* [reclaim list] objects with read_pages() */
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
/*
 * For a fault: the same, made or read, with the object locked, which may be dropped meanwhile. -ENXIO:
 * behind the end, by the size as it is when the page is found or made.
 */
int object_page_inside_locked(struct memory_object *object, u64 index, struct frame **frame);
/*
 * The page at @index to be written to, made if need be and marked dirty beforehand (make_dirty()).
 * *@whole: all of it will be overwritten, so that it is not read in; cleared when it was there. Call
 * object_page_dirty() after the copy: a write-back may have come between. When *@whole and the copy
 * came short: object_page_undo(). As object_page(), and make_dirty()'s errors.
 */
int object_page_write(struct memory_object *object, u64 index, bool *whole, struct frame **frame);
/* The page holds nothing of worth: out with it. */
void object_page_undo(struct memory_object *object, struct frame *frame);
void object_page_dirty(struct memory_object *object, struct frame *frame);
/* As object_page() with a hint: @wanted pages from there on will be read. */
int object_page_ahead(struct memory_object *object, u64 index, u64 wanted, struct frame **frame);
/* The object is locked: mark @frame, which is in its index, dirty before somebody may write. */
int object_page_make_dirty_locked(struct memory_object *object, struct frame *frame);
/* The object is locked: @frame leaves its index. */
void object_page_forget_dirty(struct memory_object *object, struct frame *frame);

/* The object is locked: entries that show [first, last] lose W, and all CPUs are told. */
void object_write_protect_locked(struct memory_object *object, u64 first, u64 last);

enum object_write { OBJECT_START, OBJECT_WAIT }; /* WAIT: for pages being written by others, too */
/*
 * Write the dirty pages of [first, last] back. The first error of this call, or 0; see write_errors for
 * those of others. May sleep; no locks of RANK_SPACE or below held.
 */
int object_write_back(struct memory_object *object, u64 first, u64 last, enum object_write how);
/* Clean pages of [first, last] that nobody uses leave memory (fadvise, BLKFLSBUF). How many. */
u64 object_drop_clean(struct memory_object *object, u64 first, u64 last);
/* All dirty pages of all objects. */
u64 object_dirty_pages(void);
/* All pages of files on disks. */
u64 object_cached_pages(void);

/*
 * Change the size. Shrinking: pages past the end leave the index, entries that show them are zapped
 * (SHARED and COW; OWNED copies stay), the tail of the last page is zeroed (hazard 2). May sleep.
 */
void object_set_size(struct memory_object *object, u64 size);
/* Drop the pages [first, last] (hole punching, invalidation), zapping entries that show them. */
void object_drop_pages(struct memory_object *object, u64 first, u64 last);
