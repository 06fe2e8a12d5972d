/* Ancillary data on AF_UNIX sockets: descriptors and credentials; and those that nobody receives. */
#include "check.h"
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { ROOM = 2048 };

/* Send `length` bytes with `count` descriptors, and credentials when given. */
static long send_rights(int fd, const void *data, size_t length, const int *fds, int count,
			const struct ucred *cred)
{
	_Alignas(16) char control[ROOM] = "";
	struct iovec part = { (void *)data, length };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *next = (struct cmsghdr *)control;
	if (count) {
		next->cmsg_level = SOL_SOCKET;
		next->cmsg_type = SCM_RIGHTS;
		next->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(next), fds, count * sizeof(int));
		header.msg_controllen += CMSG_SPACE(count * sizeof(int));
		next = (struct cmsghdr *)(control + header.msg_controllen);
	}
	if (cred) {
		next->cmsg_level = SOL_SOCKET;
		next->cmsg_type = SCM_CREDENTIALS;
		next->cmsg_len = CMSG_LEN(sizeof(*cred));
		memcpy(CMSG_DATA(next), cred, sizeof(*cred));
		header.msg_controllen += CMSG_SPACE(sizeof(*cred));
	}
	return sendmsg(fd, &header, MSG_NOSIGNAL);
}

struct received {
	long length;
	int count, fds[256], flags;
	bool has_cred;
	struct ucred cred;
	size_t control;
};

static struct received receive(int fd, size_t length, size_t room, int flags)
{
	_Alignas(16) char control[ROOM] = "";
	char data[256];
	struct received got = { 0 };
	struct iovec part = { data, length };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = room ? control : NULL,
				 .msg_controllen = room };
	got.length = recvmsg(fd, &header, flags | MSG_DONTWAIT);
	got.flags = header.msg_flags;
	got.control = header.msg_controllen;
	for (struct cmsghdr *each = CMSG_FIRSTHDR(&header); got.length >= 0 && each;
	     each = CMSG_NXTHDR(&header, each)) {
		if (each->cmsg_type == SCM_RIGHTS) {
			got.count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(got.fds, CMSG_DATA(each), got.count * sizeof(int));
		} else if (each->cmsg_type == SCM_CREDENTIALS) {
			got.has_cred = true;
			memcpy(&got.cred, CMSG_DATA(each), sizeof(got.cred));
		}
	}
	return got;
}

static void close_all(const struct received *got)
{
	for (int i = 0; i < got->count; i++)
		close(got->fds[i]);
}

static int descriptors(void)
{
	int count = 0;
	DIR *list = opendir("/proc/self/fd");
	while (list && readdir(list))
		count++;
	closedir(list);
	return count;
}

static void test_pass(int type)
{
	int pair[2], ends[2], before = descriptors();
	char data[8] = "";
	CHECK_OK(socketpair(AF_UNIX, type, 0, pair));
	CHECK_OK(pipe(ends));
	CHECK_EQ(send_rights(pair[0], "fds", 3, ends, 2, NULL), 3);
	close(ends[0]);
	CHECK_EQ(write(ends[1], "in", 2), 2);
	close(ends[1]);
	struct received got = receive(pair[1], 3, ROOM, 0);
	CHECK_EQ(got.length, 3);
	CHECK_EQ(got.count, 2);
	CHECK_EQ(got.flags & ~MSG_EOR, 0);
	CHECK_EQ(got.control, CMSG_SPACE(8));
	CHECK_EQ(fcntl(got.fds[0], F_GETFD), 0);
	CHECK_EQ(read(got.fds[0], data, 8), 2);
	CHECK_EQ(write(got.fds[1], "more", 4), 4);
	close(got.fds[1]);
	CHECK_EQ(read(got.fds[0], data, 8), 4);
	CHECK_EQ(read(got.fds[0], data, 8), 0); /* no other writer is left */
	CHECK_EQ(send_rights(pair[0], "x", 1, got.fds, 1, NULL), 1);
	close(got.fds[0]);
	got = receive(pair[1], 1, ROOM, MSG_CMSG_CLOEXEC);
	CHECK_EQ(got.flags & ~MSG_EOR, MSG_CMSG_CLOEXEC);
	CHECK_EQ(fcntl(got.fds[0], F_GETFD), FD_CLOEXEC);
	close(got.fds[0]);
	close(pair[0]);
	close(pair[1]);
	CHECK_EQ(descriptors(), before);
}

