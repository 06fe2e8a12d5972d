/*
 * AF_UNIX streams: connections, names, shutdown, errors, options, readiness. unix(7), socket(7).
 */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static socklen_t name_path(struct sockaddr_un *name, const char *path)
{
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	strcpy(name->sun_path, path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

static socklen_t name_abstract(struct sockaddr_un *name, const char *text)
{
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "%s-%d", text, getpid());
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name->sun_path + 1);
}

static int listener(const char *path, int type, int backlog)
{
	struct sockaddr_un name;
	socklen_t size = name_path(&name, path);
	int fd = CHECK_OK(socket(AF_UNIX, type, 0));
	CHECK_OK(bind(fd, (struct sockaddr *)&name, size));
	CHECK_OK(listen(fd, backlog));
	return fd;
}

static int try_connect(int fd, const char *path)
{
	struct sockaddr_un name;
	socklen_t size = name_path(&name, path);
	return connect(fd, (struct sockaddr *)&name, size);
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	CHECK_OK(getsockopt(fd, SOL_SOCKET, name, &value, &size));
	CHECK_EQ(size, sizeof(value));
	return value;
}

static int events(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };
	CHECK_OK(poll(&entry, 1, 0));
	return entry.revents;
}

static void test_create(void)
{
	int pair[2];
	struct stat status;
	CHECK_ERRNO(socket(AF_UNIX, 77, 0), EINVAL);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERRNO(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
	CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8), EFAULT);
	int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, AF_UNIX));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_EQ(option(fd, SO_TYPE), SOCK_STREAM);
	CHECK_EQ(option(fd, SO_DOMAIN), AF_UNIX);
	CHECK_EQ(option(fd, SO_PROTOCOL), 0);
	CHECK_EQ(option(fd, SO_ACCEPTCONN), 0);
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_mode, S_IFSOCK | 0777);
	char link[64], target[64] = "", expected[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	snprintf(expected, sizeof(expected), "socket:[%lu]", (unsigned long)status.st_ino);
	CHECK_OK(readlink(link, target, sizeof(target) - 1));
	CHECK_STR(target, expected);
	CHECK_ERRNO(lseek(fd, 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, target), ENOTTY);
	close(fd);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_OK(fstat(pair[0], &status));
	ino_t first = status.st_ino;
	CHECK_OK(fstat(pair[1], &status));
	CHECK(status.st_ino != first);
	close(pair[0]);
	close(pair[1]);
}

static void test_not_socket(void)
{
	struct sockaddr_un name;
	socklen_t size = name_path(&name, "x");
	int fd = CHECK_OK(open("/dev/null", O_RDWR));
	CHECK_ERRNO(bind(fd, (struct sockaddr *)&name, size), ENOTSOCK);
	CHECK_ERRNO(send(fd, "x", 1, 0), ENOTSOCK);
	CHECK_ERRNO(listen(fd, 1), ENOTSOCK);
	CHECK_ERRNO(shutdown(fd, SHUT_RD), ENOTSOCK);
	CHECK_ERRNO(accept(fd, NULL, NULL), ENOTSOCK);
	CHECK_ERRNO(recv(999, &name, 1, 0), EBADF);
	close(fd);
}

