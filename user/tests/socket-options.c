/* Options of AF_UNIX sockets that change what receiving does: socket(7), unix(7). */
#include "check.h"
#include <linux/sockios.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

static int option_set(int fd, int name, int value)
{
	return setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value));
}

static int option(int fd, int name)
{
	int value = -99;
	socklen_t size = sizeof(value);
	CHECK_OK(getsockopt(fd, SOL_SOCKET, name, &value, &size));
	return value;
}

/* recvmsg with room for control data; the bytes, and the header for a look at the rest. */
struct received {
	struct msghdr header;
	char data[64], control[256];
};

static ssize_t receive(int fd, struct received *received, size_t size, int flags)
{
	struct iovec part = { received->data, size };
	memset(received, 0, sizeof(*received));
	received->header.msg_iov = &part;
	received->header.msg_iovlen = 1;
	received->header.msg_control = received->control;
	received->header.msg_controllen = sizeof(received->control);
	return recvmsg(fd, &received->header, flags);
}

static void *control_find(struct received *received, int type, size_t size)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(&received->header);
	for (; header; header = CMSG_NXTHDR(&received->header, header)) {
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == type &&
		    header->cmsg_len == CMSG_LEN(size))
			return CMSG_DATA(header);
	}
	return NULL;
}

static void peeks(int fd, size_t size, int flags, const char *expected)
{
	char data[64] = "";
	ssize_t got = recv(fd, data, size, MSG_PEEK | MSG_DONTWAIT | flags);
	if (!expected) {
		CHECK_EQ(got, -1);
		CHECK_EQ(errno, EAGAIN);
		return;
	}
	CHECK_STR(data, expected);
	if (!(flags & MSG_TRUNC))
		CHECK_EQ(got, strlen(expected));
}

static void test_peek_stream(void)
{
	int pair[2];
	char data[16] = "";
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), -1);
	CHECK_EQ(write(pair[0], "abcd", 4), 4);
	CHECK_EQ(write(pair[0], "efgh", 4), 4);
	peeks(pair[1], 3, 0, "abc");
	CHECK_OK(option_set(pair[1], SO_PEEK_OFF, 0));
	peeks(pair[1], 3, 0, "abc");
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 3);
	peeks(pair[1], 3, 0, "def");
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 6);
	CHECK_EQ(read(pair[1], data, 2), 2); /* reading takes from the front */
	CHECK_STR(data, "ab");
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 4);
	peeks(pair[1], 10, 0, "gh");
	peeks(pair[1], 10, 0, NULL);
	CHECK_EQ(write(pair[0], "ij", 2), 2);
	peeks(pair[1], 10, 0, "ij");
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 8);
	CHECK_EQ(read(pair[1], data, 16), 8);
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 0);
	CHECK_OK(option_set(pair[1], SO_PEEK_OFF, 3));
	CHECK_EQ(read(pair[1], data, 0), 0);
	CHECK_EQ(write(pair[0], "klmnop", 6), 6);
	peeks(pair[1], 2, 0, "no");
	CHECK_OK(option_set(pair[1], SO_PEEK_OFF, -1));
	peeks(pair[1], 2, 0, "kl");
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), -1);
	close(pair[0]);
	peeks(pair[1], 20, 0, "klmnop");
	close(pair[1]);
}

