// sources: kernel/dev/display/virtio_gpu.c kernel/dev/display/edid.c
// flags: -Iarch/host/include
/* The virtio-gpu driver against devices that err, lie or stay silent. */
#include <debug/log.h>
#include <dev/display/display.h>
#include <dev/display/edid.h>
#include <dev/virtio.h>
#include <fs/counter.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <sched/wait.h>
#include <string.h>

#include "check.h"

extern const struct virtio_driver *const __start_virtio_drivers[];

enum { DISPLAY_INFO = 0x100, CREATE = 0x101, SCANOUT = 0x103, EDID = 0x10a };
enum { OK = 0x1100, OK_INFO = 0x1101, OK_EDID = 0x1104, ERROR = 0x1200 };

/* What the device is like. */
static struct {
	u32 width, height;  /* of its display info */
	u32 fails;	    /* the command that it answers with an error */
	bool silent;	    /* it never answers */
	bool edid, bad_sum; /* it has one, of 1920 x 1080; which is damaged */
} device;

static struct display *registered;
static unsigned commands, failed, discarded;
static u64 now;

/* The queue: one descriptor chain after the other, answered when the driver looks. */
static struct {
	void *token;
	u32 *request;
	u8 *answer;
	u32 answer_size;
} chains[64];
static unsigned chain_count, chain_taken;
static struct virtqueue queue;

const struct display_mode display_mode_xrgb8888 = { .bits = 32 };

