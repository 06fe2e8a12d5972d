/* epoll(7): level, edge, oneshot, exclusive, nested; errors; many files; several waiters. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

static struct epoll_event got[8];

static int instance(void)
{
	return CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
}

static int control(int epoll, int operation, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = 0x123456789000ull + fd };
	return epoll_ctl(epoll, operation, fd, &event);
}

static int look(int epoll)
{
	return epoll_wait(epoll, got, ARRAY_SIZE(got), 0);
}

static void put(int fd)
{
	uint64_t one = 1;
	CHECK_EQ(write(fd, &one, sizeof(one)), sizeof(one));
}

static void take(int fd)
{
	uint64_t value;
	CHECK_EQ(read(fd, &value, sizeof(value)), sizeof(value));
}

static void test_level(void)
{
	int epoll = instance(), ends[2];
	char byte = 0;
	REQUIRE(pipe(ends) == 0);
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN));
	CHECK_EQ(look(epoll), 0);
	CHECK_EQ(write(ends[1], &byte, 1), 1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(look(epoll), 1);
		CHECK_EQ(got[0].events, EPOLLIN);
		CHECK_EQ(got[0].data.u64, 0x123456789000ull + ends[0]);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(look(epoll), 0);
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, ends[1], EPOLLOUT));
	CHECK_EQ(look(epoll), 1);
	CHECK_EQ(got[0].events, EPOLLOUT);
	CHECK_OK(control(epoll, EPOLL_CTL_MOD, ends[1], 0));
	CHECK_EQ(look(epoll), 0);
	close(ends[1]);
	CHECK_EQ(look(epoll), 1); /* the hang-up is never asked for */
	CHECK_EQ(got[0].events, EPOLLHUP);
	CHECK_OK(control(epoll, EPOLL_CTL_DEL, ends[0], 0));
	CHECK_EQ(look(epoll), 0);
	close(ends[0]);
	close(epoll);
}

static void test_edge(void)
{
	int epoll = instance(), fd = CHECK_OK(eventfd(0, 0));
	put(fd);
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET));
	CHECK_EQ(look(epoll), 1); /* what is there already is the first edge */
	CHECK_EQ(look(epoll), 0);
	put(fd);
	CHECK_EQ(look(epoll), 1);
	CHECK_EQ(look(epoll), 0);
	CHECK_OK(control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET));
	CHECK_EQ(look(epoll), 1);
	put(fd);
	take(fd);
	CHECK_EQ(look(epoll), 0);
	close(fd);
	close(epoll);
}

static void test_oneshot(void)
{
	int epoll = instance(), fd = CHECK_OK(eventfd(1, 0));
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT));
	CHECK_EQ(look(epoll), 1);
	CHECK_EQ(look(epoll), 0);
	put(fd);
	CHECK_EQ(look(epoll), 0);
	CHECK_OK(control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT));
	CHECK_EQ(look(epoll), 1);
	close(fd);
	close(epoll);
}

/* The description counts, not the descriptor: only its last one ends the watch. */
static void test_close(void)
{
	int epoll = instance(), fd = CHECK_OK(eventfd(1, 0)), copy = CHECK_OK(dup(fd));
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, copy, EPOLLIN));
	CHECK_EQ(look(epoll), 2);
	close(fd);
	CHECK_EQ(look(epoll), 2);
	close(copy);
	CHECK_EQ(look(epoll), 0);
	close(epoll);
}

static void test_errors(void)
{
	struct epoll_event event = { 0 };
	int epoll = instance(), fd = CHECK_OK(eventfd(0, 0));
	int file = CHECK_OK(open("/proc/self/exe", O_RDONLY));
	CHECK_ERRNO(epoll_create1(1), EINVAL);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, (void *)8), EFAULT);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, 999, &event), EBADF);
	CHECK_ERRNO(epoll_ctl(999, EPOLL_CTL_ADD, fd, &event), EBADF);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event), EINVAL);
	CHECK_ERRNO(epoll_ctl(fd, EPOLL_CTL_ADD, epoll, &event), EINVAL);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event), EPERM);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event), ENOENT);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), ENOENT);
	CHECK_ERRNO(epoll_ctl(epoll, 99, fd, &event), EINVAL);
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN), EEXIST);
	CHECK_ERRNO(epoll_wait(epoll, got, 0, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(epoll, got, -1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(fd, got, 1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(999, got, 1, 0), EBADF);
	put(fd);
	CHECK_ERRNO(epoll_wait(epoll, (void *)8, 1, 0), EFAULT);
	CHECK_EQ(look(epoll), 1); /* not lost by that */
	CHECK_ERRNO(control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	CHECK_ERRNO(read(epoll, &event, 8), EINVAL);
	close(file);
	close(fd);
	close(epoll);
}

static void test_exclusive(void)
{
	int epoll = instance(), inner = instance(), fd = CHECK_OK(eventfd(0, 0));
	CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE),
		    EINVAL);
	CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE));
	CHECK_ERRNO(control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN), EINVAL);
	put(fd);
	CHECK_EQ(look(epoll), 1);
	CHECK_OK(control(epoll, EPOLL_CTL_DEL, fd, 0));
	close(fd);
	close(inner);
	close(epoll);
}

