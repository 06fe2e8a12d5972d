#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

char *file_read(const char *path, size_t *size)
{
	size_t done = 0, room = 4096;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	char *text = malloc(room);
	while (text) {
		if (done + 1 == room) {
			char *larger = realloc(text, room *= 2);
			if (!larger) {
				free(text);
				text = NULL;
				break;
			}
			text = larger;
		}
		ssize_t part = read(fd, text + done, room - 1 - done);
		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			break;
		done += part;
	}
	close(fd);
	if (text)
		text[done] = 0;
	if (size)
		*size = done;
	return text;
}

int write_all(int fd, const void *data, size_t size)
{
	while (size) {
		ssize_t part = write(fd, data, size);
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return -1;
		data = (const char *)data + part;
		size -= part;
	}
	return 0;
}