static void test_peek_messages(int type)
{
	int pair[2];
	char data[16];
	CHECK_OK(socketpair(AF_UNIX, type, 0, pair));
	CHECK_EQ(write(pair[0], "abcd", 4), 4);
	CHECK_EQ(send(pair[0], "", 0, 0), 0);
	CHECK_EQ(write(pair[0], "efgh", 4), 4);
	CHECK_OK(option_set(pair[1], SO_PEEK_OFF, 0));
	peeks(pair[1], 2, 0, "ab");
	peeks(pair[1], 16, 0, "cd"); /* a message at a time */
	CHECK_EQ(recv(pair[1], data, 16, MSG_PEEK), 0);
	CHECK_EQ(recv(pair[1], data, 2, MSG_PEEK | MSG_TRUNC), 4);
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 6);
	CHECK_EQ(recv(pair[1], data, 1, MSG_PEEK | MSG_TRUNC), 2); /* of what is left of it */
	CHECK_EQ(read(pair[1], data, 16), 4);
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 3);
	CHECK_EQ(read(pair[1], data, 16), 0);
	peeks(pair[1], 16, 0, "h");
	peeks(pair[1], 16, 0, NULL);
	CHECK_EQ(read(pair[1], data, 16), 4);
	CHECK_EQ(option(pair[1], SO_PEEK_OFF), 0);
	close(pair[0]), close(pair[1]);
}

static void test_peek_datagrams(void)
{
	test_peek_messages(SOCK_DGRAM);
}

static void test_peek_packets(void)
{
	test_peek_messages(SOCK_SEQPACKET);
}

/* A look past what is there waits for more. */
static void test_peek_wait(int type)
{
	int pair[2];
	char data[16] = "";
	CHECK_OK(socketpair(AF_UNIX, type, 0, pair));
	CHECK_EQ(write(pair[0], "abcd", 4), 4);
	CHECK_OK(option_set(pair[1], SO_PEEK_OFF, 4));
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		_exit(write(pair[0], "efgh", 4) == 4 ? 0 : 1);
	}
	CHECK_EQ(recv(pair[1], data, 16, MSG_PEEK), 4);
	CHECK_STR(data, "efgh");
	CHECK_EQ(wait_status(pid), 0);
	struct timeval limit = { 0, 30000 };
	CHECK_OK(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	int64_t start = now_ms();
	CHECK_ERRNO(recv(pair[1], data, 16, MSG_PEEK), EAGAIN);
	CHECK_RANGE(now_ms() - start, 25, 2000);
	CHECK_EQ(recv(pair[1], data, 16, 0), type == SOCK_STREAM ? 8 : 4);
	close(pair[0]), close(pair[1]);
}

static void test_peek_wait_stream(void)
{
	test_peek_wait(SOCK_STREAM);
}

static void test_peek_wait_datagram(void)
{
	test_peek_wait(SOCK_DGRAM);
}

static void test_timestamp(void)
{
	static struct received received;
	struct timespec now;
	struct timeval *coarse;
	struct timespec *fine;
	int pair[2];
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	CHECK_EQ(option(pair[1], SO_TIMESTAMP), 0);
	CHECK_EQ(write(pair[0], "early", 5), 5);
	CHECK_OK(option_set(pair[1], SO_TIMESTAMP, 1));
	CHECK_EQ(option(pair[1], SO_TIMESTAMP), 1);
	CHECK_EQ(receive(pair[1], &received, 64, 0), 5); /* sent before: the time of receiving */
	CHECK(control_find(&received, SCM_TIMESTAMP, sizeof(*coarse)) != NULL);
	CHECK_EQ(write(pair[0], "a", 1), 1);
	clock_gettime(CLOCK_REALTIME, &now);
	sleep_ms(20);
	CHECK_EQ(receive(pair[1], &received, 64, 0), 1);
	coarse = control_find(&received, SCM_TIMESTAMP, sizeof(*coarse));
	REQUIRE(coarse);
	CHECK(coarse->tv_sec < now.tv_sec ||
	      (coarse->tv_sec == now.tv_sec && coarse->tv_usec * 1000 <= now.tv_nsec));
	CHECK_RANGE(coarse->tv_sec, now.tv_sec - 1, now.tv_sec);
	CHECK_OK(option_set(pair[1], SO_TIMESTAMPNS, 1));
	CHECK_EQ(option(pair[1], SO_TIMESTAMP), 0);
	CHECK_EQ(option(pair[1], SO_TIMESTAMPNS), 1);
	CHECK_EQ(write(pair[0], "a", 1), 1);
	CHECK_EQ(receive(pair[1], &received, 64, MSG_PEEK), 1);
	fine = control_find(&received, SCM_TIMESTAMPNS, sizeof(*fine));
	CHECK(fine && fine->tv_nsec < 1000000000);
	CHECK_EQ(recv(pair[1], received.data, 64, 0), 1);
	CHECK_EQ(write(pair[0], "a", 1), 1);
	received.header.msg_control = NULL;
	struct msghdr bare = { 0 };
	CHECK_EQ(recvmsg(pair[1], &bare, 0), 0);
	CHECK_EQ(bare.msg_flags, MSG_TRUNC | MSG_CTRUNC);
	CHECK_OK(option_set(pair[1], SO_TIMESTAMPNS, 0));
	CHECK_EQ(option(pair[1], SO_TIMESTAMPNS), 0);
	CHECK_EQ(write(pair[0], "a", 1), 1);
	CHECK_EQ(receive(pair[1], &received, 64, 0), 1);
	CHECK_EQ(received.header.msg_controllen, 0);
	close(pair[0]), close(pair[1]);
}

