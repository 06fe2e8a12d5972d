/* eventfd(2): counter, semaphore, non-blocking, blocking in both directions, poll. */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

static bool put(int fd, uint64_t value)
{
	return write(fd, &value, sizeof(value)) == sizeof(value);
}

static long get(int fd)
{
	uint64_t value;
	return read(fd, &value, sizeof(value)) == sizeof(value) ? (long)value : -1;
}

static int events(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN | POLLOUT };
	return poll(&entry, 1, 0) < 0 ? -1 : entry.revents;
}

static void test_counter(void)
{
	int fd = CHECK_OK(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(events(fd), POLLIN | POLLOUT);
	CHECK(put(fd, 4));
	CHECK_EQ(get(fd), 7);
	CHECK_ERRNO(get(fd), EAGAIN);
	CHECK_EQ(events(fd), POLLOUT);
	CHECK(put(fd, UINT64_MAX - 1));
	CHECK_EQ(events(fd), POLLIN);
	CHECK_ERRNO(put(fd, 1) ? 0 : -1, EAGAIN);
	CHECK_EQ(get(fd), -2);
	close(fd);
}

static void test_semaphore(void)
{
	int fd = CHECK_OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	CHECK_EQ(get(fd), 1);
	CHECK_EQ(get(fd), 1);
	CHECK_ERRNO(get(fd), EAGAIN);
	close(fd);
}

static void test_errors(void)
{
	char small[4] = "";
	CHECK_ERRNO(eventfd(0, 8), EINVAL);
	int fd = CHECK_OK(eventfd(0, EFD_NONBLOCK));
	CHECK_ERRNO(read(fd, small, sizeof(small)), EINVAL);
	CHECK_ERRNO(write(fd, small, sizeof(small)), EINVAL);
	CHECK_ERRNO(put(fd, UINT64_MAX) ? 0 : -1, EINVAL);
	CHECK_ERRNO(write(fd, (void *)8, 8), EFAULT);
	CHECK_EQ(lseek(fd, 5, SEEK_SET), 0);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	close(fd);
}

static void test_block(void)
{
	int fd = CHECK_OK(eventfd(0, 0)), back = CHECK_OK(eventfd(UINT32_MAX, 0));
	pid_t pid = fork_child();
	if (pid == 0) {
		for (int i = 0; i < 1000; i++) {
			CHECK_EQ(get(fd), 1);
			CHECK(put(back, 1));
		}
		child_exit();
	}
	CHECK_EQ(get(back), UINT32_MAX);
	for (int i = 0; i < 1000; i++) {
		CHECK(put(fd, 1));
		CHECK_EQ(get(back), 1);
	}
	CHECK_EQ(wait_status(pid), 0);
	/* A writer waits until its number fits. */
	CHECK(put(fd, UINT64_MAX - 1));
	pid = fork_child();
	if (pid == 0) {
		CHECK(put(fd, 5));
		child_exit();
	}
	sleep_ms(20);
	CHECK_EQ(get(fd), -2);
	CHECK_EQ(get(fd), 5);
	CHECK_EQ(wait_status(pid), 0);
	close(fd);
	close(back);
}

static const struct check_case cases[] = {
	{ "counter", test_counter },
	{ "semaphore", test_semaphore },
	{ "errors", test_errors },
	{ "block", test_block },
};

CHECK_MAIN(cases)
