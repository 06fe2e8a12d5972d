/* Setting the clock: adjtimex(2), and timers that follow CLOCK_REALTIME or are told of it. */
#include "check.h"
#include <poll.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

/* The clock goes by `seconds`; by the end of each case it is back. */
static void step(long seconds)
{
	struct timex state = { .modes = ADJ_SETOFFSET, .time = { .tv_sec = seconds } };
	CHECK(adjtimex(&state) >= 0);
}

static long seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static void test_read(void)
{
	struct timex state = { 0 };
	int result = adjtimex(&state);
	CHECK(result == TIME_OK || result == TIME_ERROR);
	CHECK_EQ(state.offset, 0);
	CHECK_EQ(state.tick, 10000);
	CHECK_EQ(state.tolerance, 500 << 16);
	CHECK_EQ(state.status & STA_UNSYNC, STA_UNSYNC);
	CHECK_RANGE(state.time.tv_sec, seconds_now() - 1, seconds_now());
	CHECK_RANGE(state.time.tv_usec, 0, 999999);
	CHECK_EQ(clock_adjtime(CLOCK_REALTIME, &state), result);
	CHECK_ERRNO(clock_adjtime(CLOCK_MONOTONIC, &state), EOPNOTSUPP);
	CHECK_ERRNO(clock_adjtime(12345, &state), EINVAL);
	CHECK_ERRNO(syscall(SYS_adjtimex, (void *)8), EFAULT);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setuid(1000));
		memset(&state, 0, sizeof(state));
		CHECK(adjtimex(&state) >= 0);
		state.modes = ADJ_SETOFFSET;
		CHECK_ERRNO(adjtimex(&state), EPERM);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_step(void)
{
	long before = seconds_now();
	int64_t monotonic = now_ms();
	step(1000);
	CHECK_RANGE(seconds_now() - before, 1000, 1005);
	CHECK_RANGE(now_ms() - monotonic, 0, 5000);
	step(-1000);
	CHECK_RANGE(seconds_now() - before, 0, 5);
	struct timex state = { .modes = ADJ_SETOFFSET, .time = { 0, -1 } };
	CHECK_ERRNO(adjtimex(&state), EINVAL);
	state.time.tv_usec = 1000000;
	CHECK_ERRNO(adjtimex(&state), EINVAL);
	state.modes |= ADJ_NANO;
	state.time.tv_usec = 1000;
	CHECK(adjtimex(&state) >= 0);
}

static int timer_at(long seconds_ahead, int flags)
{
	struct itimerspec spec = { .it_value.tv_sec = seconds_now() + seconds_ahead };
	int fd = CHECK_OK(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	CHECK_OK(timerfd_settime(fd, flags, &spec, NULL));
	return fd;
}

static void test_absolute(void)
{
	uint64_t ticks = 0;
	int fd = timer_at(500, TFD_TIMER_ABSTIME), relative = timer_at(0, 0);
	struct itimerspec left, spec = { .it_value.tv_sec = 500 };
	CHECK_OK(timerfd_settime(relative, 0, &spec, NULL));
	CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
	step(1000); /* past it */
	struct pollfd entry = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK_EQ(ticks, 1);
	CHECK_ERRNO(read(relative, &ticks, 8), EAGAIN); /* that counts time */
	CHECK_OK(timerfd_gettime(relative, &left));
	CHECK_RANGE(left.it_value.tv_sec, 490, 500);
	step(-1000);
	close(fd), close(relative);
}

static void test_cancel(void)
{
	uint64_t ticks;
	int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	int fd = timer_at(500, flags), plain = timer_at(500, TFD_TIMER_ABSTIME);
	struct pollfd entry = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&entry, 1, 0), 0);
	step(10);
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	CHECK_ERRNO(read(fd, &ticks, 8), ECANCELED);
	CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN); /* once */
	CHECK_EQ(poll(&entry, 1, 0), 0);
	CHECK_ERRNO(read(plain, &ticks, 8), EAGAIN);
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		step(-10);
		child_exit();
	}
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_ERRNO(read(fd, &ticks, 8), ECANCELED); /* it slept */
	CHECK_EQ(wait_status(pid), 0);
	step(1);
	struct itimerspec spec = { .it_value.tv_sec = seconds_now() + 500 };
	CHECK_ERRNO(timerfd_settime(fd, flags, &spec, NULL), ECANCELED);
	CHECK_OK(timerfd_settime(fd, flags, &spec, NULL));
	step(-1);
	CHECK_ERRNO(timerfd_settime(fd, 4, &spec, NULL), EINVAL);
	close(fd), close(plain);
	fd = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)); /* no clock that is set */
	CHECK_OK(timerfd_settime(fd, flags, &spec, NULL));
	step(1);
	CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
	step(-1);
	close(fd);
}

static const struct check_case cases[] = {
	{ "read", test_read },
	{ "step", test_step },
	{ "absolute", test_absolute },
	{ "cancel", test_cancel },
};

CHECK_MAIN(cases)