static void test_stream(void)
{
	test_pass(SOCK_STREAM);
}

static void test_datagram(void)
{
	test_pass(SOCK_DGRAM);
}

static void test_packet(void)
{
	test_pass(SOCK_SEQPACKET);
}

/*
 * Is the write end of the pipe gone everywhere? What is in flight for good is looked for when a socket
 * is closed, and perhaps a little later.
 */
static bool ended(int read_end)
{
	struct pollfd entry = { .fd = read_end, .events = POLLIN };
	for (int i = 0; i < 300; i++) {
		close(socket(AF_UNIX, SOCK_DGRAM, 0));
		if (poll(&entry, 1, 10) == 1)
			return entry.revents == POLLHUP;
	}
	return false;
}

static void test_truncated(void)
{
	int pair[2], ends[2], before = descriptors();
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_OK(pipe(ends));
	int three[3] = { ends[1], ends[1], ends[1] };
	for (int i = 0; i < 3; i++)
		CHECK_EQ(send_rights(pair[0], "x", 1, three, 3, NULL), 1);
	close(ends[1]);
	/* Room for none, for two, and no buffer at all: the others are closed. */
	struct received got = receive(pair[1], 1, 0, 0);
	CHECK_EQ(got.flags, MSG_CTRUNC);
	got = receive(pair[1], 1, CMSG_LEN(2 * sizeof(int)), 0);
	CHECK_EQ(got.flags, MSG_CTRUNC);
	CHECK_EQ(got.count, 2);
	close_all(&got);
	char byte;
	CHECK_EQ(read(pair[1], &byte, 1), 1); /* by read(2) they go as well */
	CHECK(ended(ends[0]));
	close(ends[0]);
	close(pair[0]);
	close(pair[1]);
	CHECK_EQ(descriptors(), before);
}

/* Bytes around descriptors: what came before may come along, what comes behind does not. */
static void test_order(void)
{
	int pair[2], ends[2];
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_OK(pipe(ends));
	CHECK_EQ(write(pair[0], "aa", 2), 2);
	CHECK_EQ(send_rights(pair[0], "bbb", 3, ends, 1, NULL), 3);
	CHECK_EQ(write(pair[0], "cc", 2), 2);
	CHECK_EQ(send_rights(pair[0], "dd", 2, ends, 2, NULL), 2);
	struct received got = receive(pair[1], 100, ROOM, MSG_PEEK);
	CHECK_EQ(got.length, 5);
	CHECK_EQ(got.count, 1);
	close_all(&got);
	got = receive(pair[1], 100, ROOM, 0);
	CHECK_EQ(got.length, 5);
	CHECK_EQ(got.count, 1);
	close_all(&got);
	got = receive(pair[1], 3, ROOM, 0); /* with the first byte of its message */
	CHECK_EQ(got.length, 3);
	CHECK_EQ(got.count, 2);
	close_all(&got);
	got = receive(pair[1], 3, ROOM, 0);
	CHECK_EQ(got.length, 1);
	CHECK_EQ(got.count, 0);
	close(pair[0]);
	close(pair[1]);
	close(ends[0]);
	close(ends[1]);
}

