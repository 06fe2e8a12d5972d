/* signal(7): which calls end with EINTR, which start again with SA_RESTART; SIGPIPE, time left. */
#include "check.h"
#include <poll.h>
#include <sys/select.h>

static volatile int count;

static void counting(int sig)
{
	(void)sig;
	count++;
}

/* A child that sends SIGUSR1 after 30 ms and, 60 ms later, one byte into the pipe. */
static pid_t disturb(int fd)
{
	pid_t target = getpid(), pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		kill(target, SIGUSR1);
		sleep_ms(60);
		_exit(fd < 0 || write(fd, "x", 1) == 1 ? 0 : 1);
	}
	return pid;
}

static void test_read(void)
{
	char byte;
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	count = 0;
	signal_set(SIGUSR1, counting, 0);
	pid_t pid = disturb(ends[1]);
	CHECK_ERRNO(read(ends[0], &byte, 1), EINTR);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(wait_status(pid), 0);
	signal_set(SIGUSR1, counting, SA_RESTART);
	pid = disturb(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(count, 2);
	close(ends[0]), close(ends[1]);
}

/* An ignored signal, or one whose default is to ignore, disturbs nobody. */
static void test_ignored(void)
{
	char byte;
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	signal_set(SIGUSR1, SIG_IGN, 0);
	pid_t pid = disturb(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(wait_status(pid), 0);
	pid = signal_after(SIGWINCH, 20);
	struct timespec time = { 0, 60000000 };
	CHECK_EQ(nanosleep(&time, NULL), 0);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]), close(ends[1]);
}

static void test_write(void)
{
	static char block[70000];
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], block, 4096) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	signal_set(SIGUSR1, counting, 0);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(write(ends[1], block, 1), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]), close(ends[1]);
	/* Something was written before: the short count, not EINTR. */
	REQUIRE(pipe(ends) == 0);
	pid = signal_after(SIGUSR1, 50);
	ssize_t done = write(ends[1], block, sizeof(block));
	CHECK(done > 0 && done < (ssize_t)sizeof(block));
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]), close(ends[1]);
}

static void sleep_test(int flags)
{
	struct timespec time = { 2, 0 }, left = { 0, 0 };
	count = 0;
	signal_set(SIGUSR1, counting, flags);
	pid_t pid = signal_after(SIGUSR1, 50);
	CHECK_ERRNO(nanosleep(&time, &left), EINTR); /* SA_RESTART does not matter */
	CHECK_EQ(count, 1);
	CHECK_EQ(left.tv_sec, 1);
	CHECK_RANGE(left.tv_nsec, 1000000, 999999999);
	CHECK_EQ(wait_status(pid), 0);
	pid = signal_after(SIGUSR1, 50);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left), EINTR);
	CHECK_EQ(left.tv_sec, 1);
	CHECK_EQ(wait_status(pid), 0);
	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += 2;
	left = (struct timespec){ 77, 77 };
	pid = signal_after(SIGUSR1, 30);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, &left), EINTR);
	CHECK_EQ(left.tv_sec, 77); /* absolute: nothing is left to tell */
	CHECK_EQ(wait_status(pid), 0);
}

static void test_sleep(void)
{
	sleep_test(0);
	sleep_test(SA_RESTART);
}

/* A stop and a continue do not end a sleep early, nor make it start over. */
static void test_sleep_stopped(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		int64_t begin = now_ms();
		struct timespec time = { 0, 300000000 };
		CHECK_EQ(nanosleep(&time, NULL), 0);
		CHECK(now_ms() - begin >= 298);
		child_exit();
	}
	int status;
	int64_t begin = now_ms();
	sleep_ms(50);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	sleep_ms(50);
	kill(pid, SIGCONT);
	CHECK_EQ(wait_status(pid), 0);
	CHECK(now_ms() - begin < 3000);
}

static void test_poll(void)
{
	struct timespec time = { 5, 0 };
	struct pollfd poll_fd = { .events = POLLIN };
	int ends[2];
	fd_set set;
	REQUIRE(pipe(ends) == 0);
	poll_fd.fd = ends[0];
	signal_set(SIGUSR1, counting, SA_RESTART); /* never restarted */
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(poll(&poll_fd, 1, 5000), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(ppoll(&poll_fd, 1, &time, NULL), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(pselect(ends[0] + 1, &set, NULL, NULL, &time, NULL), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]), close(ends[1]);
}

/* ppoll's mask: a blocked, pending signal comes in at once, and only there. */
static void test_poll_mask(void)
{
	sigset_t set, empty;
	struct timespec time = { 5, 0 };
	count = 0;
	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signal_set(SIGUSR1, counting, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK_EQ(count, 0);
	CHECK_ERRNO(ppoll(NULL, 0, &time, &empty), EINTR);
	CHECK_EQ(count, 1);
	sigprocmask(SIG_BLOCK, NULL, &empty);
	CHECK(sigismember(&empty, SIGUSR1));
	sigemptyset(&empty);
	raise(SIGUSR1);
	CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &time, &empty), EINTR);
	CHECK_EQ(count, 2);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(count, 2);
}

static void test_wait(void)
{
	int status;
	pid_t sleeper = fork_child();
	if (sleeper == 0) {
		sleep_ms(120);
		_exit(3);
	}
	count = 0;
	signal_set(SIGUSR1, counting, SA_RESTART);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_EQ(waitpid(sleeper, &status, 0), sleeper);
	CHECK_EQ(status, 3 << 8);
	CHECK_EQ(count, 1);
	CHECK_EQ(wait_status(pid), 0);
}

static void test_pipe_signal(void)
{
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	close(ends[0]);
	count = 0;
	signal_set(SIGPIPE, counting, 0);
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	CHECK_EQ(count, 1);
	signal_set(SIGPIPE, SIG_IGN, 0);
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	CHECK_EQ(count, 1);
	signal_set(SIGPIPE, SIG_DFL, 0);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(write(ends[1], "x", 1) == 1);
	CHECK_EQ(wait_status(pid), SIGPIPE);
	close(ends[1]);
}

static const struct check_case cases[] = {
	{ "read", test_read },
	{ "ignored", test_ignored },
	{ "write", test_write },
	{ "sleep", test_sleep },
	{ "sleep-stopped", test_sleep_stopped },
	{ "poll", test_poll },
	{ "poll-mask", test_poll_mask },
	{ "wait", test_wait },
	{ "pipe-signal", test_pipe_signal },
};

CHECK_MAIN(cases)
