/* chattr(1)'s flags: what FS_IOC_SETFLAGS forbids from then on, to root as well, and who may set them. */
#include "check.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

/* Of those that the file system has besides (extents). */
enum { MINE = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL };

static int flags_of(const char *name)
{
	int fd = CHECK_OK(open(name, O_RDONLY)), flags = 0;
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	close(fd);
	return flags;
}

static long flags_set(const char *name, int wanted)
{
	int fd = CHECK_OK(open(name, O_RDONLY)), flags = 0;
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	flags = (flags & ~MINE) | wanted;
	long result = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	int error = errno;
	close(fd);
	errno = error;
	return result;
}

static void test_immutable(void)
{
	struct timespec times[2] = { { 1, 0 }, { 2, 0 } };
	REQUIRE(scratch_enter());
	CHECK(file_write("i", "x", 1));
	CHECK_OK(flags_set("i", FS_IMMUTABLE_FL));
	CHECK_EQ(flags_of("i") & MINE, FS_IMMUTABLE_FL);
	CHECK_ERRNO(open("i", O_WRONLY), EPERM);
	CHECK_ERRNO(open("i", O_RDWR | O_APPEND), EPERM);
	CHECK_ERRNO(unlink("i"), EPERM);
	CHECK_ERRNO(rename("i", "j"), EPERM);
	CHECK_ERRNO(link("i", "j"), EPERM);
	CHECK_ERRNO(chmod("i", 0600), EPERM);
	CHECK_ERRNO(chown("i", 1, 1), EPERM);
	CHECK_ERRNO(truncate("i", 0), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "i", times, 0), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "i", NULL, 0), EPERM);
	CHECK_ERRNO(setxattr("i", "user.x", "1", 1, 0), EPERM);
	CHECK(file_write("victim", "y", 1));
	CHECK_ERRNO(rename("victim", "i"), EPERM);
	CHECK_OK(flags_set("i", 0));
	CHECK_OK(rename("victim", "i"));
	CHECK_OK(unlink("i"));
}

static void test_append(void)
{
	struct timespec times[2] = { { 1, 0 }, { 2, 0 } };
	char text[8] = "";
	REQUIRE(scratch_enter());
	CHECK(file_write("a", "x", 1));
	CHECK_OK(flags_set("a", FS_APPEND_FL));
	CHECK_ERRNO(open("a", O_WRONLY), EPERM);
	CHECK_ERRNO(open("a", O_WRONLY | O_APPEND | O_TRUNC), EPERM);
	int fd = CHECK_OK(open("a", O_WRONLY | O_APPEND));
	CHECK_EQ(write(fd, "y", 1), 1);
	CHECK_ERRNO(ftruncate(fd, 0), EPERM);
	close(fd);
	CHECK_ERRNO(unlink("a"), EPERM);
	CHECK_ERRNO(rename("a", "b"), EPERM);
	CHECK_ERRNO(link("a", "b"), EPERM);
	CHECK_ERRNO(chmod("a", 0600), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "a", times, 0), EPERM);
	CHECK_OK(utimensat(AT_FDCWD, "a", NULL, 0));
	CHECK_OK(flags_set("a", 0));
	CHECK_EQ(file_read("a", text, sizeof(text)), 2);
	CHECK_STR(text, "xy");
	CHECK_OK(unlink("a"));
}

static void test_directory(void)
{
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("d", 0755));
	CHECK(file_write("d/old", "x", 1));
	CHECK_OK(flags_set("d", FS_APPEND_FL));
	CHECK(file_write("d/new", "x", 1));
	CHECK_ERRNO(unlink("d/old"), EPERM);
	CHECK_ERRNO(rename("d/old", "out"), EPERM);
	CHECK_ERRNO(rmdir("d"), EPERM);
	CHECK_OK(flags_set("d", FS_IMMUTABLE_FL));
	CHECK_ERRNO(open("d/more", O_CREAT | O_WRONLY, 0644), EPERM);
	CHECK_ERRNO(mkdir("d/more", 0755), EPERM);
	CHECK_ERRNO(unlink("d/old"), EPERM);
	int fd = CHECK_OK(open("d/old", O_WRONLY)); /* the file itself is free */
	close(fd);
	CHECK_OK(flags_set("d", 0));
	CHECK_OK(unlink("d/old"));
	CHECK_OK(unlink("d/new"));
	CHECK_OK(rmdir("d"));
}

static void other_user(void *argument)
{
	(void)argument;
	CHECK_OK(setresuid(1000, 1000, 1000));
	CHECK_ERRNO(flags_set("root", FS_NODUMP_FL), EPERM);
	CHECK(file_write("own", "x", 1));
	CHECK_OK(flags_set("own", FS_NODUMP_FL));
	CHECK_ERRNO(flags_set("own", FS_NODUMP_FL | FS_IMMUTABLE_FL), EPERM);
	CHECK_ERRNO(flags_set("own", FS_APPEND_FL), EPERM);
	CHECK_EQ(flags_of("own") & MINE, FS_NODUMP_FL);
}

static void test_users(void)
{
	REQUIRE(scratch_enter());
	CHECK_OK(chmod(".", 0777));
	CHECK(file_write("root", "x", 1));
	CHECK_EQ(run_child(other_user, NULL), 0);
	CHECK_OK(unlink("root"));
	CHECK_OK(unlink("own"));
}

static void test_shown(void)
{
	struct statx status;
	REQUIRE(scratch_enter());
	CHECK(file_write("s", "x", 1));
	CHECK_OK(flags_set("s", FS_NODUMP_FL | FS_APPEND_FL));
	CHECK_OK(statx(AT_FDCWD, "s", 0, STATX_ALL, &status));
	unsigned known = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
	CHECK_EQ(status.stx_attributes_mask & known, known);
	CHECK_EQ(status.stx_attributes & known, STATX_ATTR_APPEND | STATX_ATTR_NODUMP);
	CHECK(status.stx_mask & STATX_BTIME);
	CHECK(status.stx_btime.tv_sec > 0 || status.stx_btime.tv_nsec > 0);
	CHECK_OK(statx(AT_FDCWD, "/proc", 0, STATX_ALL, &status));
	CHECK(status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
	CHECK(status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
	CHECK_OK(flags_set("s", 0));
	CHECK_OK(unlink("s"));
}

static void test_bad(void)
{
	int flags = 0;
	REQUIRE(scratch_enter());
	CHECK(file_write("b", "x", 1));
	int fd = CHECK_OK(open("b", O_RDONLY));
	CHECK_ERRNO(ioctl(fd, FS_IOC_SETFLAGS, NULL), EFAULT);
	CHECK_ERRNO(ioctl(fd, FS_IOC_GETFLAGS, (void *)8), EFAULT);
	flags = FS_ENCRYPT_FL | FS_VERITY_FL | 1 << 31;
	CHECK_ERRNO(ioctl(fd, FS_IOC_SETFLAGS, &flags), EOPNOTSUPP);
	close(fd);
	CHECK_OK(unlink("b"));
	fd = CHECK_OK(open("/proc/self/stat", O_RDONLY));
	CHECK_ERRNO(ioctl(fd, FS_IOC_GETFLAGS, &flags), ENOTTY);
	close(fd);
}

static const struct check_case cases[] = {
	{ "immutable", test_immutable }, { "append", test_append }, { "directory", test_directory },
	{ "users", test_users },	 { "shown", test_shown },   { "bad", test_bad },
};
CHECK_MAIN(cases)
