/*
 * Sockets under load: threads send, receive, connect, pass descriptors and close at random on sockets
 * that they share, and a checked stream runs beside them. Argument: seed.
 */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { THREADS = 4, SLOTS = 12, RUN_MS = 1500 };

static _Atomic int slots[SLOTS];
static volatile int stop;
static int server;
static struct sockaddr_un server_name = { .sun_family = AF_UNIX };

/* A private duplicate of a shared descriptor, so that nobody closes what another opened anew. */
static int borrow(uint64_t *random)
{
	int fd = slots[random_next(random) % SLOTS];
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 100);
}

static void replace(uint64_t *random, int fd)
{
	int old = slots[random_next(random) % SLOTS];
	if (old >= 0 && fd >= 0 && dup3(fd, old, O_CLOEXEC) < 0)
		check_fail(__LINE__, "dup3 succeeds", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void pass(int fd, int passed)
{
	_Alignas(16) char control[CMSG_SPACE(sizeof(int))] = "";
	struct cmsghdr *header = (struct cmsghdr *)control;
	struct iovec part = { "p", 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	*header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(header), &passed, sizeof(int));
	sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void take(int fd, int flags)
{
	_Alignas(16) char control[256];
	char data[512];
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	if (recvmsg(fd, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return;
	for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each;
	     each = CMSG_NXTHDR(&message, each)) {
		int count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int), fds[64];
		if (each->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds, CMSG_DATA(each), count * sizeof(int));
		while (count)
			close(fds[--count]);
	}
}

static void new_sockets(uint64_t *random)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int pair[2];
	if (socketpair(AF_UNIX, types[random_next(random) % 3] | SOCK_CLOEXEC, 0, pair) < 0) {
		check_fail(__LINE__, "socketpair succeeds", strerror(errno));
		return;
	}
	replace(random, pair[0]);
	replace(random, pair[1]);
}

static void connect_one(uint64_t *random)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(fd, (struct sockaddr *)&server_name, sizeof(server_name)) == 0)
		replace(random, fd);
	else
		close(fd);
}

static void one_step(uint64_t *random)
{
	static const char data[3000];
	int fd = borrow(random), other;
	switch (random_next(random) % 12) {
	case 0:
		new_sockets(random);
		break;
	case 1:
		connect_one(random);
		break;
	case 2:
		replace(random, accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
		break;
	case 3:
	case 4:
		other = borrow(random);
		pass(fd, other);
		close(other);
		break;
	case 5:
		take(fd, MSG_PEEK);
		break;
	case 6:
		if (random_next(random) % 8 == 0)
			shutdown(fd, random_next(random) % 3);
		break;
	case 7:
	case 8:
		send(fd, data, random_next(random) % sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	default:
		take(fd, 0);
	}
	if (fd >= 0)
		close(fd);
}

static void *random_run(void *argument)
{
	uint64_t random = random_start((uintptr_t)argument);
	while (!stop)
		one_step(&random);
	return NULL;
}

static void test_random(void)
{
	pthread_t threads[THREADS];
	snprintf(server_name.sun_path + 1, 40, "stress-%d", getpid());
	server = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	CHECK_OK(bind(server, (struct sockaddr *)&server_name, sizeof(server_name)));
	CHECK_OK(listen(server, 8));
	for (int i = 0; i < SLOTS; i += 2) {
		int pair[2];
		CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		slots[i] = pair[0];
		slots[i + 1] = pair[1];
	}
	stop = 0;
	for (uintptr_t i = 0; i < THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, random_run, (void *)i) == 0);
	sleep_ms(RUN_MS);
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SLOTS; i++)
		close(slots[i]);
	close(server);
}

/* ---- a stream with several readers and writers: every byte comes through once ---- */

static int stream[2];
static _Atomic uint64_t sent_sum, got_sum, sent_count, got_count;