static void test_errors(void)
{
	int pair[2], many[254], bad = 999;
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int i = 0; i < 254; i++)
		many[i] = 0;
	CHECK_ERRNO(send_rights(pair[0], "x", 1, &bad, 1, NULL), EBADF);
	CHECK_ERRNO(send_rights(pair[0], "x", 1, many, 254, NULL), EINVAL);
	CHECK_EQ(send_rights(pair[0], "x", 1, many, 253, NULL), 1);
	struct received got = receive(pair[1], 1, ROOM, 0);
	CHECK_EQ(got.count, 253);
	close_all(&got);
	/* More than the receiver may open. */
	struct rlimit limit, low;
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	low.rlim_cur = pair[1] + 3;
	CHECK_EQ(send_rights(pair[0], "x", 1, many, 10, NULL), 1);
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &low));
	got = receive(pair[1], 1, ROOM, 0);
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_EQ(got.flags, MSG_CTRUNC);
	CHECK_EQ(got.count, 2);
	close_all(&got);
	/* Headers that make no sense. */
	_Alignas(16) char control[64] = "";
	struct cmsghdr *first = (struct cmsghdr *)control;
	struct iovec part = { "x", 1 };
	struct msghdr header = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 32
	};
	*first = (struct cmsghdr){ 8, SOL_SOCKET, SCM_RIGHTS };
	CHECK_ERRNO(sendmsg(pair[0], &header, 0), EINVAL);
	*first = (struct cmsghdr){ 33, SOL_SOCKET, SCM_RIGHTS };
	CHECK_ERRNO(sendmsg(pair[0], &header, 0), EINVAL);
	*first = (struct cmsghdr){ 24, SOL_SOCKET, 77 };
	CHECK_ERRNO(sendmsg(pair[0], &header, 0), EINVAL);
	*first = (struct cmsghdr){ 24, 77, 77 };
	CHECK_EQ(sendmsg(pair[0], &header, 0), 1);
	header.msg_control = (void *)8;
	CHECK_ERRNO(sendmsg(pair[0], &header, 0), EFAULT);
	header.msg_controllen = 1l << 40;
	CHECK_ERRNO(sendmsg(pair[0], &header, 0), ENOBUFS);
	header = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1025 };
	CHECK_ERRNO(sendmsg(pair[0], &header, 0), EMSGSIZE);
	CHECK_ERRNO(sendmsg(pair[0], (void *)8, 0), EFAULT);
	CHECK_ERRNO(recvmsg(pair[0], (void *)8, 0), EFAULT);
	close(pair[0]);
	close(pair[1]);
}

static void test_credentials(void)
{
	int pair[2], on = 1;
	struct ucred own = { getpid(), getuid(), getgid() }, other = own;
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(write(pair[0], "a", 1), 1); /* before anyone asked */
	CHECK_OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	CHECK_EQ(write(pair[0], "b", 1), 1);
	struct received got = receive(pair[1], 100, ROOM, 0);
	CHECK_EQ(got.length, 1); /* different senders are not mixed */
	CHECK(got.has_cred);
	CHECK_EQ(got.cred.pid, 0);
	CHECK_EQ(got.cred.uid, 65534);
	got = receive(pair[1], 100, ROOM, 0);
	CHECK_EQ(got.length, 1);
	CHECK_EQ(got.cred.pid, getpid());
	CHECK_EQ(got.cred.uid, getuid());
	CHECK_EQ(send_rights(pair[0], "c", 1, NULL, 0, &own), 1);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(write(pair[0], "child", 5), 5);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	got = receive(pair[1], 100, ROOM, 0);
	CHECK_EQ(got.length, 1);
	got = receive(pair[1], 100, ROOM, 0);
	CHECK_EQ(got.length, 5);
	CHECK_EQ(got.cred.pid, pid);
	got = receive(pair[1], 100, 0, 0);
	CHECK_EQ(got.length, -1);
	CHECK_EQ(write(pair[0], "d", 1), 1);
	got = receive(pair[1], 100, 0, 0);
	CHECK_EQ(got.flags, MSG_CTRUNC);
	/* The super-user may speak for others, who must exist; nobody else may. */
	other.pid = 1;
	other.uid = 77;
	if (getuid() == 0) {
		CHECK_EQ(send_rights(pair[0], "e", 1, NULL, 0, &other), 1);
		got = receive(pair[1], 100, ROOM, 0);
		CHECK_EQ(got.cred.pid, 1);
		CHECK_EQ(got.cred.uid, 77);
		other.pid = 99999;
		CHECK_ERRNO(send_rights(pair[0], "e", 1, NULL, 0, &other), ESRCH);
		pid = fork_child();
		if (pid == 0) {
			CHECK_OK(setuid(1000));
			other = (struct ucred){ getpid(), 1000, 0 };
			CHECK_EQ(send_rights(pair[0], "f", 1, NULL, 0, &other), 1);
			other.uid = 0;
			CHECK_ERRNO(send_rights(pair[0], "f", 1, NULL, 0, &other), EPERM);
			other = (struct ucred){ getppid(), 1000, 0 };
			CHECK_ERRNO(send_rights(pair[0], "f", 1, NULL, 0, &other), EPERM);
			child_exit();
		}
		CHECK_EQ(wait_status(pid), 0);
	}
	close(pair[0]);
	close(pair[1]);
	/* Datagrams, which a sender without a name gets one for. */
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	CHECK_OK(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	CHECK_EQ(write(pair[0], "x", 1), 1);
	struct sockaddr_un name;
	socklen_t size = sizeof(name);
	CHECK_OK(getsockname(pair[0], (struct sockaddr *)&name, &size));
	CHECK_EQ(size, 2 + 6);
	close(pair[0]);
	close(pair[1]);
}

/* Sockets that hold each other and nobody else: what they hold besides is closed. */
static void test_cycle(void)
{
	int pair[2], second[2], ends[2], three[3];
	/* A socket in its own queue. */
	CHECK_OK(pipe(ends));
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	three[0] = pair[1];
	three[1] = ends[1];
	CHECK_EQ(send_rights(pair[0], "x", 1, three, 2, NULL), 1);
	close(ends[1]);
	close(pair[0]);
	close(pair[1]);
	CHECK(ended(ends[0]));
	close(ends[0]);
	/* Two pairs, each in the other's queue; one end is still open for a while. */
	CHECK_OK(pipe(ends));
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, second));
	CHECK_EQ(send_rights(pair[0], "x", 1, second, 2, NULL), 1);
	three[0] = pair[0];
	three[1] = pair[1];
	three[2] = ends[1];
	CHECK_EQ(send_rights(second[0], "x", 1, three, 3, NULL), 1);
	close(ends[1]);
	close(pair[0]);
	close(second[0]);
	close(second[1]);
	/* All are reachable through pair[1]. */
	struct received got = receive(pair[1], 1, ROOM, MSG_PEEK);
	CHECK_EQ(got.count, 2);
	struct received inner = receive(got.fds[1], 1, ROOM, 0);
	CHECK_EQ(inner.count, 3);
	CHECK_EQ(send_rights(got.fds[0], "x", 1, inner.fds, 3, NULL), 1);
	close_all(&inner);
	close_all(&got);
	close(pair[1]);
	CHECK(ended(ends[0]));
	close(ends[0]);
}

