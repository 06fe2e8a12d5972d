/*
 * /dev/input/eventN (linux/input.h): each open file has a ring of events of its own. A packet
 * becomes readable as a whole, with its SYN_REPORT; a reader that is too slow loses what it has not
 * read and finds SYN_DROPPED in its place.
 */
#include <arch/time.h>
#include <arch/user.h>
#include <dev/input/input.h>
#include <fs/device_node.h>
#include <fs/sysfs/sysfs.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { RING = 256, MINOR_BASE = 64, EVENT_VERSION = 0x010001 };
enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_BOOTTIME = 7 };

/* ioctl numbers of type 'E': direction and size lie above them (asm-generic/ioctl.h). */
enum {
	NR_VERSION = 0x01,
	NR_ID = 0x02,
	NR_REPEAT = 0x03,
	NR_NAME = 0x06,
	NR_PHYSICAL = 0x07,
	NR_UNIQUE = 0x08,
	NR_PROPERTIES = 0x09,
	NR_KEYS = 0x18,
	NR_LEDS = 0x19,
	NR_SOUNDS = 0x1a,
	NR_SWITCHES = 0x1b,
	NR_BITS = 0x20,
	NR_AXIS = 0x40,
	NR_EFFECTS = 0x84,
	NR_GRAB = 0x90,
	NR_REVOKE = 0x91,
	NR_CLOCK = 0xa0,
	NR_SET_AXIS = 0xc0,
};
enum { DIRECTION_WRITE = 1, DIRECTION_READ = 2 };

struct input_record { /* struct input_event */
	s64 seconds, microseconds;
	u16 type, code;
	s32 value;
};

struct evdev_client {
	struct list_node link; /* [device] */
	struct input_device *device;
	u32 clock;		/* [device] */
	bool revoked;		/* [device] */
	u32 head, packet, tail; /* [device] free-running: read at head, readable up to packet */
	struct input_record ring[RING]; /* [device] */
};

static void stamp(struct input_record *record, u32 clock)
{
	s64 now = time_now();

	if (clock == CLOCK_REALTIME)
		now += time_realtime_offset();
	record->seconds = now / 1000000000;
	record->microseconds = now % 1000000000 / 1000;
}

/* [device] */
static void pass_to(struct evdev_client *client, u32 type, u32 code, s32 value)
{
	struct input_record *record;

	/* An empty packet says nothing. */
	if (type == EV_SYN && client->tail == client->packet)
		return;
	if (client->tail - client->head == RING) {
		/* The newest event is kept, behind the news that others are gone. */
		client->head = client->tail - 1;
		client->packet = client->head;
		record = &client->ring[client->head % RING];
		stamp(record, client->clock);
		record->type = EV_SYN;
		record->code = SYN_DROPPED;
		record->value = 0;
	}
	record = &client->ring[client->tail++ % RING];
	stamp(record, client->clock);
	record->type = type;
	record->code = code;
	record->value = value;
	if (type == EV_SYN)
		client->packet = client->tail;
}

void evdev_pass_locked(struct input_device *device, u32 type, u32 code, s32 value)
{
	struct evdev_client *client;

	if (device->grabbed) {
		pass_to(device->grabbed, type, code, value);
		return;
	}
	list_for_each_entry(client, &device->clients, link)
		pass_to(client, type, code, value);
}

static int evdev_open(struct vnode *vnode, struct file *file)
{
	struct input_device *device = file->private;
	struct evdev_client *client = kzalloc(sizeof(*client));
	unsigned long irq;

	if (!client)
		return -ENOMEM;
	client->device = device;
	irq = spin_lock_irqsave(&device->lock);
	list_add_tail(&device->clients, &client->link);
	spin_unlock_irqrestore(&device->lock, irq);
	file->private = client;
	return 0;
}

static void evdev_release(struct file *file)
{
	struct evdev_client *client = file->private;
	struct input_device *device = client->device;
	unsigned long irq = spin_lock_irqsave(&device->lock);

	list_remove(&client->link);
	if (device->grabbed == client)
		device->grabbed = NULL;
	spin_unlock_irqrestore(&device->lock, irq);
	kfree(client);
}

