/* AF_UNIX datagrams and sequential packets: boundaries, addresses, limits, errors. unix(7). */
#include "unix-socket.h"
#include <sys/ioctl.h>

static int bound(const char *text, int type)
{
	struct sockaddr_un name;
	socklen_t size = name_abstract(&name, text);
	int fd = CHECK_OK(socket(AF_UNIX, type, 0));
	CHECK_OK(bind(fd, (struct sockaddr *)&name, size));
	return fd;
}

static long send_to(int fd, const char *text, const void *data, size_t length, int flags)
{
	struct sockaddr_un name;
	socklen_t size = name_abstract(&name, text);
	return sendto(fd, data, length, flags, (struct sockaddr *)&name, size);
}

static int try_connect(int fd, const char *text)
{
	struct sockaddr_un name;
	socklen_t size = name_abstract(&name, text);
	return connect(fd, (struct sockaddr *)&name, size);
}

static void test_boundaries(int type)
{
	int pair[2], count;
	char data[16];
	CHECK_OK(socketpair(AF_UNIX, type, 0, pair));
	CHECK_EQ(write(pair[0], "one", 3), 3);
	CHECK_EQ(send(pair[0], "", 0, 0), 0);
	CHECK_EQ(write(pair[0], "three", 5), 5);
	CHECK_EQ(events(pair[1]), POLLIN | POLLOUT);
	CHECK_OK(ioctl(pair[1], FIONREAD, &count));
	CHECK_EQ(count, type == SOCK_DGRAM ? 3 : 8);
	CHECK_EQ(recv(pair[1], data, sizeof(data), MSG_PEEK), 3);
	CHECK_EQ(read(pair[1], data, sizeof(data)), 3);
	CHECK_EQ(recv(pair[1], data, sizeof(data), 0), 0);
	CHECK_EQ(recv(pair[1], data, 2, MSG_PEEK | MSG_TRUNC), 5);
	struct iovec part = { data, 2 };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	CHECK_EQ(recvmsg(pair[1], &header, 0), 2);
	CHECK_EQ(header.msg_flags, MSG_TRUNC);
	CHECK_ERRNO(recv(pair[1], data, 1, MSG_DONTWAIT), EAGAIN); /* the rest is gone */
	CHECK_EQ(write(pair[0], "ab", 2), 2);
	CHECK_EQ(recvmsg(pair[1], &header, 0), 2);
	CHECK_EQ(header.msg_flags & ~MSG_EOR, 0);
	CHECK_EQ(write(pair[0], "ab", 2), 2);
	CHECK_ERRNO(read(pair[1], (void *)8, 2), EFAULT);
	CHECK_ERRNO(write(pair[0], (void *)8, 2), EFAULT);
	close(pair[0]);
	close(pair[1]);
}

static void test_datagrams(void)
{
	test_boundaries(SOCK_DGRAM);
}

static void test_packets(void)
{
	test_boundaries(SOCK_SEQPACKET);
}

static void test_addresses(void)
{
	struct sockaddr_un from, expected;
	socklen_t size = sizeof(from), wanted = name_abstract(&expected, "sender");
	char data[8];
	int server = bound("server", SOCK_DGRAM), client = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	CHECK_ERRNO(write(client, "x", 1), ENOTCONN);
	CHECK_ERRNO(send_to(client, "nobody", "x", 1, 0), ECONNREFUSED);
	CHECK_ERRNO(listen(server, 1), EOPNOTSUPP);
	CHECK_ERRNO(accept(server, NULL, NULL), EOPNOTSUPP);
	CHECK_EQ(send_to(client, "server", "anonymous", 9, 0), 9);
	CHECK_EQ(recvfrom(server, data, 8, 0, (struct sockaddr *)&from, &size), 8);
	CHECK_EQ(size, 0);
	close(client);
	client = bound("sender", SOCK_DGRAM);
	CHECK_EQ(send_to(client, "server", "named", 5, 0), 5);
	size = sizeof(from);
	CHECK_EQ(recvfrom(server, data, 8, 0, (struct sockaddr *)&from, &size), 5);
	CHECK_EQ(size, wanted);
	CHECK_EQ(memcmp(&from, &expected, wanted), 0);
	CHECK_EQ(sendto(server, "reply", 5, 0, (struct sockaddr *)&from, size), 5);
	CHECK_EQ(read(client, data, 8), 5);
	/* A sender's name is known after it was closed. */
	CHECK_EQ(send_to(client, "server", "will", 4, 0), 4);
	close(client);
	size = sizeof(from);
	CHECK_EQ(recvfrom(server, data, 8, 0, (struct sockaddr *)&from, &size), 4);
	CHECK_EQ(size, wanted);
	CHECK_ERRNO(sendto(server, "x", 1, 0, (struct sockaddr *)&from, size), ECONNREFUSED);
	int stream = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(try_connect(stream, "server"), ECONNREFUSED);
	close(stream);
	close(server);
}

