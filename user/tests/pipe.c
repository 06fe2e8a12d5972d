/* pipe2(2), pipe(7): order, blocking, PIPE_BUF, end of file, sizes, many writers. */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/uio.h>

static void test_basic(void)
{
	char text[16] = "";
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	CHECK_EQ(write(ends[1], "hello", 5), 5);
	CHECK_EQ(write(ends[1], " world", 6), 6);
	CHECK_EQ(read(ends[0], text, 3), 3);
	CHECK_EQ(read(ends[0], text + 3, 10), 8);
	CHECK_EQ(memcmp(text, "hello world", 11), 0);
	CHECK_ERRNO(read(ends[1], text, 1), EBADF);
	CHECK_ERRNO(write(ends[0], text, 1), EBADF);
	CHECK_EQ(write(ends[1], text, 0), 0);
	CHECK_EQ(fcntl(ends[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(ends[1], F_GETFL) & O_ACCMODE, O_WRONLY);
	CHECK_EQ(write(ends[1], "rest", 4), 4);
	close(ends[1]);
	CHECK_EQ(read(ends[0], text, 16), 4); /* what is left, then the end */
	CHECK_EQ(read(ends[0], text, 16), 0);
	CHECK_EQ(read(ends[0], text, 16), 0);
	close(ends[0]);
}

static void test_flags(void)
{
	int ends[2];
	REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(ends[0]), close(ends[1]);
	CHECK_ERRNO(pipe2(ends, 0x10), EINVAL);
	CHECK_ERRNO(pipe2((int *)8, 0), EFAULT);
	int fd = dup(0); /* a failed one leaves no descriptors */
	CHECK_ERRNO(pipe2((int *)8, 0), EFAULT);
	int fd2 = dup(0);
	CHECK_EQ(fd2, fd + 1);
	close(fd), close(fd2);
}

static void test_nonblocking(void)
{
	static char block[8192];
	int ends[2];
	size_t total = 0;
	ssize_t part;
	REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
	CHECK_ERRNO(read(ends[0], block, 1), EAGAIN);
	while ((part = write(ends[1], block, 4096)) > 0)
		total += part;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(total, 65536);
	CHECK_ERRNO(write(ends[1], block, 1), EAGAIN);
	CHECK_EQ(read(ends[0], block, 4096), 4096);
	/* More than PIPE_BUF: a part may be written; up to PIPE_BUF: all or nothing. */
	CHECK_EQ(write(ends[1], block, 8192), 4096);
	CHECK_EQ(read(ends[0], block, 100), 100);
	CHECK_ERRNO(write(ends[1], block, 4096), EAGAIN);
	close(ends[0]), close(ends[1]);
}

static void test_size(void)
{
	int ends[2], ready = -1;
	REQUIRE(pipe(ends) == 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	int size = fcntl(ends[1], F_SETPIPE_SZ, 10000);
	if (size >= 0) {
		CHECK_EQ(size, 16384); /* a power of two of pages */
		CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 16384);
	}
	CHECK_EQ(write(ends[1], "12345", 5), 5);
	CHECK_OK(ioctl(ends[0], FIONREAD, &ready));
	CHECK_EQ(ready, 5);
	close(ends[0]), close(ends[1]);
}

/* A reader waits for a writer and the other way round. */
static void test_blocking(void)
{
	static char block[200000];
	int ends[2];
	char byte;
	REQUIRE(pipe(ends) == 0);
	int64_t begin = now_ms();
	pid_t pid = fork_child();
	if (pid == 0) {
		close(ends[0]);
		sleep_ms(30);
		CHECK_EQ(write(ends[1], "x", 1), 1);
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = i % 251;
		CHECK_EQ(write(ends[1], block, sizeof(block)), sizeof(block));
		child_exit();
	}
	close(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK(now_ms() - begin >= 20);
	sleep_ms(30);
	size_t total = 0;
	ssize_t part;
	while ((part = read(ends[0], block, 7777)) > 0) {
		for (ssize_t i = 0; i < part; i++) {
			if (block[i] != (char)((total + i) % 251)) {
				CHECK_EQ(block[i], (total + i) % 251);
				break;
			}
		}
		total += part;
	}
	CHECK_EQ(total, sizeof(block));
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]);
}

/* Writes of up to PIPE_BUF bytes are never mixed. */
static void writer(int fd, int number, size_t size)
{
	char record[PIPE_BUF];
	memset(record, 'A' + number, size);
	memcpy(record, &size, sizeof(size));
	for (int i = 0; i < 300; i++)
		CHECK_EQ(write(fd, record, size), size);
	child_exit();
}

static bool read_all(int fd, char *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t part = read(fd, buffer + done, size - done);
		if (part <= 0)
			return false;
		done += part;
	}
	return true;
}

