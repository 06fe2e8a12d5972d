/*
 * A disk that fails: /dev/vda begins with the words below when the test that starts the machine made it so
 * that sector 2048 cannot be read and sector 4096 cannot be written. Whoever waits for a write hears of its
 * failure, once for each open file.
 */
#include "check.h"

#define DISK  "/dev/vda"
#define WORDS "a disk with bad sectors"

enum { BAD_READ = 2048 * 512, BAD_WRITE = 4096 * 512 };

static bool disk_is_bad(void)
{
	char text[sizeof(WORDS)] = { 0 };
	int fd = open(DISK, O_RDONLY);

	if (fd < 0)
		return false;
	bool is = pread(fd, text, sizeof(WORDS) - 1, 0) > 0 && !strcmp(text, WORDS);
	close(fd);
	return is;
}

static void test_read(void)
{
	static char data[16 * 4096];
	if (!disk_is_bad())
		SKIP("there is no bad disk");
	int fd = CHECK_OK(open(DISK, O_RDONLY));
	CHECK_ERRNO(pread(fd, data, 512, BAD_READ), EIO);
	CHECK_ERRNO(pread(fd, data, 512, BAD_READ), EIO);
	/* What lies around is not harmed, nor is what was read before the error. */
	CHECK_EQ(pread(fd, data, 4096, BAD_READ - 4096), 4096);
	CHECK_EQ(pread(fd, data, 4096, BAD_READ + 4096), 4096);
	CHECK_EQ(pread(fd, data, sizeof(data), BAD_READ - 8 * 4096), 8 * 4096);
	close(fd);
}

static void stray(int sig)
{
	_exit(sig == SIGBUS ? 42 : 1);
}

static void map_child(void *argument)
{
	int fd = open(DISK, O_RDONLY);
	volatile char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, BAD_READ);

	signal_set(SIGBUS, stray, 0);
	(void)map[7];
	_exit(0);
}

static void test_map(void)
{
	if (!disk_is_bad())
		SKIP("there is no bad disk");
	CHECK_EQ(WEXITSTATUS(run_child(map_child, NULL)), 42);
}

static void test_write(void)
{
	char page[4096];
	if (!disk_is_bad())
		SKIP("there is no bad disk");
	int first = CHECK_OK(open(DISK, O_RDWR)), second = CHECK_OK(open(DISK, O_RDWR));
	memset(page, 0x77, sizeof(page));
	CHECK_EQ(pwrite(first, page, sizeof(page), BAD_WRITE), (long)sizeof(page));
	CHECK_ERRNO(fsync(first), EIO);
	CHECK_OK(fsync(first));
	CHECK_ERRNO(fsync(second), EIO);
	CHECK_OK(fsync(second));
	/* The disk goes on elsewhere. */
	CHECK_EQ(pwrite(first, page, sizeof(page), BAD_WRITE + 65536), (long)sizeof(page));
	CHECK_OK(fsync(first));
	close(first);
	close(second);
	/* O_SYNC hears of it at once. */
	first = CHECK_OK(open(DISK, O_RDWR | O_SYNC));
	CHECK_ERRNO(pwrite(first, page, sizeof(page), BAD_WRITE), EIO);
	close(first);
}

static const struct check_case cases[] = {
	{ "read", test_read },
	{ "map", test_map },
	{ "write", test_write },
};
CHECK_MAIN(cases)
