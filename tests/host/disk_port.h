#pragma once
/* What the block layer needs of the kernel, for one thread; and a disk in memory. */
#include <debug/log.h>
#include <dev/block_internal.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <sched/wait.h>
#include <stdarg.h>
#include <string.h>

#include "check.h"

enum { DISK_SIZE = 1 << 20 };

bool host_interrupts_off;

static u8 disk_data[DISK_SIZE];
static u64 disk_bad_sector = ~0ull; /* cannot be read */
static struct block_queue disk_queue;
static struct block_device disk;

void log_write(enum log_level level, const char *format, ...)
{
}

void *kmalloc(size_t size)
{
	return malloc(size);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *data)
{
	free(data);
}

u64 time_now(void)
{
	return 1;
}

void spin_init(struct spinlock *lock, enum lock_rank rank)
{
	lock->locked = 0;
}

void spin_lock(struct spinlock *lock)
{
	if (lock->locked++)
		abort();
}

void spin_unlock(struct spinlock *lock)
{
	if (--lock->locked)
		abort();
}

void wait_queue_init(struct wait_queue *queue)
{
}

void wait_begin(struct wait_queue *queue, struct waiter *waiter)
{
}

void wait_end(struct waiter *waiter)
{
}

int wait_sleep(struct waiter *waiter, u64 deadline, enum wait_mode mode)
{
	abort();
}

void wait_wake_events(struct wait_queue *queue, unsigned exclusive_count, u32 events)
{
}

void block_watch_begin(struct block_queue *queue)
{
}

void block_watch_init(struct block_queue *queue)
{
}

static int disk_transfer(struct block_device *device, struct block_request *request)
{
	u64 at = request->disk_sector * 512;

	EXPECT_TRUE(request->disk_sector + request->sector_count <= device->size / 512);
	if (request->operation == BLOCK_READ && disk_bad_sector >= request->disk_sector &&
	    disk_bad_sector < request->disk_sector + request->sector_count)
		return -EIO;
	for (unsigned i = 0; i < request->segment_count; i++) {
		const struct block_segment *segment = &request->segments[i];

		if (request->operation == BLOCK_READ)
			memcpy(segment->data, disk_data + at, segment->size);
		else if (request->operation == BLOCK_WRITE)
			memcpy(disk_data + at, segment->data, segment->size);
		at += segment->size;
	}
	return 0;
}

static const struct block_driver disk_driver = { .transfer = disk_transfer };

static void disk_init(u64 size)
{
	disk = (struct block_device){
		.name = "disk",
		.size = size,
		.disk = &disk,
		.sector_size = 512,
		.segments_max = 16,
		.sectors_max = 64,
		.driver = &disk_driver,
		.queue = &disk_queue,
	};
	disk_queue.disk = &disk;
}