static void answer_edid(u8 *edid)
{
	static const u8 header[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	u8 sum = 0;

	memcpy(edid, header, sizeof(header));
	edid[54] = 1;
	edid[56] = 1920 & 255, edid[58] = 1920 >> 8 << 4;
	edid[59] = 1080 & 255, edid[61] = 1080 >> 8 << 4;
	for (unsigned i = 0; i < 127; i++)
		sum += edid[i];
	edid[127] = -sum + device.bad_sum;
}

static void answer(u32 command, u8 *to, u32 size)
{
	u32 type = command == DISPLAY_INFO ? OK_INFO : command == EDID ? OK_EDID : OK;

	if (command == device.fails)
		type = ERROR;
	memcpy(to, &type, 4);
	if (type == OK_INFO && size >= 40) {
		memcpy(to + 24 + 8, &device.width, 4);
		memcpy(to + 24 + 12, &device.height, 4);
	}
	if (type == OK_EDID && size > 160) {
		u32 length = 128;

		memcpy(to + 24, &length, 4);
		answer_edid(to + 32);
	}
}

int virtqueue_add(struct virtqueue *to, const struct virtio_segment *segments, unsigned count,
		  void *token)
{
	chains[chain_count].token = token;
	chains[chain_count].request = segments[0].data;
	chains[chain_count].answer = segments[1].data;
	chains[chain_count++].answer_size = segments[1].size;
	return 0;
}

void *virtqueue_take(struct virtqueue *from, u32 *length)
{
	unsigned at = chain_taken;

	if (device.silent || at == chain_count)
		return NULL;
	chain_taken++;
	answer(*chains[at].request, chains[at].answer, chains[at].answer_size);
	commands++;
	return chains[at].token;
}

void virtqueue_kick(struct virtqueue *to)
{
	to->handler(to);
	if (chain_taken == chain_count)
		chain_taken = chain_count = 0;
}

struct virtqueue *virtqueue_create(struct virtio_device *of, unsigned index, u32 size,
				   void (*handler)(struct virtqueue *queue), void *private)
{
	queue.handler = handler;
	queue.private = private;
	chain_taken = chain_count = 0;
	return &queue;
}

int virtio_negotiate(struct virtio_device *of, u64 wanted, u64 *accepted)
{
	*accepted = device.edid ? wanted : 0;
	return 0;
}

void virtio_ready(struct virtio_device *of)
{
}

void virtio_failed(struct virtio_device *of)
{
	failed++;
}

int display_create_pixels(struct display *display)
{
	display->size = (u64)display->mode.stride * display->mode.height;
	return 0;
}

int display_register(struct display *display)
{
	registered = display;
	return 0;
}

void display_wanted_size(u32 *width, u32 *height)
{
}

void display_damage(struct display *display, u64 offset, u64 size)
{
}

void shown_object_discard(struct memory_object *object)
{
	discarded++;
}

void counter_register(struct counter *counter)
{
}

/* A device that failed keeps what its queue may still point to, here in sight of the leak checker. */
void *kzalloc(size_t size)
{
	static void *kept[256];
	static unsigned count;

	kept[count] = calloc(1, size);
	return kept[count++];
}

void kfree(void *data)
{
	free(data);
}

void log_write(enum log_level level, const char *format, ...)
{
}

void mutex_init(struct mutex *mutex, enum lock_rank rank)
{
}

void mutex_lock(struct mutex *mutex)
{
}

void mutex_unlock(struct mutex *mutex)
{
}

void wait_queue_init(struct wait_queue *waiters)
{
}

void wait_begin(struct wait_queue *waiters, struct waiter *waiter)
{
}

void wait_end(struct waiter *waiter)
{
}

int wait_sleep(struct waiter *waiter, u64 deadline, enum wait_mode mode)
{
	now = deadline;
	return -ETIMEDOUT;
}

void wait_wake_events(struct wait_queue *waiters, unsigned exclusive_count, u32 events)
{
}

u64 time_now(void)
{
	return now;
}

static int probe(void)
{
	struct virtio_device of = { .id = VIRTIO_ID_GPU };

	registered = NULL;
	commands = failed = discarded = 0;
	return __start_virtio_drivers[0]->probe(&of);
}

static void expect_size(u32 width, u32 height)
{
	EXPECT(probe(), 0);
	EXPECT_TRUE(registered != NULL);
	if (!registered)
		return;
	EXPECT(registered->mode.width, width);
	EXPECT(registered->mode.height, height);
	EXPECT(registered->mode.stride, width * 4);
}

static void sizes(void)
{
	memset(&device, 0, sizeof(device));
	device.width = 1280, device.height = 800;
	expect_size(1280, 800);
	device.width = 0;
	expect_size(1024, 768);
	device.edid = true;
	expect_size(1920, 1080);
	device.width = 0xffffffff, device.height = 0xffffffff;
	expect_size(1920, 1080);
	device.bad_sum = true;
	expect_size(1024, 768);
	device.fails = DISPLAY_INFO;
	expect_size(1024, 768);
	device.fails = EDID;
	expect_size(1024, 768);
}

static void errors(void)
{
	static const u32 fatal[] = { CREATE, SCANOUT, 0x106 };

	for (unsigned i = 0; i < ARRAY_SIZE(fatal); i++) {
		memset(&device, 0, sizeof(device));
		device.width = 800, device.height = 600;
		device.fails = fatal[i];
		EXPECT(probe(), -EIO);
		EXPECT_TRUE(registered == NULL);
		EXPECT(failed, 1); /* it was reset before its memory went */
		EXPECT(discarded, 1);
	}
}

static void silence(void)
{
	u64 before = now;

	memset(&device, 0, sizeof(device));
	device.silent = true;
	EXPECT(probe(), -EIO);
	EXPECT_TRUE(registered == NULL);
	EXPECT(failed, 1);
	EXPECT_TRUE(now - before <= 3000000000ull); /* it was not asked again and again */
}

static void flushing(void)
{
	struct display_rectangle rectangles[DISPLAY_RECTANGLES];

	memset(&device, 0, sizeof(device));
	expect_size(1024, 768);
	for (unsigned i = 0; i < DISPLAY_RECTANGLES; i++)
		rectangles[i] = (struct display_rectangle){ 0, 20 * i, 1024, 5 };
	commands = 0;
	EXPECT(registered->flush(registered, rectangles, DISPLAY_RECTANGLES), 0);
	EXPECT(commands, 2 * DISPLAY_RECTANGLES);
	device.fails = 0x104;
	EXPECT(registered->flush(registered, rectangles, 1), -EIO);
	device.fails = 0;
	EXPECT(registered->flush(registered, rectangles, 1), 0); /* one error is not the end */
	device.silent = true;
	EXPECT(registered->flush(registered, rectangles, 1), -EIO);
	EXPECT(failed, 1);
	commands = 0;
	device.silent = false;
	EXPECT(registered->flush(registered, rectangles, 1), -EIO);
	EXPECT(commands, 0); /* silence is */
}

static void edid_bytes(void)
{
	u8 edid[128];
	u32 width, height;

	check_random_seed();
	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned at = 0; at < sizeof(edid); at++)
			edid[at] = check_random();
		(void)edid_size(edid, check_random() % 129, &width, &height);
	}
	EXPECT(edid_size(edid, 0, &width, &height), -EINVAL);
}

int main(void)
{
	RUN(sizes);
	RUN(errors);
	RUN(silence);
	RUN(flushing);
	RUN(edid_bytes);
	return CHECK_RESULT;
}
