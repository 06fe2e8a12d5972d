/*
 * What Linux programs expect of ext4, on the file system of the first disk, /dev/vda: times, large directories, holes,
 * links, renames, files without names, flags. What was made must be there after the file system was mounted again.
 */
#include "check.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#define DISK  "/dev/vda"
#define PLACE "/tmp/disk-detail"

enum { MIB = 1 << 20 };

static bool disk_mount(void)
{
	mkdir("/tmp", 01777);
	mkdir(PLACE, 0755);
	return !mount(DISK, PLACE, "ext4", 0, NULL) && !chdir(PLACE);
}

static void disk_again(void)
{
	CHECK_OK(chdir("/"));
	CHECK_OK(umount(PLACE));
	CHECK(disk_mount());
}

#define DISK_BEGIN()                                                                               \
	do {                                                                                       \
		if (access(DISK, F_OK))                                                            \
			SKIP("there is no " DISK);                                                 \
		REQUIRE(disk_mount());                                                             \
	} while (0)

static void disk_end(void)
{
	CHECK_OK(chdir("/"));
	CHECK_OK(umount(PLACE));
	CHECK_OK(rmdir(PLACE));
}

static void test_times(void)
{
	static const struct timespec times[][2] = {
		{ { 1, 1 }, { 1700000000, 123456789 } },
		{ { 0, 999999999 }, { -5, 7 } },
		{ { 4294967297, 5 }, { 8589934592, 999999999 } }, /* beyond 2038 and 2106 */
	};
	struct statx before, after;
	char name[16];
	DISK_BEGIN();
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		snprintf(name, sizeof(name), "time-%u", i);
		CHECK(file_write(name, "x", 1));
		CHECK_OK(utimensat(AT_FDCWD, name, times[i], 0));
	}
	CHECK_OK(statx(AT_FDCWD, "time-0", 0, STATX_ALL, &before));
	CHECK(before.stx_mask & STATX_BTIME);
	CHECK(before.stx_btime.tv_sec > 1600000000);
	disk_again();
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		struct stat status;
		snprintf(name, sizeof(name), "time-%u", i);
		CHECK_OK(stat(name, &status));
		CHECK_EQ(status.st_atim.tv_sec, times[i][0].tv_sec);
		CHECK_EQ(status.st_atim.tv_nsec, times[i][0].tv_nsec);
		CHECK_EQ(status.st_mtim.tv_sec, times[i][1].tv_sec);
		CHECK_EQ(status.st_mtim.tv_nsec, times[i][1].tv_nsec);
	}
	CHECK_OK(statx(AT_FDCWD, "time-0", 0, STATX_ALL, &after));
	CHECK_EQ(after.stx_btime.tv_sec, before.stx_btime.tv_sec);
	CHECK_EQ(after.stx_btime.tv_nsec, before.stx_btime.tv_nsec);
	CHECK_EQ(after.stx_ctime.tv_nsec, before.stx_ctime.tv_nsec);
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		snprintf(name, sizeof(name), "time-%u", i);
		CHECK_OK(unlink(name));
	}
	disk_end();
}

