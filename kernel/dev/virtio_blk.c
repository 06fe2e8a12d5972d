/* Virtio block devices (virtio 1.2, 5.2). */
#include <arch/cache.h>
#include <debug/log.h>
#include <dev/block.h>
#include <dev/virtio.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <sched/thread.h>

#define FEATURE_SEG_MAX	   (1ull << 2)
#define FEATURE_RO	   (1ull << 5)
#define FEATURE_BLOCK_SIZE (1ull << 6)
#define FEATURE_FLUSH	   (1ull << 9)
#define FEATURE_DISCARD	   (1ull << 13)

enum {
	CONFIG_CAPACITY = 0,
	CONFIG_SEG_MAX = 12,
	CONFIG_BLOCK_SIZE = 20,
	CONFIG_DISCARD_SECTORS = 36
};
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_DISCARD = 11 };
enum { STATUS_OK = 0, STATUS_UNSUPPORTED = 2, STATUS_NONE = 0xff };
enum { QUEUE_SIZE = 256, SEGMENTS_MAX = 126, SLOTS = 64, MINORS_PER_DISK = 16, SECTORS_MAX = 2048 };

/* What the device reads and writes beside the data. */
struct slot {
	struct {
		u32 type, reserved;
		u64 sector;
	} header;
	struct {
		u64 sector;
		u32 count, flags;
	} range;
	u8 status;
	struct block_request *request;
	struct slot *next; /* [queue] free */
};

struct virtio_disk {
	struct block_device block;
	struct virtio_device *device;
	struct virtqueue *queue;
	struct slot *slots;
	struct slot *free; /* [free_lock] */
	struct spinlock free_lock;
	struct virtio_segment segments[SEGMENTS_MAX + 2]; /* [the disk's queue] */
	bool dead;					  /* [atomic] aborted */
	struct atomic32 handlers;			  /* that may complete requests just now */
};

static struct virtio_disk *disk_of(struct block_device *block)
{
	return container_of(block, struct virtio_disk, block);
}

static struct slot *slot_take(struct virtio_disk *disk)
{
	unsigned long state = spin_lock_irqsave(&disk->free_lock);
	struct slot *slot = disk->free;

	if (slot)
		disk->free = slot->next;
	spin_unlock_irqrestore(&disk->free_lock, state);
	return slot;
}

static void slot_give(struct virtio_disk *disk, struct slot *slot)
{
	unsigned long state = spin_lock_irqsave(&disk->free_lock);

	slot->next = disk->free;
	disk->free = slot;
	spin_unlock_irqrestore(&disk->free_lock, state);
}

/* The data of a chain of requests; memory that is contiguous is one segment. */
static unsigned add_data(struct virtio_disk *disk, const struct block_request *request,
			 unsigned count)
{
	bool read = request->operation == BLOCK_READ;

	for (; request; request = request->next) {
		for (unsigned i = 0; i < request->segment_count; i++) {
			const struct block_segment *from = &request->segments[i];
			struct virtio_segment *last = &disk->segments[count - 1];

			if (count > 1 && (u8 *)last->data + last->size == (u8 *)from->data) {
				last->size += from->size;
				continue;
			}
			disk->segments[count++] =
				(struct virtio_segment){ from->data, from->size, read };
		}
	}
	return count;
}

static int disk_start(struct block_device *block, struct block_request *request)
{
	static const u32 types[BLOCK_OPERATIONS] = {
		[BLOCK_READ] = TYPE_IN,
		[BLOCK_WRITE] = TYPE_OUT,
		[BLOCK_DISCARD] = TYPE_DISCARD,
		[BLOCK_FLUSH] = TYPE_FLUSH,
	};
	struct virtio_disk *disk = disk_of(block);
	struct slot *slot;
	unsigned count = 1;

	if (READ_ONCE(disk->dead))
		return -EIO;
	slot = slot_take(disk);
	if (!slot)
		return -EBUSY;
	slot->request = request;
	slot->status = STATUS_NONE;
	slot->header.type = types[request->operation];
	slot->header.sector = request->operation <= BLOCK_WRITE ? request->disk_sector : 0;
	disk->segments[0] = (struct virtio_segment){ &slot->header, sizeof(slot->header), false };
	if (request->operation == BLOCK_DISCARD) {
		slot->range.sector = request->disk_sector;
		slot->range.count = request->sector_count;
		slot->range.flags = 0;
		disk->segments[count++] =
			(struct virtio_segment){ &slot->range, sizeof(slot->range), false };
	} else if (request->operation != BLOCK_FLUSH) {
		count = add_data(disk, request, count);
	}
	disk->segments[count++] = (struct virtio_segment){ &slot->status, 1, true };
	if (virtqueue_add(disk->queue, disk->segments, count, slot)) {
		slot_give(disk, slot);
		return -EBUSY;
	}
	virtqueue_kick(disk->queue);
	return 0;
}

