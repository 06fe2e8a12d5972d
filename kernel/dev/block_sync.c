/* Reading and writing a block device and waiting for it. */
#include <dev/block.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/wait.h>

enum { AT_ONCE = 4, WAIT_QUEUES = 16, READ_PART_MOST = 1 << 16 };

/* One caller's requests in flight. */
struct transfer {
	struct block_request requests[AT_ONCE];
	struct atomic32 pending;
	struct wait_queue *queue;
};

/*
 * Not one in the transfer, which may be gone by the time the last request's wake-up is under way: an
 * interrupt on another CPU may still hold the queue's lock then.
 */
static struct wait_queue queues[WAIT_QUEUES];
static bool queues_ready; /* [atomic] */

static struct wait_queue *queue_of(const void *transfer)
{
	static struct spinlock lock = SPINLOCK_INIT(RANK_BUFFER);

	if (unlikely(!read_acquire(&queues_ready))) {
		spin_lock(&lock);
		for (unsigned i = 0; i < WAIT_QUEUES && !queues_ready; i++)
			wait_queue_init(&queues[i]);
		store_release(&queues_ready, true);
		spin_unlock(&lock);
	}
	return &queues[hash_pointer(transfer) % WAIT_QUEUES];
}

static void request_done(struct block_request *request)
{
	struct transfer *transfer = request->private;
	struct wait_queue *queue = transfer->queue;

	if (atomic32_dec_and_test(&transfer->pending))
		wait_wake_all(queue);
}

static int transfer_run(struct transfer *transfer, unsigned count)
{
	struct block_request *all[AT_ONCE];
	int error = 0;

	transfer->queue = queue_of(transfer);
	atomic32_set(&transfer->pending, count);
	for (unsigned i = 0; i < count; i++) {
		transfer->requests[i].done = request_done;
		transfer->requests[i].private = transfer;
		all[i] = &transfer->requests[i];
	}
	block_submit_all(all, count);
	wait_event(transfer->queue, !atomic32_read_acquire(&transfer->pending));
	for (unsigned i = 0; i < count && !error; i++)
		error = transfer->requests[i].status;
	return error;
}

static int check_range(const struct block_device *device, u64 offset, u64 size)
{
	if ((offset | size) & (device->sector_size - 1) || offset > device->size ||
	    size > device->size - offset)
		return -EINVAL;
	return 0;
}

/*
 * The next request from @segments[*at] on: as many whole ones as the disk takes. A single larger one is
 * the caller's to split.
 */
static void request_fill(struct block_request *request, const struct block_segment *segments,
			 unsigned count, unsigned *at)
{
	const struct block_device *disk = request->device->disk;
	unsigned first = *at;

	request->segments = &segments[first];
	request->segment_count = 0;
	request->sector_count = 0;
	while (*at < count && request->segment_count < disk->segments_max) {
		u32 sectors = segments[*at].size >> SECTOR_SHIFT;

		if (*at > first && request->sector_count + sectors > disk->sectors_max)
			break;
		request->sector_count += sectors;
		request->segment_count++;
		++*at;
	}
}

static int vector_transfer(struct block_device *device, enum block_operation operation, u64 offset,
			   const struct block_segment *segments, unsigned count, unsigned flags)
{
	struct transfer transfer;
	unsigned at = 0;
	u64 size = 0;
	int error;

	for (unsigned i = 0; i < count; i++) {
		size += segments[i].size;
		if (segments[i].size & (device->sector_size - 1))
			return -EINVAL;
	}
	error = check_range(device, offset, size);
	while (!error && at < count) {
		unsigned used = 0;

		for (; at < count && used < AT_ONCE; used++) {
			struct block_request *request = &transfer.requests[used];

			request->device = device;
			request->operation = operation;
			request->flags = flags;
			request->sector = offset >> SECTOR_SHIFT;
			request_fill(request, segments, count, &at);
			offset += (u64)request->sector_count << SECTOR_SHIFT;
		}
		error = transfer_run(&transfer, used);
	}
	return error;
}

int block_readv(struct block_device *device, u64 offset, const struct block_segment *segments,
		unsigned count)
{
	return vector_transfer(device, BLOCK_READ, offset, segments, count, 0);
}

int block_writev(struct block_device *device, u64 offset, const struct block_segment *segments,
		 unsigned count, unsigned flags)
{
	bool own = device->disk->features & BLOCK_HAS_FUA;
	int error = vector_transfer(device, BLOCK_WRITE, offset, segments, count,
				    own ? flags : flags & ~(unsigned)BLOCK_FUA);

	if (!error && flags & BLOCK_FUA && !own)
		error = block_flush(device);
	return error;
}

/* Contiguous memory in pieces that the disk takes. */
static int flat_transfer(struct block_device *device, bool write, u64 offset, u8 *data, size_t size,
			 unsigned flags)
{
	size_t most = (size_t)device->disk->sectors_max << SECTOR_SHIFT;
	int error = size ? 0 : check_range(device, offset, 0);

	while (size && !error) {
		struct block_segment segment = { data, MIN(size, most) };

		error = write ? block_writev(device, offset, &segment, 1, flags)
			      : block_readv(device, offset, &segment, 1);
		offset += segment.size;
		data += segment.size;
		size -= segment.size;
	}
	return error;
}

/* Through memory for whole logical blocks. */
static int read_part(struct block_device *device, u64 offset, void *data, size_t size)
{
	u64 start = ALIGN_DOWN(offset, (u64)device->sector_size);
	u64 end = ALIGN_UP(offset + size, (u64)device->sector_size);
	u8 *blocks = end > start && end - start <= READ_PART_MOST ? kmalloc(end - start) : NULL;
	int error = blocks ? flat_transfer(device, false, start, blocks, end - start, 0) : -ENOMEM;

	if (!error)
		memcpy(data, blocks + (offset - start), size);
	kfree(blocks);
	return error;
}

int block_read(struct block_device *device, u64 offset, void *data, size_t size)
{
	if (unlikely((offset | size) & (device->sector_size - 1)))
		return read_part(device, offset, data, size);
	return flat_transfer(device, false, offset, data, size, 0);
}

int block_write(struct block_device *device, u64 offset, const void *data, size_t size,
		unsigned flags)
{
	return flat_transfer(device, true, offset, (void *)data, size, flags);
}

int block_flush(struct block_device *device)
{
	struct transfer transfer = {
		.requests[0] = { .device = device, .operation = BLOCK_FLUSH },
	};

	return transfer_run(&transfer, 1);
}

int block_discard(struct block_device *device, u64 offset, u64 size)
{
	u32 most = device->disk->discard_max & ~(device->sector_size / SECTOR_SIZE - 1);
	int error = check_range(device, offset, size);

	if (!(device->disk->features & BLOCK_HAS_DISCARD))
		return -EOPNOTSUPP;
	while (size && !error) {
		struct transfer transfer = { 0 };
		u64 part = MIN(size, (u64)most << SECTOR_SHIFT);

		transfer.requests[0] = (struct block_request){
			.device = device,
			.operation = BLOCK_DISCARD,
			.sector = offset >> SECTOR_SHIFT,
			.sector_count = part >> SECTOR_SHIFT,
		};
		error = transfer_run(&transfer, 1);
		offset += part;
		size -= part;
	}
	return error;
}
