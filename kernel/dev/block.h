#pragma once
/*
 * Block devices: disks, which a driver registers, and the partitions on them. Sectors are 512 bytes
 * whatever the device's own size of a logical block. Data lies in the direct map (frames, or what
 * kmalloc() returns), so that a device can reach it.
 *
 * A driver works in one of two ways. `start` hands a request to the device, whose interrupt ends it
 * with block_complete(): several are in flight, neighbours are merged, each has a time limit.
 * `transfer` does the work in the caller's thread (cards without DMA, memory).
 *
 * Locks: a queue's spinlock (RANK_WAIT, interrupts off), inside which `start` is called.
 */
#include <lib/atomic.h>
#include <lib/list.h>
#include <lib/types.h>
#include <sched/lock.h>
#include <sched/timer.h>

enum { SECTOR_SHIFT = 9, SECTOR_SIZE = 1 << SECTOR_SHIFT };

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_DISCARD, BLOCK_FLUSH, BLOCK_OPERATIONS };
enum block_flags { BLOCK_FUA = 1 }; /* on the medium, not only in the device's cache, when done */
enum block_features {
	BLOCK_HAS_CACHE = 1, /* writes are safe only after a flush */
	BLOCK_HAS_FUA = 2,
	BLOCK_HAS_DISCARD = 4,
};

struct block_segment {
	void *data; /* in the direct map */
	u32 size;   /* bytes, a multiple of the sector size of the device */
};

struct block_device;

struct block_request {
	struct block_device *device; /* disk or partition */
	enum block_operation operation;
	unsigned flags;	  /* enum block_flags */
	u64 sector;	  /* of the device, units of 512 bytes */
	u32 sector_count; /* of all segments; of the range for discard */
	u32 segment_count;
	const struct block_segment *segments; /* kept by the caller until done */
	/* It ended with ->status. No locks, perhaps in an interrupt; may free the request. */
	void (*done)(struct block_request *request);
	void *private;
	int status; /* 0, -EIO, -EOPNOTSUPP, -EROFS, -ENODEV (the disk is gone), -ETIMEDOUT never */
	/* The queue's own: */
	struct list_node link;		   /* [queue] waiting, or in flight */
	struct block_request *next;	   /* [queue] merged: goes on where this one ends */
	struct block_request *last;	   /* [queue] of the merged, in the first */
	u32 chain_segments, chain_sectors; /* [queue] of it and the merged, in the first */
	bool alone;	 /* [queue] not to be merged: tried again after an error */
	u64 disk_sector; /* as the driver is to use it */
	u64 started;	 /* ns */
};

struct block_driver {
	/*
	 * Give the device @request and those merged with it (->next), as one transfer from
	 * ->disk_sector on. [queue], interrupts off. -EBUSY: no room until something completes.
	 * NULL: `transfer` is used.
	 */
	int (*start)(struct block_device *disk, struct block_request *request);
	/*
	 * The device does not answer: stop it, so that it touches no memory any more. All requests
	 * are failed afterwards. A thread's context, no locks.
	 */
	void (*abort)(struct block_device *disk);
	/* Do @request now; may sleep. 0 or -errno. */
	int (*transfer)(struct block_device *disk, struct block_request *request);
};

struct block_statistics { /* [queue] as /proc/diskstats counts */
	u64 count[BLOCK_OPERATIONS], merged[BLOCK_OPERATIONS];
	u64 sectors[BLOCK_OPERATIONS], time[BLOCK_OPERATIONS]; /* ns */
	u64 busy_since, busy_time;			       /* ns; 0: idle */
	unsigned in_flight;
};

struct block_queue;

struct block_device {
	char name[32];			   /* [const] "vda", "vda1" */
	u64 number;			   /* [const] DEVICE_NUMBER */
	u64 size;			   /* [const] bytes */
	u64 start;			   /* [const] first sector on the disk; 0 for a disk */
	struct block_device *disk;	   /* [const] itself for a disk */
	u32 sector_size;		   /* [const] logical block: 512, 4096 */
	u32 segments_max;		   /* [const] of one request, at least 1 */
	u32 sectors_max;		   /* [const] of one request */
	u32 discard_max;		   /* [const] sectors of one discard */
	unsigned features;		   /* [const] enum block_features */
	bool read_only;			   /* [atomic] writes fail with -EROFS */
	bool gone;			   /* [atomic] all requests fail with -ENODEV */
	const struct block_driver *driver; /* [const] of the disk */
	void *private;			   /* the driver's */
	struct block_queue *queue;	   /* [const] the disk's */
	struct block_statistics statistics;
	unsigned partition;	 /* [const] number; 0: a disk */
	char partition_uuid[40]; /* [const] PARTUUID as text, or "" */
	char partition_label[80];
	struct list_node link;		 /* [devices] all, a disk before its partitions */
	void *holder;			 /* [devices] who claimed it, or NULL */
	unsigned openers;		 /* [devices] files */
	void *cache;			 /* fs/block_file.c: its contents as a file */
	struct atomic32 metadata_errors; /* fs/buffer.c: writes of buffers that failed */
};