static bool readable(struct evdev_client *client)
{
	return READ_ONCE(client->packet) != READ_ONCE(client->head) || READ_ONCE(client->revoked);
}

static bool take_record(struct evdev_client *client, struct input_record *record)
{
	unsigned long irq = spin_lock_irqsave(&client->device->lock);
	bool found = client->head != client->packet;

	if (found)
		*record = client->ring[client->head++ % RING];
	spin_unlock_irqrestore(&client->device->lock, irq);
	return found;
}

static ssize_t evdev_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct evdev_client *client = file->private;
	struct input_record record;
	ssize_t total = 0;
	int error = 0;

	if (iterator->left && iterator->left < sizeof(record))
		return -EINVAL;
	if (READ_ONCE(client->revoked))
		return -ENODEV;
	if (!iterator->left)
		return 0;
	if (!readable(client))
		error = file->flags & O_NONBLOCK
				? -EAGAIN
				: wait_event_interruptible(&client->device->wait, readable(client));
	if (error)
		return error == -EINTR ? -ERESTARTSYS : error;
	while (iterator->left >= sizeof(record) && take_record(client, &record)) {
		if (io_copy(iterator, &record, sizeof(record)) < sizeof(record))
			return total ? total : -EFAULT;
		total += sizeof(record);
	}
	return total || !READ_ONCE(client->revoked) ? total : -ENODEV;
}

static ssize_t evdev_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct evdev_client *client = file->private;
	struct input_record record;
	ssize_t total = 0;

	if (iterator->left && iterator->left < sizeof(record))
		return -EINVAL;
	while (iterator->left >= sizeof(record)) {
		if (READ_ONCE(client->revoked))
			return total ? total : -ENODEV;
		if (io_copy(iterator, &record, sizeof(record)) < sizeof(record))
			return total ? total : -EFAULT;
		input_inject(client->device, record.type, record.code, record.value);
		total += sizeof(record);
	}
	return total;
}

