/* Extended attributes on tmpfs: setxattr(2), getxattr(2), listxattr(2), removexattr(2), xattr(7). */
#include "check.h"
#include <sys/mount.h>
#include <sys/xattr.h>

static bool enter(void)
{
	if (!scratch_enter())
		return false;
	mkdir("m", 0755);
	return CHECK_OK(mount("none", "m", "tmpfs", 0, "")) == 0 && CHECK_OK(chdir("m")) == 0;
}

static void leave(void)
{
	CHECK_OK(chdir(".."));
	CHECK_OK(umount2("m", MNT_DETACH));
}

static void test_values(void)
{
	char buffer[64];
	REQUIRE(enter());
	CHECK(file_write("f", "x", 1));
	CHECK_ERRNO(getxattr("f", "user.a", buffer, 64), ENODATA);
	CHECK_OK(setxattr("f", "user.a", "hello", 5, 0));
	CHECK_EQ(getxattr("f", "user.a", buffer, 64), 5);
	CHECK(!memcmp(buffer, "hello", 5));
	CHECK_EQ(getxattr("f", "user.a", NULL, 0), 5);
	CHECK_ERRNO(getxattr("f", "user.a", buffer, 4), ERANGE);
	CHECK_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_ERRNO(setxattr("f", "user.b", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK_OK(setxattr("f", "user.a", "other", 5, XATTR_REPLACE));
	CHECK_OK(setxattr("f", "user.b", "", 0, XATTR_CREATE));
	CHECK_EQ(getxattr("f", "user.b", buffer, 64), 0);
	CHECK_OK(setxattr("f", "trusted.t", "1", 1, 0));
	CHECK_OK(setxattr("f", "security.s", "1", 1, 0));
	CHECK_OK(removexattr("f", "user.a"));
	CHECK_ERRNO(removexattr("f", "user.a"), ENODATA);
	CHECK_ERRNO(getxattr("f", "user.a", buffer, 64), ENODATA);
	leave();
}

static int count_names(const char *list, ssize_t size, const char *wanted)
{
	int found = 0;
	for (const char *at = list; at < list + size; at += strlen(at) + 1)
		found += !strcmp(at, wanted);
	return found;
}

static void test_list(void)
{
	char list[256];
	ssize_t size;
	REQUIRE(enter());
	CHECK(file_write("f", "x", 1));
	CHECK_EQ(listxattr("f", list, sizeof(list)), 0);
	CHECK_OK(setxattr("f", "user.a", "1", 1, 0));
	CHECK_OK(setxattr("f", "user.bb", "2", 1, 0));
	size = listxattr("f", list, sizeof(list));
	CHECK_EQ(size, 15);
	CHECK_EQ(count_names(list, size, "user.a"), 1);
	CHECK_EQ(count_names(list, size, "user.bb"), 1);
	CHECK_EQ(listxattr("f", NULL, 0), 15);
	CHECK_ERRNO(listxattr("f", list, 14), ERANGE);
	CHECK_OK(setxattr("f", "trusted.t", "1", 1, 0));
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_OK(setresuid(1000, 1000, 1000));
		size = listxattr("f", list, sizeof(list));
		CHECK_EQ(count_names(list, size, "trusted.t"), 0);
		CHECK_EQ(count_names(list, size, "user.a"), 1);
		CHECK_ERRNO(getxattr("f", "trusted.t", list, 10), ENODATA);
		CHECK_ERRNO(setxattr("f", "trusted.t", "2", 1, 0), EPERM);
		CHECK_ERRNO(setxattr("f", "security.t", "2", 1, 0), EPERM);
		CHECK_ERRNO(setxattr("f", "user.a", "2", 1, 0), EACCES);
		CHECK_EQ(getxattr("f", "user.a", list, 10), 1);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	leave();
}

static void test_kinds(void)
{
	char buffer[8];
	REQUIRE(enter());
	CHECK(file_write("f", "x", 1));
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(mkfifo("p", 0600));
	CHECK_OK(mkdir("d", 0700));
	CHECK_OK(setxattr("l", "user.a", "1", 1, 0));
	CHECK_EQ(getxattr("f", "user.a", buffer, 8), 1);
	CHECK_ERRNO(lsetxattr("l", "user.a", "1", 1, 0), EPERM);
	CHECK_ERRNO(lgetxattr("l", "user.a", buffer, 8), ENODATA);
	CHECK_OK(lsetxattr("l", "trusted.a", "12", 2, 0));
	CHECK_EQ(lgetxattr("l", "trusted.a", buffer, 8), 2);
	CHECK_EQ(llistxattr("l", NULL, 0), 10);
	CHECK_OK(lremovexattr("l", "trusted.a"));
	CHECK_ERRNO(setxattr("p", "user.a", "1", 1, 0), EPERM);
	CHECK_OK(setxattr("p", "trusted.a", "1", 1, 0));
	CHECK_OK(setxattr("d", "user.a", "1", 1, 0));
	int fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(fgetxattr(fd, "user.a", buffer, 8), 1);
	CHECK_OK(fsetxattr(fd, "user.b", "123", 3, 0));
	CHECK_EQ(flistxattr(fd, NULL, 0), 14);
	CHECK_OK(fremovexattr(fd, "user.b"));
	close(fd);
	fd = CHECK_OK(open("f", O_PATH));
	CHECK_ERRNO(fgetxattr(fd, "user.a", buffer, 8), EBADF);
	close(fd);
	leave();
}

static void test_errors(void)
{
	static char large[65537];
	char name[300], buffer[8];
	REQUIRE(enter());
	CHECK(file_write("f", "x", 1));
	CHECK_ERRNO(setxattr("f", "user.a", "1", 1, 4), EINVAL);
	CHECK_ERRNO(setxattr("f", "", "1", 1, 0), ERANGE);
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = 0;
	CHECK_ERRNO(setxattr("f", name, "1", 1, 0), ERANGE);
	name[255] = 0;
	CHECK_OK(setxattr("f", name, "1", 1, 0));
	CHECK_ERRNO(setxattr("f", "user.", "1", 1, 0), EINVAL);
	CHECK_ERRNO(setxattr("f", "other.x", "1", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(setxattr("f", "nodot", "1", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(getxattr("f", "other.x", buffer, 8), EOPNOTSUPP);
	CHECK_ERRNO(removexattr("f", "other.x"), EOPNOTSUPP);
	CHECK_ERRNO(setxattr("f", "user.a", large, sizeof(large), 0), E2BIG);
	CHECK_OK(setxattr("f", "user.a", large, 65536, 0));
	CHECK_EQ(getxattr("f", "user.a", large, 65536), 65536);
	CHECK_ERRNO(setxattr("f", "user.b", (void *)8, 1, 0), EFAULT);
	CHECK_ERRNO(setxattr("f", (void *)8, "1", 1, 0), EFAULT);
	CHECK_ERRNO(getxattr("f", "user.a", (void *)8, 65536), EFAULT);
	CHECK_ERRNO(getxattr("none", "user.a", buffer, 8), ENOENT);
	CHECK_ERRNO(getxattr(NULL, "user.a", buffer, 8), EFAULT);
	CHECK_ERRNO(fgetxattr(-1, "user.a", buffer, 8), EBADF);
	CHECK_OK(mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERRNO(setxattr("f", "user.a", "1", 1, 0), EROFS);
	CHECK_ERRNO(removexattr("f", "user.a"), EROFS);
	leave();
}

static const struct check_case cases[] = {
	{ "values", test_values },
	{ "list", test_list },
	{ "kinds", test_kinds },
	{ "errors", test_errors },
};
CHECK_MAIN(cases)
