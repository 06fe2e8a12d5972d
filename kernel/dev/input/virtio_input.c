/*
 * Input devices of virtio (1.2, 5.8): what they can do is read from their configuration, events
 * come in a queue.
 */
#include <dev/input/input.h>
#include <dev/virtio.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { SELECT = 0, SUBSELECT = 1, SIZE = 2, DATA = 8, DATA_MAX = 128 };
enum {
	SELECT_NONE = 0,
	ID_NAME = 1,
	ID_SERIAL = 2,
	ID_DEVICE = 3,
	PROPERTY_BITS = 0x10,
	EVENT_BITS = 0x11,
	AXIS_INFO = 0x12
};
enum { EVENT_QUEUE = 0, STATUS_QUEUE = 1, EVENTS = 64, STATUSES = 16 };

struct virtio_event {
	u16 type, code;
	s32 value;
};

struct virtio_input {
	struct input_device input;
	struct virtio_device *device;
	struct virtqueue *events, *statuses;
	struct virtio_event *buffers; /* EVENTS that the device fills, STATUSES that it reads */
	u32 status_next;	      /* [input] */
};

/* The bytes of one piece of configuration; what is behind its end reads as zeros. */
static u32 read_config(struct virtio_device *device, u8 select, u8 subselect, void *data, u32 size)
{
	const struct virtio_transport *transport = device->transport;
	u32 there;

	memset(data, 0, size);
	transport->config_write(device, SELECT, 1, select);
	transport->config_write(device, SUBSELECT, 1, subselect);
	there = MIN(transport->config_read(device, SIZE, 1), (u32)DATA_MAX);
	there = MIN(there, size);
	for (u32 i = 0; i < there; i++)
		((u8 *)data)[i] = transport->config_read(device, DATA + i, 1);
	return there;
}

static void read_bits(struct virtio_input *virtio, u32 type, void *map, u32 size)
{
	if (read_config(virtio->device, EVENT_BITS, type, map, size))
		virtio->input.types[0] |= (u64)1 << type;
}

static void read_axes(struct virtio_input *virtio)
{
	for (u32 code = 0; code < ABS_COUNT; code++) {
		struct {
			s32 minimum, maximum, fuzz, flat, resolution;
		} info;

		if (!input_bit(virtio->input.absolute, code))
			continue;
		read_config(virtio->device, AXIS_INFO, code, &info, sizeof(info));
		virtio->input.axes[code] = (struct input_axis){
			.minimum = info.minimum,
			.maximum = info.maximum,
			.fuzz = info.fuzz,
			.flat = info.flat,
			.resolution = info.resolution,
		};
	}
}

static void describe(struct virtio_input *virtio)
{
	static unsigned count;
	struct input_device *input = &virtio->input;
	struct virtio_device *device = virtio->device;
	u64 repeat;

	read_config(device, ID_NAME, 0, input->name, sizeof(input->name) - 1);
	read_config(device, ID_SERIAL, 0, input->unique, sizeof(input->unique) - 1);
	read_config(device, ID_DEVICE, 0, &input->id, sizeof(input->id));
	snprintf(input->physical, sizeof(input->physical), "virtio%u/input0", count++);
	read_config(device, PROPERTY_BITS, 0, input->properties, PROP_COUNT / 8);
	read_bits(virtio, EV_KEY, input->keys, sizeof(input->keys));
	read_bits(virtio, EV_REL, input->relative, REL_COUNT / 8);
	read_bits(virtio, EV_ABS, input->absolute, ABS_COUNT / 8);
	read_bits(virtio, EV_MSC, input->miscellaneous, MSC_COUNT / 8);
	read_bits(virtio, EV_SW, input->switches, 2);
	read_bits(virtio, EV_LED, input->leds, LED_COUNT / 8);
	read_bits(virtio, EV_REP, &repeat, sizeof(repeat));
	read_axes(virtio);
	read_config(device, SELECT_NONE, 0, &repeat, sizeof(repeat));
}

static void give_buffer(struct virtio_input *virtio, struct virtio_event *event)
{
	virtqueue_add(virtio->events, &(struct virtio_segment){ event, sizeof(*event), true }, 1,
		      event);
}

static void events_arrived(struct virtqueue *queue)
{
	struct virtio_input *virtio = queue->private;
	struct virtio_event *event;
	u32 length;

	while ((event = virtqueue_take(queue, &length))) {
		struct virtio_event copy = *event;

		give_buffer(virtio, event);
		if (length >= sizeof(copy))
			input_event(&virtio->input, copy.type, copy.code, copy.value);
	}
	virtqueue_kick(queue);
}

/*
 * The oldest buffer is used again only once the device has read it; else this change is not shown.
 */
static void set_led(struct input_device *input, u32 code, bool on)
{
	struct virtio_input *virtio = container_of(input, struct virtio_input, input);
	struct virtio_event *event = &virtio->buffers[EVENTS + virtio->status_next % STATUSES];
	u32 length;

	while (virtqueue_take(virtio->statuses, &length))
		;
	*event = (struct virtio_event){ EV_LED, code, on };
	if (virtqueue_add(virtio->statuses,
			  &(struct virtio_segment){ event, sizeof(*event), false }, 1, event))
		return;
	virtio->status_next++;
	virtqueue_kick(virtio->statuses);
}

static int start_queues(struct virtio_input *virtio)
{
	virtio->buffers = kzalloc((EVENTS + STATUSES) * sizeof(*virtio->buffers));
	virtio->events =
		virtqueue_create(virtio->device, EVENT_QUEUE, EVENTS, events_arrived, virtio);
	virtio->statuses = virtqueue_create(virtio->device, STATUS_QUEUE, STATUSES, NULL, virtio);
	if (!virtio->buffers || !virtio->events || !virtio->statuses)
		return -ENOMEM;
	return 0;
}

static int input_probe(struct virtio_device *device)
{
	struct virtio_input *virtio = kzalloc(sizeof(*virtio));
	u64 features;
	int error;

	if (!virtio)
		return -ENOMEM;
	virtio->device = device;
	virtio->input.set_led = set_led;
	error = virtio_negotiate(device, 0, &features);
	if (!error)
		error = start_queues(virtio);
	if (error)
		return error;
	describe(virtio);
	error = input_register(&virtio->input);
	if (error)
		return error;
	virtio_ready(device);
	for (u32 i = 0; i < virtio->events->size; i++)
		give_buffer(virtio, &virtio->buffers[i]);
	virtqueue_kick(virtio->events);
	return 0;
}

VIRTIO_DRIVER(virtio_input_driver) = {
	.name = "virtio-input",
	.id = VIRTIO_ID_INPUT,
	.probe = input_probe,
};
