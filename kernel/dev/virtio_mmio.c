/* Virtio over MMIO (virtio 1.2, 4.2), version 2 of its registers. */
#include <arch/io.h>
#include <arch/mmu.h>
#include <debug/log.h>
#include <dev/device.h>
#include <dev/irq.h>
#include <dev/virtio.h>
#include <lib/errno.h>
#include <mm/slab.h>

enum {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	FEATURES = 0x010,
	FEATURES_SELECT = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SELECT = 0x024,
	QUEUE_SELECT = 0x030,
	QUEUE_SIZE_MAX = 0x034,
	QUEUE_SIZE = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACKNOWLEDGE = 0x064,
	STATUS = 0x070,
	QUEUE_DESCRIPTORS = 0x080,
	QUEUE_AVAILABLE = 0x090,
	QUEUE_USED = 0x0a0,
	CONFIG = 0x100,
};
enum { MAGIC_VALUE = 0x74726976, INTERRUPT_USED = 1, INTERRUPT_CONFIG = 2 };

static u32 read_register(struct virtio_device *device, unsigned offset)
{
	return io_read32(device->registers + offset);
}

static void write_register(struct virtio_device *device, unsigned offset, u32 value)
{
	io_write32(device->registers + offset, value);
}

static u64 mmio_features(struct virtio_device *device)
{
	u64 low, high;

	write_register(device, FEATURES_SELECT, 0);
	low = read_register(device, FEATURES);
	write_register(device, FEATURES_SELECT, 1);
	high = read_register(device, FEATURES);
	return high << 32 | low;
}

static void mmio_set_features(struct virtio_device *device, u64 features)
{
	write_register(device, DRIVER_FEATURES_SELECT, 0);
	write_register(device, DRIVER_FEATURES, features);
	write_register(device, DRIVER_FEATURES_SELECT, 1);
	write_register(device, DRIVER_FEATURES, features >> 32);
}

static u8 mmio_status(struct virtio_device *device)
{
	return read_register(device, STATUS);
}

static void mmio_set_status(struct virtio_device *device, u8 status)
{
	write_register(device, STATUS, status);
	while (!status && read_register(device, STATUS))
		cpu_relax();
}

static u32 mmio_queue_size(struct virtio_device *device, unsigned index)
{
	write_register(device, QUEUE_SELECT, index);
	return read_register(device, QUEUE_READY) ? 0 : read_register(device, QUEUE_SIZE_MAX);
}

static void write_address(struct virtio_device *device, unsigned offset, const void *data)
{
	paddr_t address = direct_unmap(data);

	write_register(device, offset, address);
	write_register(device, offset + 4, address >> 32);
}

static int mmio_set_queue(struct virtio_device *device, struct virtqueue *queue)
{
	write_register(device, QUEUE_SELECT, queue->index);
	write_register(device, QUEUE_SIZE, queue->size);
	write_address(device, QUEUE_DESCRIPTORS, queue->descriptors);
	write_address(device, QUEUE_AVAILABLE, queue->available);
	write_address(device, QUEUE_USED, queue->used);
	write_register(device, QUEUE_READY, 1);
	return 0;
}

static void mmio_notify(struct virtqueue *queue)
{
	write_register(queue->device, QUEUE_NOTIFY, queue->index);
}

static u32 mmio_config_read(struct virtio_device *device, unsigned offset, unsigned size)
{
	volatile u8 *address = device->registers + CONFIG + offset;

	return size == 1 ? io_read8(address) : size == 2 ? io_read16(address) : io_read32(address);
}

static void mmio_config_write(struct virtio_device *device, unsigned offset, unsigned size,
			      u32 value)
{
	volatile u8 *address = device->registers + CONFIG + offset;

	if (size == 1)
		io_write8(address, value);
	else if (size == 2)
		io_write16(address, value);
	else
		io_write32(address, value);
}

static const struct virtio_transport mmio_transport = {
	.features = mmio_features,
	.set_features = mmio_set_features,
	.status = mmio_status,
	.set_status = mmio_set_status,
	.set_queue = mmio_set_queue,
	.queue_size = mmio_queue_size,
	.notify = mmio_notify,
	.config_read = mmio_config_read,
	.config_write = mmio_config_write,
};

static void mmio_interrupt(unsigned line, void *context)
{
	struct virtio_device *device = context;
	u32 status = read_register(device, INTERRUPT_STATUS);

	write_register(device, INTERRUPT_ACKNOWLEDGE, status);
	if (status & INTERRUPT_USED)
		virtio_device_interrupt(device);
	if (status & INTERRUPT_CONFIG && device->config_changed)
		device->config_changed(device);
}

static int start_device(struct virtio_device *device, const struct fdt_node *node)
{
	u32 version = read_register(device, VERSION);

	device->id = read_register(device, DEVICE_ID);
	if (!device->id)
		return -ENODEV;
	if (version != 2) {
		log_warning(
			"%s: a legacy virtio device, which Selene does not drive; start QEMU with "
			"-global virtio-mmio.force-legacy=false\n",
			fdt_node_name(node->fdt, node->offset));
		return -ENODEV;
	}
	device->transport = &mmio_transport;
	device->line = device_interrupt(node, 0);
	if (device->line < 0)
		return device->line;
	list_init(&device->queues);
	return irq_register(device->line, mmio_interrupt, device, "virtio")
		       ? -ENOMEM
		       : virtio_device_add(device);
}

static int mmio_probe(const struct fdt_node *node)
{
	volatile u8 *registers = device_map(node, 0, NULL);
	struct virtio_device *device;
	int error;

	/* Empty slots are many: nothing is kept for them. */
	if (!registers || io_read32(registers + MAGIC) != MAGIC_VALUE ||
	    !io_read32(registers + DEVICE_ID))
		return -ENODEV;
	device = kzalloc(sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->registers = registers;
	error = start_device(device, node);
	/* Once its interrupt is registered a device stays, silent after a reset. */
	if (error && device->line <= 0)
		kfree(device);
	return error;
}

static const char *const compatible[] = { "virtio,mmio", NULL };

DRIVER(virtio_mmio_driver) = {
	.name = "virtio-mmio",
	.compatible = compatible,
	.probe = mmio_probe,
};
