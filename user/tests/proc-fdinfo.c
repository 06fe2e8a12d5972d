/* /proc/PID/fdinfo: what it tells of descriptors that are no files. proc_pid_fdinfo(5). */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static char text[2048];

static const char *info(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK(file_read(path, text, sizeof(text)) > 0);
	return text;
}

/* The value behind a label, or -99. */
static long value(int fd, const char *label, int base)
{
	const char *found = strstr(info(fd), label);
	return found ? strtol(found + strlen(label), NULL, base) : -99;
}

static void test_file(void)
{
	REQUIRE(scratch_enter() && file_write("f", "12345", 5));
	int fd = open("f", O_RDWR | O_APPEND | O_CLOEXEC);
	struct stat status;
	CHECK_OK(fstat(fd, &status));
	CHECK_OK(lseek(fd, 3, SEEK_SET));
	CHECK_EQ(value(fd, "pos:\t", 10), 3);
	CHECK_EQ(value(fd, "flags:\t", 8), O_RDWR | O_APPEND | O_CLOEXEC | 0100000);
	CHECK_EQ(value(fd, "ino:\t", 10), status.st_ino);
	CHECK_OK(fcntl(fd, F_SETFD, 0));
	CHECK_EQ(value(fd, "flags:\t", 8), O_RDWR | O_APPEND | 0100000);
	close(fd);
}

static void test_pidfd(void)
{
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(0);
	int fd = CHECK_OK(syscall(SYS_pidfd_open, pid, 0));
	CHECK_EQ(value(fd, "\nPid:\t", 10), pid);
	CHECK_EQ(value(fd, "NSpid:\t", 10), pid);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(value(fd, "\nPid:\t", 10), -1);
	close(fd);
}

static void test_events(void)
{
	sigset_t set;
	int event = eventfd(0x2a, EFD_SEMAPHORE), epoll = epoll_create1(0);
	CHECK_EQ(value(event, "eventfd-count:", 16), 0x2a);
	CHECK_EQ(value(event, "eventfd-semaphore:", 10), 1);
	CHECK(value(event, "eventfd-id:", 10) >= 0);
	struct epoll_event watch = { EPOLLIN | EPOLLET, { .u64 = 0x1234abcd } };
	CHECK_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &watch));
	CHECK_EQ(value(epoll, "tfd:", 10), event);
	CHECK_EQ(value(epoll, "data:", 16), 0x1234abcd);
	CHECK_EQ(value(epoll, "events:", 16) & (EPOLLIN | EPOLLET), EPOLLIN | EPOLLET);
	close(event), close(epoll);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	int signals = signalfd(-1, &set, 0);
	CHECK_EQ(value(signals, "sigmask:\t", 16), 1L << (SIGUSR1 - 1));
	close(signals);
}

static void test_timer(void)
{
	struct itimerspec spec = { { 7, 5 }, { 1000, 0 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	CHECK_EQ(value(timer, "clockid:", 10), CLOCK_MONOTONIC);
	CHECK_OK(timerfd_settime(timer, 0, &spec, NULL));
	CHECK_EQ(value(timer, "ticks:", 10), 0);
	CHECK_EQ(value(timer, "settime flags: ", 8), 0);
	CHECK_RANGE(value(timer, "it_value: (", 10), 990, 1000);
	CHECK(strstr(text, "it_interval: (7, 5)") != NULL);
	spec = (struct itimerspec){ { 0, 0 }, { 0, 1 } };
	CHECK_OK(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
	sleep_ms(20);
	CHECK_EQ(value(timer, "ticks:", 10), 1);
	CHECK_EQ(value(timer, "settime flags: ", 8), 1);
	close(timer);
}

static const struct check_case cases[] = {
	{ "file", test_file },
	{ "pidfd", test_pidfd },
	{ "events", test_events },
	{ "timer", test_timer },
};

CHECK_MAIN(cases)
