/* poll, ppoll, select, pselect: readiness of pipes and files, time-outs, errors. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/select.h>

static short poll_one(int fd, short events, int timeout)
{
	struct pollfd entry = { .fd = fd, .events = events, .revents = 0x7777 };
	int count = poll(&entry, 1, timeout);
	CHECK_EQ(count, entry.revents != 0);
	return entry.revents;
}

static void test_pipe(void)
{
	static char block[65536];
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	CHECK_EQ(poll_one(ends[0], POLLIN, 0), 0);
	CHECK_EQ(poll_one(ends[1], POLLOUT, 0), POLLOUT);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(poll_one(ends[0], POLLIN | POLLRDNORM, 0), POLLIN | POLLRDNORM);
	CHECK_EQ(poll_one(ends[0], 0, 0), 0);
	CHECK_EQ(write(ends[1], block, 61440), 61440);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], block, 1) > 0)
		;
	CHECK_EQ(poll_one(ends[1], POLLOUT, 0), 0); /* full */
	close(ends[1]);
	CHECK_EQ(poll_one(ends[0], POLLIN, 0), POLLIN | POLLHUP);
	while (read(ends[0], block, sizeof(block)) > 0)
		;
	CHECK_EQ(poll_one(ends[0], POLLIN, 0), POLLHUP);
	CHECK_EQ(poll_one(ends[0], 0, 0), POLLHUP); /* told without being asked for */
	close(ends[0]);
	REQUIRE(pipe(ends) == 0);
	close(ends[0]);
	CHECK_EQ(poll_one(ends[1], POLLOUT, 0), POLLOUT | POLLERR);
	close(ends[1]);
}

static void test_files(void)
{
	REQUIRE(scratch_enter());
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	int null = open("/dev/null", O_RDWR);
	CHECK_EQ(poll_one(fd, POLLIN | POLLOUT, 0), POLLIN | POLLOUT); /* always ready */
	CHECK_EQ(poll_one(null, POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
	CHECK_EQ(poll_one(999, POLLIN, 0), POLLNVAL);
	CHECK_EQ(poll_one(-1, POLLIN, 0), 0); /* negative: left out */
	close(fd), close(null);
}

static void test_timeout(void)
{
	struct timespec time = { 0, 30000000 };
	struct timeval value = { 0, 30000 };
	int64_t begin = now_ns();
	CHECK_EQ(poll(NULL, 0, 30), 0);
	CHECK(now_ns() - begin >= 30000000);
	begin = now_ns();
	CHECK_EQ(ppoll(NULL, 0, &time, NULL), 0);
	CHECK(now_ns() - begin >= 30000000);
	begin = now_ns();
	CHECK_EQ(select(0, NULL, NULL, NULL, &value), 0);
	CHECK(now_ns() - begin >= 30000000);
	CHECK_EQ(value.tv_sec + value.tv_usec, 0); /* Linux: the time that is left */
	begin = now_ns();
	CHECK_EQ(pselect(0, NULL, NULL, NULL, &time, NULL), 0);
	CHECK(now_ns() - begin >= 30000000);
}

static int late_fd;

static void *late_run(void *argument)
{
	sleep_ms(40);
	if (argument)
		close(late_fd);
	else if (write(late_fd, "x", 1) != 1)
		return argument;
	return NULL;
}

/* Several threads wait for the same pipe: all are woken. */
static void *wait_run(void *argument)
{
	return (void *)(long)poll_one((int)(long)argument, POLLIN, 10000);
}

static void test_wake(void)
{
	pthread_t threads[4], late;
	void *result;
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	late_fd = ends[1];
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, wait_run, (void *)(long)ends[0]);
	pthread_create(&late, NULL, late_run, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		CHECK_EQ((long)result, POLLIN);
	}
	pthread_join(late, NULL);
	char byte;
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	pthread_create(&late, NULL, late_run, (void *)1L);
	CHECK_EQ(poll_one(ends[0], POLLIN, 10000), POLLHUP);
	pthread_join(late, NULL);
	close(ends[0]);
}

static void test_many(void)
{
	struct pollfd list[40];
	int ends[20][2];
	for (int i = 0; i < 20; i++) {
		REQUIRE(pipe(ends[i]) == 0);
		list[2 * i] = (struct pollfd){ .fd = ends[i][0], .events = POLLIN };
		list[2 * i + 1] = (struct pollfd){ .fd = ends[i][1], .events = POLLOUT };
	}
	CHECK_EQ(poll(list, 40, 1000), 20);
	CHECK_EQ(write(ends[7][1], "x", 1), 1);
	CHECK_EQ(write(ends[19][1], "x", 1), 1);
	CHECK_EQ(poll(list, 40, 1000), 22);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(list[2 * i].revents, i == 7 || i == 19 ? POLLIN : 0);
		CHECK_EQ(list[2 * i + 1].revents, POLLOUT);
		close(ends[i][0]), close(ends[i][1]);
	}
}

static void test_select(void)
{
	fd_set in, out, except;
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	FD_SET(ends[0], &except);
	CHECK_EQ(select(ends[1] + 1, &in, &out, &except, NULL), 1);
	CHECK(!FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out) && !FD_ISSET(ends[0], &except));
	CHECK_EQ(write(ends[1], "x", 1), 1);
	FD_SET(ends[0], &in);
	CHECK_EQ(select(ends[1] + 1, &in, &out, NULL, NULL), 2);
	close(ends[1]);
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	char byte;
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(select(ends[0] + 1, &in, NULL, NULL, NULL), 1); /* an end of file is ready */
	close(ends[0]);
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	CHECK_ERRNO(select(ends[0] + 1, &in, NULL, NULL, NULL), EBADF);
	CHECK_ERRNO(select(-1, NULL, NULL, NULL, NULL), EINVAL);
}

static void test_errors(void)
{
	struct timespec time = { 0, 1000000000 };
	struct pollfd entry = { .fd = 0 };
	CHECK_ERRNO(ppoll(&entry, 1, &time, NULL), EINVAL);
	time = (struct timespec){ -1, 0 };
	CHECK_ERRNO(ppoll(&entry, 1, &time, NULL), EINVAL);
	CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &time, NULL), EINVAL);
	CHECK_ERRNO(poll((void *)8, 1, 0), EFAULT);
	CHECK_ERRNO(poll(&entry, 1 << 30, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_ppoll, &entry, 1, 8, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_ppoll, &entry, 1, NULL, 8, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_ppoll, &entry, 1, NULL, &time, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_pselect6, 1, 8, NULL, NULL, NULL, NULL), EFAULT);
}

static const struct check_case cases[] = {
	{ "pipe", test_pipe },	   { "files", test_files }, { "timeout", test_timeout },
	{ "wake", test_wake },	   { "many", test_many },   { "select", test_select },
	{ "errors", test_errors },
};

CHECK_MAIN(cases)
