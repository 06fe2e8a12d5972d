/*
 * Files on a disk: the first disk, /dev/vda, holds a file system (ext4) that may be written to. What was
 * written must be there after the file system was unmounted and mounted again.
 */
#include "check.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#define DISK  "/dev/vda"
#define PLACE "/tmp/disk-file"

enum { MIB = 1 << 20 };

static bool disk_mount(void)
{
	mkdir("/tmp", 01777);
	mkdir(PLACE, 0755);
	return !mount(DISK, PLACE, "ext4", 0, NULL);
}

static void disk_again(void)
{
	CHECK_OK(umount(PLACE));
	CHECK_OK(mount(DISK, PLACE, "ext4", 0, NULL));
}

#define DISK_BEGIN()                                                                               \
	do {                                                                                       \
		if (access(DISK, F_OK))                                                            \
			SKIP("there is no " DISK);                                                 \
		REQUIRE(disk_mount());                                                             \
	} while (0)

static void disk_end(void)
{
	CHECK_OK(umount(PLACE));
	CHECK_OK(rmdir(PLACE));
}

static unsigned char pattern(uint64_t at, unsigned seed)
{
	return (at * 2654435761u + seed * 40503u + (at >> 12)) >> 8;
}

static void pattern_write(int fd, uint64_t at, size_t size, unsigned seed)
{
	static unsigned char data[65536];

	while (size) {
		size_t part = size < sizeof(data) ? size : sizeof(data);
		for (size_t i = 0; i < part; i++)
			data[i] = pattern(at + i, seed);
		if (!CHECK_EQ(pwrite(fd, data, part, at), (long)part))
			return;
		at += part;
		size -= part;
	}
}

static bool pattern_is(int fd, uint64_t at, size_t size, unsigned seed)
{
	static unsigned char data[65536];

	while (size) {
		size_t part = size < sizeof(data) ? size : sizeof(data);
		if (pread(fd, data, part, at) != (ssize_t)part)
			return false;
		for (size_t i = 0; i < part; i++)
			if (data[i] != pattern(at + i, seed))
				return false;
		at += part;
		size -= part;
	}
	return true;
}

static void test_data(void)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 65536, 3 * MIB + 17 };
	char name[64];
	DISK_BEGIN();
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), PLACE "/data-%u", i);
		int fd = CHECK_OK(open(name, O_CREAT | O_TRUNC | O_RDWR, 0644));
		pattern_write(fd, 0, sizes[i], i);
		CHECK_OK(close(fd));
	}
	disk_again();
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct stat status;
		snprintf(name, sizeof(name), PLACE "/data-%u", i);
		int fd = CHECK_OK(open(name, O_RDWR));
		CHECK_OK(fstat(fd, &status));
		CHECK_EQ(status.st_size, (long)sizes[i]);
		CHECK(pattern_is(fd, 0, sizes[i], i));
		/* Into the middle of what is on the disk, across pages. */
		if (sizes[i] > 3 * PAGE) {
			pattern_write(fd, PAGE + 7, 2 * PAGE + 100, 99);
			CHECK(pattern_is(fd, 0, PAGE + 7, i));
			CHECK(pattern_is(fd, PAGE + 7, 2 * PAGE + 100, 99));
		}
		close(fd);
	}
	disk_again();
	int fd = CHECK_OK(open(PLACE "/data-5", O_RDONLY));
	CHECK(pattern_is(fd, 0, PAGE + 7, 5));
	CHECK(pattern_is(fd, PAGE + 7, 2 * PAGE + 100, 99));
	CHECK(pattern_is(fd, 3 * PAGE + 107, MIB, 5));
	close(fd);
	disk_end();
}