static inline bool block_is_writable(const struct block_device *device)
{
	return !READ_ONCE(device->read_only) && !READ_ONCE(device->disk->read_only);
}

/* ---- for drivers ---- */

/*
 * Register @disk: name, number, size, sector_size, features, driver, private are set; zero limits mean
 * "as many as you like". Reads the partition table, so that the disk must answer. -ENOMEM, -EBUSY. May
 * sleep. A registered disk is never freed; one that vanishes is block_vanish()ed.
 */
int block_register(struct block_device *disk);
/* @request and those merged with it ended with @status. Any context, no locks of the queue. */
void block_complete(struct block_request *request, int status);
/* The disk is not there any more: everything fails. Any context, no locks. */
void block_vanish(struct block_device *disk);
/* "vda", "vdb" … "vdz", "vdaa" …: the @index-th name with @prefix into @name. */
void block_make_name(char name[32], const char *prefix, unsigned index);

/* ---- for users: asynchronous ---- */

/*
 * Queue @request; done() is called once, perhaps before this returns. At most segments_max segments and
 * sectors_max sectors, whole logical blocks: else -EINVAL through done(). May sleep only where the
 * driver has `transfer`. No lock below RANK_BUFFER held.
 */
void block_submit(struct block_request *request);
/* Several at once: neighbours become one transfer. */
void block_submit_all(struct block_request *const requests[], unsigned count);

/* ---- for users: synchronous; all may sleep. Offsets and sizes in bytes, whole logical blocks ---- */

/*
 * 0, -EIO, -ENODEV, -EINVAL (past the end). Any size; a part of logical blocks (a super block of 1 KiB on
 * blocks of 4 KiB), too, up to 64 KiB, through memory of its own: -ENOMEM.
 */
int block_read(struct block_device *device, u64 offset, void *data, size_t size);
/* The same in whole logical blocks (-EINVAL), and -EROFS. @flags: BLOCK_FUA, by a flush where the device has none of its own. */
int block_write(struct block_device *device, u64 offset, const void *data, size_t size,
		unsigned flags);
/* One range of the device from or to any number of segments. */
int block_readv(struct block_device *device, u64 offset, const struct block_segment *segments,
		unsigned count);
int block_writev(struct block_device *device, u64 offset, const struct block_segment *segments,
		 unsigned count, unsigned flags);
/* All writes that ended before are safe afterwards. At once where the device has no cache. */
int block_flush(struct block_device *device);
/* The contents of the range do not matter any more. -EOPNOTSUPP. */
int block_discard(struct block_device *device, u64 offset, u64 size);

/* ---- finding and claiming ---- */

/* By number (DEVICE_NUMBER) or name without "/dev/"; NULL: none. */
struct block_device *block_find(u64 number);
struct block_device *block_find_name(const char *name);
/* The device after @device (NULL: the first), in order of discovery; NULL: none. */
struct block_device *block_next(struct block_device *device);
/*
 * Claim for @holder (not NULL) alone: a mount, O_EXCL. Counts for the same holder. -EBUSY: claimed by
 * another, or a disk whose partition is, or a partition whose disk is. Users that merely have it open
 * do no harm.
 */
int block_claim(struct block_device *device, void *holder);
void block_release(struct block_device *device, void *holder);
/* BLKRRPART: read the partition table again. -EBUSY: a partition is in use; -EINVAL: no disk. */
int block_rescan(struct block_device *disk);
/* One more file of it is open, or one less: true for the first, or the last. */
bool block_opened(struct block_device *device);
bool block_closed(struct block_device *device);
/*
 * BLKPG: partition @number of @disk appears, goes, or ends elsewhere; sectors. The table on the disk is the caller's.
 * -EBUSY: there is one, others are in its place, or it is in use; -ENXIO: there is none; -EINVAL: outside of the
 * disk, or @start differs.
 */
int block_partition_add(struct block_device *disk, unsigned number, u64 start, u64 count);
int block_partition_remove(struct block_device *disk, unsigned number);
int block_partition_resize(struct block_device *disk, unsigned number, u64 start, u64 count);
/* Called after a device appeared, or has another size, so that fs/ gives it a node; set once, before devices are. */
extern void (*block_appeared)(struct block_device *device);
/* Sleep until a device appeared since @seen = block_generation(), or @deadline (ns): -ETIMEDOUT. */
u32 block_generation(void);
int block_wait(u32 seen, u64 deadline);
