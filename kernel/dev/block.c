/* The queue of requests of a disk: merging, starting, completing, counting. */
#include <arch/time.h>
#include <dev/block_internal.h>
#include <lib/errno.h>

enum { MERGE_LOOK_BACK = 8 }; /* requests at the queue's end that a new one may join */

static struct block_request *first_of(struct list_node *list)
{
	return list_first_entry(list, struct block_request, link);
}

static int check_request(const struct block_request *request)
{
	const struct block_device *device = request->device;
	u32 mask = device->sector_size / SECTOR_SIZE - 1;
	u64 sectors = device->size >> SECTOR_SHIFT;

	if (READ_ONCE(device->disk->gone))
		return -ENODEV;
	if (request->operation == BLOCK_FLUSH)
		return 0;
	if (request->operation != BLOCK_READ &&
	    (READ_ONCE(device->read_only) || READ_ONCE(device->disk->read_only)))
		return -EROFS;
	if (!request->sector_count || (request->sector | request->sector_count) & mask ||
	    request->sector > sectors || request->sector_count > sectors - request->sector)
		return -EINVAL;
	if (request->operation == BLOCK_DISCARD) {
		if (!(device->disk->features & BLOCK_HAS_DISCARD))
			return -EOPNOTSUPP;
		return request->sector_count > device->disk->discard_max ? -EINVAL : 0;
	}
	if (request->flags & BLOCK_FUA && !(device->disk->features & BLOCK_HAS_FUA))
		return -EOPNOTSUPP;
	return request->sector_count > device->disk->sectors_max ||
			       request->segment_count > device->disk->segments_max
		       ? -EINVAL
		       : 0;
}

/* [queue] */
static void count_begin(struct block_device *device, u64 now)
{
	struct block_statistics *statistics = &device->statistics;

	if (!statistics->in_flight++)
		statistics->busy_since = now;
}

/* [queue] */
static void count_end(struct block_device *device, const struct block_request *request, u64 now)
{
	struct block_statistics *statistics = &device->statistics;
	enum block_operation operation = request->operation;

	statistics->count[operation]++;
	statistics->sectors[operation] += request->sector_count;
	statistics->time[operation] += now - request->started;
	if (!--statistics->in_flight)
		statistics->busy_time += now - statistics->busy_since;
}

static void note_begin(struct block_request *request, u64 now)
{
	request->started = now;
	count_begin(request->device, now);
	if (request->device != request->device->disk)
		count_begin(request->device->disk, now);
}

static void note_end(struct block_request *request, u64 now)
{
	count_end(request->device, request, now);
	if (request->device != request->device->disk)
		count_end(request->device->disk, request, now);
}

/* [queue] @late goes on where @early, the first of a chain, ends. */
static bool can_join(const struct block_request *early, const struct block_request *late)
{
	const struct block_device *disk = early->device->disk;

	return early->operation == late->operation && early->flags == late->flags &&
	       early->operation <= BLOCK_WRITE && !early->alone && !late->alone &&
	       early->disk_sector + early->chain_sectors == late->disk_sector &&
	       early->chain_sectors + late->chain_sectors <= disk->sectors_max &&
	       early->chain_segments + late->chain_segments <= disk->segments_max;
}

/* [queue] */
static void join(struct block_request *early, struct block_request *late)
{
	early->last->next = late;
	early->last = late->last;
	early->chain_sectors += late->chain_sectors;
	early->chain_segments += late->chain_segments;
	early->device->disk->statistics.merged[early->operation]++;
	if (early->device != early->device->disk)
		early->device->statistics.merged[early->operation]++;
}

/* [queue] With a neighbour that waits, or at the end. */
static void enqueue(struct block_queue *queue, struct block_request *request)
{
	struct list_node *node = queue->waiting.previous;

	for (unsigned i = 0; i < MERGE_LOOK_BACK && node != &queue->waiting;
	     i++, node = node->previous) {
		struct block_request *other = list_entry(node, struct block_request, link);

		if (can_join(other, request)) {
			join(other, request);
			return;
		}
		if (can_join(request, other)) {
			list_add_before(&request->link, &other->link);
			list_remove(&other->link);
			join(request, other);
			return;
		}
	}
	list_add_tail(&queue->waiting, &request->link);
}

static void finish_chain(struct block_request *request, int status)
{
	while (request) {
		struct block_request *next = request->next;

		request->status = status;
		request->done(request);
		request = next;
	}
}

/* [queue] Give the driver what it takes; what it refuses goes to @failed. */
static void start_waiting(struct block_queue *queue, struct list_node *failed)
{
	struct block_device *disk = queue->disk;

	while (!queue->busy && !list_empty(&queue->waiting)) {
		struct block_request *request = first_of(&queue->waiting);
		int error = disk->gone ? -ENODEV : disk->driver->start(disk, request);

		if (error == -EBUSY && !list_empty(&queue->in_flight)) {
			queue->busy = true;
			return;
		}
		list_remove(&request->link);
		if (error) {
			request->status = error;
			list_add_tail(failed, &request->link);
			continue;
		}
		list_add_tail(&queue->in_flight, &request->link);
		block_watch_begin(queue);
	}
}