static u32 evdev_poll(struct file *file, struct poll_table *table)
{
	struct evdev_client *client = file->private;

	poll_wait(file, &client->device->wait, table);
	if (READ_ONCE(client->revoked))
		return POLLHUP | POLLERR;
	return (readable(client) ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM;
}

/* At most @room bytes of @data: how many were copied. */
static long give(vaddr_t to, const void *data, size_t size, size_t room)
{
	size = MIN(size, room);
	return copy_out(to, data, size) ? -EFAULT : (long)size;
}

static long give_text(vaddr_t to, const char *text, size_t room)
{
	return *text ? give(to, text, strlen(text) + 1, room) : -ENOENT;
}

static long give_bits(struct input_device *device, u32 type, vaddr_t to, size_t room)
{
	static const u64 none[FF_COUNT / 64];

	switch (type) {
	case 0:
		return give(to, device->types, sizeof(device->types), room);
	case EV_KEY:
		return give(to, device->keys, sizeof(device->keys), room);
	case EV_REL:
		return give(to, device->relative, sizeof(device->relative), room);
	case EV_ABS:
		return give(to, device->absolute, sizeof(device->absolute), room);
	case EV_MSC:
		return give(to, device->miscellaneous, sizeof(device->miscellaneous), room);
	case EV_SW:
		return give(to, device->switches, sizeof(device->switches), room);
	case EV_LED:
		return give(to, device->leds, sizeof(device->leds), room);
	case EV_SND:
		return give(to, device->sounds, sizeof(device->sounds), room);
	case EV_FF:
		return give(to, none, sizeof(none), room);
	}
	return -EINVAL;
}

/* A copy of a state bitmap, taken under the lock. */
static long give_state(struct evdev_client *client, const u64 *map, size_t size, vaddr_t to,
		       size_t room)
{
	u64 copy[KEY_COUNT / 64];
	unsigned long irq = spin_lock_irqsave(&client->device->lock);

	memcpy(copy, map, size);
	spin_unlock_irqrestore(&client->device->lock, irq);
	return give(to, copy, size, room);
}

static long axis(struct input_device *device, u32 code, vaddr_t at, size_t room, bool set)
{
	struct input_axis copy;
	unsigned long irq;

	if (!input_bit(device->types, EV_ABS) || !input_bit(device->absolute, code))
		return -EINVAL;
	memset(&copy, 0, sizeof(copy));
	if (set && copy_in(&copy, at, MIN(room, sizeof(copy))))
		return -EFAULT;
	irq = spin_lock_irqsave(&device->lock);
	if (set)
		device->axes[code] = copy;
	else
		copy = device->axes[code];
	spin_unlock_irqrestore(&device->lock, irq);
	return set ? 0 : copy_out(at, &copy, MIN(room, sizeof(copy)));
}

static long repeat(struct input_device *device, vaddr_t at, bool set)
{
	u32 values[2];
	unsigned long irq;

	if (!input_bit(device->types, EV_REP))
		return -ENOSYS;
	if (set && copy_in(values, at, sizeof(values)))
		return -EFAULT;
	irq = spin_lock_irqsave(&device->lock);
	if (set) {
		device->repeat_delay = values[0];
		device->repeat_period = values[1];
	} else {
		values[0] = device->repeat_delay;
		values[1] = device->repeat_period;
	}
	spin_unlock_irqrestore(&device->lock, irq);
	return set ? 0 : copy_out(at, values, sizeof(values));
}

static long grab(struct evdev_client *client, bool on)
{
	struct input_device *device = client->device;
	unsigned long irq = spin_lock_irqsave(&device->lock);
	long error = 0;

	if (on && device->grabbed)
		error = -EBUSY;
	else if (!on && device->grabbed != client)
		error = -EINVAL;
	else
		device->grabbed = on ? client : NULL;
	spin_unlock_irqrestore(&device->lock, irq);
	return error;
}

static long revoke(struct evdev_client *client, unsigned long argument)
{
	unsigned long irq;

	if (argument)
		return -EINVAL;
	irq = spin_lock_irqsave(&client->device->lock);
	client->revoked = true;
	if (client->device->grabbed == client)
		client->device->grabbed = NULL;
	spin_unlock_irqrestore(&client->device->lock, irq);
	wait_wake_all(&client->device->wait);
	return 0;
}

/* Events with the old clock's time would confuse: they go. */
static long set_clock(struct evdev_client *client, vaddr_t from)
{
	u32 clock;
	unsigned long irq;

	if (copy_in(&clock, from, sizeof(clock)))
		return -EFAULT;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	irq = spin_lock_irqsave(&client->device->lock);
	if (client->clock != clock) {
		client->clock = clock;
		client->head = client->packet = client->tail;
	}
	spin_unlock_irqrestore(&client->device->lock, irq);
	return 0;
}

/* Those whose size is the caller's choice. */
static long sized_ioctl(struct evdev_client *client, unsigned number, size_t room, vaddr_t to)
{
	struct input_device *device = client->device;

	switch (number) {
	case NR_NAME:
		return give_text(to, device->name, room);
	case NR_PHYSICAL:
		return give_text(to, device->physical, room);
	case NR_UNIQUE:
		return give_text(to, device->unique, room);
	case NR_PROPERTIES:
		return give(to, device->properties, sizeof(device->properties), room);
	case NR_KEYS:
		return give_state(client, device->keys_down, sizeof(device->keys_down), to, room);
	case NR_LEDS:
		return give_state(client, device->leds_on, sizeof(device->leds_on), to, room);
	case NR_SOUNDS:
		return give_state(client, device->sounds_on, sizeof(device->sounds_on), to, room);
	case NR_SWITCHES:
		return give_state(client, device->switches_on, sizeof(device->switches_on), to,
				  room);
	}
	if (number >= NR_BITS && number < NR_BITS + EV_COUNT)
		return give_bits(device, number - NR_BITS, to, room);
	if (number >= NR_AXIS && number < NR_AXIS + ABS_COUNT)
		return axis(device, number - NR_AXIS, to, room, false);
	return -EINVAL;
}

static long evdev_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct evdev_client *client = file->private;
	struct input_device *device = client->device;
	unsigned direction = command >> 30, size = command >> 16 & 0x3fff, number = command & 0xff;
	u32 version = EVENT_VERSION, effects = 0;

	if (READ_ONCE(client->revoked))
		return -ENODEV;
	if ((command >> 8 & 0xff) != 'E')
		return -EINVAL;
	if (direction == DIRECTION_WRITE) {
		if (number == NR_GRAB && size == 4)
			return grab(client, argument);
		if (number == NR_REVOKE && size == 4)
			return revoke(client, argument);
		if (number == NR_CLOCK && size == 4)
			return set_clock(client, argument);
		if (number == NR_REPEAT && size == 8)
			return repeat(device, argument, true);
		if (number >= NR_SET_AXIS && number < NR_SET_AXIS + ABS_COUNT)
			return axis(device, number - NR_SET_AXIS, argument, size, true);
		return -EINVAL;
	}
	if (direction != DIRECTION_READ)
		return -EINVAL;
	if (number == NR_VERSION && size == 4)
		return copy_out(argument, &version, sizeof(version));
	if (number == NR_ID && size == 8)
		return copy_out(argument, &device->id, sizeof(device->id));
	if (number == NR_REPEAT && size == 8)
		return repeat(device, argument, false);
	if (number == NR_EFFECTS && size == 4)
		return copy_out(argument, &effects, sizeof(effects));
	return sized_ioctl(client, number, size, argument);
}

