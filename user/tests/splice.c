/* splice(2), tee(2), vmsplice(2), and the size of pipes. */
#include "check.h"
#include <pthread.h>
#include <sys/uio.h>

static char data[300000];

static void fill_data(void)
{
	uint64_t state = random_start(7);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)random_next(&state);
}

static void test_file_to_pipe(void)
{
	char buffer[8192];
	int ends[2];
	loff_t at = 100;
	REQUIRE(scratch_enter());
	fill_data();
	CHECK(file_write("f", data, sizeof(data)));
	CHECK_OK(pipe(ends));
	int fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(splice(fd, &at, ends[1], NULL, 5000, 0), 5000);
	CHECK_EQ(at, 5100);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), 5000);
	CHECK(!memcmp(buffer, data + 100, 5000));
	CHECK_EQ(splice(fd, NULL, ends[1], NULL, 10, 0), 10);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), 10);
	at = sizeof(data);
	CHECK_EQ(splice(fd, &at, ends[1], NULL, 10, 0), 0);
	/* No more than the pipe has room for. */
	at = 0;
	ssize_t done = splice(fd, &at, ends[1], NULL, sizeof(data), 0);
	CHECK_RANGE(done, 4096, 65536);
	CHECK_ERRNO(splice(fd, &at, ends[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
	close(fd);
	close(ends[0]);
	signal_set(SIGPIPE, SIG_IGN, 0);
	fd = open("f", O_RDONLY);
	CHECK_ERRNO(splice(fd, NULL, ends[1], NULL, 10, 0), EPIPE);
	close(fd);
	close(ends[1]);
}

static void test_pipe_to_file(void)
{
	char buffer[64];
	int ends[2];
	loff_t at = 3;
	REQUIRE(scratch_enter());
	CHECK_OK(pipe(ends));
	int fd = CHECK_OK(open("out", O_CREAT | O_TRUNC | O_RDWR, 0644));
	CHECK_EQ(write(ends[1], "hello world", 11), 11);
	CHECK_EQ(splice(ends[0], NULL, fd, &at, 5, 0), 5);
	CHECK_EQ(at, 8);
	CHECK_EQ(splice(ends[0], NULL, fd, NULL, 100, 0), 6);
	CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), 8);
	CHECK(!memcmp(buffer, " worldlo", 8));
	CHECK_ERRNO(splice(ends[0], NULL, fd, NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(splice(ends[0], NULL, fd, NULL, 0, 0), 0);
	close(ends[1]);
	CHECK_EQ(splice(ends[0], NULL, fd, NULL, 100, 0), 0);
	close(ends[0]);
	close(fd);
}

static void test_errors(void)
{
	int ends[2], others[2];
	loff_t at = 0;
	REQUIRE(scratch_enter());
	CHECK(file_write("f", "x", 1));
	CHECK_OK(pipe(ends));
	CHECK_OK(pipe(others));
	int fd = CHECK_OK(open("f", O_RDWR));
	CHECK_ERRNO(splice(fd, NULL, fd, NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(fd, NULL, ends[1], NULL, 1, 16), EINVAL);
	CHECK_ERRNO(splice(fd, NULL, ends[1], &at, 1, 0), ESPIPE);
	CHECK_ERRNO(splice(ends[0], &at, fd, NULL, 1, 0), ESPIPE);
	CHECK_ERRNO(splice(fd, NULL, ends[0], NULL, 1, 0), EBADF);
	CHECK_ERRNO(splice(ends[1], NULL, fd, NULL, 1, 0), EBADF);
	CHECK_ERRNO(splice(-1, NULL, ends[1], NULL, 1, 0), EBADF);
	CHECK_ERRNO(splice(ends[0], NULL, ends[1], NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(fd, (loff_t *)8, ends[1], NULL, 1, 0), EFAULT);
	int append = CHECK_OK(open("f", O_WRONLY | O_APPEND));
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_ERRNO(splice(ends[0], NULL, append, NULL, 1, 0), EINVAL);
	CHECK_ERRNO(tee(fd, ends[1], 1, 0), EINVAL);
	CHECK_ERRNO(tee(ends[0], ends[1], 1, 0), EINVAL);
	CHECK_ERRNO(tee(ends[0], others[1], 1, 32), EINVAL);
	CHECK_ERRNO(tee(others[0], ends[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	struct iovec piece = { "y", 1 };
	CHECK_ERRNO(vmsplice(fd, &piece, 1, 0), EBADF);
	CHECK_ERRNO(vmsplice(ends[1], &piece, 1, 64), EINVAL);
	CHECK_ERRNO(vmsplice(ends[1], (void *)8, 1, 0), EFAULT);
	CHECK_EQ(vmsplice(ends[1], &piece, 0, 0), 0);
	close(append);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	close(others[0]);
	close(others[1]);
}

static void test_between(void)
{
	char buffer[64] = { 0 };
	int a[2], b[2];
	CHECK_OK(pipe(a));
	CHECK_OK(pipe(b));
	CHECK_EQ(write(a[1], "hello", 5), 5);
	CHECK_EQ(tee(a[0], b[1], 3, 0), 3);
	CHECK_EQ(tee(a[0], b[1], 100, 0), 5);
	CHECK_EQ(read(b[0], buffer, sizeof(buffer)), 8);
	CHECK(!memcmp(buffer, "helhello", 8));
	CHECK_EQ(splice(a[0], NULL, b[1], NULL, 2, 0), 2);
	CHECK_EQ(splice(a[0], NULL, b[1], NULL, 100, SPLICE_F_MOVE | SPLICE_F_MORE), 3);
	CHECK_EQ(read(b[0], buffer, sizeof(buffer)), 5);
	CHECK(!memcmp(buffer, "hello", 5));
	CHECK_ERRNO(splice(a[0], NULL, b[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	close(a[1]);
	CHECK_EQ(splice(a[0], NULL, b[1], NULL, 100, 0), 0);
	CHECK_EQ(tee(a[0], b[1], 100, 0), 0);
	close(a[0]);
	close(b[0]);
	close(b[1]);
}

static void test_memory(void)
{
	char buffer[64] = { 0 };
	int ends[2];
	struct iovec pieces[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } };
	CHECK_OK(pipe(ends));
	CHECK_EQ(vmsplice(ends[1], pieces, 3, 0), 5);
	CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), 5);
	CHECK(!memcmp(buffer, "abcde", 5));
	CHECK_EQ(write(ends[1], "12345", 5), 5);
	struct iovec into = { buffer, 3 };
	CHECK_EQ(vmsplice(ends[0], &into, 1, 0), 3);
	CHECK(!memcmp(buffer, "123", 3));
	CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), 2);
	into.iov_base = data;
	into.iov_len = sizeof(data);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 16384), 16384);
	CHECK_RANGE(vmsplice(ends[1], &into, 1, SPLICE_F_NONBLOCK), 4096, 16384);
	CHECK_ERRNO(vmsplice(ends[1], &into, 1, SPLICE_F_NONBLOCK), EAGAIN);
	close(ends[0]);
	close(ends[1]);
}

static void test_pipe_size(void)
{
	int ends[2];
	CHECK_OK(pipe(ends));
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 5000), 8192);
	CHECK_EQ(fcntl(ends[1], F_GETPIPE_SZ), 8192);
	CHECK_EQ(write(ends[1], data, 8192), 8192);
	CHECK_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	int other = open("/dev/null", O_RDONLY);
	CHECK_ERRNO(fcntl(other, F_SETPIPE_SZ, 8192), EBADF);
	close(other);
	CHECK_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, 0x80000001u), EINVAL);
	close(ends[0]);
	close(ends[1]);
}