static void test_types(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "typed" };
	REQUIRE(scratch_enter());
	int server = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	CHECK_OK(bind(server, (struct sockaddr *)&name, sizeof(name)));
	socklen_t size = sizeof(name);
	CHECK_OK(getsockname(server, (struct sockaddr *)&name, &size));
	CHECK_EQ(size, 2 + 6);
	int stream = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(connect(stream, (struct sockaddr *)&name, size), EPROTOTYPE);
	close(stream);
	close(server);
}

static void test_connect(void)
{
	char data[8];
	int server = bound("server", SOCK_DGRAM), other = bound("other", SOCK_DGRAM);
	int client = bound("client", SOCK_DGRAM);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	CHECK_OK(try_connect(client, "server"));
	CHECK_EQ(write(client, "x", 1), 1);
	CHECK_EQ(read(server, data, 8), 1);
	CHECK_EQ(send_to(client, "other", "aside", 5, 0), 5);
	CHECK_EQ(read(other, data, 8), 5);
	/* Connected to another, it takes nothing from elsewhere. */
	CHECK_OK(try_connect(server, "client"));
	CHECK_ERRNO(send_to(other, "server", "x", 1, 0), EPERM);
	CHECK_ERRNO(try_connect(other, "server"), EPERM);
	CHECK_EQ(write(server, "lost", 4), 4);
	CHECK_OK(connect(client, &none, sizeof(none)));
	CHECK_ERRNO(recv(client, data, 8, MSG_DONTWAIT), EAGAIN);
	CHECK_ERRNO(write(client, "x", 1), ENOTCONN);
	CHECK_ERRNO(read(server, data, 8), ECONNRESET);
	CHECK_OK(connect(server, &none, sizeof(none)));
	/* A peer that is closed refuses, once; then there is none. */
	CHECK_OK(try_connect(client, "server"));
	close(server);
	CHECK_ERRNO(write(client, "x", 1), ECONNREFUSED);
	CHECK_ERRNO(write(client, "x", 1), ENOTCONN);
	close(other);
	close(client);
}

static void test_full(void)
{
	int server = bound("server", SOCK_DGRAM), client = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	int sent = 0, got = 0;
	char data[8];
	CHECK_OK(try_connect(client, "server"));
	CHECK_EQ(events(client), POLLOUT);
	while (send(client, "x", 1, MSG_DONTWAIT) == 1 && sent < 1000)
		sent++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(sent, 11); /* net.unix.max_dgram_qlen is 10 */
	CHECK_EQ(events(client), 0);
	struct timeval limit = { 0, 30000 };
	CHECK_OK(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	CHECK_ERRNO(write(client, "x", 1), EAGAIN);
	pid_t pid = fork_child();
	if (pid == 0) {
		struct pollfd entry = { .fd = client, .events = POLLOUT };
		CHECK_EQ(poll(&entry, 1, 5000), 1);
		CHECK_EQ(write(client, "y", 1), 1);
		child_exit();
	}
	sleep_ms(30);
	while (recv(server, data, 8, MSG_DONTWAIT) == 1)
		got++;
	CHECK_EQ(wait_status(pid), 0);
	while (recv(server, data, 8, MSG_DONTWAIT) == 1)
		got++;
	CHECK_EQ(got, sent + 1);
	/* Those who wait in a send without being connected are woken as well. */
	struct sockaddr_un name;
	socklen_t size = name_abstract(&name, "server");
	for (int i = 0; i < 11; i++)
		CHECK_EQ(write(client, "z", 1), 1);
	pid = fork_child();
	if (pid == 0) {
		int third = socket(AF_UNIX, SOCK_DGRAM, 0);
		CHECK_EQ(sendto(third, "w", 1, 0, (struct sockaddr *)&name, size), 1);
		child_exit();
	}
	sleep_ms(30);
	for (int i = 0; i < 12; i++)
		CHECK_EQ(read(server, data, 8), 1);
	CHECK_EQ(data[0], 'w');
	CHECK_EQ(wait_status(pid), 0);
	close(server);
	close(client);
}

static void test_large(void)
{
	static char data[300000];
	int pair[2], value = 100000;
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	CHECK_ERRNO(write(pair[0], data, sizeof(data)), EMSGSIZE);
	for (size_t i = 0; i < 100000; i++)
		data[i] = i * 13 + i / 255;
	CHECK_EQ(write(pair[0], data, 100000), 100000);
	static char back[200000];
	CHECK_EQ(read(pair[1], back, sizeof(back)), 100000);
	CHECK_EQ(memcmp(data, back, 100000), 0);
	/* The sender's own account. */
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)));
	int sent = 0;
	while (send(pair[0], data, 50000, MSG_DONTWAIT) == 50000 && sent < 100)
		sent++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_RANGE(sent, 2, 10);
	CHECK_EQ(events(pair[0]), 0);
	while (recv(pair[1], back, sizeof(back), MSG_DONTWAIT) > 0)
		sent--;
	CHECK_EQ(sent, 0);
	CHECK_EQ(events(pair[0]), POLLOUT);
	close(pair[0]);
	close(pair[1]);
}

