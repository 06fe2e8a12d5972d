/*
 * /dev/input/event*: ioctls with their errors, packets, grabs, repeats, slow readers. Events are
 * injected.
 */
#include "check.h"
#include <linux/input.h>
#include <poll.h>
#include <sys/ioctl.h>

enum { KEYS = KEY_MAX / 8 + 1 };

static int keyboard = -1, other = -1;

static bool bit(const unsigned char *map, int number)
{
	return map[number / 8] >> number % 8 & 1;
}

/* The first device with an A, twice; grabbed, so that no console hears what is injected. */
static bool have_keyboard(void)
{
	char name[40];
	unsigned char keys[KEYS];
	for (int i = 0; keyboard < 0 && i < 32; i++) {
		snprintf(name, sizeof(name), "/dev/input/event%d", i);
		int fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		memset(keys, 0, sizeof(keys));
		if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) > 0 && bit(keys, KEY_A)) {
			keyboard = fd;
			other = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		} else {
			close(fd);
		}
	}
	return keyboard >= 0 && other >= 0;
}

#define NEED_KEYBOARD()                                                                            \
	do {                                                                                       \
		if (!have_keyboard())                                                              \
			SKIP("no keyboard");                                                       \
	} while (0)

static int inject(int fd, int type, int code, int value)
{
	struct input_event events[2] = {
		{ .type = type, .code = code, .value = value },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};
	return write(fd, events, sizeof(events)) == sizeof(events) ? 0 : -1;
}

static int next(int fd, struct input_event *event)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	if (poll(&poll_fd, 1, 2000) != 1)
		return -1;
	return read(fd, event, sizeof(*event)) == sizeof(*event) ? 0 : -1;
}

static void drain(int fd)
{
	struct input_event events[64];
	while (read(fd, events, sizeof(events)) > 0)
		;
}

static void expect(int fd, int type, int code, int value)
{
	struct input_event event = { 0 };
	CHECK_EQ(next(fd, &event), 0);
	CHECK_EQ(event.type, type);
	CHECK_EQ(event.code, code);
	CHECK_EQ(event.value, value);
}

static void test_information(void)
{
	NEED_KEYBOARD();
	int version = 0;
	struct input_id id = { 0 };
	char text[256] = "";
	unsigned char types[4] = { 0 };
	CHECK_EQ(ioctl(keyboard, EVIOCGVERSION, &version), 0);
	CHECK_EQ(version, EV_VERSION);
	CHECK_EQ(ioctl(keyboard, EVIOCGID, &id), 0);
	long size = CHECK_OK(ioctl(keyboard, EVIOCGNAME(sizeof(text)), text));
	CHECK_EQ(size, strlen(text) + 1);
	CHECK_EQ(ioctl(keyboard, EVIOCGNAME(4), text), 4);
	CHECK_RANGE(ioctl(keyboard, EVIOCGPHYS(sizeof(text)), text), 2, 64);
	CHECK_EQ(ioctl(keyboard, EVIOCGBIT(0, sizeof(types)), types), 4);
	CHECK(bit(types, EV_KEY) && bit(types, EV_SYN));
	CHECK_RANGE(ioctl(keyboard, EVIOCGPROP(4), types), 4, 8);
	CHECK_ERRNO(ioctl(keyboard, EVIOCGID, (void *)8), EFAULT);
	CHECK_ERRNO(ioctl(keyboard, EVIOCGABS(ABS_X), text), EINVAL);
	CHECK_ERRNO(ioctl(keyboard, EVIOCGBIT(EV_MAX, 8), text), EINVAL);
	CHECK_ERRNO(ioctl(keyboard, 0x4501, 0), EINVAL);
	CHECK_ERRNO(ioctl(keyboard, _IOR('E', 0xee, int), &version), EINVAL);
}

static void test_events(void)
{
	NEED_KEYBOARD();
	unsigned char keys[KEYS] = { 0 };
	CHECK_EQ(ioctl(other, EVIOCGRAB, 1), 0);
	CHECK_ERRNO(ioctl(keyboard, EVIOCGRAB, 1), EBUSY);
	drain(other);
	CHECK_EQ(inject(keyboard, EV_KEY, KEY_A, 1), 0);
	expect(other, EV_KEY, KEY_A, 1);
	expect(other, EV_SYN, SYN_REPORT, 0);
	CHECK_RANGE(ioctl(keyboard, EVIOCGKEY(sizeof(keys)), keys), KEYS, KEYS);
	CHECK(bit(keys, KEY_A));
	CHECK_EQ(inject(keyboard, EV_KEY, KEY_A, 1), 0); /* it is down already */
	CHECK_EQ(inject(keyboard, EV_KEY, KEY_A, 0), 0);
	expect(other, EV_KEY, KEY_A, 0);
	expect(other, EV_SYN, SYN_REPORT, 0);
	struct input_event event;
	CHECK_ERRNO(read(other, &event, sizeof(event)), EAGAIN);
	CHECK_ERRNO(read(keyboard, &event, sizeof(event)), EAGAIN); /* the other has grabbed it */
	CHECK_ERRNO(read(other, &event, sizeof(event) - 1), EINVAL);
	CHECK_ERRNO(write(other, &event, 3), EINVAL);
	CHECK_EQ(ioctl(other, EVIOCGRAB, 0), 0);
	CHECK_ERRNO(ioctl(other, EVIOCGRAB, 0), EINVAL);
}

