/* Split virtqueues (virtio 1.2, 2.7) and device set-up (3.1.1), for any transport. */
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <debug/log.h>
#include <dev/virtio.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>

enum {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_FAILED = 128
};
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2, USED_NO_NOTIFY = 1 };
#define FEATURE_VERSION_1 (1ull << 32)

struct virtq_descriptor {
	u64 address;
	u32 length;
	u16 flags, next;
};

struct virtq_available {
	u16 flags, index;
	u16 ring[];
};

struct virtq_used {
	u16 flags, index;
	struct {
		u32 id, length;
	} ring[];
};

extern const struct virtio_driver *const __start_virtio_drivers[];
extern const struct virtio_driver *const __stop_virtio_drivers[];

static void add_status(struct virtio_device *device, u8 bits)
{
	device->transport->set_status(device, device->transport->status(device) | bits);
}

int virtio_device_add(struct virtio_device *device)
{
	list_init(&device->queues);
	device->transport->set_status(device, 0);
	add_status(device, STATUS_ACKNOWLEDGE);
	for (const struct virtio_driver *const *driver = __start_virtio_drivers;
	     driver < __stop_virtio_drivers; driver++) {
		int error;

		if ((*driver)->id != device->id)
			continue;
		add_status(device, STATUS_DRIVER);
		error = (*driver)->probe(device);
		if (error) {
			log_error("%s: error %d\n", (*driver)->name, -error);
			virtio_failed(device);
		}
		return error;
	}
	return -ENODEV;
}

void virtio_failed(struct virtio_device *device)
{
	device->transport->set_status(device, 0);
	add_status(device, STATUS_FAILED);
}

int virtio_negotiate(struct virtio_device *device, u64 wanted, u64 *accepted)
{
	u64 offered = device->transport->features(device);
	u64 features = (offered & wanted) | FEATURE_VERSION_1;

	if (!(offered & FEATURE_VERSION_1))
		return -EIO;
	device->transport->set_features(device, features);
	add_status(device, STATUS_FEATURES_OK);
	if (!(device->transport->status(device) & STATUS_FEATURES_OK))
		return -EIO;
	*accepted = features;
	return 0;
}

void virtio_ready(struct virtio_device *device)
{
	add_status(device, STATUS_DRIVER_OK);
}

void virtio_device_interrupt(struct virtio_device *device)
{
	struct virtqueue *queue;

	list_for_each_entry(queue, &device->queues, link)
		if (queue->handler)
			queue->handler(queue);
}

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

/* Descriptors, available ring and used ring, each aligned as 2.7 asks, in one piece of memory. */
static int allocate_rings(struct virtqueue *queue)
{
	size_t available = sizeof(struct virtq_descriptor) * queue->size;
	size_t used =
		ALIGN_UP(available + sizeof(struct virtq_available) + 2 * queue->size + 2, 64ul);
	size_t size = used + sizeof(struct virtq_used) + 8 * queue->size + 2;
	struct frame *frame = frame_alloc(FRAME_KERNEL, order_of(size));
	u8 *memory;

	if (!frame)
		return -ENOMEM;
	memory = frame_data(frame);
	memset(memory, 0, size);
	queue->descriptors = (void *)memory;
	queue->available = (void *)(memory + available);
	queue->used = (void *)(memory + used);
	for (u32 i = 0; i < queue->size; i++)
		queue->descriptors[i].next = i + 1;
	queue->free_count = queue->size;
	return 0;
}

struct virtqueue *virtqueue_create(struct virtio_device *device, unsigned index, u32 size_max,
				   void (*handler)(struct virtqueue *queue), void *private)
{
	u32 size = MIN(device->transport->queue_size(device, index), size_max);
	struct virtqueue *queue = size ? kzalloc(sizeof(*queue)) : NULL;

	if (!queue)
		return NULL;
	queue->device = device;
	queue->index = index;
	queue->size = size;
	queue->handler = handler;
	queue->private = private;
	spin_init(&queue->lock, RANK_CONSOLE);
	queue->tokens = kzalloc(size * sizeof(void *));
	if (!queue->tokens || allocate_rings(queue) ||
	    device->transport->set_queue(device, queue)) {
		kfree(queue->tokens);
		kfree(queue);
		return NULL;
	}
	list_add_tail(&device->queues, &queue->link);
	return queue;
}

int virtqueue_add(struct virtqueue *queue, const struct virtio_segment *segments, unsigned count,
		  void *token)
{
	unsigned long state = spin_lock_irqsave(&queue->lock);
	u16 head = queue->free_head, at = head;

	if (count > queue->free_count) {
		spin_unlock_irqrestore(&queue->lock, state);
		return -ENOSPC;
	}
	for (unsigned i = 0; i < count; i++) {
		struct virtq_descriptor *descriptor = &queue->descriptors[at];

		dma_sync_for_device(segments[i].data, segments[i].size);
		descriptor->address = direct_unmap(segments[i].data);
		descriptor->length = segments[i].size;
		descriptor->flags = (segments[i].device_writes ? DESCRIPTOR_WRITE : 0) |
				    (i + 1 < count ? DESCRIPTOR_NEXT : 0);
		at = descriptor->next;
	}
	queue->free_head = at;
	queue->free_count -= count;
	queue->tokens[head] = token;
	queue->available->ring[queue->available->index % queue->size] = head;
	/* The device must see the descriptors before the index that publishes them (2.7.13.3). */
	memory_barrier();
	WRITE_ONCE(queue->available->index, queue->available->index + 1);
	spin_unlock_irqrestore(&queue->lock, state);
	return 0;
}

void virtqueue_kick(struct virtqueue *queue)
{
	/* The index before the question whether to notify (2.7.13.4.1). */
	memory_barrier();
	if (!(READ_ONCE(queue->used->flags) & USED_NO_NOTIFY))
		queue->device->transport->notify(queue);
}

/* Put the chain at @head back; the queue is locked. A device that lies about ids ends nowhere bad. */
static void release_chain(struct virtqueue *queue, u16 head)
{
	u16 at = head, count = 1;

	while (queue->descriptors[at].flags & DESCRIPTOR_NEXT) {
		at = queue->descriptors[at].next;
		count++;
	}
	queue->descriptors[at].next = queue->free_head;
	queue->free_head = head;
	queue->free_count += count;
}

void *virtqueue_take(struct virtqueue *queue, u32 *length)
{
	unsigned long state = spin_lock_irqsave(&queue->lock);
	void *token = NULL;
	bool strange = false;

	while (!token && queue->used_seen != READ_ONCE(queue->used->index)) {
		u32 id;

		memory_barrier();
		id = queue->used->ring[queue->used_seen % queue->size].id;
		*length = queue->used->ring[queue->used_seen % queue->size].length;
		queue->used_seen++;
		if (id >= queue->size || !queue->tokens[id]) {
			strange = true;
			continue;
		}
		token = queue->tokens[id];
		queue->tokens[id] = NULL;
		release_chain(queue, id);
	}
	spin_unlock_irqrestore(&queue->lock, state);
	if (strange)
		log_error("virtio: the device returned a buffer that it was not given\n");
	return token;
}
