#pragma once
/*
 * Memory back from caches: clean pages of files on disks, and what fs/ keeps (buffers, names).
 *
 * Three ways, from cheap to thorough. The thread `reclaim` is woken when free memory falls below a mark and
 * works until there is some again. Whoever is about to take a page for a cache, or faults, and
 * memory is short, first drops some clean pages itself (reclaim_clean()). And before a process is
 * killed, reclaim_thoroughly() has dirty pages written and mapped ones dropped.
 */
#include <mm/object.h>

enum { RECLAIM_BATCH = 32 };

/*
 * Drop about @pages clean pages that no mapping shows: how many went. Takes other objects' locks only by
 * trying, so that any sleeping lock may be held; no spinlock, interrupts on. Does not wait.
 */
u64 reclaim_clean(u64 pages);
/*
 * Memory is gone: drop what can be dropped, wait for dirty pages to be written, take pages from
 * mappings. True: there is more than before. May take long; no locks held.
 */
bool reclaim_thoroughly(void);

/* Drop all that can be dropped without writing: for those that count frames. No locks. */
void reclaim_everything(void);

/* Caches that know themselves what to drop: registered once, never removed. */
struct reclaim_cache {
	/* Drop about @pages pages' worth; returns pages freed. The thread, no locks; may sleep. */
	u64 (*shrink)(u64 pages);
	struct reclaim_cache *next;
};
void reclaim_register(struct reclaim_cache *cache);
/* Have dirty pages written, without waiting; and wait for some. Set by fs/writeback.c. */
extern void (*reclaim_start_writing)(void);

/* For object.c: objects with read_pages() come and go. */
void reclaim_add(struct memory_object *object);
void reclaim_remove(struct memory_object *object);