static void test_pair(void)
{
	int pair[2], count;
	char data[16] = "";
	struct iovec parts[2] = { { "hel", 3 }, { "lo", 2 } };
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(events(pair[0]), POLLOUT);
	CHECK_EQ(writev(pair[0], parts, 2), 5);
	CHECK_EQ(write(pair[0], " you", 4), 4);
	CHECK_OK(ioctl(pair[1], FIONREAD, &count));
	CHECK_EQ(count, 9);
	CHECK_EQ(events(pair[1]), POLLIN | POLLOUT);
	CHECK_EQ(recv(pair[1], data, 4, MSG_PEEK), 4);
	CHECK_EQ(memcmp(data, "hell", 4), 0);
	CHECK_EQ(recv(pair[1], data, sizeof(data), MSG_PEEK), 9);
	CHECK_EQ(read(pair[1], data, 3), 3);
	CHECK_EQ(read(pair[1], data, sizeof(data)), 6);
	CHECK_EQ(memcmp(data, "lo you", 6), 0);
	CHECK_ERRNO(recv(pair[1], data, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(read(pair[1], data, 0), 0);
	CHECK_EQ(write(pair[1], data, 0), 0);
	CHECK_ERRNO(recv(pair[0], data, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(pair[1], "back", 4, 0), 4);
	CHECK_EQ(read(pair[0], data, sizeof(data)), 4);
	CHECK_ERRNO(write(pair[0], (void *)8, 5), EFAULT);
	CHECK_EQ(write(pair[0], "ok", 2), 2);
	CHECK_ERRNO(read(pair[1], (void *)8, 5), EFAULT);
	CHECK_EQ(read(pair[1], data, 5), 2);
	close(pair[0]);
	close(pair[1]);
}

static void test_path(void)
{
	struct sockaddr_un name, other;
	struct stat status;
	REQUIRE(scratch_enter());
	int server = listener("here", SOCK_STREAM, 5);
	socklen_t size = sizeof(name);
	CHECK_OK(getsockname(server, (struct sockaddr *)&name, &size));
	CHECK_EQ(size, 2 + 5);
	CHECK_STR(name.sun_path, "here");
	CHECK_OK(stat("here", &status));
	CHECK_EQ(status.st_mode & S_IFMT, S_IFSOCK);
	CHECK_ERRNO(open("here", O_RDWR), ENXIO);
	CHECK_EQ(option(server, SO_ACCEPTCONN), 1);
	int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	size = name_path(&other, "here");
	CHECK_ERRNO(bind(fd, (struct sockaddr *)&other, size), EADDRINUSE);
	CHECK_ERRNO(bind(server, (struct sockaddr *)&other, size), EADDRINUSE);
	size = name_path(&other, "second-name");
	CHECK_ERRNO(bind(server, (struct sockaddr *)&other, size), EINVAL);
	CHECK_ERRNO(access("second-name", F_OK), ENOENT);
	CHECK_ERRNO(try_connect(fd, "nowhere"), ENOENT);
	file_write("plain", "", 0);
	CHECK_ERRNO(try_connect(fd, "plain"), ECONNREFUSED);
	CHECK_ERRNO(try_connect(fd, "plain/x"), ENOTDIR);
	CHECK_ERRNO(bind(fd, (struct sockaddr *)&other, 2 + 109), EINVAL);
	other.sun_family = AF_INET;
	CHECK_ERRNO(bind(fd, (struct sockaddr *)&other, size), EINVAL);
	CHECK_ERRNO(connect(fd, (struct sockaddr *)&other, size), EINVAL);
	CHECK_ERRNO(bind(fd, (struct sockaddr *)8, size), EFAULT);
	CHECK_OK(try_connect(fd, "here"));
	CHECK_ERRNO(try_connect(fd, "here"), EISCONN);
	size = sizeof(name);
	CHECK_OK(getpeername(fd, (struct sockaddr *)&name, &size));
	CHECK_EQ(size, 2 + 5);
	CHECK_STR(name.sun_path, "here");
	size = sizeof(name);
	CHECK_OK(getsockname(fd, (struct sockaddr *)&name, &size));
	CHECK_EQ(size, 2);
	size = sizeof(name);
	int side = CHECK_OK(accept4(server, (struct sockaddr *)&name, &size, SOCK_CLOEXEC));
	CHECK_EQ(size, 2);
	CHECK_EQ(name.sun_family, AF_UNIX);
	CHECK_EQ(fcntl(side, F_GETFD), FD_CLOEXEC);
	size = 4; /* too little room: the full size comes back */
	CHECK_OK(getsockname(side, (struct sockaddr *)&name, &size));
	CHECK_EQ(size, 2 + 5);
	/* The name outlives the file's name, and then nobody finds it. */
	CHECK_OK(unlink("here"));
	int late = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(try_connect(late, "here"), ENOENT);
	close(server);
	CHECK_EQ(write(side, "x", 1), 1);
	CHECK_EQ(read(fd, &name, 9), 1);
	close(side);
	close(fd);
	server = listener("there", SOCK_STREAM, 5);
	close(server);
	CHECK_ERRNO(try_connect(late, "there"), ECONNREFUSED);
	close(late);
}

static void test_permission(void)
{
	REQUIRE(scratch_enter());
	CHECK_OK(chmod(".", 0755));
	int server = listener("guarded", SOCK_STREAM, 5);
	CHECK_OK(chmod("guarded", 0700));
	pid_t pid = fork_child();
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(try_connect(fd, "guarded"), EACCES);
		struct sockaddr_un name;
		socklen_t size = name_path(&name, "mine");
		CHECK_ERRNO(bind(fd, (struct sockaddr *)&name, size), EACCES);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	close(server);
}

static void test_abstract(void)
{
	struct sockaddr_un name, back;
	socklen_t size = name_abstract(&name, "stream"), got = sizeof(back);
	int server = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	int other = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	int packets = CHECK_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	CHECK_ERRNO(listen(server, 1), EINVAL); /* no name */
	CHECK_OK(bind(server, (struct sockaddr *)&name, size));
	CHECK_ERRNO(bind(other, (struct sockaddr *)&name, size), EADDRINUSE);
	CHECK_OK(bind(packets, (struct sockaddr *)&name, size)); /* a name of its own */
	CHECK_ERRNO(connect(other, (struct sockaddr *)&name, size), ECONNREFUSED);
	CHECK_OK(listen(server, 1));
	CHECK_ERRNO(connect(other, (struct sockaddr *)&name, size - 1), ECONNREFUSED);
	CHECK_OK(connect(other, (struct sockaddr *)&name, size));
	CHECK_OK(getpeername(other, (struct sockaddr *)&back, &got));
	CHECK_EQ(got, size);
	CHECK_EQ(memcmp(&back, &name, size), 0);
	close(server);
	close(packets);
	/* Free again at once; names may hold zeros. */
	server = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	name.sun_path[3] = 0;
	CHECK_OK(bind(server, (struct sockaddr *)&name, size));
	close(server);
	/* Autobind: a name of five hexadecimal digits. */
	server = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_OK(bind(server, (struct sockaddr *)&name, 2));
	got = sizeof(back);
	CHECK_OK(getsockname(server, (struct sockaddr *)&back, &got));
	CHECK_EQ(got, 2 + 6);
	CHECK_EQ(back.sun_path[0], 0);
	for (int i = 1; i < 6; i++)
		CHECK(strchr("0123456789abcdef", back.sun_path[i]));
	close(server);
	close(other);
}

static void test_backlog(void)
{
	REQUIRE(scratch_enter());
	int server = listener("full", SOCK_STREAM, 1), clients[3];
	for (int i = 0; i < 3; i++)
		clients[i] = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	CHECK_EQ(events(server), 0);
	CHECK_OK(try_connect(clients[0], "full"));
	CHECK_EQ(events(server), POLLIN);
	CHECK_OK(try_connect(clients[1], "full"));
	CHECK_ERRNO(try_connect(clients[2], "full"), EAGAIN);
	/* Connected and useful before it is accepted. */
	CHECK_EQ(write(clients[0], "early", 5), 5);
	struct timeval limit = { 0, 50000 };
	fcntl(clients[2], F_SETFL, 0);
	CHECK_OK(setsockopt(clients[2], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	int64_t begin = now_ms();
	CHECK_ERRNO(try_connect(clients[2], "full"), EAGAIN);
	CHECK_RANGE(now_ms() - begin, 40, 2000);
	pid_t pid = fork_child();
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_OK(try_connect(fd, "full")); /* waits for room */
		child_exit();
	}
	sleep_ms(30);
	char data[8];
	int fd = CHECK_OK(accept(server, NULL, NULL));
	CHECK_EQ(read(fd, data, 8), 5);
	close(fd);
	CHECK_EQ(wait_status(pid), 0);
	/* What nobody accepted is reset. */
	close(server);
	CHECK_ERRNO(read(clients[1], data, 1), ECONNRESET);
	CHECK_EQ(read(clients[1], data, 1), 0);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
}

/* A listener whose sending end is shut down waits for connections as before, and has its limit. */
static void test_listener_half_shut(void)
{
	struct timeval limit = { 0, 30000 };
	int fds[4], count = 0;
	REQUIRE(scratch_enter());
	int server = listener("half", SOCK_STREAM, 1);
	CHECK_OK(shutdown(server, SHUT_WR));
	CHECK_OK(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	CHECK_ERRNO(accept(server, NULL, NULL), EAGAIN);
	for (int i = 0; i < 4; i++) {
		fds[i] = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
		CHECK_OK(setsockopt(fds[i], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
		if (try_connect(fds[i], "half") == 0)
			count++;
		else
			CHECK_EQ(errno, EAGAIN);
	}
	CHECK_EQ(count, 2);
	int side = CHECK_OK(accept(server, NULL, NULL));
	close(side);
	close(server);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	unlink("half");
}

static void test_accept(void)
{
	REQUIRE(scratch_enter());
	int server = listener("door", SOCK_STREAM, 5);
	int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
	CHECK_ERRNO(accept4(server, NULL, NULL, 1), EINVAL);
	fcntl(server, F_SETFL, O_NONBLOCK);
	CHECK_ERRNO(accept(server, NULL, NULL), EAGAIN);
	fcntl(server, F_SETFL, 0);
	struct timeval limit = { 0, 30000 };
	CHECK_OK(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	CHECK_ERRNO(accept(server, NULL, NULL), EAGAIN);
	limit.tv_usec = 0;
	CHECK_OK(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	CHECK_ERRNO(try_connect(server, "door"), EINVAL);
	CHECK_ERRNO(send(server, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERRNO(recv(server, &limit, 1, 0), EINVAL);
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(20);
		CHECK_OK(try_connect(fd, "door"));
		CHECK_EQ(write(fd, "hi", 2), 2);
		child_exit();
	}
	int side = CHECK_OK(accept(server, NULL, NULL));
	char data[4];
	CHECK_EQ(read(side, data, 4), 2);
	CHECK_EQ(wait_status(pid), 0);
	close(side);
	/* A listener that is shut down refuses. */
	CHECK_OK(shutdown(server, SHUT_RD));
	CHECK_ERRNO(accept(server, NULL, NULL), EINVAL);
	int late = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(try_connect(late, "door"), ECONNREFUSED);
	close(late);
	close(server);
	close(fd);
}

static void test_unconnected(void)
{
	char byte;
	struct sockaddr_un name;
	socklen_t size = sizeof(name);
	int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(write(fd, "x", 1), ENOTCONN);
	CHECK_ERRNO(read(fd, &byte, 1), EINVAL);
	CHECK_ERRNO(getpeername(fd, (struct sockaddr *)&name, &size), ENOTCONN);
	CHECK_EQ(events(fd), POLLOUT | POLLHUP);
	size = name_path(&name, "x");
	CHECK_ERRNO(sendto(fd, "x", 1, 0, (struct sockaddr *)&name, size), EOPNOTSUPP);
	CHECK_ERRNO(shutdown(fd, 3), EINVAL);
	close(fd);
	int pair[2];
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_ERRNO(sendto(pair[0], "x", 1, 0, (struct sockaddr *)&name, size), EISCONN);
	close(pair[0]);
	close(pair[1]);
}

static volatile int broken;

static void on_pipe(int sig)
{
	broken = sig;
}

static void test_shutdown(void)
{
	int pair[2];
	char data[8];
	signal_set(SIGPIPE, on_pipe, 0);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(write(pair[0], "last", 4), 4);
	CHECK_OK(shutdown(pair[0], SHUT_WR));
	CHECK_EQ(events(pair[0]), POLLOUT);
	CHECK_EQ(events(pair[1]), POLLIN | POLLOUT | POLLRDHUP);
	broken = 0;
	CHECK_ERRNO(write(pair[0], "x", 1), EPIPE);
	CHECK_EQ(broken, SIGPIPE);
	broken = 0;
	CHECK_ERRNO(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(broken, 0);
	CHECK_EQ(read(pair[1], data, 8), 4);
	CHECK_EQ(read(pair[1], data, 8), 0);
	CHECK_EQ(read(pair[1], data, 8), 0);
	CHECK_EQ(write(pair[1], "still", 5), 5);
	CHECK_EQ(read(pair[0], data, 8), 5);
	CHECK_OK(shutdown(pair[1], SHUT_RDWR));
	CHECK_EQ(events(pair[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(read(pair[0], data, 8), 0);
	close(pair[0]);
	close(pair[1]);
	/* The end of the other. */
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(write(pair[1], "bye", 3), 3);
	close(pair[1]);
	CHECK_EQ(events(pair[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(read(pair[0], data, 8), 3);
	CHECK_EQ(read(pair[0], data, 8), 0);
	broken = 0;
	CHECK_ERRNO(write(pair[0], "x", 1), EPIPE);
	CHECK_EQ(broken, SIGPIPE);
	close(pair[0]);
	/* With something that it had not read. */
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(write(pair[0], "unread", 6), 6);
	close(pair[1]);
	CHECK_EQ(events(pair[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
	CHECK_EQ(option(pair[0], SO_ERROR), ECONNRESET);
	CHECK_EQ(option(pair[0], SO_ERROR), 0);
	CHECK_EQ(read(pair[0], data, 8), 0);
	close(pair[0]);
	signal_set(SIGPIPE, SIG_DFL, 0);
}

/* Who sleeps in read learns of the end. */
static void test_wake(void)
{
	int pair[2];
	char byte;
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork_child();
		if (pid == 0) {
			close(pair[0]);
			CHECK_EQ(read(pair[1], &byte, 1), 0);
			child_exit();
		}
		sleep_ms(20);
		if (i)
			close(pair[0]);
		else
			CHECK_OK(shutdown(pair[1], SHUT_RD));
		CHECK_EQ(wait_status(pid), 0);
		if (!i) {
			close(pair[0]);
			close(pair[1]);
			CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		}
	}
	close(pair[1]);
}

static void test_full(void)
{
	static char data[65536];
	int pair[2];
	size_t sent = 0, got = 0;
	ssize_t part;
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	while ((part = write(pair[0], data, sizeof(data))) > 0)
		sent += part;
	CHECK_EQ(errno, EAGAIN);
	CHECK(sent >= 65536 && sent < 4 << 20);
	CHECK_EQ(events(pair[0]), 0);
	int queued = 0;
	CHECK_OK(ioctl(pair[0], TIOCOUTQ, &queued));
	CHECK(queued >= (int)sent);
	while ((part = read(pair[1], data, sizeof(data))) > 0)
		got += part;
	CHECK_EQ(got, sent);
	CHECK_EQ(events(pair[0]), POLLOUT);
	CHECK_OK(ioctl(pair[0], TIOCOUTQ, &queued));
	CHECK_EQ(queued, 0);
	/* A time limit ends a wait for room, with what went through. */
	fcntl(pair[0], F_SETFL, 0);
	struct timeval limit = { 0, 30000 }, back;
	socklen_t size = sizeof(back);
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	CHECK_OK(getsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &back, &size));
	CHECK_RANGE(back.tv_usec, 28000, 40000);
	sent = 0;
	while ((part = write(pair[0], data, sizeof(data))) > 0)
		sent += part;
	CHECK_EQ(errno, EAGAIN);
	close(pair[0]);
	close(pair[1]);
}

static void test_wait_all(void)
{
	int pair[2];
	char data[32];
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid_t pid = fork_child();
	if (pid == 0) {
		for (int i = 0; i < 4; i++) {
			sleep_ms(10);
			CHECK_EQ(write(pair[0], "12345", 5), 5);
		}
		child_exit();
	}
	CHECK_EQ(recv(pair[1], data, 20, MSG_WAITALL), 20);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(write(pair[0], "12345", 5), 5);
	CHECK_EQ(recv(pair[1], data, 20, MSG_WAITALL | MSG_DONTWAIT), 5);
	struct timeval limit = { 0, 40000 };
	CHECK_OK(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	int64_t begin = now_ms();
	CHECK_ERRNO(read(pair[1], data, 5), EAGAIN);
	CHECK_RANGE(now_ms() - begin, 30, 2000);
	CHECK_EQ(write(pair[0], "123", 3), 3);
	CHECK_EQ(recv(pair[1], data, 20, MSG_WAITALL), 3);
	close(pair[0]);
	close(pair[1]);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void test_interrupt(void)
{
	int pair[2];
	char byte;
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	signal_set(SIGUSR1, on_alarm, 0);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(read(pair[0], &byte, 1), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	/* With SA_RESTART it goes on, but not where there is a time limit. */
	signal_set(SIGUSR1, on_alarm, SA_RESTART);
	pid = signal_after(SIGUSR1, 30);
	pid_t writer = fork_child();
	if (writer == 0) {
		sleep_ms(100);
		CHECK_EQ(write(pair[1], "x", 1), 1);
		child_exit();
	}
	CHECK_EQ(read(pair[0], &byte, 1), 1);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(wait_status(writer), 0);
	struct timeval limit = { 5, 0 };
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(read(pair[0], &byte, 1), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	close(pair[0]);
	close(pair[1]);
}

static void test_epoll(void)
{
	int pair[2];
	char data[8];
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET }, got;
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	int epoll = CHECK_OK(epoll_create1(0));
	CHECK_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLOUT);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 0);
	CHECK_EQ(write(pair[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLOUT);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 0); /* an edge only */
	CHECK_EQ(write(pair[1], "b", 1), 1);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 1);
	CHECK_EQ(read(pair[0], data, 8), 2);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 0);
	CHECK_OK(shutdown(pair[1], SHUT_WR));
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	close(pair[1]);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
	close(pair[0]);
	close(epoll);
}

static void test_options(void)
{
	int pair[2], value = 1;
	struct ucred cred;
	socklen_t size = sizeof(cred);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_OK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &size));
	CHECK_EQ(size, sizeof(cred));
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(cred.uid, geteuid());
	CHECK_EQ(cred.gid, getegid());
	CHECK_EQ(option(pair[0], SO_SNDBUF), 212992);
	CHECK_EQ(option(pair[0], SO_RCVBUF), 212992);
	value = 10000;
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)));
	CHECK_EQ(option(pair[0], SO_SNDBUF), 20000);
	value = 1;
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)));
	CHECK_EQ(option(pair[0], SO_SNDBUF), 4608);
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, &value, sizeof(value)));
	CHECK_EQ(option(pair[0], SO_RCVBUF), 2304);
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)));
	CHECK_EQ(option(pair[0], SO_REUSEADDR), 1);
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	CHECK_EQ(option(pair[0], SO_KEEPALIVE), 1);
	CHECK_EQ(option(pair[0], SO_BROADCAST), 0);
	CHECK_EQ(option(pair[0], SO_PASSCRED), 0);
	CHECK_EQ(option(pair[0], SO_RCVLOWAT), 1);
	CHECK_ERRNO(setsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, sizeof(value)), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(pair[0], SOL_SOCKET, 9999, &value, sizeof(value)), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, 3), EINVAL);
	CHECK_ERRNO(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, (void *)8, 4), EFAULT);
	CHECK_ERRNO(setsockopt(pair[0], 6, 1, &value, sizeof(value)), EOPNOTSUPP);
	size = sizeof(value);
	CHECK_ERRNO(getsockopt(pair[0], 6, 1, &value, &size), EOPNOTSUPP);
	CHECK_ERRNO(getsockopt(pair[0], SOL_SOCKET, 9999, &value, &size), ENOPROTOOPT);
	struct timeval limit = { 0, 1000000 };
	CHECK_ERRNO(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), EDOM);
	struct linger linger = { 1, 5 }, back;
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	size = sizeof(back);
	CHECK_OK(getsockopt(pair[0], SOL_SOCKET, SO_LINGER, &back, &size));
	CHECK_EQ(back.l_linger, 5);
	close(pair[0]);
	close(pair[1]);
}

/* Who connected and who listened. */
static void test_peer(void)
{
	REQUIRE(scratch_enter());
	struct ucred cred;
	socklen_t size = sizeof(cred);
	int server = listener("peer", SOCK_STREAM, 5);
	CHECK_OK(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &cred, &size));
	pid_t parent = getpid(), pid = fork_child();
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size));
		CHECK_EQ(cred.pid, 0);
		CHECK_EQ(cred.uid, (uid_t)-1);
		CHECK_OK(try_connect(fd, "peer"));
		CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size));
		CHECK_EQ(cred.pid, parent);
		child_exit();
	}
	int fd = CHECK_OK(accept(server, NULL, NULL));
	CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size));
	CHECK_EQ(cred.pid, pid);
	CHECK_EQ(wait_status(pid), 0);
	close(fd);
	close(server);
}

