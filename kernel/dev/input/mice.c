/*
 * /dev/input/mice: all mice and tablets as one PS/2 mouse. Three bytes a packet (buttons and signs,
 * x, y upwards), four with a wheel once the program has knocked for it as drivers of real mice do.
 */
#include <boot/initcall.h>
#include <dev/input/input.h>
#include <fs/device_node.h>
#include <fs/sysfs/sysfs.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { MINOR = 63, REPLY_MAX = 8, STEP_MAX = 127, SCREEN_STEPS = 1024 };
enum { ACKNOWLEDGE = 0xfa, GET_ID = 0xf2, SET_RATE = 0xf3, STATUS = 0xe9, RESET = 0xff };
enum { ID_PLAIN = 0, ID_WHEEL = 3, TEST_PASSED = 0xaa };

struct mice_client {
	struct list_node link; /* [mice_lock] */
	s32 x, y, wheel;       /* [mice_lock] moved since the last packet */
	u8 buttons, told;      /* [mice_lock] now, and in the last packet */
	bool wheel_wanted;     /* [mice_lock] */
	u8 knock[3];	       /* [mice_lock] the last rates that were set */
	bool rate_follows;     /* [mice_lock] */
	u8 reply[REPLY_MAX];   /* [mice_lock] what goes out before the next packet */
	u8 reply_size;	       /* [mice_lock] */
};

static struct spinlock mice_lock = SPINLOCK_INIT(RANK_WAIT); /* interrupts off */
static struct list_node clients = LIST_INIT(clients);	     /* [mice_lock] */
static struct wait_queue mice_wait = WAIT_QUEUE_INIT(mice_wait);
static struct {
	s32 value;
	bool known;
} last[2]; /* [mice_lock] where the tablet was, in steps */

/* An absolute position is told as the way from the last one. */
static s32 way(struct input_device *device, u32 code, s32 value)
{
	const struct input_axis *axis = &device->axes[code];
	s64 range = (s64)axis->maximum - axis->minimum;
	s32 place = range > 0 ? ((s64)value - axis->minimum) * SCREEN_STEPS / range : 0;
	s32 moved = last[code].known ? place - last[code].value : 0;

	last[code].value = place;
	last[code].known = true;
	return moved;
}

static void mice_event(struct input_device *device, u32 type, u32 code, s32 value)
{
	static const u32 buttons[] = { BTN_LEFT, BTN_RIGHT, BTN_MIDDLE };
	struct mice_client *client;
	s32 x = 0, y = 0, wheel = 0;
	int button = -1;

	for (unsigned i = 0; type == EV_KEY && i < ARRAY_SIZE(buttons); i++)
		button = code == buttons[i] ? (int)i : button;
	if (button < 0 && type != EV_REL && type != EV_ABS)
		return;
	spin_lock(&mice_lock);
	if (type == EV_REL && code == REL_X)
		x = value;
	else if (type == EV_REL && code == REL_Y)
		y = value;
	else if (type == EV_REL && code == REL_WHEEL)
		wheel = value;
	else if (type == EV_ABS && code == ABS_X)
		x = way(device, ABS_X, value);
	else if (type == EV_ABS && code == ABS_Y)
		y = way(device, ABS_Y, value);
	list_for_each_entry(client, &clients, link) {
		client->x += x;
		client->y -= y;
		client->wheel -= wheel;
		if (button >= 0)
			client->buttons = (client->buttons & ~(1u << button)) | !!value << button;
	}
	spin_unlock(&mice_lock);
	wait_wake_all(&mice_wait);
}

static bool news(const struct mice_client *client)
{
	return client->reply_size || client->x || client->y || client->wheel ||
	       client->buttons != client->told;
}

/* [mice_lock] The next bytes for the program. */
static size_t take_packet(struct mice_client *client, u8 *packet)
{
	s32 x = CLAMP(client->x, -STEP_MAX, STEP_MAX), y = CLAMP(client->y, -STEP_MAX, STEP_MAX);
	s32 wheel = CLAMP(client->wheel, -8, 7);
	size_t size = client->reply_size;

	if (size) {
		memcpy(packet, client->reply, size);
		client->reply_size = 0;
		return size;
	}
	packet[0] = 8 | client->buttons | (x < 0) << 4 | (y < 0) << 5;
	packet[1] = x;
	packet[2] = y;
	packet[3] = wheel;
	client->x -= x;
	client->y -= y;
	client->wheel = client->wheel_wanted ? client->wheel - wheel : 0;
	client->told = client->buttons;
	return client->wheel_wanted ? 4 : 3;
}