static void test_nested(void)
{
	int chain[12], length = 1, fd = CHECK_OK(eventfd(0, 0));
	int a = instance(), b = instance(), c = instance();
	struct pollfd entry = { .fd = c, .events = POLLIN };
	CHECK_OK(control(a, EPOLL_CTL_ADD, fd, EPOLLIN));
	CHECK_OK(control(b, EPOLL_CTL_ADD, a, EPOLLIN));
	CHECK_OK(control(c, EPOLL_CTL_ADD, b, EPOLLIN));
	CHECK_ERRNO(control(a, EPOLL_CTL_ADD, c, EPOLLIN), ELOOP);
	CHECK_ERRNO(control(a, EPOLL_CTL_ADD, b, EPOLLIN), ELOOP);
	CHECK_EQ(look(c), 0);
	CHECK_EQ(poll(&entry, 1, 0), 0);
	put(fd);
	CHECK_EQ(poll(&entry, 1, 0), 1);
	CHECK_EQ(look(c), 1);
	CHECK_EQ(got[0].data.u64, 0x123456789000ull + b);
	CHECK_EQ(look(a), 1);
	take(fd);
	CHECK_EQ(look(c), 0);
	close(b);
	put(fd);
	CHECK_EQ(look(c), 0);
	/* Five levels are enough for everybody. */
	chain[0] = instance();
	while (length < 12) {
		chain[length] = instance();
		if (control(chain[length], EPOLL_CTL_ADD, chain[length - 1], EPOLLIN) < 0)
			break;
		length++;
	}
	CHECK_EQ(errno, ELOOP);
	CHECK_RANGE(length, 4, 8);
	for (int i = 0; i <= length && i < 12; i++)
		close(chain[i]);
	close(a);
	close(c);
	close(fd);
}

static void test_timeout(void)
{
	struct timespec time = { .tv_nsec = 30000000 }, bad = { .tv_nsec = 1000000000 };
	int epoll = instance();
	int64_t begin = now_ms();
	CHECK_EQ(epoll_wait(epoll, got, 1, 30), 0);
	CHECK_RANGE(now_ms() - begin, 29, 3000);
	begin = now_ms();
	CHECK_EQ(epoll_pwait2(epoll, got, 1, &time, NULL), 0);
	CHECK_RANGE(now_ms() - begin, 29, 3000);
	CHECK_ERRNO(epoll_pwait2(epoll, got, 1, &bad, NULL), EINVAL);
	close(epoll);
}

static volatile int caught;

static void note(int sig)
{
	(void)sig;
	caught++;
}

static void test_signal(void)
{
	int epoll = instance();
	sigset_t blocked, none;
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	signal_set(SIGUSR1, note, SA_RESTART);
	CHECK_OK(sigprocmask(SIG_BLOCK, &blocked, NULL));
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(epoll_wait(epoll, got, 1, 0), 0);
	CHECK_EQ(caught, 0);
	CHECK_ERRNO(epoll_pwait(epoll, got, 1, 5000, &none), EINTR);
	CHECK_EQ(caught, 1);
	CHECK_OK(sigprocmask(SIG_UNBLOCK, &blocked, NULL));
	close(epoll);
}

enum { MANY = 1000 };

static void test_many(void)
{
	static int fds[MANY];
	struct rlimit limit = { MANY + 50, MANY + 50 };
	int epoll = instance();
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		SKIP("not enough descriptors");
	for (int i = 0; i < MANY; i++) {
		fds[i] = CHECK_OK(eventfd(0, 0));
		CHECK_OK(control(epoll, EPOLL_CTL_ADD, fds[i], EPOLLIN));
	}
	for (int i = 0; i < 5000; i++) {
		int fd = fds[i * 7919 % MANY];
		put(fd);
		CHECK_EQ(look(epoll), 1);
		CHECK_EQ(got[0].data.u64, 0x123456789000ull + fd);
		take(fd);
	}
	for (int i = 0; i < MANY; i++)
		put(fds[i]);
	/* All have their turn. */
	for (int i = 0; i < MANY / 8; i++) {
		CHECK_EQ(look(epoll), 8);
		for (int j = 0; j < 8; j++)
			take((int)(got[j].data.u64 - 0x123456789000ull));
	}
	CHECK_EQ(look(epoll), 0);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	close(epoll);
}

enum { WORKERS = 4, ROUNDS = 2000 };

/* Several processes wait on one instance for tokens; none is lost. */
static void test_workers(void)
{
	int epoll = instance(), fd = CHECK_OK(eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK));
	int done = CHECK_OK(eventfd(0, 0)), stop = CHECK_OK(eventfd(0, 0));
	pid_t pids[WORKERS];
	uint64_t value, sum = 0;
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET));
	CHECK_OK(control(epoll, EPOLL_CTL_ADD, stop, EPOLLIN));
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork_child();
		if (pids[i])
			continue;
		for (;;) {
			CHECK_EQ(epoll_wait(epoll, got, 1, -1), 1);
			if (got[0].data.u64 == 0x123456789000ull + stop)
				child_exit();
			while (read(fd, &value, sizeof(value)) == sizeof(value))
				put(done);
		}
	}
	for (int i = 0; i < ROUNDS; i++)
		put(fd);
	while (sum < ROUNDS && read(done, &value, sizeof(value)) == sizeof(value))
		sum += value;
	CHECK_EQ(sum, ROUNDS);
	put(stop);
	for (int i = 0; i < WORKERS; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	close(fd);
	close(done);
	close(stop);
	close(epoll);
}

static const struct check_case cases[] = {
	{ "level", test_level },   { "edge", test_edge },	{ "oneshot", test_oneshot },
	{ "close", test_close },   { "errors", test_errors },	{ "exclusive", test_exclusive },
	{ "nested", test_nested }, { "timeout", test_timeout }, { "signal", test_signal },
	{ "many", test_many },	   { "workers", test_workers },
};

CHECK_MAIN(cases)
