#pragma once
/* Names and helpers of the tests of AF_UNIX sockets: unix(7). */
#include "check.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

CHECK_HELPER socklen_t name_path(struct sockaddr_un *name, const char *path)
{
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	strcpy(name->sun_path, path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

CHECK_HELPER socklen_t name_abstract(struct sockaddr_un *name, const char *text)
{
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "%s-%d", text, getpid());
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name->sun_path + 1);
}

CHECK_HELPER int listener(const char *path, int type, int backlog)
{
	struct sockaddr_un name;
	socklen_t size = name_path(&name, path);
	int fd = CHECK_OK(socket(AF_UNIX, type, 0));
	CHECK_OK(bind(fd, (struct sockaddr *)&name, size));
	CHECK_OK(listen(fd, backlog));
	return fd;
}

CHECK_HELPER int connect_path(int fd, const char *path)
{
	struct sockaddr_un name;
	socklen_t size = name_path(&name, path);
	return connect(fd, (struct sockaddr *)&name, size);
}

CHECK_HELPER int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	CHECK_OK(getsockopt(fd, SOL_SOCKET, name, &value, &size));
	CHECK_EQ(size, sizeof(value));
	return value;
}

CHECK_HELPER int events(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };
	CHECK_OK(poll(&entry, 1, 0));
	return entry.revents;
}
