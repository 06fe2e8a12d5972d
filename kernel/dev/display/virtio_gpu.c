/*
 * The GPU device's 2D part (virtio 1.2, 5.7): one resource, backed by the display's pixels, on
 * scanout 0. What changed is transferred and flushed; a device that errs or does not answer loses
 * its flushes, not the machine.
 */
#include <arch/time.h>
#include <debug/log.h>
#include <dev/display/display.h>
#include <dev/display/edid.h>
#include <dev/virtio.h>
#include <fs/counter.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/lock.h>
#include <sched/thread.h>

enum { FEATURE_EDID = 1 << 1, CONTROL_QUEUE = 0, QUEUE_SIZE = 64 };
enum {
	GET_DISPLAY_INFO = 0x100,
	RESOURCE_CREATE_2D,
	RESOURCE_UNREF,
	SET_SCANOUT,
	RESOURCE_FLUSH,
	TRANSFER_TO_HOST_2D,
	RESOURCE_ATTACH_BACKING,
	GET_EDID = 0x10a,
	OK_NODATA = 0x1100,
	OK_DISPLAY_INFO = 0x1101,
	OK_EDID = 0x1104,
};
enum { FORMAT_B8G8R8X8 = 2, RESOURCE = 1, SCANOUT = 0, SCANOUTS = 16 };
enum {
	DEFAULT_WIDTH = 1024,
	DEFAULT_HEIGHT = 768,
	SIDE_MIN = 64,
	SLOTS = 16,
	COMPLAINTS = 3,
	ANSWER_WAITS = 100
};
#define ANSWER_NS 2000000000ull

struct gpu_header {
	u32 type, flags;
	u64 fence;
	u32 context;
	u8 ring, padding[3];
};

struct gpu_rectangle {
	u32 x, y, width, height;
};

/* Each request by its name, all little endian. */
union gpu_request {
	struct gpu_header header;
	struct {
		struct gpu_header header;
		u32 resource, format, width, height;
	} create;
	struct {
		struct gpu_header header;
		u32 resource, entries;
		u64 address;
		u32 length, padding;
	} attach;
	struct {
		struct gpu_header header;
		struct gpu_rectangle rectangle;
		u32 scanout, resource;
	} scanout;
	struct {
		struct gpu_header header;
		struct gpu_rectangle rectangle;
		u64 offset;
		u32 resource, padding;
	} transfer;
	struct {
		struct gpu_header header;
		struct gpu_rectangle rectangle;
		u32 resource, padding;
	} flush;
	struct {
		struct gpu_header header;
		u32 scanout, padding;
	} edid;
};

struct display_info {
	struct gpu_header header;
	struct {
		struct gpu_rectangle rectangle;
		u32 enabled, flags;
	} modes[SCANOUTS];
};

struct edid_answer {
	struct gpu_header header;
	u32 size, padding;
	u8 data[1024];
};

union gpu_answer {
	struct gpu_header header;
	struct display_info info;
	struct edid_answer edid;
};

/* A request on its way: the device owns it from virtqueue_add() until it is done. */
struct slot {
	union gpu_request request;
	struct gpu_header answer;
	bool done; /* [atomic] */
};

struct gpu {
	struct display display;
	struct virtio_device *device;
	struct virtqueue *queue;
	struct mutex lock;	  /* not ranked: nothing is taken under it */
	struct slot *slots;	  /* [lock] SLOTS of them */
	union gpu_answer *answer; /* [lock] of the requests that have a long one */
	struct wait_queue wait;
	bool dead;	     /* [lock] it did not answer: reset, for good */
	unsigned complaints; /* [lock] */
};

static struct counter commands = { .name = "virtio_gpu_commands" };
static struct counter waited = { .name = "virtio_gpu_wait_ns" };

static void gpu_interrupt(struct virtqueue *queue)
{
	struct gpu *gpu = queue->private;
	struct slot *slot;
	u32 length;

	while ((slot = virtqueue_take(queue, &length)))
		store_release(&slot->done, true);
	wait_wake_all(&gpu->wait);
}

static bool all_done(const struct gpu *gpu, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!read_acquire(&gpu->slots[i].done))
			return false;
	}
	return true;
}

static void complain(struct gpu *gpu, u32 command, u32 answer)
{
	if (gpu->complaints++ < COMPLAINTS)
		log_warning("virtio-gpu: command %x was answered with %x\n", command, answer);
}