/* A listener in flight, with a connection that nobody accepted, which holds the listener. */
static void test_cycle_listener(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int ends[2], two[2], server = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	int client = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	snprintf(name.sun_path + 1, 40, "cycle-%d", getpid());
	CHECK_OK(pipe(ends));
	CHECK_OK(bind(server, (struct sockaddr *)&name, sizeof(name)));
	CHECK_OK(listen(server, 5));
	CHECK_OK(connect(client, (struct sockaddr *)&name, sizeof(name)));
	two[0] = server;
	two[1] = ends[1];
	CHECK_EQ(send_rights(client, "x", 1, two, 2, NULL), 1);
	close(server);
	close(ends[1]);
	close(client);
	CHECK(ended(ends[0]));
	close(ends[0]);
}

/* A long chain, each in the queue of the next: closing it takes no deep stack. */
static void test_chain(void)
{
	int ends[2], inner, pair[2];
	CHECK_OK(pipe(ends));
	inner = ends[1];
	for (int i = 0; i < 3000; i++) {
		CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		if (send_rights(pair[0], "x", 1, &inner, 1, NULL) != 1) {
			check_print("# chain ends at %d: %s", i, strerror(errno));
			close(pair[0]);
			close(pair[1]);
			break;
		}
		close(inner);
		close(pair[0]);
		inner = pair[1];
	}
	close(inner);
	CHECK(ended(ends[0]));
	close(ends[0]);
}

/* A limit on what is in flight holds for all but the super-user. */
static void test_limit(void)
{
	if (getuid())
		SKIP("only the super-user can become another");
	pid_t pid = fork_child();
	if (pid == 0) {
		struct rlimit limit = { 20, 20 };
		int pair[2], fds[10] = { 0 }, sent = 0;
		CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
		CHECK_OK(setuid(1234));
		CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		while (send_rights(pair[0], "x", 1, fds, 10, NULL) == 1 && sent < 20)
			sent++;
		CHECK_EQ(errno, ETOOMANYREFS);
		CHECK_EQ(sent, 3);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static const struct check_case cases[] = {
	{ "stream", test_stream },
	{ "datagram", test_datagram },
	{ "packet", test_packet },
	{ "truncated", test_truncated },
	{ "order", test_order },
	{ "errors", test_errors },
	{ "credentials", test_credentials },
	{ "cycle", test_cycle },
	{ "cycle-listener", test_cycle_listener },
	{ "chain", test_chain },
	{ "limit", test_limit },
};

CHECK_MAIN(cases)