/* A chain: writer → pipe → splice → pipe → splice → file, while a reader competes for nothing. */
static int chain[2][2];
static void *write_all(void *unused)
{
	(void)unused;
	for (size_t at = 0; at < sizeof(data);) {
		ssize_t done = write(chain[0][1], data + at, sizeof(data) - at);
		if (done <= 0)
			break;
		at += done;
	}
	close(chain[0][1]);
	return NULL;
}

static void *move_all(void *unused)
{
	(void)unused;
	while (splice(chain[0][0], NULL, chain[1][1], NULL, 7777, 0) > 0)
		;
	close(chain[1][1]);
	return NULL;
}

static void test_stress(void)
{
	static char back[sizeof(data)];
	pthread_t threads[2];
	REQUIRE(scratch_enter());
	fill_data();
	for (int round = 0; round < 10; round++) {
		CHECK_OK(pipe(chain[0]));
		CHECK_OK(pipe(chain[1]));
		int fd = CHECK_OK(open("copy", O_CREAT | O_TRUNC | O_RDWR, 0644));
		REQUIRE(!pthread_create(&threads[0], NULL, write_all, NULL));
		REQUIRE(!pthread_create(&threads[1], NULL, move_all, NULL));
		while (splice(chain[1][0], NULL, fd, NULL, 1 << 20, 0) > 0)
			;
		pthread_join(threads[0], NULL);
		pthread_join(threads[1], NULL);
		CHECK_EQ(pread(fd, back, sizeof(back), 0), sizeof(back));
		CHECK(!memcmp(back, data, sizeof(data)));
		close(fd);
		close(chain[0][0]);
		close(chain[1][0]);
	}
}

/* What tee copied is a prefix of what splice then takes, though someone writes on. */
static int counted[2];
static void *write_numbers(void *unused)
{
	(void)unused;
	for (uint64_t i = 0; i < 60000; i++) {
		if (write(counted[1], &i, sizeof(i)) != sizeof(i))
			break;
	}
	close(counted[1]);
	return NULL;
}

static void test_tee_order(void)
{
	pthread_t thread;
	int copy[2], null = open("/dev/null", O_WRONLY), wrong = 0;
	uint64_t expected = 0, values[512];
	CHECK_OK(pipe(counted));
	CHECK_OK(pipe(copy));
	REQUIRE(!pthread_create(&thread, NULL, write_numbers, NULL));
	for (ssize_t size; (size = tee(counted[0], copy[1], 1 << 30, 0)) > 0;) {
		for (ssize_t left = size; left > 0;) {
			ssize_t done = read(copy[0], values, sizeof(values));
			for (ssize_t i = 0; i < done / 8; i++)
				wrong += values[i] != expected++;
			left -= done;
		}
		CHECK_EQ(splice(counted[0], NULL, null, NULL, size, 0), size);
	}
	pthread_join(thread, NULL);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(expected, 60000);
	close(null);
	close(copy[0]);
	close(copy[1]);
	close(counted[0]);
}

static const struct check_case cases[] = {
	{ "tee-order", test_tee_order },       { "file-to-pipe", test_file_to_pipe },
	{ "pipe-to-file", test_pipe_to_file }, { "errors", test_errors },
	{ "between", test_between },	       { "memory", test_memory },
	{ "pipe-size", test_pipe_size },       { "stress", test_stress },
};
CHECK_MAIN(cases)