static void test_transfer(void)
{
	static char data[300000], back[300000];
	int pair[2];
	REQUIRE(scratch_enter());
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 251;
	CHECK(file_write("file", data, sizeof(data)));
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid_t pid = fork_child();
	if (pid == 0) {
		off_t at = 0;
		int file = open("file", O_RDONLY);
		close(pair[0]);
		CHECK_EQ(sendfile(pair[1], file, &at, sizeof(data)), sizeof(data));
		child_exit();
	}
	close(pair[1]);
	size_t got = 0;
	ssize_t part;
	while ((part = read(pair[0], back + got, sizeof(back) - got)) > 0)
		got += part;
	CHECK_EQ(got, sizeof(data));
	CHECK_EQ(memcmp(data, back, sizeof(data)), 0);
	CHECK_EQ(wait_status(pid), 0);
	close(pair[0]);
}

static void test_proc(void)
{
	static char text[65536];
	struct stat status;
	char wanted[32];
	REQUIRE(scratch_enter());
	int server = listener("shown-here", SOCK_STREAM, 5);
	CHECK_OK(fstat(server, &status));
	CHECK(file_read("/proc/net/unix", text, sizeof(text)) > 0);
	CHECK_EQ(strncmp(text, "Num       RefCount Protocol Flags    Type St Inode Path\n", 56), 0);
	char *line = strstr(text, "shown-here");
	REQUIRE(line != NULL);
	while (line[-1] != '\n')
		line--;
	*strchr(line, '\n') = 0;
	snprintf(wanted, sizeof(wanted), " %5lu ", (unsigned long)status.st_ino);
	CHECK(strstr(line, wanted) != NULL);
	CHECK(strstr(line, " 00010000 0001 01 ") != NULL);
	close(server);
}

static const struct check_case cases[] = {
	{ "create", test_create },
	{ "not-socket", test_not_socket },
	{ "pair", test_pair },
	{ "path", test_path },
	{ "permission", test_permission },
	{ "abstract", test_abstract },
	{ "backlog", test_backlog },
	{ "accept", test_accept },
	{ "listener-half-shut", test_listener_half_shut },
	{ "unconnected", test_unconnected },
	{ "shutdown", test_shutdown },
	{ "wake", test_wake },
	{ "full", test_full },
	{ "wait-all", test_wait_all },
	{ "interrupt", test_interrupt },
	{ "epoll", test_epoll },
	{ "options", test_options },
	{ "peer", test_peer },
	{ "transfer", test_transfer },
	{ "proc", test_proc },
};

CHECK_MAIN(cases)
