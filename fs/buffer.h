#pragma once
/*
 * The buffer cache: blocks of a device that hold a file system's metadata, in memory.
 *
 * What a journal relies on: a buffer that has references and is not buffer_dirty() is neither written
 * nor dropped by the cache. So metadata that may not reach the disk yet is changed in a buffer that
 * its transaction holds a reference of; once the journal's copy is safe it is marked dirty and put,
 * and goes to the disk with the next buffer_sync() or write-back.
 *
 * Contents are guarded by the file system's own locks. Locks here: the hash's spinlocks and the LRU's
 * (RANK_WAIT); no lock is held while a block is read or written. All calls but buffer_get() may sleep.
 */
#include <dev/block.h>
#include <lib/atomic.h>
#include <lib/list.h>

struct buffer {
	struct block_device *device; /* [const] */
	u64 block;		     /* [const] in units of size */
	u32 size;		     /* [const] bytes: a power of two, 512 … PAGE_SIZE */
	struct atomic32 flags;	     /* the cache's */
	void *data;		     /* [const] size bytes in the direct map */
	struct atomic32 references;  /* 0: idle, kept while there is memory */
	int error;		     /* [atomic] of the last write-back, for buffer_sync() */
	void *private;		     /* the journal's; NULL in a new buffer */
	bool verified; /* [owner] the contents have been checked; false after each read */
	struct list_node journal_link; /* the journal's */
	struct list_node hash_link;    /* [hash] */
	struct list_node lru_link;     /* [lru] idle and clean, or dirty */
};

/* The block, read in if need be, with a reference. -EIO, -ENOMEM, -EINVAL (past the end). */
int buffer_read(struct block_device *device, u64 block, u32 size, struct buffer **buffer);
/* The block without reading it: zeros, unless it is in the cache; the caller overwrites it. */
int buffer_get_new(struct block_device *device, u64 block, u32 size, struct buffer **buffer);
/* The block if it is in the cache and valid, or NULL. Does not sleep. */
struct buffer *buffer_find(struct block_device *device, u64 block, u32 size);
/* Start reading @count blocks that will be wanted; errors show in buffer_read(). */
void buffer_prefetch(struct block_device *device, u64 block, unsigned count, u32 size);
static inline void buffer_get(struct buffer *buffer)
{
	atomic32_inc(&buffer->references);
}
void buffer_put(struct buffer *buffer);
/* It may be written from now on, at any time. */
void buffer_dirty(struct buffer *buffer);
/* Called when the first buffer becomes dirty. Set by fs/writeback.c. */
extern void (*buffers_became_dirty)(void);
bool buffer_is_dirty(const struct buffer *buffer);
/* Not to be written after all (a block that was freed, or that a transaction takes over). Waits
 * for a write that has begun. */
void buffer_clean(struct buffer *buffer);
/* The block was freed: clean, and leaves the cache with its last reference, which may be this. */
void buffer_forget(struct buffer *buffer);
/* Write one dirty buffer and wait. 0 or -EIO. @flags: BLOCK_FUA. */
int buffer_write(struct buffer *buffer, unsigned flags);
/*
 * Write these (dirty or not) and wait for all: neighbours as one transfer. They are clean afterwards.
 * For a journal's blocks. The first error.
 */
int buffer_write_all(struct buffer *const buffers[], unsigned count);
/*
 * Write all dirty buffers of @device and wait; no flush. The first error of this call. Those of all calls are counted
 * in device->metadata_errors.
 */
int buffer_sync(struct block_device *device);
/* Drop all buffers of @device, dirty or not; none has references. At the end of a mount. */
void buffer_drop_device(struct block_device *device);
/* Memory is short: drop up to @count idle clean buffers; returns the bytes freed. Does not sleep. */
u64 buffer_shrink(u64 count);
/* Bytes in the cache: Buffers of /proc/meminfo. Dirty ones among them. */
u64 buffer_bytes(void);
u64 buffer_dirty_bytes(void);