/* So many names that the directory has an index of two levels; each is listed once, also while others go. */
static void test_large_directory(void)
{
	enum { NAMES = 6000 };
	static unsigned char seen[NAMES];
	char name[64];
	DISK_BEGIN();
	CHECK_OK(mkdir("large", 0755));
	CHECK_OK(chdir("large"));
	CHECK(file_write("first", "x", 1));
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "a-name-that-takes-some-room-%d", i);
		if (CHECK_OK(link("first", name)) < 0)
			break;
	}
	disk_again();
	CHECK_OK(chdir("large"));
	DIR *directory = opendir(".");
	REQUIRE(directory);
	struct dirent *entry;
	int twice = 0, count = 0, number;
	while ((entry = readdir(directory))) {
		if (sscanf(entry->d_name, "a-name-that-takes-some-room-%d", &number) != 1)
			continue;
		count++;
		twice += seen[number]++ != 0;
		if (number % 2)
			CHECK_OK(unlink(entry->d_name));
	}
	CHECK_EQ(count, NAMES);
	CHECK_EQ(twice, 0);
	rewinddir(directory);
	for (count = 0; (entry = readdir(directory));)
		count++;
	CHECK_EQ(count, NAMES / 2 + 3);
	for (rewinddir(directory); (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			CHECK_OK(unlink(entry->d_name));
	closedir(directory);
	CHECK_OK(chdir(PLACE));
	CHECK_OK(rmdir("large"));
	disk_end();
}

static void test_holes(void)
{
	char byte = 1;
	struct stat status;
	DISK_BEGIN();
	int fd = CHECK_OK(open("holes", O_CREAT | O_TRUNC | O_RDWR, 0644));
	CHECK_EQ(pwrite(fd, &byte, 1, 5 * MIB), 1);
	CHECK_EQ(pwrite(fd, &byte, 1, 100ull * MIB), 1);
	CHECK_OK(ftruncate(fd, 200ull * MIB));
	for (int round = 0; round < 2; round++) {
		CHECK_EQ(lseek(fd, 0, SEEK_DATA), 5 * MIB);
		CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
		CHECK_RANGE(lseek(fd, 5 * MIB, SEEK_HOLE), 5 * MIB + 1024, 5 * MIB + 4096);
		CHECK_EQ(lseek(fd, 6 * MIB, SEEK_DATA), 100 * MIB);
		CHECK_EQ(lseek(fd, 100 * MIB + 7, SEEK_DATA), 100 * MIB + 7);
		CHECK_ERRNO(lseek(fd, 101 * MIB, SEEK_DATA), ENXIO);
		CHECK_ERRNO(lseek(fd, 200 * MIB, SEEK_HOLE), ENXIO);
		CHECK_EQ(lseek(fd, 150 * MIB, SEEK_HOLE), 150 * MIB);
		CHECK_OK(fsync(fd));
	}
	CHECK_OK(fstat(fd, &status));
	CHECK_RANGE(status.st_blocks, 4, 64);
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * MIB, 4096));
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 100 * MIB);
	close(fd);
	CHECK_OK(unlink("holes"));
	disk_end();
}

/* Short targets lie in the inode, long ones in a block; one that fills a block is too long. */
static void test_links(void)
{
	static const size_t lengths[] = { 1, 59, 60, 61, 1000 };
	char target[4200], read[4200], name[32];
	struct stat status;
	DISK_BEGIN();
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(target, 'a' + i, lengths[i]);
		target[lengths[i]] = 0;
		snprintf(name, sizeof(name), "link-%u", i);
		CHECK_OK(symlink(target, name));
	}
	disk_again();
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(target, 'a' + i, lengths[i]);
		target[lengths[i]] = 0;
		snprintf(name, sizeof(name), "link-%u", i);
		memset(read, 0, sizeof(read));
		CHECK_EQ(readlink(name, read, sizeof(read) - 1), (long)lengths[i]);
		CHECK(!strcmp(read, target));
		CHECK_OK(lstat(name, &status));
		CHECK_EQ(status.st_size, (long)lengths[i]);
		CHECK_EQ(status.st_blocks != 0, lengths[i] > 59);
		CHECK_OK(unlink(name));
	}
	memset(target, 'x', 4199);
	target[4199] = 0;
	CHECK_ERRNO(symlink(target, "long"), ENAMETOOLONG);
	disk_end();
}

static void test_many_links(void)
{
	char name[32];
	int made = 0;
	struct stat status;
	DISK_BEGIN();
	CHECK_OK(mkdir("links", 0755));
	CHECK_OK(chdir("links"));
	CHECK(file_write("0", "x", 1));
	/* The limit is 65000; that many names take longer than is worth it: the count must hold what is made. */
	for (made = 1; made < 3000; made++) {
		snprintf(name, sizeof(name), "%d", made);
		if (CHECK_OK(link("0", name)) < 0)
			break;
	}
	CHECK_OK(stat("0", &status));
	CHECK_EQ(status.st_nlink, made);
	CHECK_ERRNO(link(".", "dot"), EPERM);
	while (made--) {
		snprintf(name, sizeof(name), "%d", made);
		CHECK_OK(unlink(name));
	}
	CHECK_OK(chdir(PLACE));
	CHECK_OK(stat("links", &status));
	CHECK_EQ(status.st_nlink, 2);
	CHECK_OK(rmdir("links"));
	disk_end();
}

static bool content_is(const char *name, const char *expected)
{
	char text[64] = "";
	return file_read(name, text, sizeof(text)) >= 0 && !strcmp(text, expected);
}

