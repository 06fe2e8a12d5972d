/* AF_UNIX streams: what connected ones do: data, shutdown, readiness, options, errors. unix(7), socket(7). */
#include "unix-socket.h"
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

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

static const struct check_case cases[] = {
	{ "pair", test_pair },	 { "shutdown", test_shutdown }, { "wake", test_wake },
	{ "full", test_full },	 { "wait-all", test_wait_all }, { "interrupt", test_interrupt },
	{ "epoll", test_epoll }, { "options", test_options },	{ "transfer", test_transfer },
};

CHECK_MAIN(cases)