static ssize_t mice_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct mice_client *client = file->private;
	u8 packet[REPLY_MAX];
	unsigned long irq;
	size_t size;
	int error = 0;

	if (!news(client))
		error = file->flags & O_NONBLOCK
				? -EAGAIN
				: wait_event_interruptible(&mice_wait, news(client));
	if (error)
		return error == -EINTR ? -ERESTARTSYS : error;
	irq = spin_lock_irqsave(&mice_lock);
	size = take_packet(client, packet);
	spin_unlock_irqrestore(&mice_lock, irq);
	size = MIN(size, iterator->left);
	return io_copy(iterator, packet, size) == size ? (ssize_t)size : -EFAULT;
}

/* [mice_lock] */
static void reply(struct mice_client *client, u8 byte)
{
	if (client->reply_size < REPLY_MAX)
		client->reply[client->reply_size++] = byte;
}

/* [mice_lock] Rates of 200, 100 and 80 are the knock. */
static void take_command(struct mice_client *client, u8 byte)
{
	client->reply_size = 0;
	reply(client, ACKNOWLEDGE);
	if (client->rate_follows) {
		client->rate_follows = false;
		client->knock[0] = client->knock[1];
		client->knock[1] = client->knock[2];
		client->knock[2] = byte;
		if (client->knock[0] == 200 && client->knock[1] == 100 && client->knock[2] == 80)
			client->wheel_wanted = true;
		return;
	}
	switch (byte) {
	case SET_RATE:
		client->rate_follows = true;
		break;
	case GET_ID:
		reply(client, client->wheel_wanted ? ID_WHEEL : ID_PLAIN);
		break;
	case STATUS:
		reply(client, 0x60);
		reply(client, 3);
		reply(client, 200);
		break;
	case RESET:
		client->wheel_wanted = false;
		reply(client, TEST_PASSED);
		reply(client, ID_PLAIN);
		break;
	}
}

static ssize_t mice_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct mice_client *client = file->private;
	ssize_t total = 0;
	u8 byte;

	while (iterator->left) {
		unsigned long irq;

		if (!io_copy(iterator, &byte, 1))
			return total ? total : -EFAULT;
		irq = spin_lock_irqsave(&mice_lock);
		take_command(client, byte);
		spin_unlock_irqrestore(&mice_lock, irq);
		total++;
	}
	wait_wake_all(&mice_wait);
	return total;
}

static u32 mice_poll(struct file *file, struct poll_table *table)
{
	struct mice_client *client = file->private;

	poll_wait(file, &mice_wait, table);
	return (news(client) ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM;
}

static int mice_open(struct vnode *vnode, struct file *file)
{
	struct mice_client *client = kzalloc(sizeof(*client));
	unsigned long irq;

	if (!client)
		return -ENOMEM;
	file->private = client;
	irq = spin_lock_irqsave(&mice_lock);
	list_add_tail(&clients, &client->link);
	spin_unlock_irqrestore(&mice_lock, irq);
	return 0;
}

static void mice_release(struct file *file)
{
	struct mice_client *client = file->private;
	unsigned long irq = spin_lock_irqsave(&mice_lock);

	list_remove(&client->link);
	spin_unlock_irqrestore(&mice_lock, irq);
	kfree(client);
}

static const struct file_operations mice_operations = {
	.open = mice_open,
	.release = mice_release,
	.read = mice_read,
	.write = mice_write,
	.poll = mice_poll,
};

static int mice_start(void)
{
	static struct input_listener listener = { .event = mice_event };

	if (!input_get(0))
		return 0;
	input_listen(&listener);
	sysfs_device_add(NULL, "input", "mice", S_IFCHR, DEVICE_NUMBER(MAJOR_INPUT, MINOR),
			 "input/mice");
	return device_node_register("input/mice", S_IFCHR | 0660, DEVICE_NUMBER(MAJOR_INPUT, MINOR),
				    &mice_operations, NULL);
}
INITCALL_DEVICE(mice_start);