static int rename_with(const char *from, const char *to, unsigned flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void test_renames(void)
{
	struct stat status;
	DISK_BEGIN();
	CHECK(file_write("one", "1", 1) && file_write("two", "2", 1));
	CHECK_OK(mkdir("dir", 0755));
	CHECK_OK(mkdir("dir/sub", 0755));
	CHECK_OK(mkdir("empty", 0755));
	CHECK_ERRNO(rename_with("one", "two", RENAME_NOREPLACE), EEXIST);
	CHECK_OK(rename_with("one", "two", RENAME_EXCHANGE));
	CHECK(content_is("one", "2") && content_is("two", "1"));
	CHECK_OK(rename_with("one", "dir/sub", RENAME_EXCHANGE)); /* a file and a directory */
	CHECK(content_is("dir/sub", "2"));
	CHECK_OK(stat("dir", &status));
	CHECK_EQ(status.st_nlink, 2);
	CHECK_OK(stat("one/..", &status));
	CHECK_EQ(status.st_ino, ({
			 struct stat place;
			 stat(PLACE, &place);
			 place.st_ino;
		 }));
	CHECK_ERRNO(rename_with("missing", "two", RENAME_EXCHANGE), ENOENT);
	CHECK_ERRNO(rename("empty", "dir"), ENOTEMPTY);
	CHECK_ERRNO(rename("two", "empty"), EISDIR);
	CHECK_ERRNO(rename("empty", "two"), ENOTDIR);
	CHECK_ERRNO(rename("dir", "dir/within"), EINVAL);
	CHECK_OK(rename("one", "empty")); /* over an empty directory */
	disk_again();
	CHECK(content_is("two", "1") && content_is("dir/sub", "2"));
	CHECK_ERRNO(access("one", F_OK), ENOENT);
	CHECK_OK(rename("dir/sub", "two"));
	CHECK(content_is("two", "2"));
	CHECK_OK(rmdir("dir"));
	CHECK_OK(rmdir("empty"));
	CHECK_OK(unlink("two"));
	disk_end();
}

static void test_without_name(void)
{
	char path[64];
	struct statvfs before, after;
	static char data[MIB];
	DISK_BEGIN();
	sync();
	CHECK_OK(statvfs(".", &before));
	int fd = CHECK_OK(open(".", O_TMPFILE | O_RDWR, 0600));
	CHECK_EQ(write(fd, "named later", 11), 11);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	close(fd);
	fd = CHECK_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
	CHECK_EQ(write(fd, data, sizeof(data)), (long)sizeof(data));
	CHECK_OK(fsync(fd));
	CHECK_OK(statvfs(".", &after));
	CHECK(after.f_bfree * after.f_frsize + MIB <= before.f_bfree * before.f_frsize);
	close(fd);
	disk_again();
	CHECK(content_is("named", "named later"));
	CHECK_OK(unlink("named"));
	sync();
	CHECK_OK(statvfs(".", &after));
	CHECK_EQ(after.f_bfree, before.f_bfree);
	CHECK_EQ(after.f_ffree, before.f_ffree);
	disk_end();
}

static void test_flags(void)
{
	int flags = 0;
	struct fsxattr extended = { 0 };
	struct statx status;
	DISK_BEGIN();
	CHECK(file_write("flags", "x", 1));
	int fd = CHECK_OK(open("flags", O_RDWR));
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	CHECK_EQ(flags, FS_EXTENT_FL);
	flags |= FS_IMMUTABLE_FL | FS_NODUMP_FL;
	CHECK_OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	CHECK_OK(statx(AT_FDCWD, "flags", 0, STATX_BASIC_STATS, &status));
	CHECK_EQ(status.stx_attributes &
			 (STATX_ATTR_IMMUTABLE | STATX_ATTR_NODUMP | STATX_ATTR_APPEND),
		 STATX_ATTR_IMMUTABLE | STATX_ATTR_NODUMP);
	CHECK_ERRNO(open("flags", O_WRONLY), EPERM);
	CHECK_ERRNO(unlink("flags"), EPERM);
	CHECK_ERRNO(rename("flags", "other"), EPERM);
	CHECK_ERRNO(link("flags", "other"), EPERM);
	CHECK_ERRNO(chmod("flags", 0600), EPERM);
	CHECK_ERRNO(setxattr("flags", "user.x", "1", 1, 0), EPERM);
	CHECK_ERRNO(ftruncate(fd, 0), EPERM);
	CHECK_ERRNO(fallocate(fd, 0, 0, 4096), EPERM);
	CHECK_OK(ioctl(fd, FS_IOC_FSGETXATTR, &extended));
	CHECK_EQ(extended.fsx_xflags, FS_XFLAG_IMMUTABLE | FS_XFLAG_NODUMP);
	extended.fsx_xflags = FS_XFLAG_APPEND;
	CHECK_OK(ioctl(fd, FS_IOC_FSSETXATTR, &extended));
	close(fd);
	disk_again();
	CHECK_ERRNO(open("flags", O_WRONLY), EPERM);
	CHECK_ERRNO(open("flags", O_WRONLY | O_APPEND | O_TRUNC), EPERM);
	CHECK_ERRNO(truncate("flags", 0), EPERM);
	fd = CHECK_OK(open("flags", O_WRONLY | O_APPEND));
	CHECK_EQ(write(fd, "y", 1), 1);
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	CHECK_EQ(flags, FS_EXTENT_FL | FS_APPEND_FL);
	flags = FS_EXTENT_FL;
	CHECK_OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	flags |= 1 << 9; /* compressed cluster: nobody's to set */
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	CHECK_EQ(flags, FS_EXTENT_FL);
	CHECK_ERRNO(ioctl(fd, FS_IOC_SETFLAGS, NULL), EFAULT);
	close(fd);
	CHECK(content_is("flags", "xy"));
	CHECK_OK(unlink("flags"));
	disk_end();
}

static void other_user(void *argument)
{
	int flags = FS_NODUMP_FL | FS_EXTENT_FL;
	int fd = CHECK_OK(open("mine", O_RDONLY));

	CHECK_OK(setresuid(1000, 1000, 1000));
	CHECK_ERRNO(ioctl(fd, FS_IOC_SETFLAGS, &flags), EPERM);
	int own = CHECK_OK(open("own", O_CREAT | O_RDWR, 0644));
	CHECK_OK(ioctl(own, FS_IOC_SETFLAGS, &flags));
	flags |= FS_IMMUTABLE_FL;
	CHECK_ERRNO(ioctl(own, FS_IOC_SETFLAGS, &flags), EPERM);
}

static void test_flags_of_users(void)
{
	DISK_BEGIN();
	CHECK(file_write("mine", "x", 1));
	CHECK_OK(chmod(".", 01777));
	CHECK_EQ(run_child(other_user, NULL), 0);
	CHECK_OK(unlink("mine"));
	CHECK_OK(unlink("own"));
	CHECK_OK(chmod(".", 0755));
	disk_end();
}

static void test_extents(void)
{
	static char data[64 << 10];
	struct {
		struct fiemap head;
		struct fiemap_extent extents[8];
	} map = {
		.head = { .fm_length = ~0ull, .fm_extent_count = 8, .fm_flags = FIEMAP_FLAG_SYNC }
	};
	DISK_BEGIN();
	int fd = CHECK_OK(open("extents", O_CREAT | O_TRUNC | O_RDWR, 0644));
	CHECK_EQ(pwrite(fd, data, sizeof(data), 0), (long)sizeof(data));
	CHECK_EQ(pwrite(fd, data, 4096, MIB), 4096);
	CHECK_OK(fallocate(fd, 0, 2 * MIB, 8192));
	CHECK_OK(ioctl(fd, FS_IOC_FIEMAP, &map));
	REQUIRE(CHECK_EQ(map.head.fm_mapped_extents, 3));
	CHECK_EQ(map.extents[0].fe_logical, 0);
	CHECK_EQ(map.extents[0].fe_length, (long)sizeof(data));
	CHECK_EQ(map.extents[0].fe_flags, 0);
	CHECK(map.extents[0].fe_physical != 0);
	CHECK_EQ(map.extents[1].fe_logical, MIB);
	CHECK_EQ(map.extents[1].fe_length, 4096);
	CHECK_EQ(map.extents[2].fe_logical, 2 * MIB);
	CHECK_EQ(map.extents[2].fe_flags, FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_UNWRITTEN);
	map.head.fm_extent_count = 0;
	CHECK_OK(ioctl(fd, FS_IOC_FIEMAP, &map));
	CHECK_EQ(map.head.fm_mapped_extents, 3);
	map.head.fm_start = MIB;
	map.head.fm_length = 4096;
	map.head.fm_extent_count = 1;
	CHECK_OK(ioctl(fd, FS_IOC_FIEMAP, &map));
	CHECK_EQ(map.head.fm_mapped_extents, 1);
	CHECK_EQ(map.extents[0].fe_logical, MIB);
	map.head.fm_flags = 1 << 20;
	CHECK_ERRNO(ioctl(fd, FS_IOC_FIEMAP, &map), EBADR);
	map.head.fm_length = 0;
	CHECK_ERRNO(ioctl(fd, FS_IOC_FIEMAP, &map), EINVAL);
	close(fd);
	CHECK_OK(unlink("extents"));
	disk_end();
}

static void test_direct(void)
{
	unsigned char *data = NULL, first = 0x11;
	DISK_BEGIN();
	REQUIRE(!posix_memalign((void **)&data, 4096, 64 << 10));
	memset(data, 0x5a, 64 << 10);
	int fd = open("direct", O_CREAT | O_TRUNC | O_RDWR | O_DIRECT, 0644);
	if (fd < 0) {
		CHECK_EQ(errno, EINVAL);
	} else {
		int plain = CHECK_OK(open("direct", O_RDWR));
		CHECK_EQ(pwrite(fd, data, 64 << 10, 0), 64 << 10);
		CHECK_EQ(pwrite(plain, &first, 1, 4096), 1);
		CHECK_EQ(pread(fd, data, 8192, 0), 8192);
		CHECK_EQ(data[4096], 0x11);
		CHECK_EQ(data[4097], 0x5a);
		close(plain);
		close(fd);
	}
	free(data);
	CHECK_OK(unlink("direct"));
	disk_end();
}

static void test_attributes(void)
{
	char value[2048], read[2048], list[256];
	DISK_BEGIN();
	CHECK(file_write("attributes", "x", 1));
	memset(value, 'v', sizeof(value));
	CHECK_OK(setxattr("attributes", "user.small", "1", 1, XATTR_CREATE));
	CHECK_OK(setxattr("attributes", "user.large", value, 700, 0));
	CHECK_OK(setxattr("attributes", "trusted.t", "2", 1, 0));
	CHECK_ERRNO(setxattr("attributes", "user.small", "1", 1, XATTR_CREATE), EEXIST);
	CHECK_ERRNO(setxattr("attributes", "user.none", "1", 1, XATTR_REPLACE), ENODATA);
	disk_again();
	CHECK_EQ(getxattr("attributes", "user.large", read, sizeof(read)), 700);
	CHECK(!memcmp(read, value, 700));
	CHECK_EQ(getxattr("attributes", "trusted.t", read, sizeof(read)), 1);
	CHECK_EQ(listxattr("attributes", list, sizeof(list)), 11 + 11 + 10);
	CHECK_OK(removexattr("attributes", "user.large"));
	CHECK_ERRNO(getxattr("attributes", "user.large", read, sizeof(read)), ENODATA);
	CHECK_OK(unlink("attributes"));
	disk_end();
}

/* preadv2(2) with RWF_NOWAIT: what is in memory, and EAGAIN where it would have to be read. */
static void test_no_wait(void)
{
	static char data[16 * 4096];
	struct iovec part = { data, sizeof(data) }, small = { data, 4096 };
	DISK_BEGIN();
	int fd = open("no-wait", O_RDWR | O_CREAT, 0600);
	memset(data, 7, sizeof(data));
	CHECK_EQ(pwritev2(fd, &part, 1, 0, RWF_DSYNC), sizeof(data));
	CHECK_EQ(preadv2(fd, &part, 1, 0, RWF_NOWAIT), sizeof(data));
	CHECK_EQ(preadv2(fd, &part, 1, sizeof(data), RWF_NOWAIT), 0);
	CHECK_ERRNO(pwritev2(fd, &part, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
	close(fd);
	disk_again();
	fd = open("no-wait", O_RDONLY);
	memset(data, 0, sizeof(data));
	/* Linux asks the disk at once, which may be done by then. */
	ssize_t got = preadv2(fd, &small, 1, 0, RWF_NOWAIT);
	CHECK(got == 4096 || (got == -1 && errno == EAGAIN));
	CHECK_EQ(preadv2(fd, &small, 1, 0, 0), 4096);
	CHECK_EQ(preadv2(fd, &small, 1, 0, RWF_NOWAIT), 4096);
	CHECK_EQ(data[4095], 7);
	close(fd);
	CHECK_OK(unlink("no-wait"));
	disk_end();
}

static const struct check_case cases[] = {
	{ "no-wait", test_no_wait },
	{ "times", test_times },
	{ "large-directory", test_large_directory },
	{ "holes", test_holes },
	{ "links", test_links },
	{ "many-links", test_many_links },
	{ "renames", test_renames },
	{ "without-name", test_without_name },
	{ "flags", test_flags },
	{ "flags-of-users", test_flags_of_users },
	{ "extents", test_extents },
	{ "direct", test_direct },
	{ "attributes", test_attributes },
};
CHECK_MAIN(cases)