/* [lock] Wait for the first @count slots, which were queued. */
static int wait_answers(struct gpu *gpu, unsigned count, u32 expected,
			const struct gpu_header *answer)
{
	u64 start = time_now();
	int error = -ETIMEDOUT;

	/*
	 * In short waits: an emulator whose clock leaps while the guest sleeps has many chances so.
	 */
	for (unsigned i = 0; error && i < ANSWER_WAITS; i++)
		error = wait_event_mode(&gpu->wait, all_done(gpu, count),
					time_now() + ANSWER_NS / ANSWER_WAITS,
					WAIT_UNINTERRUPTIBLE);
	counter_add(&waited, time_now() - start);
	if (error) {
		log_error("virtio-gpu: the device does not answer; it is left alone from now on\n");
		gpu->dead = true;
		virtio_failed(gpu->device);
		return -EIO;
	}
	for (unsigned i = 0; i < count; i++) {
		u32 type = answer ? answer->type : gpu->slots[i].answer.type;

		if (type == expected)
			continue;
		complain(gpu, gpu->slots[i].request.header.type, type);
		error = -EIO;
	}
	return error;
}

/* [lock] Run the requests in the first @count slots, all at once. */
static int run_slots(struct gpu *gpu, unsigned count)
{
	if (gpu->dead)
		return -EIO;
	for (unsigned i = 0; i < count; i++) {
		struct slot *slot = &gpu->slots[i];
		struct virtio_segment segments[] = {
			{ &slot->request, sizeof(slot->request), false },
			{ &slot->answer, sizeof(slot->answer), true },
		};

		slot->done = false;
		slot->answer.type = 0;
		if (virtqueue_add(gpu->queue, segments, ARRAY_SIZE(segments), slot))
			slot->done = true; /* answered with 0 */
	}
	counter_add(&commands, count);
	virtqueue_kick(gpu->queue);
	return wait_answers(gpu, count, OK_NODATA, NULL);
}

/* [lock] Run the request in the first slot, with an answer of @size bytes into gpu->answer. */
static int ask(struct gpu *gpu, size_t size, u32 expected)
{
	struct slot *slot = &gpu->slots[0];
	struct virtio_segment segments[] = {
		{ &slot->request, sizeof(slot->request), false },
		{ gpu->answer, size, true },
	};

	memset(gpu->answer, 0, sizeof(*gpu->answer));
	slot->done = false;
	if (virtqueue_add(gpu->queue, segments, ARRAY_SIZE(segments), slot))
		return -EIO;
	counter_add(&commands, 1);
	virtqueue_kick(gpu->queue);
	return wait_answers(gpu, 1, expected, &gpu->answer->header);
}

static union gpu_request *request_of(struct gpu *gpu, unsigned slot, u32 type)
{
	union gpu_request *request = &gpu->slots[slot].request;

	memset(request, 0, sizeof(*request));
	request->header.type = type;
	return request;
}

/* [lock] */
static int gpu_create(struct gpu *gpu)
{
	const struct display_mode *mode = &gpu->display.mode;
	union gpu_request *request = request_of(gpu, 0, RESOURCE_CREATE_2D);
	int error;

	request->create.resource = RESOURCE;
	request->create.format = FORMAT_B8G8R8X8;
	request->create.width = mode->width;
	request->create.height = mode->height;
	error = run_slots(gpu, 1);
	if (error)
		return error;
	request = request_of(gpu, 0, RESOURCE_ATTACH_BACKING);
	request->attach.resource = RESOURCE;
	request->attach.entries = 1;
	request->attach.address = gpu->display.frame << PAGE_SHIFT;
	request->attach.length = gpu->display.size;
	return run_slots(gpu, 1);
}

/* [lock] Show @resource; 0: nothing. */
static int gpu_scan_out(struct gpu *gpu, u32 resource)
{
	const struct display_mode *mode = &gpu->display.mode;
	union gpu_request *request = request_of(gpu, 0, SET_SCANOUT);

	request->scanout.scanout = SCANOUT;
	request->scanout.resource = resource;
	if (resource)
		request->scanout.rectangle =
			(struct gpu_rectangle){ 0, 0, mode->width, mode->height };
	return run_slots(gpu, 1);
}

static int gpu_flush(struct display *display, const struct display_rectangle *rectangles,
		     unsigned count)
{
	struct gpu *gpu = container_of(display, struct gpu, display);
	int error = 0;

	mutex_lock(&gpu->lock);
	while (count) {
		unsigned now = MIN(count, (unsigned)SLOTS / 2);

		for (unsigned i = 0; i < now; i++) {
			const struct display_rectangle *from = &rectangles[i];
			struct gpu_rectangle rectangle = { from->x, from->y, from->width,
							   from->height };
			union gpu_request *request = request_of(gpu, 2 * i, TRANSFER_TO_HOST_2D);

			request->transfer.rectangle = rectangle;
			request->transfer.offset = (u64)from->y * display->mode.stride +
						   from->x * (display->mode.bits / 8);
			request->transfer.resource = RESOURCE;
			request = request_of(gpu, 2 * i + 1, RESOURCE_FLUSH);
			request->flush.rectangle = rectangle;
			request->flush.resource = RESOURCE;
		}
		if (run_slots(gpu, 2 * now))
			error = -EIO;
		rectangles += now;
		count -= now;
	}
	mutex_unlock(&gpu->lock);
	return error;
}

