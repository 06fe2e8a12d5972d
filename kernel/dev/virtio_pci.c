/* Virtio over PCI (virtio 1.2, 4.1): modern devices, and transitional ones as such. */
#include <arch/io.h>
#include <arch/mmu.h>
#include <dev/irq.h>
#include <dev/pci.h>
#include <dev/virtio.h>
#include <lib/errno.h>
#include <mm/slab.h>

enum { VENDOR_REDHAT = 0x1af4, DEVICE_MODERN = 0x1040, CAPABILITY_VENDOR = 9, QUEUES_MAX = 64 };
enum { /* 4.1.4: fields of a capability */
       CAP_LENGTH = 2,
       CAP_TYPE = 3,
       CAP_BAR = 4,
       CAP_OFFSET = 8,
       CAP_SIZE = 12,
       CAP_NOTIFY_MULTIPLIER = 16,
};
enum { TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_ISR = 3, TYPE_DEVICE = 4, TYPES = 5 };
enum { /* 4.1.4.3: the common configuration */
       DEVICE_FEATURE_SELECT = 0,
       DEVICE_FEATURE = 4,
       DRIVER_FEATURE_SELECT = 8,
       DRIVER_FEATURE = 12,
       DEVICE_STATUS = 20,
       QUEUE_SELECT = 22,
       QUEUE_SIZE = 24,
       QUEUE_ENABLE = 28,
       QUEUE_NOTIFY_OFF = 30,
       QUEUE_DESCRIPTORS = 32,
       QUEUE_DRIVER = 40,
       QUEUE_DEVICE = 48,
       COMMON_SIZE = 56,
};
enum { INTERRUPT_USED = 1, INTERRUPT_CONFIG = 2 };

struct region {
	volatile u8 *at;
	u32 size;
};

struct virtio_pci {
	struct virtio_device device;
	struct region regions[TYPES];
	u32 notify_multiplier;
	u16 notify_offsets[QUEUES_MAX];
};

static struct virtio_pci *pci_of(struct virtio_device *device)
{
	return container_of(device, struct virtio_pci, device);
}

static volatile u8 *common(struct virtio_device *device)
{
	return pci_of(device)->regions[TYPE_COMMON].at;
}

static u64 pci_features(struct virtio_device *device)
{
	u64 features = 0;

	for (unsigned half = 0; half < 2; half++) {
		io_write32(common(device) + DEVICE_FEATURE_SELECT, half);
		features |= (u64)io_read32(common(device) + DEVICE_FEATURE) << 32 * half;
	}
	return features;
}

static void pci_set_features(struct virtio_device *device, u64 features)
{
	for (unsigned half = 0; half < 2; half++) {
		io_write32(common(device) + DRIVER_FEATURE_SELECT, half);
		io_write32(common(device) + DRIVER_FEATURE, features >> 32 * half);
	}
}

static u8 pci_status(struct virtio_device *device)
{
	return io_read8(common(device) + DEVICE_STATUS);
}

static void pci_set_status(struct virtio_device *device, u8 status)
{
	io_write8(common(device) + DEVICE_STATUS, status);
	while (!status && io_read8(common(device) + DEVICE_STATUS))
		cpu_relax();
}

static u32 pci_queue_size(struct virtio_device *device, unsigned index)
{
	if (index >= QUEUES_MAX)
		return 0;
	io_write16(common(device) + QUEUE_SELECT, index);
	return io_read16(common(device) + QUEUE_ENABLE) ? 0
							: io_read16(common(device) + QUEUE_SIZE);
}

static void write_address(struct virtio_device *device, unsigned offset, const void *data)
{
	paddr_t address = direct_unmap(data);

	io_write32(common(device) + offset, address);
	io_write32(common(device) + offset + 4, address >> 32);
}

static int pci_set_queue(struct virtio_device *device, struct virtqueue *queue)
{
	struct virtio_pci *pci = pci_of(device);
	u64 offset;

	if (queue->index >= QUEUES_MAX)
		return -ENOENT;
	io_write16(common(device) + QUEUE_SELECT, queue->index);
	io_write16(common(device) + QUEUE_SIZE, queue->size);
	write_address(device, QUEUE_DESCRIPTORS, queue->descriptors);
	write_address(device, QUEUE_DRIVER, queue->available);
	write_address(device, QUEUE_DEVICE, queue->used);
	pci->notify_offsets[queue->index] = io_read16(common(device) + QUEUE_NOTIFY_OFF);
	offset = (u64)pci->notify_offsets[queue->index] * pci->notify_multiplier;
	if (offset + 2 > pci->regions[TYPE_NOTIFY].size)
		return -EIO;
	io_write16(common(device) + QUEUE_ENABLE, 1);
	return 0;
}