/* What a shared mapping stores is seen by every write-back, not only by the first. */
static void test_mapping(void)
{
	DISK_BEGIN();
	int fd = CHECK_OK(open(PLACE "/map", O_CREAT | O_TRUNC | O_RDWR, 0644));
	CHECK_OK(ftruncate(fd, 8 * PAGE));
	unsigned char *map = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(map != MAP_FAILED);
	for (unsigned round = 1; round <= 3; round++) {
		for (unsigned page = 0; page < 8; page++)
			map[page * PAGE + round] = round * 16 + page;
		CHECK_OK(round == 2 ? fsync(fd) : msync(map, 8 * PAGE, MS_SYNC));
	}
	map[5] = 0x55; /* not synced: the unmount writes it */
	CHECK_OK(munmap(map, 8 * PAGE));
	close(fd);
	disk_again();
	fd = CHECK_OK(open(PLACE "/map", O_RDONLY));
	map = mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	REQUIRE(map != MAP_FAILED);
	for (unsigned round = 1; round <= 3; round++)
		for (unsigned page = 0; page < 8; page++)
			CHECK_EQ(map[page * PAGE + round], round * 16 + page);
	CHECK_EQ(map[5], 0x55);
	munmap(map, 8 * PAGE);
	close(fd);
	disk_end();
}

/* Bytes that were cut off do not come back when the file grows, on the disk neither. */
static void test_tail(void)
{
	unsigned char data[2 * PAGE];
	DISK_BEGIN();
	int fd = CHECK_OK(open(PLACE "/tail", O_CREAT | O_TRUNC | O_RDWR, 0644));
	pattern_write(fd, 0, 2 * PAGE, 1);
	close(fd);
	disk_again();
	fd = CHECK_OK(open(PLACE "/tail", O_RDWR));
	CHECK_OK(ftruncate(fd, 100));
	close(fd);
	disk_again();
	fd = CHECK_OK(open(PLACE "/tail", O_RDWR));
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(pread(fd, data, sizeof(data), 0), (long)sizeof(data));
	CHECK(pattern_is(fd, 0, 100, 1));
	for (unsigned i = 100; i < sizeof(data); i++)
		if (data[i]) {
			CHECK_EQ(data[i], 0);
			break;
		}
	close(fd);
	disk_end();
}

