/* signalfd(2): reading, polling, the fields of its records, inheritance by fork. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

static sigset_t set_of(int a, int b)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static int make(int a, int b, int flags)
{
	sigset_t set = set_of(a, b);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return CHECK_OK(signalfd(-1, &set, flags));
}

static bool is_ready(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	return poll(&entry, 1, 0) == 1 && entry.revents == POLLIN;
}

static void test_basic(void)
{
	struct signalfd_siginfo info[4];
	int fd = make(SIGUSR1, SIGUSR2, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
	CHECK(!is_ready(fd));
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	CHECK(is_ready(fd));
	CHECK_ERRNO(read(fd, info, sizeof(info[0]) - 1), EINVAL);
	CHECK_EQ(read(fd, info, sizeof(info) - 1), 2 * sizeof(info[0]));
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[1].ssi_signo, SIGUSR2);
	CHECK_EQ(info[0].ssi_pid, getpid());
	CHECK_EQ(info[0].ssi_uid, getuid());
	CHECK_EQ(info[0].ssi_code, SI_USER);
	CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_ERRNO(write(fd, info, sizeof(info)), EINVAL);
	close(fd);
}

static void test_queued(void)
{
	struct signalfd_siginfo info[3];
	int fd = make(SIGRTMIN, SIGRTMIN + 1, SFD_NONBLOCK);
	for (int i = 0; i < 3; i++)
		CHECK_OK(sigqueue(getpid(), SIGRTMIN + 1 - i % 2,
				  (union sigval){ .sival_int = 70 + i }));
	CHECK_EQ(read(fd, info, sizeof(info)), sizeof(info));
	CHECK_EQ(info[0].ssi_signo, SIGRTMIN);
	CHECK_EQ(info[0].ssi_int, 71);
	CHECK_EQ(info[1].ssi_int, 70);
	CHECK_EQ(info[2].ssi_int, 72);
	CHECK_EQ(info[2].ssi_ptr, 72);
	CHECK_EQ(info[2].ssi_code, SI_QUEUE);
	close(fd);
}

static void test_child(void)
{
	struct signalfd_siginfo info;
	int fd = make(SIGCHLD, 0, 0);
	pid_t pid = fork_child();
	if (!pid)
		_exit(7);
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_signo, SIGCHLD);
	CHECK_EQ(info.ssi_code, CLD_EXITED);
	CHECK_EQ(info.ssi_pid, pid);
	CHECK_EQ(info.ssi_status, 7);
	wait_status(pid);
	close(fd);
}

static void test_change(void)
{
	struct signalfd_siginfo info;
	int fd = make(SIGUSR1, 0, SFD_NONBLOCK), other[2];
	sigset_t set = set_of(SIGUSR2, SIGKILL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR2);
	CHECK(!is_ready(fd));
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	CHECK(is_ready(fd));
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_signo, SIGUSR2);
	CHECK_ERRNO(signalfd(-1, &set, 1), EINVAL);
	CHECK_ERRNO(signalfd(-2, &set, 0), EBADF);
	CHECK_OK(pipe(other));
	CHECK_ERRNO(signalfd(other[0], &set, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_signalfd4, -1, 8, 8, 0), EFAULT);
	close(other[0]);
	close(other[1]);
	close(fd);
}

static void *send_later(void *target)
{
	sleep_ms(30);
	pthread_kill(*(pthread_t *)target, SIGUSR1);
	return NULL;
}

/* A blocked reader is woken by a signal to its thread, and by one to the process. */
static void test_blocking(void)
{
	struct signalfd_siginfo info;
	pthread_t self = pthread_self(), thread;
	int fd = make(SIGUSR1, 0, 0);
	REQUIRE(!pthread_create(&thread, NULL, send_later, &self));
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_code, SI_TKILL);
	pthread_join(thread, NULL);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_pid, pid);
	wait_status(pid);
	pid = signal_after(SIGUSR1, 30);
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	wait_status(pid);
	close(fd);
}

/* After fork a signalfd is about the signals of whoever reads it. */
static void test_fork(void)
{
	struct signalfd_siginfo info;
	int fd = make(SIGUSR1, 0, SFD_NONBLOCK), epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	CHECK_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	kill(getpid(), SIGUSR1);
	pid_t pid = fork_child();
	if (!pid) {
		CHECK(!is_ready(fd));
		CHECK_ERRNO(read(fd, &info, sizeof(info)), EAGAIN);
		kill(getpid(), SIGUSR1);
		CHECK(is_ready(fd));
		CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
		CHECK_EQ(info.ssi_pid, getpid());
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(is_ready(fd));
	CHECK_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	close(epoll);
	close(fd);
}

/* An instance of epoll that a child made outlives that child's signals. */
static void test_gone(void)
{
	int fd = make(SIGUSR1, 0, SFD_NONBLOCK), epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork_child();
		if (!pid) {
			epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
			is_ready(fd);
			_exit(0);
		}
		wait_status(pid);
	}
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	kill(getpid(), SIGUSR1);
	CHECK(is_ready(fd));
	close(fd);
	close(epoll);
}

static const struct check_case cases[] = {
	{ "basic", test_basic },   { "queued", test_queued },	  { "child", test_child },
	{ "change", test_change }, { "blocking", test_blocking }, { "fork", test_fork },
	{ "gone", test_gone },
};
CHECK_MAIN(cases)
