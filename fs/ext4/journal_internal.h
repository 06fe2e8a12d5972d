#pragma once
/* What the journal's files share: jbd2 on disk (big-endian), and the journal in memory. */
#include <dev/block.h>
#include <fs/ext4/ext4.h>

enum { JOURNAL_MAGIC = 0xc03b3998u };
enum journal_block_type {
	JOURNAL_DESCRIPTOR = 1,
	JOURNAL_COMMIT = 2,
	JOURNAL_SUPER_1 = 3,
	JOURNAL_SUPER_2 = 4,
	JOURNAL_REVOKE = 5,
};
enum journal_feature {
	JOURNAL_HAS_REVOKE = 1,
	JOURNAL_HAS_64BIT = 2,
	JOURNAL_HAS_ASYNC = 4,
	JOURNAL_HAS_CSUM_V2 = 8,
	JOURNAL_HAS_CSUM_V3 = 16,
	JOURNAL_HAS_FAST_COMMIT = 32,
	JOURNAL_KNOWN = 31,
};
enum journal_tag_flag { TAG_ESCAPED = 1, TAG_SAME_UUID = 2, TAG_DELETED = 4, TAG_LAST = 8 };
enum { JOURNAL_HEADER = 12, JOURNAL_REVOKE_HEADER = 16, JOURNAL_TAIL = 4, JOURNAL_UUID = 16 };
/* Offsets in the journal's super block. */
enum {
	JSB_BLOCK_SIZE = 0xc,
	JSB_LENGTH = 0x10,
	JSB_FIRST = 0x14,
	JSB_SEQUENCE = 0x18,
	JSB_START = 0x1c,
	JSB_ERROR = 0x20,
	JSB_COMPAT = 0x24,
	JSB_INCOMPAT = 0x28,
	JSB_RO_COMPAT = 0x2c,
	JSB_UUID = 0x30,
	JSB_CHECKSUM_TYPE = 0x50,
	JSB_CHECKSUM = 0xfc,
	JSB_SIZE = 1024,
	CHECKSUM_CRC32C = 4,
};
/* In a commit block. */
enum { COMMIT_CHECKSUM = 0x10, COMMIT_SECONDS = 0x30, COMMIT_NANOSECONDS = 0x38 };

/* A buffer that is in the running transaction, or whose newest content is only in the log. */
struct journal_block {
	struct list_node running_link;	  /* [state] */
	struct list_node checkpoint_link; /* [commit] */
	struct buffer *buffer;		  /* [const] held; its private is this */
	u32 running;			  /* [state] transaction, 0: none */
	u32 logged; /* [commit] the last one that wrote it to the log, 0: none */
	u32 freed;  /* [state] the block was given up in this transaction, 0: no */
	u32 seed;   /* [state] */
	u8 kind;    /* [state] enum ext4_kind */
};

struct journal_extent { /* a stretch of the journal's blocks on the device */
	u32 block, count;
	u64 start;
};

struct journal_record { /* a transaction in the log */
	struct list_node link;
	u32 transaction;
	u32 position; /* its first block */
};

struct journal {
	struct ext4 *ext4;
	struct ext4_inode *inode;	 /* [const] held */
	struct journal_extent *extents;	 /* [const] */
	u32 extent_count;		 /* [const] */
	u8 *super;			 /* [commit] one block */
	u32 length, first;		 /* [const] of the log, in blocks */
	u32 block_size;			 /* [const] */
	u32 incompat;			 /* [const] */
	u32 seed;			 /* [const] of checksums */
	u32 tag_size;			 /* [const] */
	u32 limit;			 /* [const] blocks in one transaction */
	bool checksums;			 /* [const] v2 or v3 */
	struct mutex commit;		 /* one commit or checkpoint at a time */
	u32 head, tail;			 /* [commit] positions */
	u32 used;			 /* [commit] blocks of the log */
	struct list_node records;	 /* [commit] struct journal_record, oldest first */
	struct list_node checkpoint;	 /* [commit] */
	u32 checkpoint_count;		 /* [commit; atomic read] */
	struct block_segment *segments;	 /* [commit] for one write */
	struct journal_block **snapshot; /* [commit] limit + some */
	struct mutex state;		 /* what handles share */
	struct wait_queue waiting;	 /* for `stopped` to end */
	struct wait_queue idle;		 /* for the last handle */
	bool stopped;			 /* [state] nobody may begin */
	u32 handles, reserved;		 /* [state] open ones, and blocks that they may add */
	u32 running, committed;		 /* [state; atomic read] transactions */
	struct list_node blocks;	 /* [state] of the running transaction */
	u32 block_count;		 /* [state] */
	u64 *revoked;			 /* [state] */
	u32 revoked_count, revoked_room; /* [state] */
	struct list_node freed;		 /* [state] struct journal_freed */
	u32 freed_count;		 /* [state] */
	int error;			 /* [atomic] */
};

/* Log block @position on the device, and how many follow it there. */
u64 journal_physical(const struct journal *journal, u32 position, u32 *run);
int journal_super_write(struct journal *journal, u32 sequence, u32 start);
/* Is there a checksum at the end of descriptor and revoke blocks? And is it right? */
u32 journal_tail_checksum(const struct journal *journal, u8 *block);
u32 journal_commit_checksum(const struct journal *journal, u8 *block);
u32 journal_tag_checksum(const struct journal *journal, u32 sequence, const void *block);
/* Replay: *@next: the transaction that comes after the last. */
int journal_replay(struct journal *journal, u32 *next);
/* No handle is open when this returns, and none begins until journal_go(). */
void journal_stop(struct journal *journal);
void journal_go(struct journal *journal);
/* [commit] @stopped: no handles, so that all of the log can be emptied. */
int journal_checkpoint_locked(struct journal *journal, bool stopped);
int journal_commit_locked(struct journal *journal);
/* [state] The block is neither running nor logged: let it go. */
void journal_block_drop(struct journal *journal, struct journal_block *block);
void *journal_memory(size_t size); /* waits until there is some */