static void test_mounts(void)
{
	struct statvfs status;
	DISK_BEGIN();
	int fd = CHECK_OK(open(PLACE "/open", O_CREAT | O_RDWR, 0644));
	CHECK_ERRNO(umount(PLACE), EBUSY);
	CHECK_ERRNO(mount(DISK, PLACE, NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	close(fd);
	CHECK_OK(mount(DISK, PLACE, NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERRNO(open(PLACE "/new", O_CREAT | O_RDWR, 0644), EROFS);
	CHECK_ERRNO(open(PLACE "/open", O_RDWR), EROFS);
	CHECK_ERRNO(unlink(PLACE "/open"), EROFS);
	CHECK_OK(statvfs(PLACE, &status));
	CHECK(status.f_flag & ST_RDONLY);
	CHECK_OK(mount(DISK, PLACE, NULL, MS_REMOUNT, NULL));
	CHECK_OK(unlink(PLACE "/open"));
	/* The same file system at a second place; another type does not get the device. */
	mkdir("/tmp/disk-file-2", 0755);
	CHECK_OK(mount(DISK, "/tmp/disk-file-2", "ext4", 0, NULL));
	CHECK(file_write("/tmp/disk-file-2/twice", "x", 1));
	CHECK_OK(access(PLACE "/twice", F_OK));
	CHECK_OK(umount("/tmp/disk-file-2"));
	CHECK_ERRNO(mount(DISK, "/tmp/disk-file-2", "ext2", 0, NULL), EBUSY);
	CHECK_ERRNO(open(DISK, O_RDWR | O_EXCL), EBUSY);
	CHECK_OK(umount(PLACE));
	fd = CHECK_OK(open(DISK, O_RDONLY | O_EXCL));
	CHECK_ERRNO(mount(DISK, PLACE, "ext4", 0, NULL), EBUSY);
	close(fd);
	mkdir(PLACE, 0755);
	CHECK_ERRNO(mount("/dev/null", PLACE, "ext4", 0, NULL), ENOTBLK);
	CHECK_ERRNO(mount("/dev/none", PLACE, "ext4", 0, NULL), ENOENT);
	rmdir("/tmp/disk-file-2");
	rmdir(PLACE);
}

/* Full: an error, what was there stays, and there is room again afterwards. */
static void test_full(void)
{
	static char data[MIB];
	struct statvfs before, after;
	ssize_t done = 1;
	DISK_BEGIN();
	CHECK_OK(statvfs(PLACE, &before));
	if (before.f_bavail * before.f_frsize > 256ul * MIB) {
		disk_end();
		SKIP("the disk is too large to be filled");
	}
	int fd = CHECK_OK(open(PLACE "/full", O_CREAT | O_TRUNC | O_RDWR, 0644));
	memset(data, 0x5a, sizeof(data));
	while ((done = write(fd, data, sizeof(data))) > 0)
		;
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(done, -1);
	CHECK_OK(fsync(fd));
	close(fd);
	CHECK_OK(unlink(PLACE "/full"));
	sync();
	CHECK_OK(statvfs(PLACE, &after));
	CHECK(after.f_bfree + 64 >= before.f_bfree);
	CHECK(file_write(PLACE "/room", "again", 5));
	CHECK_OK(unlink(PLACE "/room"));
	disk_end();
}

static void test_device(void)
{
	unsigned char first[1024], *direct = NULL;
	unsigned size = 0;
	uint64_t bytes = 0;
	int value = -1;
	if (access(DISK, F_OK))
		SKIP("there is no " DISK);
	int fd = CHECK_OK(open(DISK, O_RDWR));
	CHECK_OK(ioctl(fd, BLKGETSIZE64, &bytes));
	CHECK(bytes >= MIB && bytes % 512 == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), (long)bytes);
	CHECK_OK(ioctl(fd, BLKSSZGET, &size));
	CHECK(size == 512 || size == 4096);
	CHECK_OK(ioctl(fd, BLKROGET, &value));
	CHECK_EQ(value, 0);
	CHECK_OK(ioctl(fd, BLKFLSBUF, 0));
	CHECK_EQ(pread(fd, first, sizeof(first), 0), (long)sizeof(first));
	CHECK_EQ(pread(fd, first, 512, bytes), 0);
	CHECK_ERRNO(pwrite(fd, first, 512, bytes), ENOSPC);
	CHECK_ERRNO(ioctl(fd, 0x12ff, 0), ENOTTY);
	CHECK_OK(fsync(fd));
	close(fd);
	fd = open(DISK, O_RDONLY | O_DIRECT);
	if (fd >= 0) {
		REQUIRE(!posix_memalign((void **)&direct, 4096, 4096));
		CHECK_EQ(pread(fd, direct, 4096, 0), 4096);
		CHECK(!memcmp(direct, first, 512));
		CHECK_ERRNO(pread(fd, direct, 100, 0), EINVAL);
		free(direct);
		close(fd);
	}
}

/* Many names in one directory, removed again. */
static void test_names(void)
{
	char name[64];
	DISK_BEGIN();
	CHECK_OK(mkdir(PLACE "/many", 0755));
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), PLACE "/many/file-number-%d", i);
		if (!CHECK(file_write(name, name, strlen(name))))
			break;
	}
	CHECK_OK(rename(PLACE "/many/file-number-7", PLACE "/many/seven"));
	CHECK_OK(symlink("seven", PLACE "/many/link"));
	disk_again();
	DIR *directory = opendir(PLACE "/many");
	REQUIRE(directory);
	int count = 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	CHECK_EQ(count, 503);
	CHECK_OK(access(PLACE "/many/link", R_OK));
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), PLACE "/many/file-number-%d", i);
		if (i != 7)
			CHECK_OK(unlink(name));
	}
	CHECK_OK(unlink(PLACE "/many/link"));
	CHECK_OK(unlink(PLACE "/many/seven"));
	CHECK_OK(rmdir(PLACE "/many"));
	disk_end();
}

static const struct check_case cases[] = {
	{ "data", test_data },	   { "mapping", test_mapping }, { "tail", test_tail },
	{ "mounts", test_mounts }, { "full", test_full },	{ "device", test_device },
	{ "names", test_names },
};
CHECK_MAIN(cases)
