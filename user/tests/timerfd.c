/* timerfd_create(2): once, periodic, absolute, off; what is left; poll; errors. */
#include "check.h"
#include <poll.h>
#include <sys/timerfd.h>

static long ticks(int fd)
{
	uint64_t count;
	return read(fd, &count, sizeof(count)) == sizeof(count) ? (long)count : -1;
}

static struct itimerspec ms(long value, long interval)
{
	return (struct itimerspec){
		.it_value = { value / 1000, value % 1000 * 1000000 },
		.it_interval = { interval / 1000, interval % 1000 * 1000000 },
	};
}

static void test_once(void)
{
	struct itimerspec set = ms(30, 0), left;
	int fd = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	int64_t begin = now_ms();
	CHECK_OK(timerfd_gettime(fd, &left));
	CHECK(!left.it_value.tv_sec && !left.it_value.tv_nsec);
	CHECK_OK(timerfd_settime(fd, 0, &set, NULL));
	CHECK_OK(timerfd_gettime(fd, &left));
	CHECK_RANGE(left.it_value.tv_nsec, 1, 30000000);
	CHECK_EQ(poll(&entry, 1, 0), 0);
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	CHECK_EQ(entry.revents, POLLIN);
	CHECK_EQ(ticks(fd), 1);
	CHECK_RANGE(now_ms() - begin, 29, 3000);
	CHECK_OK(timerfd_gettime(fd, &left));
	CHECK(!left.it_value.tv_sec && !left.it_value.tv_nsec);
	close(fd);
}

static void test_periodic(void)
{
	struct itimerspec set = ms(10, 10), old, off = ms(0, 0);
	int fd = CHECK_OK(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK));
	CHECK_ERRNO(ticks(fd), EAGAIN);
	CHECK_OK(timerfd_settime(fd, 0, &set, NULL));
	sleep_ms(105);
	CHECK_RANGE(ticks(fd), 10, 300);
	sleep_ms(25);
	CHECK_RANGE(ticks(fd), 1, 300);
	CHECK_OK(timerfd_settime(fd, 0, &off, &old));
	CHECK_EQ(old.it_interval.tv_nsec, 10000000);
	CHECK_RANGE(old.it_value.tv_nsec, 1, 10000000);
	sleep_ms(20);
	CHECK_ERRNO(ticks(fd), EAGAIN);
	set.it_interval.tv_nsec = set.it_value.tv_nsec = 1; /* as fast as can be */
	CHECK_OK(timerfd_settime(fd, 0, &set, NULL));
	sleep_ms(10);
	CHECK(ticks(fd) >= 10000000);
	close(fd);
}

static void test_absolute(void)
{
	static const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC };
	for (unsigned i = 0; i < ARRAY_SIZE(clocks); i++) {
		struct itimerspec set = ms(0, 0);
		int fd = CHECK_OK(timerfd_create(clocks[i], 0));
		int64_t begin = now_ms();
		CHECK_OK(clock_gettime(clocks[i], &set.it_value));
		CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL)); /* past */
		CHECK_EQ(ticks(fd), 1);
		set.it_value.tv_nsec += 20000000;
		if (set.it_value.tv_nsec >= 1000000000) {
			set.it_value.tv_nsec -= 1000000000;
			set.it_value.tv_sec++;
		}
		CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL));
		CHECK_EQ(ticks(fd), 1);
		CHECK_RANGE(now_ms() - begin, 19, 3000);
		close(fd);
	}
}

static void test_errors(void)
{
	struct itimerspec set = ms(0, 0);
	char small[4];
	int fd = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0)), null = open("/dev/null", O_RDWR);
	CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
	CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERRNO(timerfd_settime(fd, 16, &set, NULL), EINVAL);
	CHECK_ERRNO(timerfd_settime(fd, 0, (void *)8, NULL), EFAULT);
	CHECK_ERRNO(timerfd_settime(null, 0, &set, NULL), EINVAL);
	CHECK_ERRNO(timerfd_settime(999, 0, &set, NULL), EBADF);
	set.it_value.tv_nsec = 1000000000;
	CHECK_ERRNO(timerfd_settime(fd, 0, &set, NULL), EINVAL);
	CHECK_ERRNO(timerfd_gettime(fd, (void *)8), EFAULT);
	CHECK_ERRNO(timerfd_gettime(null, &set), EINVAL);
	CHECK_ERRNO(read(fd, small, sizeof(small)), EINVAL);
	CHECK_ERRNO(write(fd, "12345678", 8), EINVAL);
	close(null);
	close(fd);
}

static const struct check_case cases[] = {
	{ "once", test_once },
	{ "periodic", test_periodic },
	{ "absolute", test_absolute },
	{ "errors", test_errors },
};

CHECK_MAIN(cases)
