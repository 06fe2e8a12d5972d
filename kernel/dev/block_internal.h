#pragma once
/* Between the files of the block layer. */
#include <dev/block.h>

struct block_queue {
	struct spinlock lock;	    /* RANK_WAIT, interrupts off */
	struct block_device *disk;  /* [const] */
	struct list_node waiting;   /* [queue] struct block_request.link */
	struct list_node in_flight; /* [queue] oldest first */
	bool busy;		    /* [queue] the driver has no room */
	struct timer timer;	    /* dev/block_watch.c */
	bool timer_runs;	    /* [queue] */
	bool expired;		    /* [queue] the watching thread is to abort */
	struct list_node watch_link;
};

/* [queue] A request is in flight: see that it ends one day. */
void block_watch_begin(struct block_queue *queue);
void block_watch_init(struct block_queue *queue);
/* Fail all requests of @queue with @status; the device has none of them any more. */
void block_fail_all(struct block_queue *queue, int status);

/* A partition as a table has it; all checked to lie inside the disk. */
struct partition_entry {
	u64 start, count; /* sectors of 512 bytes */
	unsigned number;  /* as Linux numbers it */
	char uuid[40], label[80];
};
enum { PARTITIONS_MAX = 128 };
/* The partitions of @disk into @entries: how many; 0: no table. -EIO, -ENOMEM. May sleep. */
int partitions_read(struct block_device *disk, struct partition_entry entries[PARTITIONS_MAX]);