/* No lock. */
static void finish_failed(struct block_queue *queue, struct list_node *failed)
{
	while (!list_empty(failed)) {
		struct block_request *request = first_of(failed);
		int status = request->status == -ENODEV ? -ENODEV : -EIO;

		list_remove(&request->link);
		for (struct block_request *one = request; one; one = one->next) {
			unsigned long state = spin_lock_irqsave(&queue->lock);

			note_end(one, time_now());
			spin_unlock_irqrestore(&queue->lock, state);
		}
		finish_chain(request, status);
	}
}

static void transfer_now(struct block_request *request)
{
	struct block_device *disk = request->device->disk;
	struct block_queue *queue = disk->queue;
	unsigned long state = spin_lock_irqsave(&queue->lock);
	int status;

	note_begin(request, time_now());
	spin_unlock_irqrestore(&queue->lock, state);
	status = disk->driver->transfer(disk, request);
	state = spin_lock_irqsave(&queue->lock);
	note_end(request, time_now());
	spin_unlock_irqrestore(&queue->lock, state);
	request->status = status;
	request->done(request);
}

/* False: it ended already. */
static bool prepare(struct block_request *request)
{
	struct block_device *disk = request->device->disk;

	request->next = NULL;
	request->last = request;
	request->alone = false;
	request->chain_segments = request->segment_count;
	request->chain_sectors = request->sector_count;
	request->disk_sector = request->sector + request->device->start;
	request->status = check_request(request);
	if (request->operation == BLOCK_FLUSH && !request->status &&
	    disk->features & BLOCK_HAS_CACHE) {
		request->disk_sector = 0;
		return true;
	}
	if (request->status || request->operation == BLOCK_FLUSH) {
		request->done(request);
		return false;
	}
	return true;
}

void block_submit_all(struct block_request *const requests[], unsigned count)
{
	for (unsigned i = 0; i < count;) {
		struct block_queue *queue = requests[i]->device->disk->queue;
		struct list_node failed = LIST_INIT(failed);
		unsigned long state;
		u64 now;

		if (queue->disk->driver->transfer) {
			if (prepare(requests[i]))
				transfer_now(requests[i]);
			i++;
			continue;
		}
		now = time_now();
		for (; i < count && requests[i]->device->disk->queue == queue; i++) {
			if (!prepare(requests[i]))
				continue;
			state = spin_lock_irqsave(&queue->lock);
			note_begin(requests[i], now);
			enqueue(queue, requests[i]);
			spin_unlock_irqrestore(&queue->lock, state);
		}
		state = spin_lock_irqsave(&queue->lock);
		start_waiting(queue, &failed);
		spin_unlock_irqrestore(&queue->lock, state);
		finish_failed(queue, &failed);
	}
}

void block_submit(struct block_request *request)
{
	block_submit_all(&request, 1);
}

/* [queue] The members of a transfer that failed are tried one by one. */
static void try_alone(struct block_queue *queue, struct block_request *request)
{
	while (request) {
		struct block_request *next = request->next;

		request->next = NULL;
		request->last = request;
		request->alone = true;
		request->chain_segments = request->segment_count;
		request->chain_sectors = request->sector_count;
		list_add_tail(&queue->waiting, &request->link);
		request = next;
	}
}

void block_complete(struct block_request *request, int status)
{
	struct block_queue *queue = request->device->disk->queue;
	struct list_node failed = LIST_INIT(failed);
	unsigned long state = spin_lock_irqsave(&queue->lock);
	bool again = status == -EIO && request->next && !queue->disk->gone;
	u64 now = time_now();

	list_remove(&request->link);
	queue->busy = false;
	if (again)
		try_alone(queue, request);
	else
		for (struct block_request *one = request; one; one = one->next)
			note_end(one, now);
	start_waiting(queue, &failed);
	spin_unlock_irqrestore(&queue->lock, state);
	if (!again)
		finish_chain(request, status);
	finish_failed(queue, &failed);
}

void block_fail_all(struct block_queue *queue, int status)
{
	struct list_node failed = LIST_INIT(failed);
	unsigned long state = spin_lock_irqsave(&queue->lock);

	while (!list_empty(&queue->in_flight) || !list_empty(&queue->waiting)) {
		struct list_node *from = list_empty(&queue->in_flight) ? &queue->waiting
								       : &queue->in_flight;
		struct block_request *request = first_of(from);

		list_remove(&request->link);
		request->status = status;
		list_add_tail(&failed, &request->link);
	}
	queue->busy = false;
	spin_unlock_irqrestore(&queue->lock, state);
	finish_failed(queue, &failed);
}

void block_vanish(struct block_device *disk)
{
	WRITE_ONCE(disk->gone, true);
	block_fail_all(disk->queue, -ENODEV);
}
