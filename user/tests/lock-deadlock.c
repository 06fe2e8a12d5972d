/* fcntl(2) locks: waiting, EDEADLK between two and three processes, none for open-file locks. */
#include "check.h"

static int lock(int fd, int command, int type, off_t at)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
	return fcntl(fd, command, &lock);
}

struct shared {
	volatile int held, waiting;
};

static struct shared *share(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Processes in a ring: each holds byte i and wants byte i + 1; the last to ask is refused. */
static void ring(int count)
{
	struct shared *shared = share();
	pid_t pids[4];
	int fd = CHECK_OK(open("ring", O_CREAT | O_RDWR, 0644));
	for (int i = 1; i < count; i++) {
		pids[i] = fork_child();
		if (!pids[i]) {
			CHECK_OK(lock(fd, F_SETLK, F_WRLCK, i));
			__atomic_add_fetch(&shared->held, 1, __ATOMIC_SEQ_CST);
			while (shared->waiting != i)
				sleep_ms(1);
			if (i == count - 1)
				sleep_ms(50);
			else
				__atomic_add_fetch(&shared->waiting, 0, __ATOMIC_SEQ_CST);
			CHECK_OK(lock(fd, F_SETLKW, F_WRLCK, (i + 1) % count));
			child_exit();
		}
	}
	CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0));
	CHECK(wait_for_value(&shared->held, count - 1));
	/* They block one after the other; then we close the ring. */
	for (int i = 1; i < count; i++) {
		shared->waiting = i;
		sleep_ms(150);
	}
	CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 1), EDEADLK);
	CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 0));
	for (int i = 1; i < count; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	close(fd);
	munmap(shared, PAGE);
}

static void test_two(void)
{
	REQUIRE(scratch_enter());
	ring(2);
}

static void test_three(void)
{
	REQUIRE(scratch_enter());
	ring(3);
}

static void test_wait(void)
{
	REQUIRE(scratch_enter());
	int fd = CHECK_OK(open("wait", O_CREAT | O_RDWR, 0644)), ends[2];
	char byte;
	CHECK_OK(pipe(ends));
	CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 5));
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_ERRNO(lock(fd, F_SETLK, F_RDLCK, 5), EAGAIN);
		int64_t start = now_ms();
		write(ends[1], "x", 1);
		CHECK_OK(lock(fd, F_SETLKW, F_RDLCK, 5));
		CHECK(now_ms() - start >= 30);
		child_exit();
	}
	read(ends[0], &byte, 1);
	sleep_ms(60);
	CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 5));
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

static void nothing(int sig)
{
	(void)sig;
}

/* Open-file locks wait for ever instead; a signal ends it. */
static void test_open_file(void)
{
	REQUIRE(scratch_enter());
	int a = CHECK_OK(open("ofd", O_CREAT | O_RDWR, 0644)), b = CHECK_OK(open("ofd", O_RDWR));
	CHECK_OK(lock(a, F_OFD_SETLK, F_WRLCK, 0));
	CHECK_OK(lock(b, F_OFD_SETLK, F_WRLCK, 1));
	CHECK_ERRNO(lock(a, F_OFD_SETLK, F_WRLCK, 1), EAGAIN);
	signal_set(SIGUSR1, nothing, 0);
	pid_t pid = signal_after(SIGUSR1, 50);
	CHECK_ERRNO(lock(a, F_OFD_SETLKW, F_WRLCK, 1), EINTR);
	wait_status(pid);
	close(b);
	CHECK_OK(lock(a, F_OFD_SETLKW, F_WRLCK, 1));
	close(a);
}

static const struct check_case cases[] = {
	{ "wait", test_wait },
	{ "two", test_two },
	{ "three", test_three },
	{ "open-file", test_open_file },
};
CHECK_MAIN(cases)
