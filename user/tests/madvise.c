/* madvise(2) and msync(2). */
#include "fault.h"

static unsigned char *map(size_t pages, int flags)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void test_dontneed(void)
{
	unsigned char *p = map(4, MAP_PRIVATE);
	REQUIRE(p);
	memset(p, 9, 4 * PAGE);
	CHECK_OK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 9);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE - 1], 0);
	CHECK_EQ(p[3 * PAGE], 9);
	p[PAGE] = 1;
	CHECK_EQ(p[PAGE], 1);
	munmap(p, 4 * PAGE);
}

static void test_dontneed_shared(void)
{
	unsigned char *p = map(2, MAP_SHARED);
	REQUIRE(p);
	memset(p, 9, 2 * PAGE);
	CHECK_OK(madvise(p, 2 * PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 9); /* the object keeps what it has */
	CHECK_EQ(p[PAGE], 9);
	munmap(p, 2 * PAGE);
}

static void test_dontneed_file(void)
{
	char text[2 * PAGE];
	REQUIRE(scratch_enter());
	memset(text, 'f', sizeof(text));
	REQUIRE(file_write("file", text, sizeof(text)));
	int fd = open("file", O_RDONLY);
	unsigned char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	REQUIRE((void *)p != MAP_FAILED);
	p[0] = 'X';
	CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 'f'); /* the private copy is gone */
	munmap(p, 2 * PAGE);
	close(fd);
}

static void test_dontneed_cow(void)
{
	unsigned char *p = map(1, MAP_PRIVATE);
	REQUIRE(p);
	p[0] = 4;
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
		CHECK_EQ(p[0], 0);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(p[0], 4);
	munmap(p, PAGE);
}

static void test_hints(void)
{
	static const int hints[] = {
		MADV_NORMAL,
		MADV_RANDOM,
		MADV_SEQUENTIAL,
		MADV_WILLNEED,
	};
	unsigned char *p = map(2, MAP_PRIVATE);
	REQUIRE(p);
	memset(p, 8, 2 * PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		CHECK_OK(madvise(p, 2 * PAGE, hints[i]));
	CHECK_EQ(p[0] + p[PAGE], 16);
	CHECK_OK(madvise(p, 2 * PAGE, MADV_FREE));
	CHECK(p[0] == 8 || p[0] == 0);
	p[0] = 3; /* written after: it stays */
	CHECK_EQ(p[0], 3);
	munmap(p, 2 * PAGE);
}

static void test_errors(void)
{
	unsigned char *p = map(3, MAP_PRIVATE);
	REQUIRE(p);
	memset(p, 1, 3 * PAGE);
	CHECK_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERRNO(madvise(p, PAGE, 9999), EINVAL);
	CHECK_ERRNO(madvise(p, ~0UL - PAGE, MADV_DONTNEED), EINVAL);
	CHECK_OK(madvise(p, 0, MADV_DONTNEED));
	CHECK_EQ(p[0], 1);
	munmap(p + PAGE, PAGE);
	/* A hole: the rest is done all the same, then ENOMEM. */
	CHECK_ERRNO(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[2 * PAGE], 0);
	munmap(p, 3 * PAGE);
}

static void test_msync_errors(void)
{
	unsigned char *p = map(3, MAP_PRIVATE);
	REQUIRE(p);
	CHECK_OK(msync(p, 3 * PAGE, MS_SYNC));
	CHECK_OK(msync(p, 0, MS_SYNC));
	CHECK_OK(msync(p, 3 * PAGE, MS_ASYNC | MS_INVALIDATE));
	CHECK_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERRNO(msync(p, PAGE, 0x100), EINVAL);
	munmap(p + PAGE, PAGE);
	CHECK_ERRNO(msync(p, 3 * PAGE, MS_SYNC), ENOMEM);
	munmap(p, 3 * PAGE);
}

static const struct check_case cases[] = {
	{ "dontneed", test_dontneed },
	{ "dontneed-shared", test_dontneed_shared },
	{ "dontneed-file", test_dontneed_file },
	{ "dontneed-cow", test_dontneed_cow },
	{ "hints", test_hints },
	{ "errors", test_errors },
	{ "msync-errors", test_msync_errors },
};

CHECK_MAIN(cases)
