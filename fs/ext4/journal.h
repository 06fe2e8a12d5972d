#pragma once
/*
 * The journal (JBD2, Linux's Documentation/filesystems/ext4/journal.rst): blocks changed together reach the disk
 * together. A change happens under a handle; all handles open at a time belong to the running transaction. The
 * commit waits until no handle is open, copies the changed blocks, lets new handles begin, and writes the copies to
 * the log: data that a handle refers to has been written before the handle was closed, so it is on disk first
 * (ordered mode). Only afterwards are the blocks written to their places (checkpoint).
 *
 * Without a journal (ext2) the same calls just mark buffers as dirty.
 */
#include <fs/buffer.h>
#include <lib/list.h>
#include <lib/radix.h>
#include <sched/lock.h>
#include <sched/wait.h>

struct ext4;
struct journal;

struct journal_handle {
	struct ext4 *ext4;
	u32 credits;	 /* blocks that it may still add */
	u32 transaction; /* its number */
};

/* A stretch of blocks that no longer belongs to a file once its transaction has committed. */
struct journal_freed {
	struct list_node link;
	u64 start;
	u32 count;
};

/*
 * Find the journal in inode @ino, replay it where needed and make it ready for writing (@writable), or only replay
 * what is necessary in memory (never on a device that cannot be written: -EROFS). Sets ext4->journal.
 */
int journal_open(struct ext4 *ext4, bool writable);
/* Everything to its place, the log empty. The handles' users are gone. */
int journal_close(struct ext4 *ext4);
/* After journal_close(): ready for writing again. */
int journal_restart(struct ext4 *ext4);
/* Free what journal_open() made, writing nothing. */
void journal_free(struct ext4 *ext4);

/* Wait until @credits more blocks fit. -EROFS after a failure. Never with a handle or map lock held. */
int journal_begin(struct ext4 *ext4, u32 credits, struct journal_handle *handle);
void journal_end(struct journal_handle *handle);
/* @buffer belongs to the handle's transaction. @kind, @seed: for ext4_block_changed()'s checksum. */
int journal_add(struct journal_handle *handle, struct buffer *buffer, u8 kind, u32 seed);
/* Blocks [start, start + count) were freed; @metadata: their copies in the log are void. */
int journal_note_freed(struct journal_handle *handle, u64 start, u32 count, bool metadata);
/* On disk when this returns: transaction @number. 0 or the error that stopped the journal. */
int journal_wait(struct ext4 *ext4, u32 number);
/* Commit what is running, if anything. */
int journal_commit(struct ext4 *ext4);
/* Write committed blocks to their places and empty the log. */
int journal_checkpoint(struct ext4 *ext4);
/* The running transaction's number. */
u32 journal_running(struct ext4 *ext4);
/* Is transaction @number still not on disk? */
bool journal_pending(struct ext4 *ext4, u32 number);