static volatile int broken;

static void on_pipe(int sig)
{
	broken = sig;
}

static void test_end(void)
{
	int pair[2];
	char data[8];
	signal_set(SIGPIPE, on_pipe, 0);
	CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	CHECK_EQ(write(pair[1], "bye", 3), 3);
	close(pair[1]);
	CHECK_EQ(read(pair[0], data, 8), 3);
	CHECK_EQ(read(pair[0], data, 8), 0);
	broken = 0;
	CHECK_ERRNO(write(pair[0], "x", 1), EPIPE);
	CHECK_EQ(broken, 0);
	close(pair[0]);
	CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	CHECK_EQ(write(pair[0], "unread", 6), 6);
	close(pair[1]);
	CHECK_ERRNO(read(pair[0], data, 8), ECONNRESET);
	CHECK_EQ(read(pair[0], data, 8), 0);
	close(pair[0]);
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	CHECK_OK(shutdown(pair[0], SHUT_RD));
	CHECK_EQ(read(pair[0], data, 8), 0);
	char control[64];
	struct iovec part = { data, 8 };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	CHECK_EQ(recvmsg(pair[0], &header, 0), 0);
	CHECK_EQ(header.msg_controllen, 0);
	CHECK_ERRNO(recv(pair[0], data, 8, MSG_DONTWAIT), EAGAIN);
	CHECK_ERRNO(write(pair[1], "x", 1), EPIPE);
	CHECK_OK(shutdown(pair[1], SHUT_WR));
	CHECK_ERRNO(write(pair[1], "x", 1), EPIPE);
	close(pair[1]);
	CHECK_ERRNO(write(pair[0], "x", 1), ECONNREFUSED);
	close(pair[0]);
	int lone = CHECK_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	CHECK_ERRNO(read(lone, data, 1), ENOTCONN);
	CHECK_ERRNO(write(lone, data, 1), ENOTCONN);
	close(lone);
	signal_set(SIGPIPE, SIG_DFL, 0);
}

static void test_sequential(void)
{
	char data[64];
	int server = bound("seq", SOCK_SEQPACKET), client;
	CHECK_OK(listen(server, 4));
	client = CHECK_OK(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	CHECK_OK(try_connect(client, "seq"));
	int side = CHECK_OK(accept(server, NULL, NULL));
	CHECK_EQ(write(client, "first", 5), 5);
	CHECK_EQ(write(client, "second", 6), 6);
	CHECK_EQ(read(side, data, sizeof(data)), 5);
	CHECK_EQ(read(side, data, sizeof(data)), 6);
	/* An address is not looked at. */
	CHECK_EQ(send_to(side, "nowhere", "x", 1, 0), 1);
	CHECK_EQ(read(client, data, sizeof(data)), 1);
	close(side);
	close(client);
	close(server);
}

static void test_many(void)
{
	int pair[2];
	char text[4][8] = { "a", "bb", "ccc", "dddd" }, back[6][8];
	struct iovec parts[6];
	struct mmsghdr headers[6];
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	memset(headers, 0, sizeof(headers));
	for (int i = 0; i < 4; i++) {
		parts[i] = (struct iovec){ text[i], i + 1 };
		headers[i].msg_hdr.msg_iov = &parts[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(sendmmsg(pair[0], headers, 4, 0), 4);
	CHECK_EQ(headers[3].msg_len, 4);
	for (int i = 0; i < 6; i++) {
		parts[i] = (struct iovec){ back[i], 8 };
		headers[i].msg_hdr.msg_iov = &parts[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(recvmmsg(pair[1], headers, 6, MSG_WAITFORONE, NULL), 4);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(headers[i].msg_len, i + 1);
		CHECK_EQ(memcmp(back[i], text[i], i + 1), 0);
	}
	CHECK_ERRNO(recvmmsg(pair[1], headers, 6, MSG_DONTWAIT, NULL), EAGAIN);
	CHECK_EQ(write(pair[0], "x", 1), 1);
	struct timespec limit = { 0, 1 };
	CHECK_EQ(recvmmsg(pair[1], headers, 6, 0, &limit), 1);
	limit.tv_nsec = 1000000000;
	CHECK_ERRNO(recvmmsg(pair[1], headers, 6, 0, &limit), EINVAL);
	close(pair[0]);
	close(pair[1]);
}

static const struct check_case cases[] = {
	{ "datagrams", test_datagrams },   { "packets", test_packets },
	{ "addresses", test_addresses },   { "types", test_types },
	{ "connect", test_connect },	   { "full", test_full },
	{ "large", test_large },	   { "end", test_end },
	{ "sequential", test_sequential }, { "many", test_many },
};

CHECK_MAIN(cases)
