/*
 * Metadata that cannot be written: the test that starts the machine made /dev/vda an ext2 file system called
 * "bad-inodes", no write of whose first inode table succeeds. Whoever had a file open when somebody else's sync failed
 * hears of it, once, from syncfs(2).
 */
#include "check.h"
#include <sys/mount.h>

#define DISK  "/dev/vda"
#define PLACE "/tmp/disk-metadata"
#define LABEL "bad-inodes"

enum { LABEL_OFFSET = 1024 + 120 };

static bool disk_is_bad(void)
{
	char text[sizeof(LABEL)] = { 0 };
	int fd = open(DISK, O_RDONLY);

	if (fd < 0)
		return false;
	bool is = pread(fd, text, sizeof(LABEL) - 1, LABEL_OFFSET) > 0 && !strcmp(text, LABEL);
	close(fd);
	return is;
}

static bool disk_begin(void)
{
	mkdir("/tmp", 01777);
	mkdir(PLACE, 0755);
	return CHECK_OK(mount(DISK, PLACE, "ext2", 0, NULL)) == 0;
}

static void disk_end(void)
{
	CHECK_OK(umount(PLACE));
	CHECK_OK(rmdir(PLACE));
}

/* This file's own metadata. */
static void test_own(void)
{
	if (!disk_is_bad())
		SKIP("there is no such disk");
	REQUIRE(disk_begin());
	int fd = CHECK_OK(open(PLACE "/own", O_CREAT | O_RDWR, 0644));
	CHECK_EQ(write(fd, "own", 3), 3);
	CHECK_ERRNO(fsync(fd), EIO);
	close(fd);
	disk_end();
}

/* What a sync(2), which reports nothing, could not write. */
static void test_behind(void)
{
	if (!disk_is_bad())
		SKIP("there is no such disk");
	REQUIRE(disk_begin());
	int first = CHECK_OK(open(PLACE "/first", O_CREAT | O_RDWR, 0644));
	CHECK_EQ(write(first, "first", 5), 5);
	sync();
	CHECK_ERRNO(syncfs(first), EIO);
	CHECK_OK(syncfs(first));
	int late = CHECK_OK(open(PLACE "/first", O_RDONLY));
	CHECK_OK(syncfs(late));
	CHECK_OK(fsync(late));
	close(late);
	close(first);
	disk_end();
}

static const struct check_case cases[] = {
	{ "own", test_own },
	{ "behind", test_behind },
};
CHECK_MAIN(cases)
