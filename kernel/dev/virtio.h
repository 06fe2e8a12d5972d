#pragma once
/*
 * Virtio 1.2 devices with split virtqueues (chapter 2). The transport (virtio_mmio.c) finds a device and
 * hands it to the driver of its type: a VIRTIO_DRIVER() entry.
 */
#include <lib/list.h>
#include <lib/types.h>
#include <sched/lock.h>

struct virtio_device;
struct virtqueue;

enum {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_ENTROPY = 4,
	VIRTIO_ID_GPU = 16,
	VIRTIO_ID_INPUT = 18
};

/* What a transport does (4.1 PCI, 4.2 MMIO). No locks; not in interrupts but for notify. */
struct virtio_transport {
	u64 (*features)(struct virtio_device *device);
	void (*set_features)(struct virtio_device *device, u64 features);
	u8 (*status)(struct virtio_device *device);
	void (*set_status)(struct virtio_device *device, u8 status); /* 0: reset, waits for it */
	/* Tell the device where the queue lies; its size into queue->size. -ENOENT: no such queue. */
	int (*set_queue)(struct virtio_device *device, struct virtqueue *queue);
	u32 (*queue_size)(struct virtio_device *device, unsigned index);
	void (*notify)(struct virtqueue *queue);
	u32 (*config_read)(struct virtio_device *device, unsigned offset, unsigned size);
	void (*config_write)(struct virtio_device *device, unsigned offset, unsigned size,
			     u32 value);
};

struct virtio_device {
	const struct virtio_transport *transport; /* [const] */
	volatile u8 *registers;			  /* [const] the transport's */
	u32 id;					  /* [const] VIRTIO_ID_* */
	int line;				  /* [const] interrupt */
	struct list_node queues;		  /* [const after ready] struct virtqueue.link */
	void (*config_changed)(struct virtio_device *device); /* interrupts off; may be NULL */
	void *private;					      /* the driver's */
};

struct virtqueue {
	struct virtio_device *device;
	struct list_node link;
	unsigned index;
	u32 size;	      /* [const] descriptors, a power of two */
	struct spinlock lock; /* RANK_CONSOLE, interrupts off: the rings */
	struct virtq_descriptor *descriptors;
	struct virtq_available *available;
	struct virtq_used *used;
	void **tokens;			      /* [lock] by first descriptor */
	u16 free_head, free_count, used_seen; /* [lock] */
	/* Something was used: interrupts off, no lock held. */
	void (*handler)(struct virtqueue *queue);
	void *private;
};

struct virtio_driver {
	const char *name;
	u32 id;
	int (*probe)(struct virtio_device *device);
};
#define VIRTIO_DRIVER(symbol)                                                                      \
	static const struct virtio_driver symbol;                                                  \
	static const struct virtio_driver *const __attribute__((used, section("virtio_drivers")))  \
	symbol##_entry = &symbol;                                                                  \
	static const struct virtio_driver symbol

/* For transports: set the device up with its driver. -ENODEV: no driver for its type. */
int virtio_device_add(struct virtio_device *device);
/* For transports: look at all queues after an interrupt. */
void virtio_device_interrupt(struct virtio_device *device);

/*
 * For drivers, in this order: features (-EIO if the device refuses; @accepted gets those of @wanted
 * that it has), queues, ready.
 */
int virtio_negotiate(struct virtio_device *device, u64 wanted, u64 *accepted);
struct virtqueue *virtqueue_create(struct virtio_device *device, unsigned index, u32 size_max,
				   void (*handler)(struct virtqueue *queue), void *private);
void virtio_ready(struct virtio_device *device);
/* Give up on the device: reset, so that it touches no memory any more. */
void virtio_failed(struct virtio_device *device);

struct virtio_segment {
	void *data;	    /* in the direct map */
	u32 size;	    /* bytes */
	bool device_writes; /* all of these after those that the device reads */
};
/* Queue a buffer under @token (not NULL). -ENOSPC. Any context. The memory is the device's until taken. */
int virtqueue_add(struct virtqueue *queue, const struct virtio_segment *segments, unsigned count,
		  void *token);
/* Tell the device, unless it said that it looks by itself. */
void virtqueue_kick(struct virtqueue *queue);
/* The next used buffer's token, with the bytes written to *@length; NULL: none. Any context. */
void *virtqueue_take(struct virtqueue *queue, u32 *length);
