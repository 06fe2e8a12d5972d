/* /dev/null, zero, full, random, urandom: data, errors, seeks, numbers. */
#include "check.h"
#include <sys/random.h>
#include <sys/sysmacros.h>

static unsigned char block[4096], other[4096];

static void test_numbers(void)
{
	static const struct {
		const char *name;
		int major, minor;
	} table[] = {
		{ "/dev/null", 1, 3 },	  { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 },  { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
		{ "/dev/console", 5, 1 }, { "/dev/kmsg", 1, 11 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct stat st;
		if (!CHECK(stat(table[i].name, &st) == 0))
			continue;
		CHECK(S_ISCHR(st.st_mode));
		CHECK_EQ(major(st.st_rdev), table[i].major);
		CHECK_EQ(minor(st.st_rdev), table[i].minor);
	}
}

static void test_null(void)
{
	int fd = CHECK_OK(open("/dev/null", O_RDWR));
	CHECK_EQ(read(fd, block, 10), 0);
	CHECK_EQ(write(fd, block, 4096), 4096);
	CHECK_EQ(lseek(fd, 1000, SEEK_SET), 0);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	close(fd);
	fd = CHECK_OK(open("/dev/null", O_WRONLY | O_TRUNC | O_APPEND | O_CREAT, 0644));
	close(fd);
}

static void test_zero(void)
{
	int fd = CHECK_OK(open("/dev/zero", O_RDWR));
	memset(block, 1, sizeof(block));
	CHECK_EQ(read(fd, block, 4000), 4000);
	CHECK_EQ(block[0] + block[3999], 0);
	CHECK_EQ(block[4000], 1);
	CHECK_EQ(write(fd, block, 100), 100);
	CHECK_ERRNO(read(fd, (void *)8, 10), EFAULT);
	close(fd);
}

static void test_full(void)
{
	int fd = CHECK_OK(open("/dev/full", O_RDWR));
	CHECK_ERRNO(write(fd, "x", 1), ENOSPC);
	block[0] = 1;
	CHECK_EQ(read(fd, block, 10), 10);
	CHECK_EQ(block[0], 0);
	close(fd);
}

static void random_test(const char *name)
{
	int counts[256] = { 0 };
	int fd = CHECK_OK(open(name, O_RDWR));
	memset(block, 0, sizeof(block));
	CHECK_EQ(read(fd, block, sizeof(block)), sizeof(block));
	CHECK_EQ(read(fd, other, sizeof(other)), sizeof(other));
	CHECK(memcmp(block, other, sizeof(block)) != 0);
	for (size_t i = 0; i < sizeof(block); i++)
		counts[block[i]]++;
	for (int i = 0; i < 256; i++)
		CHECK_RANGE(counts[i], 0, 60); /* 16 are expected */
	CHECK_EQ(write(fd, "more", 4), 4);     /* mixed in */
	close(fd);
}

static void test_random(void)
{
	random_test("/dev/urandom");
	random_test("/dev/random");
}

static void test_getrandom(void)
{
	CHECK_EQ(getrandom(block, 256, 0), 256);
	CHECK_EQ(getrandom(other, 256, GRND_NONBLOCK), 256);
	CHECK(memcmp(block, other, 256) != 0);
	CHECK_EQ(getrandom(block, 4096, GRND_RANDOM), 4096);
	CHECK_EQ(getrandom(block, 0, 0), 0);
	CHECK_ERRNO(getrandom(block, 16, 0x80), EINVAL);
	CHECK_ERRNO(getrandom(block, 16, GRND_RANDOM | GRND_INSECURE), EINVAL);
	CHECK_ERRNO(getrandom((void *)8, 16, 0), EFAULT);
	memset(block, 0, 64);
	CHECK_EQ(getrandom(block + 3, 5, 0), 5); /* no byte more than asked for */
	CHECK_EQ(block[2] + block[8], 0);
}

/* Parent and child do not draw the same numbers. */
static void test_fork(void)
{
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(getrandom(block, 64, 0), 64);
		CHECK_EQ(write(ends[1], block, 64), 64);
		child_exit();
	}
	CHECK_EQ(getrandom(block, 64, 0), 64);
	CHECK_EQ(read(ends[0], other, 64), 64);
	CHECK(memcmp(block, other, 64) != 0);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]), close(ends[1]);
}

static const struct check_case cases[] = {
	{ "numbers", test_numbers }, { "null", test_null },	{ "zero", test_zero },
	{ "full", test_full },	     { "random", test_random }, { "getrandom", test_getrandom },
	{ "fork", test_fork },
};

CHECK_MAIN(cases)
