/* AF_UNIX streams: names, listening, connecting, accepting, and who the other is. unix(7). */
#include "unix-socket.h"
#include <sys/ioctl.h>

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
	CHECK_ERRNO(connect_path(fd, "nowhere"), ENOENT);
	file_write("plain", "", 0);
	CHECK_ERRNO(connect_path(fd, "plain"), ECONNREFUSED);
	CHECK_ERRNO(connect_path(fd, "plain/x"), ENOTDIR);
	CHECK_ERRNO(bind(fd, (struct sockaddr *)&other, 2 + 109), EINVAL);
	other.sun_family = AF_INET;
	CHECK_ERRNO(bind(fd, (struct sockaddr *)&other, size), EINVAL);
	CHECK_ERRNO(connect(fd, (struct sockaddr *)&other, size), EINVAL);
	CHECK_ERRNO(bind(fd, (struct sockaddr *)8, size), EFAULT);
	CHECK_OK(connect_path(fd, "here"));
	CHECK_ERRNO(connect_path(fd, "here"), EISCONN);
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
	CHECK_ERRNO(connect_path(late, "here"), ENOENT);
	close(server);
	CHECK_EQ(write(side, "x", 1), 1);
	CHECK_EQ(read(fd, &name, 9), 1);
	close(side);
	close(fd);
	server = listener("there", SOCK_STREAM, 5);
	close(server);
	CHECK_ERRNO(connect_path(late, "there"), ECONNREFUSED);
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
		CHECK_ERRNO(connect_path(fd, "guarded"), EACCES);
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
	CHECK_OK(connect_path(clients[0], "full"));
	CHECK_EQ(events(server), POLLIN);
	CHECK_OK(connect_path(clients[1], "full"));
	CHECK_ERRNO(connect_path(clients[2], "full"), EAGAIN);
	/* Connected and useful before it is accepted. */
	CHECK_EQ(write(clients[0], "early", 5), 5);
	struct timeval limit = { 0, 50000 };
	fcntl(clients[2], F_SETFL, 0);
	CHECK_OK(setsockopt(clients[2], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	int64_t begin = now_ms();
	CHECK_ERRNO(connect_path(clients[2], "full"), EAGAIN);
	CHECK_RANGE(now_ms() - begin, 40, 2000);
	pid_t pid = fork_child();
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_OK(connect_path(fd, "full")); /* waits for room */
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
		if (connect_path(fds[i], "half") == 0)
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
	CHECK_ERRNO(connect_path(server, "door"), EINVAL);
	CHECK_ERRNO(send(server, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERRNO(recv(server, &limit, 1, 0), EINVAL);
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(20);
		CHECK_OK(connect_path(fd, "door"));
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
	CHECK_ERRNO(connect_path(late, "door"), ECONNREFUSED);
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
		CHECK_OK(connect_path(fd, "peer"));
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
	{ "path", test_path },
	{ "permission", test_permission },
	{ "abstract", test_abstract },
	{ "backlog", test_backlog },
	{ "accept", test_accept },
	{ "listener-half-shut", test_listener_half_shut },
	{ "unconnected", test_unconnected },
	{ "peer", test_peer },
	{ "proc", test_proc },
};

CHECK_MAIN(cases)