/* The process of the pidfd, by /proc. */
static pid_t pidfd_pid(int fd)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (file_read(path, text, sizeof(text)) <= 0)
		return -1;
	char *line = strstr(text, "Pid:");
	return line ? atoi(line + 4) : -1;
}

static void test_pidfd(int type)
{
	static struct received received;
	int pair[2];
	CHECK_OK(socketpair(AF_UNIX, type, 0, pair));
	CHECK_EQ(option(pair[1], SO_PASSPIDFD), 0);
	if (!CHECK_OK(option_set(pair[1], SO_PASSPIDFD, 1))) {
		CHECK_EQ(option(pair[1], SO_PASSPIDFD), 1);
	}
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(write(pair[0], "child", 5), 5);
		pause();
	}
	CHECK_EQ(receive(pair[1], &received, 64, 0), 5);
	int *fd = control_find(&received, SCM_PIDFD, sizeof(int));
	REQUIRE(fd && *fd >= 0);
	CHECK(!control_find(&received, SCM_CREDENTIALS, sizeof(struct ucred)));
	CHECK_EQ(pidfd_pid(*fd), pid);
	CHECK_EQ(fcntl(*fd, F_GETFD), FD_CLOEXEC);
	CHECK_OK(syscall(SYS_pidfd_send_signal, *fd, SIGKILL, NULL, 0));
	struct pollfd entry = { *fd, POLLIN, 0 };
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	wait_status(pid);
	CHECK_ERRNO(syscall(SYS_pidfd_send_signal, *fd, 0, NULL, 0), ESRCH);
	close(*fd);
	CHECK_OK(option_set(pair[1], SO_PASSCRED, 1));
	CHECK_EQ(write(pair[0], "own", 3), 3);
	CHECK_EQ(receive(pair[1], &received, 64, 0), 3);
	struct ucred *cred = control_find(&received, SCM_CREDENTIALS, sizeof(*cred));
	fd = control_find(&received, SCM_PIDFD, sizeof(int));
	REQUIRE(cred && fd);
	CHECK_EQ(cred->pid, getpid());
	CHECK_EQ(pidfd_pid(*fd), getpid());
	close(*fd);
	CHECK_EQ(write(pair[0], "none", 4), 4);
	struct msghdr bare = { 0 };
	CHECK_EQ(recvmsg(pair[1], &bare, 0), 0);
	CHECK(bare.msg_flags & MSG_CTRUNC);
	close(pair[0]), close(pair[1]);
}

static void test_pidfd_stream(void)
{
	test_pidfd(SOCK_STREAM);
}

static void test_pidfd_datagram(void)
{
	test_pidfd(SOCK_DGRAM);
}