static void pci_notify(struct virtqueue *queue)
{
	struct virtio_pci *pci = pci_of(queue->device);

	io_write16(pci->regions[TYPE_NOTIFY].at +
			   (size_t)pci->notify_offsets[queue->index] * pci->notify_multiplier,
		   queue->index);
}

static u32 pci_config_read(struct virtio_device *device, unsigned offset, unsigned size)
{
	const struct region *region = &pci_of(device)->regions[TYPE_DEVICE];
	const volatile u8 *at = region->at + offset;

	if (!region->at || offset + size > region->size)
		return 0;
	return size == 1 ? io_read8(at) : size == 2 ? io_read16(at) : io_read32(at);
}

static void pci_config_write(struct virtio_device *device, unsigned offset, unsigned size,
			     u32 value)
{
	const struct region *region = &pci_of(device)->regions[TYPE_DEVICE];
	volatile u8 *at = region->at + offset;

	if (!region->at || offset + size > region->size)
		return;
	if (size == 1)
		io_write8(at, value);
	else if (size == 2)
		io_write16(at, value);
	else
		io_write32(at, value);
}

static const struct virtio_transport pci_transport = {
	.features = pci_features,
	.set_features = pci_set_features,
	.status = pci_status,
	.set_status = pci_set_status,
	.set_queue = pci_set_queue,
	.queue_size = pci_queue_size,
	.notify = pci_notify,
	.config_read = pci_config_read,
	.config_write = pci_config_write,
};

/* Reading the status takes the interrupt back (4.1.4.5). The line may be another device's. */
static void pci_interrupt(unsigned line, void *context)
{
	struct virtio_pci *pci = context;
	u8 status = io_read8(pci->regions[TYPE_ISR].at);

	if (status & INTERRUPT_USED)
		virtio_device_interrupt(&pci->device);
	if (status & INTERRUPT_CONFIG && pci->device.config_changed)
		pci->device.config_changed(&pci->device);
}

/* The structures, each a piece of some BAR; of several of one kind the first that can be used. */
static int find_regions(struct virtio_pci *pci, struct pci_device *device)
{
	for (unsigned at = 0; (at = pci_capability(device, CAPABILITY_VENDOR, at));) {
		u8 type = pci_read(device, at + CAP_TYPE, 1);
		u8 bar = pci_read(device, at + CAP_BAR, 1);
		u32 offset = pci_read(device, at + CAP_OFFSET, 4);
		u32 size = pci_read(device, at + CAP_SIZE, 4);
		volatile u8 *base;

		if (!type || type >= TYPES || pci->regions[type].at || bar >= PCI_BARS ||
		    (u64)offset + size > device->bars[bar].size)
			continue;
		base = pci_map(device, bar);
		if (!base)
			continue;
		pci->regions[type] = (struct region){ base + offset, size };
		if (type == TYPE_NOTIFY)
			pci->notify_multiplier = pci_read(device, at + CAP_NOTIFY_MULTIPLIER, 4);
	}
	return pci->regions[TYPE_COMMON].size >= COMMON_SIZE && pci->regions[TYPE_NOTIFY].at &&
			       pci->regions[TYPE_ISR].size
		       ? 0
		       : -ENODEV;
}

static int virtio_pci_probe(struct pci_device *device)
{
	struct virtio_pci *pci;
	int error;

	pci = kzalloc(sizeof(*pci));
	if (!pci)
		return -ENOMEM;
	pci->device.transport = &pci_transport;
	/* Transitional devices say in another place what they are (4.1.2.1). */
	pci->device.id = device->device < DEVICE_MODERN ? device->subsystem
							: device->device - DEVICE_MODERN;
	pci->device.line = device->line;
	list_init(&pci->device.queues);
	error = find_regions(pci, device);
	if (!error && device->line < 0)
		error = device->line;
	if (error) {
		kfree(pci);
		return error;
	}
	/* Once its interrupt is registered a device stays, silent after a reset. */
	error = irq_register(device->line, pci_interrupt, pci, "virtio");
	return error ? error : virtio_device_add(&pci->device);
}

PCI_DRIVER(virtio_pci_driver) = {
	.name = "virtio-pci",
	.vendor = VENDOR_REDHAT,
	.device = PCI_ANY,
	.probe = virtio_pci_probe,
};
