/* open(2) with O_TMPFILE, and giving such a file its name with linkat(2). */
#include "check.h"

static void test_use(void)
{
	struct stat status;
	char path[64], link[128] = { 0 }, text[8];
	REQUIRE(scratch_enter());
	umask(022);
	int fd = CHECK_OK(open(".", O_TMPFILE | O_RDWR, 0666));
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_nlink, 0);
	CHECK_EQ(status.st_mode, S_IFREG | 0644);
	CHECK_EQ(write(fd, "hello", 5), 5);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	CHECK(strstr(link, "/#") && strstr(link, " (deleted)"));
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	CHECK_EQ(file_read("named", text, sizeof(text)), 5);
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_nlink, 1);
	CHECK_OK(linkat(fd, "", AT_FDCWD, "named2", AT_EMPTY_PATH));
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_nlink, 2);
	CHECK_OK(unlink("named"));
	CHECK_OK(unlink("named2"));
	/* What was linked and lost its name has no second chance. */
	CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
}

static void test_exclusive(void)
{
	char path[64];
	REQUIRE(scratch_enter());
	int fd = CHECK_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
	fd = CHECK_OK(open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_OK(linkat(fd, "", AT_FDCWD, "exclusive", AT_EMPTY_PATH));
	close(fd);
}

static void test_errors(void)
{
	REQUIRE(scratch_enter());
	CHECK(file_write("file", "x", 1));
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDWR | O_CREAT, 0600), EINVAL);
	CHECK_ERRNO(open(".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600), EINVAL);
	CHECK_ERRNO(open("file", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	CHECK_ERRNO(open("none", O_TMPFILE | O_RDWR, 0600), ENOENT);
	CHECK_ERRNO(open("/proc", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
	CHECK_OK(mkdir("d", 0555));
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_ERRNO(open("d", O_TMPFILE | O_RDWR, 0600), EACCES);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static const struct check_case cases[] = {
	{ "use", test_use },
	{ "exclusive", test_exclusive },
	{ "errors", test_errors },
};
CHECK_MAIN(cases)