static const struct file_operations evdev_operations = {
	.open = evdev_open,
	.release = evdev_release,
	.read = evdev_read,
	.write = evdev_write,
	.poll = evdev_poll,
	.ioctl = evdev_ioctl,
};

/* A bitmap as Linux writes it: words of 64 bits, the highest that is not 0 first. */
static void show_bits(struct sysfs_node *node, const char *name, const u64 *map, unsigned words)
{
	char text[16 * (KEY_COUNT / 64 + 1)];
	size_t size = 0;

	while (words > 1 && !map[words - 1])
		words--;
	while (words--)
		size += scnprintf(text + size, sizeof(text) - size, "%lx%s",
				  (unsigned long)map[words], words ? " " : "");
	sysfs_text(node, name, text);
}

static void show_number(struct sysfs_node *node, const char *name, u16 number)
{
	char text[8];

	snprintf(text, sizeof(text), "%04x", number);
	sysfs_text(node, name, text);
}

/* /sys/class/input as programs look for devices in it. */
static void show_in_sysfs(struct input_device *device, const char *node_name, u64 number)
{
	static const u64 none[1];
	struct sysfs_node *input, *part;
	char name[16];

	snprintf(name, sizeof(name), "input%u", device->index);
	input = sysfs_device_add(NULL, "input", name, 0, 0, NULL);
	sysfs_text(input, "name", device->name);
	sysfs_text(input, "phys", device->physical);
	sysfs_text(input, "uniq", device->unique);
	show_bits(input, "properties", device->properties, 1);
	part = sysfs_directory(input, "id");
	show_number(part, "bustype", device->id.bus);
	show_number(part, "vendor", device->id.vendor);
	show_number(part, "product", device->id.product);
	show_number(part, "version", device->id.version);
	part = sysfs_directory(input, "capabilities");
	show_bits(part, "ev", device->types, 1);
	show_bits(part, "key", device->keys, KEY_COUNT / 64);
	show_bits(part, "rel", device->relative, 1);
	show_bits(part, "abs", device->absolute, 1);
	show_bits(part, "msc", device->miscellaneous, 1);
	show_bits(part, "led", device->leds, 1);
	show_bits(part, "snd", device->sounds, 1);
	show_bits(part, "ff", none, 1);
	show_bits(part, "sw", device->switches, 1);
	snprintf(name, sizeof(name), "event%u", device->index);
	sysfs_device_add(input, "input", name, S_IFCHR, number, node_name);
}

int evdev_create(struct input_device *device)
{
	u64 number = DEVICE_NUMBER(MAJOR_INPUT, MINOR_BASE + device->index);
	char name[24];
	int error;

	snprintf(name, sizeof(name), "input/event%u", device->index);
	error = device_node_register(name, S_IFCHR | 0660, number, &evdev_operations, device);
	if (!error)
		show_in_sysfs(device, name, number);
	return error;
}