static void test_atomic(void)
{
	static const size_t sizes[] = { 100, 1000, 4096, 333 };
	char record[PIPE_BUF];
	pid_t pids[ARRAY_SIZE(sizes)];
	int ends[2], count = 0;
	REQUIRE(pipe(ends) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			writer(ends[1], i, sizes[i]);
	}
	close(ends[1]);
	for (size_t size; read_all(ends[0], (char *)&size, sizeof(size)); count++) {
		if (!CHECK(size > 8 && size <= PIPE_BUF) ||
		    !CHECK(read_all(ends[0], record, size - 8)))
			break;
		for (size_t i = 1; i < size - 8; i++) {
			if (record[i] != record[0]) {
				CHECK_EQ(record[i], record[0]);
				break;
			}
		}
		CHECK_EQ(sizes[(record[0] - 'A') & 3], size);
	}
	CHECK_EQ(count, 300 * ARRAY_SIZE(sizes));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	close(ends[0]);
}

/* The reader goes away while a writer waits. */
static void test_reader_gone(void)
{
	static char block[100000];
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		close(ends[1]);
		sleep_ms(40);
		_exit(0);
	}
	close(ends[0]);
	signal_set(SIGPIPE, SIG_IGN, 0);
	ssize_t done = write(ends[1], block, sizeof(block));
	CHECK(done == 65536 || (done == -1 && errno == EPIPE));
	CHECK_ERRNO(write(ends[1], block, 1), EPIPE);
	signal_set(SIGPIPE, SIG_DFL, 0);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[1]);
}

/* All copies of the write end must go before there is an end of file. */
static void test_copies(void)
{
	int ends[2];
	char byte;
	REQUIRE(pipe(ends) == 0);
	int copy = dup(ends[1]);
	pid_t pid = fork_child();
	if (pid == 0) {
		close(ends[1]), close(copy);
		sleep_ms(1);
		_exit(0);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	CHECK_ERRNO(read(ends[0], &byte, 1), EAGAIN);
	close(copy);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

static void test_vectors(void)
{
	char a[5] = "", b[5] = "";
	struct iovec out[] = { { "12", 2 }, { "345", 3 }, { "6789", 4 } };
	struct iovec in[] = { { a, 4 }, { b, 4 } };
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	CHECK_EQ(writev(ends[1], out, 3), 9);
	CHECK_EQ(readv(ends[0], in, 2), 8);
	CHECK_STR(a, "1234");
	CHECK_STR(b, "5678");
	close(ends[0]), close(ends[1]);
}

/* Through /proc/self/fd a pipe can be opened again; each end counts. */
static void test_reopen(void)
{
	int ends[2];
	char path[64], byte;
	REQUIRE(pipe(ends) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	int again = open(path, O_RDONLY | O_NONBLOCK);
	if (again < 0) {
		close(ends[0]), close(ends[1]);
		SKIP("a pipe cannot be opened by its /proc name");
	}
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(read(again, &byte, 1), 1);
	close(ends[0]);
	CHECK_EQ(write(ends[1], "y", 1), 1); /* a reader is still there */
	close(again), close(ends[1]);
}

/* Both ends of a FIFO meet, however short the one or the other stays. */
static void test_fifo_meets(void)
{
	REQUIRE(scratch_enter() && mkfifo("fifo", 0600) == 0);
	for (int i = 0; i < 500; i++) {
		pid_t pid = fork_child();
		if (pid == 0)
			_exit(open("fifo", i % 2 ? O_RDONLY : O_WRONLY) < 0);
		int fd = open("fifo", i % 2 ? O_WRONLY : O_RDONLY);
		CHECK(fd >= 0);
		close(fd);
		CHECK_EQ(wait_status(pid), 0);
	}
	unlink("fifo");
}

static const struct check_case cases[] = {
	{ "basic", test_basic },
	{ "flags", test_flags },
	{ "nonblocking", test_nonblocking },
	{ "size", test_size },
	{ "blocking", test_blocking },
	{ "atomic", test_atomic },
	{ "reader-gone", test_reader_gone },
	{ "copies", test_copies },
	{ "vectors", test_vectors },
	{ "reopen", test_reopen },
	{ "fifo-meets", test_fifo_meets },
};

CHECK_MAIN(cases)