static void test_peer_pidfd(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = -1, pair[2], ready[2];
	struct ucred cred;
	socklen_t size = sizeof(fd);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_OK(getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &size));
	CHECK_EQ(size, sizeof(fd));
	CHECK_EQ(pidfd_pid(fd), getpid());
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	CHECK_ERRNO(option_set(pair[0], SO_PEERPIDFD, 1), ENOPROTOOPT);
	close(pair[0]), close(pair[1]);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	size = sizeof(fd);
	CHECK_ERRNO(getsockopt(listener, SOL_SOCKET, SO_PEERPIDFD, &fd, &size), ENODATA);
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 +
			   snprintf(name.sun_path + 1, 40, "peer-%d", getpid());
	CHECK_OK(bind(listener, (struct sockaddr *)&name, length));
	CHECK_OK(listen(listener, 1));
	size = sizeof(cred);
	CHECK_OK(getsockopt(listener, SOL_SOCKET, SO_PEERCRED, &cred, &size));
	CHECK_EQ(cred.pid, getpid()); /* a listener's peer is itself */
	CHECK_OK(pipe(ready));
	pid_t pid = fork_child();
	if (pid == 0) {
		int end = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_OK(connect(end, (struct sockaddr *)&name, length));
		size = sizeof(fd);
		CHECK_OK(getsockopt(end, SOL_SOCKET, SO_PEERPIDFD, &fd, &size));
		CHECK_EQ(pidfd_pid(fd), getppid());
		CHECK_EQ(write(ready[1], "x", 1), 1);
		child_exit();
	}
	int end = accept(listener, NULL, NULL);
	size = sizeof(fd);
	CHECK_OK(getsockopt(end, SOL_SOCKET, SO_PEERPIDFD, &fd, &size));
	CHECK_EQ(pidfd_pid(fd), pid);
	CHECK_EQ(wait_status(pid), 0);
	close(fd);
	size = sizeof(fd); /* it was reaped: nobody else can be meant */
	CHECK_ERRNO(getsockopt(end, SOL_SOCKET, SO_PEERPIDFD, &fd, &size), EINVAL);
	close(end), close(listener), close(ready[0]), close(ready[1]);
}

/* What is only remembered. */
static void test_remembered(void)
{
	static const int switches[] = { SO_PASSSEC, SO_RXQ_OVFL, SO_SELECT_ERR_QUEUE, SO_NOFCS };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
	uint64_t one, two;
	socklen_t size = sizeof(one);
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		CHECK_EQ(option(fd, switches[i]), 0);
		CHECK_OK(option_set(fd, switches[i], 5));
		CHECK_EQ(option(fd, switches[i]), 1);
	}
	CHECK_OK(option_set(fd, SO_PRIORITY, 4));
	CHECK_EQ(option(fd, SO_PRIORITY), 4);
	CHECK_OK(option_set(fd, SO_MARK, 77));
	CHECK_EQ(option(fd, SO_MARK), 77);
	CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &one, &size));
	CHECK_EQ(size, 8);
	CHECK_OK(getsockopt(other, SOL_SOCKET, SO_COOKIE, &two, &size));
	CHECK(one != two && one != 0);
	size = 4;
	CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &one, &size), EINVAL);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(option_set(fd, SO_PRIORITY, 7), EPERM);
		CHECK_OK(option_set(fd, SO_PRIORITY, 6));
		CHECK_ERRNO(option_set(fd, SO_MARK, 1), EPERM);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	close(fd), close(other);
}

static const struct check_case cases[] = {
	{ "peek-stream", test_peek_stream },
	{ "peek-datagrams", test_peek_datagrams },
	{ "peek-packets", test_peek_packets },
	{ "peek-wait-stream", test_peek_wait_stream },
	{ "peek-wait-datagram", test_peek_wait_datagram },
	{ "timestamp", test_timestamp },
	{ "pidfd-stream", test_pidfd_stream },
	{ "pidfd-datagram", test_pidfd_datagram },
	{ "peer-pidfd", test_peer_pidfd },
	{ "remembered", test_remembered },
};

CHECK_MAIN(cases)