static void test_repeat(void)
{
	NEED_KEYBOARD();
	unsigned before[2], fast[2] = { 60, 20 };
	if (ioctl(other, EVIOCGREP, before) < 0)
		SKIP("keys do not repeat");
	CHECK_EQ(ioctl(other, EVIOCGRAB, 1), 0);
	CHECK_EQ(ioctl(other, EVIOCSREP, fast), 0);
	drain(other);
	CHECK_EQ(inject(keyboard, EV_KEY, KEY_B, 1), 0);
	expect(other, EV_KEY, KEY_B, 1);
	expect(other, EV_SYN, SYN_REPORT, 0);
	for (int i = 0; i < 3; i++) {
		struct input_event event;
		CHECK_EQ(next(other, &event), 0);
		CHECK_EQ(event.value, 2);
		CHECK_EQ(next(other, &event), 0);
	}
	CHECK_EQ(inject(keyboard, EV_KEY, KEY_B, 0), 0);
	sleep_ms(30);
	drain(other);
	sleep_ms(80);
	struct input_event event;
	CHECK_ERRNO(read(other, &event, sizeof(event)), EAGAIN);
	CHECK_EQ(ioctl(other, EVIOCSREP, before), 0);
	CHECK_EQ(ioctl(other, EVIOCGRAB, 0), 0);
}

static void test_slow_reader(void)
{
	NEED_KEYBOARD();
	bool dropped = false;
	struct input_event event = { 0 };
	CHECK_EQ(ioctl(other, EVIOCGRAB, 1), 0);
	drain(other);
	for (int i = 0; i < 2000; i++)
		inject(keyboard, EV_KEY, KEY_C, !(i & 1));
	while (read(other, &event, sizeof(event)) == sizeof(event))
		dropped |= event.type == EV_SYN && event.code == SYN_DROPPED;
	CHECK(dropped);
	CHECK_EQ(event.type, EV_SYN);
	CHECK_EQ(event.code, SYN_REPORT);
	CHECK_EQ(ioctl(other, EVIOCGRAB, 0), 0);
}

static void test_clock(void)
{
	NEED_KEYBOARD();
	int clock = CLOCK_MONOTONIC, wrong = 1000;
	struct input_event event = { 0 };
	CHECK_ERRNO(ioctl(other, EVIOCSCLOCKID, &wrong), EINVAL);
	CHECK_ERRNO(ioctl(other, EVIOCSCLOCKID, (void *)8), EFAULT);
	CHECK_EQ(ioctl(other, EVIOCSCLOCKID, &clock), 0);
	CHECK_EQ(ioctl(other, EVIOCGRAB, 1), 0);
	drain(other);
	int64_t before = now_ms();
	inject(keyboard, EV_KEY, KEY_D, 1);
	CHECK_EQ(next(other, &event), 0);
	CHECK_RANGE(event.input_event_sec * 1000 + event.input_event_usec / 1000, before - 1,
		    now_ms());
	inject(keyboard, EV_KEY, KEY_D, 0);
	CHECK_EQ(ioctl(other, EVIOCGRAB, 0), 0);
}

/* A grab ends with its file, and a revoked file hears nothing more. */
static void test_end(void)
{
	NEED_KEYBOARD();
	struct input_event event;
	CHECK_EQ(ioctl(other, EVIOCGRAB, 1), 0);
	close(other);
	CHECK_EQ(ioctl(keyboard, EVIOCGRAB, 1), 0);
	CHECK_ERRNO(ioctl(keyboard, EVIOCREVOKE, 1), EINVAL);
	CHECK_EQ(ioctl(keyboard, EVIOCREVOKE, 0), 0);
	CHECK_ERRNO(read(keyboard, &event, sizeof(event)), ENODEV);
	CHECK_ERRNO(ioctl(keyboard, EVIOCGVERSION, &event), ENODEV);
	struct pollfd poll_fd = { .fd = keyboard, .events = POLLIN };
	CHECK_EQ(poll(&poll_fd, 1, 0), 1);
	CHECK(poll_fd.revents & POLLHUP);
	close(keyboard);
	keyboard = other = -1;
}

static void test_mice(void)
{
	int mice = open("/dev/input/mice", O_RDWR | O_NONBLOCK);
	unsigned char packet[8];
	if (mice < 0)
		SKIP("no mice");
	CHECK_ERRNO(read(mice, packet, sizeof(packet)), EAGAIN);
	CHECK_EQ(write(mice, "\xf3\xc8\xf3\x64\xf3\x50", 6), 6);
	CHECK_RANGE(read(mice, packet, sizeof(packet)), 1, 8);
	CHECK_EQ(packet[0], 0xfa);
	CHECK_EQ(write(mice, "\xf2", 1), 1);
	CHECK_EQ(read(mice, packet, sizeof(packet)), 2);
	CHECK_EQ(packet[1], 3);
	close(mice);
}

static const struct check_case cases[] = {
	{ "information", test_information },
	{ "events", test_events },
	{ "repeat", test_repeat },
	{ "slow-reader", test_slow_reader },
	{ "clock", test_clock },
	{ "end", test_end },
	{ "mice", test_mice },
};

CHECK_MAIN(cases)