static void sync_data(const struct block_request *request)
{
	for (; request; request = request->next)
		for (unsigned i = 0; i < request->segment_count; i++)
			dma_sync_for_cpu(request->segments[i].data, request->segments[i].size);
}

static void complete(struct virtio_disk *disk, struct slot *slot)
{
	struct block_request *request = slot->request;
	u8 status;

	dma_sync_for_cpu(&slot->status, 1);
	status = READ_ONCE(slot->status);
	slot_give(disk, slot);
	if (request->operation == BLOCK_READ)
		sync_data(request);
	block_complete(request, status == STATUS_OK	       ? 0
				: status == STATUS_UNSUPPORTED ? -EOPNOTSUPP
							       : -EIO);
}

static void disk_interrupt(struct virtqueue *queue)
{
	struct virtio_disk *disk = queue->private;
	struct slot *slot;
	u32 length;

	atomic32_fetch_add(&disk->handlers, 1);
	while (!READ_ONCE(disk->dead) && (slot = virtqueue_take(queue, &length)))
		complete(disk, slot);
	atomic32_fetch_add(&disk->handlers, ~0u);
}

/* After the reset the device touches no memory; after the wait nobody completes requests any more. */
static void disk_abort(struct block_device *block)
{
	struct virtio_disk *disk = disk_of(block);

	WRITE_ONCE(disk->dead, true);
	memory_barrier();
	virtio_failed(disk->device);
	while (atomic32_read_acquire(&disk->handlers))
		thread_yield();
}

static const struct block_driver driver = { .start = disk_start, .abort = disk_abort };

static u32 config(struct virtio_disk *disk, unsigned offset, unsigned size)
{
	return disk->device->transport->config_read(disk->device, offset, size);
}

static void read_limits(struct virtio_disk *disk, u64 features)
{
	struct block_device *block = &disk->block;
	u64 sectors = config(disk, CONFIG_CAPACITY, 4);
	u32 segments = SEGMENTS_MAX;

	sectors |= (u64)config(disk, CONFIG_CAPACITY + 4, 4) << 32;
	if (features & FEATURE_SEG_MAX)
		segments = CLAMP(config(disk, CONFIG_SEG_MAX, 4), 1u, segments);
	block->segments_max = MIN(segments, disk->queue->size - 2);
	block->sectors_max = SECTORS_MAX;
	block->sector_size = SECTOR_SIZE;
	if (features & FEATURE_BLOCK_SIZE) {
		u32 size = config(disk, CONFIG_BLOCK_SIZE, 4);

		if (size >= SECTOR_SIZE && size <= PAGE_SIZE && !(size & (size - 1)))
			block->sector_size = size;
	}
	block->size = MIN(sectors, ~(u64)0 >> SECTOR_SHIFT) << SECTOR_SHIFT;
	block->size &= ~(u64)(block->sector_size - 1);
	block->read_only = features & FEATURE_RO;
	if (features & FEATURE_FLUSH)
		block->features |= BLOCK_HAS_CACHE;
	if (features & FEATURE_DISCARD) {
		block->discard_max = config(disk, CONFIG_DISCARD_SECTORS, 4);
		block->features |= block->discard_max ? BLOCK_HAS_DISCARD : 0;
	}
}

static int make_slots(struct virtio_disk *disk)
{
	disk->slots = kzalloc(SLOTS * sizeof(*disk->slots));
	if (!disk->slots)
		return -ENOMEM;
	spin_init(&disk->free_lock, RANK_FRAME);
	for (unsigned i = 0; i < SLOTS; i++)
		slot_give(disk, &disk->slots[i]);
	return 0;
}

static int disk_probe(struct virtio_device *device)
{
	static struct atomic32 disks;
	struct virtio_disk *disk = kzalloc(sizeof(*disk));
	u64 features, wanted = FEATURE_SEG_MAX | FEATURE_RO | FEATURE_BLOCK_SIZE | FEATURE_FLUSH |
			       FEATURE_DISCARD;
	int error = disk ? make_slots(disk) : -ENOMEM;
	unsigned index;

	if (error)
		goto fail;
	disk->device = device;
	device->private = disk;
	error = virtio_negotiate(device, wanted, &features);
	if (error)
		goto fail;
	disk->queue = virtqueue_create(device, 0, QUEUE_SIZE, disk_interrupt, disk);
	error = disk->queue && disk->queue->size >= 4 ? 0 : -ENOMEM;
	if (error)
		goto fail;
	read_limits(disk, features);
	virtio_ready(device);
	index = atomic32_inc_return(&disks) - 1;
	block_make_name(disk->block.name, "vd", index);
	disk->block.number = DEVICE_NUMBER(MAJOR_VIRTIO_DISK, index * MINORS_PER_DISK);
	disk->block.driver = &driver;
	/* From here on it stays: requests may be in flight. */
	return block_register(&disk->block);
fail:
	if (disk)
		kfree(disk->slots);
	kfree(disk);
	return error;
}

VIRTIO_DRIVER(virtio_blk_driver) = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.probe = disk_probe,
};
