#include "init.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PORT_NAME "selene.job"
#define PORTS	  "/sys/class/virtio-ports"

enum { WAIT_STEP_MS = 5, WAIT_STEPS = 2000 };

/* The device of the port with our name, as Linux lists them. */
static int port_open_listed(void)
{
	struct dirent *entry;
	int channel = -1;
	DIR *ports = opendir(PORTS);
	while (ports && channel < 0 && (entry = readdir(ports))) {
		char path[sizeof(PORTS) + 300];
		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		char *name = file_read(path, NULL);
		if (name && !strcmp(name, PORT_NAME "\n")) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			channel = open(path, O_RDWR | O_CLOEXEC);
		}
		free(name);
	}
	if (ports)
		closedir(ports);
	return channel;
}

static int port_open(void)
{
	int channel = open("/dev/virtio-ports/" PORT_NAME, O_RDWR | O_CLOEXEC);
	return channel >= 0 ? channel : port_open_listed();
}

static int serial_open(void)
{
	static const char *const names[] = { "/dev/ttyS1", "/dev/ttySIF1" };
	struct termios raw;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int channel = open(names[i], O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (channel >= 0 && tcgetattr(channel, &raw) == 0) {
			cfmakeraw(&raw);
			tcsetattr(channel, TCSANOW, &raw);
			return channel;
		}
		if (channel >= 0)
			close(channel);
	}
	return -1;
}

int channel_open(bool serial)
{
	for (int step = 0; step < WAIT_STEPS; step++) {
		int channel = serial ? serial_open() : port_open();
		if (channel >= 0)
			return channel;
		poll(NULL, 0, WAIT_STEP_MS);
	}
	return -1;
}

int frame_send(int channel, struct frame *frame, enum frame_type type, size_t length)
{
	frame->header = (struct frame_header){ .type = type, .length = length };
	return write_all(channel, frame, sizeof(frame->header) + length);
}

static struct frame bytes_frame;

void frame_buffers_touch(void)
{
	memset(&bytes_frame, 1, sizeof(bytes_frame));
}

int frame_send_bytes(int channel, enum frame_type type, const void *data, size_t length)
{
	struct frame *frame = &bytes_frame;
	if (length > FRAME_PAYLOAD_MAX)
		length = FRAME_PAYLOAD_MAX;
	memcpy(frame->payload, data, length);
	return frame_send(channel, frame, type, length);
}

/* A port whose host end is not open yet reads as ended on Linux: such an end is waited out. */
static int read_all(int channel, void *data, size_t size)
{
	int ends = 0;
	while (size) {
		ssize_t part = read(channel, data, size);
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0 || (part == 0 && ++ends > WAIT_STEPS))
			return -1;
		if (part == 0)
			poll(NULL, 0, WAIT_STEP_MS);
		data = (char *)data + part;
		size -= part;
	}
	return 0;
}

int frame_receive(int channel, struct frame *frame)
{
	if (read_all(channel, &frame->header, sizeof(frame->header)) < 0)
		return -1;
	if (frame->header.length > FRAME_PAYLOAD_MAX)
		return -1;
	return read_all(channel, frame->payload, frame->header.length);
}