static void *writer_run(void *argument)
{
	uint64_t random = random_start(100 + (uintptr_t)argument);
	unsigned char data[5000];
	for (int i = 0; i < 200; i++) {
		size_t size = random_next(&random) % sizeof(data) + 1;
		uint64_t sum = 0;
		for (size_t j = 0; j < size; j++)
			sum += data[j] = random_next(&random);
		if (write(stream[0], data, size) != (ssize_t)size)
			check_fail(__LINE__, "a full write", strerror(errno));
		sent_sum += sum;
		sent_count += size;
	}
	return NULL;
}

static void *reader_run(void *argument)
{
	uint64_t random = random_start(200 + (uintptr_t)argument);
	unsigned char data[7000];
	ssize_t size;
	while ((size = read(stream[1], data, random_next(&random) % sizeof(data) + 1)) > 0) {
		uint64_t sum = 0;
		for (ssize_t j = 0; j < size; j++)
			sum += data[j];
		got_sum += sum;
		got_count += size;
	}
	return NULL;
}

static void test_stream(void)
{
	pthread_t writers[3], readers[3];
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	for (uintptr_t i = 0; i < 3; i++) {
		REQUIRE(pthread_create(&writers[i], NULL, writer_run, (void *)i) == 0);
		REQUIRE(pthread_create(&readers[i], NULL, reader_run, (void *)i) == 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(writers[i], NULL);
	shutdown(stream[0], SHUT_WR);
	for (int i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	CHECK_EQ(got_count, sent_count);
	CHECK_EQ(got_sum, sent_sum);
	close(stream[0]);
	close(stream[1]);
}

/* What one reader leaves is there for another, who sleeps. */
static void *small_reader(void *argument)
{
	char byte;
	CHECK_EQ(read(stream[1], &byte, 1), 1);
	(*(_Atomic int *)argument)++;
	sleep_ms(100);
	return NULL;
}

static void test_leave(void)
{
	pthread_t readers[4];
	_Atomic int done = 0;
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&readers[i], NULL, small_reader, &done) == 0);
	sleep_ms(50);
	CHECK_EQ(write(stream[0], "four", 4), 4);
	for (int i = 0; i < 2000 && done < 4; i++)
		sleep_ms(1);
	CHECK_EQ(done, 4);
	if (done < 4)
		shutdown(stream[0], SHUT_WR);
	for (int i = 0; i < 4; i++)
		pthread_join(readers[i], NULL);
	close(stream[0]);
	close(stream[1]);
}

/* ---- processes that come to one server, each with a question ---- */

static void client_run(int index)
{
	char text[32], answer[32];
	for (int i = 0; i < 60; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_OK(connect(fd, (struct sockaddr *)&server_name, sizeof(server_name)));
		int size = snprintf(text, sizeof(text), "client %d asks %d", index, i);
		CHECK_EQ(write(fd, text, size), size);
		CHECK_EQ(read(fd, answer, sizeof(answer)), size);
		CHECK_EQ(memcmp(text, answer, size), 0);
		close(fd);
	}
}

static void *serve_run(void *unused)
{
	char text[64];
	(void)unused;
	for (;;) {
		int fd = accept(server, NULL, NULL);
		if (fd < 0)
			return NULL;
		ssize_t size = read(fd, text, sizeof(text));
		CHECK_EQ(write(fd, text, size), size);
		close(fd);
	}
}

static void test_server(void)
{
	pthread_t threads[3];
	pid_t clients[4];
	snprintf(server_name.sun_path + 1, 40, "server-%d", getpid());
	server = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_OK(bind(server, (struct sockaddr *)&server_name, sizeof(server_name)));
	CHECK_OK(listen(server, 2));
	for (int i = 0; i < 3; i++)
		REQUIRE(pthread_create(&threads[i], NULL, serve_run, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		clients[i] = fork_child();
		if (clients[i] == 0) {
			client_run(i);
			child_exit();
		}
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wait_status(clients[i]), 0);
	CHECK_OK(shutdown(server, SHUT_RDWR));
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(server);
}

static const struct check_case cases[] = {
	{ "random", test_random },
	{ "stream", test_stream },
	{ "leave", test_leave },
	{ "server", test_server },
};

int main(int argc, char **argv)
{
	if (argc < 2)
		check_seed = now_ns() & 0xffffff;
	check_print("# socket-stress seed %llu", (unsigned long long)check_seed);
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