static int gpu_blank(struct display *display, bool dark)
{
	struct gpu *gpu = container_of(display, struct gpu, display);
	int error;

	mutex_lock(&gpu->lock);
	error = gpu_scan_out(gpu, dark ? 0 : RESOURCE);
	mutex_unlock(&gpu->lock);
	if (!error && !dark)
		display_damage(display, 0, display->size);
	return error;
}

static bool is_sensible(u32 width, u32 height)
{
	return width >= SIDE_MIN && height >= SIDE_MIN && width <= DISPLAY_SIDE_MAX &&
	       height <= DISPLAY_SIDE_MAX;
}

/* [lock] What the device's display info says, else its EDID, else a size that every screen has. */
static void find_size(struct gpu *gpu, u64 features, u32 *width, u32 *height)
{
	union gpu_request *request = request_of(gpu, 0, GET_DISPLAY_INFO);

	*width = DEFAULT_WIDTH;
	*height = DEFAULT_HEIGHT;
	(void)request;
	if (!ask(gpu, sizeof(struct display_info), OK_DISPLAY_INFO)) {
		const struct gpu_rectangle *size = &gpu->answer->info.modes[SCANOUT].rectangle;

		if (is_sensible(size->width, size->height)) {
			*width = size->width;
			*height = size->height;
			return;
		}
		log_warning("virtio-gpu: a size of %ux%u makes no sense\n", size->width,
			    size->height);
	}
	if (!(features & FEATURE_EDID) || gpu->dead)
		return;
	request = request_of(gpu, 0, GET_EDID);
	request->edid.scanout = SCANOUT;
	if (!ask(gpu, sizeof(struct edid_answer), OK_EDID)) {
		u32 edid_width, edid_height;

		if (!edid_size(gpu->answer->edid.data,
			       MIN(gpu->answer->edid.size, (u32)sizeof(gpu->answer->edid.data)),
			       &edid_width, &edid_height) &&
		    is_sensible(edid_width, edid_height)) {
			*width = edid_width;
			*height = edid_height;
		}
	}
}

/* Up to the first picture; errors leave nothing behind but a device that was reset. */
static int gpu_start(struct gpu *gpu, u64 features)
{
	struct display *display = &gpu->display;
	int error;

	mutex_lock(&gpu->lock);
	display->mode = display_mode_xrgb8888;
	find_size(gpu, features, &display->mode.width, &display->mode.height);
	display_wanted_size(&display->mode.width, &display->mode.height);
	display->mode.stride = display->mode.width * 4;
	error = gpu->dead ? -EIO : display_create_pixels(display);
	if (!error) {
		error = gpu_create(gpu);
		if (!error)
			error = gpu_scan_out(gpu, RESOURCE);
		if (error) {
			virtio_failed(gpu->device);
			shown_object_discard(&display->memory);
		}
	}
	mutex_unlock(&gpu->lock);
	return error;
}

static int gpu_probe(struct virtio_device *device)
{
	struct gpu *gpu = kzalloc(sizeof(*gpu));
	u64 features;
	int error;

	if (!gpu)
		return -ENOMEM;
	gpu->device = device;
	gpu->display.name = "virtio-gpu";
	gpu->display.flush = gpu_flush;
	gpu->display.blank = gpu_blank;
	mutex_init(&gpu->lock, RANK_NONE);
	wait_queue_init(&gpu->wait);
	gpu->slots = kzalloc(SLOTS * sizeof(*gpu->slots));
	gpu->answer = kzalloc(sizeof(*gpu->answer));
	error = gpu->slots && gpu->answer ? virtio_negotiate(device, FEATURE_EDID, &features)
					  : -ENOMEM;
	if (!error) {
		gpu->queue =
			virtqueue_create(device, CONTROL_QUEUE, QUEUE_SIZE, gpu_interrupt, gpu);
		error = gpu->queue ? 0 : -ENOMEM;
	}
	if (error)
		return error;
	virtio_ready(device);
	counter_register(&commands);
	counter_register(&waited);
	error = gpu_start(gpu, features);
	/* The queue may still be looked at by its interrupt: what it points to stays. */
	return error ? error : display_register(&gpu->display);
}

VIRTIO_DRIVER(virtio_gpu_driver) = {
	.name = "virtio-gpu",
	.id = VIRTIO_ID_GPU,
	.probe = gpu_probe,
};
