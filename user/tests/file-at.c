/* The *at calls with a real directory descriptor, with AT_FDCWD, and with wrong ones. */
#include "check.h"

static int dir, file;

static bool tree_make(void)
{
	if (!scratch_enter())
		return false;
	if (dir > 0)
		return true;
	if (mkdir("base", 0755) < 0 || mkdir("base/sub", 0755) < 0)
		return false;
	if (!file_write("base/file", "file", 4) || !file_write("outside", "out", 3))
		return false;
	dir = open("base", O_RDONLY | O_DIRECTORY);
	file = open("base/file", O_RDONLY);
	return dir >= 0 && file >= 0;
}

static void test_open(void)
{
	char text[8] = "";
	REQUIRE(tree_make());
	int fd = CHECK_OK(openat(dir, "file", O_RDONLY));
	CHECK_EQ(read(fd, text, 4), 4);
	CHECK_STR(text, "file");
	close(fd);
	fd = CHECK_OK(openat(dir, "../outside", O_RDONLY));
	close(fd);
	fd = CHECK_OK(openat(dir, "sub/../file", O_RDONLY));
	close(fd);
	CHECK_ERRNO(openat(dir, "outside", O_RDONLY), ENOENT);
	CHECK_ERRNO(openat(file, "x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(openat(999, "x", O_RDONLY), EBADF);
	CHECK_ERRNO(openat(-1, "x", O_RDONLY), EBADF);
	fd = CHECK_OK(openat(-1, "/dev/null", O_RDONLY)); /* absolute: the fd does not matter */
	close(fd);
	fd = CHECK_OK(openat(AT_FDCWD, "outside", O_RDONLY));
	close(fd);
}

/* The descriptor stays right when the directory is renamed, or the caller goes elsewhere. */
static void test_renamed(void)
{
	struct stat st;
	REQUIRE(tree_make());
	CHECK_OK(rename("base", "renamed"));
	CHECK_OK(fstatat(dir, "file", &st, 0));
	CHECK_OK(chdir("/"));
	CHECK_OK(fstatat(dir, "file", &st, 0));
	CHECK_EQ(st.st_size, 4);
	REQUIRE(scratch_enter());
	CHECK_OK(rename("renamed", "base"));
}

static void test_make_remove(void)
{
	struct stat st;
	REQUIRE(tree_make());
	CHECK_OK(mkdirat(dir, "made", 0700));
	CHECK_OK(fstatat(dir, "made", &st, 0));
	CHECK(S_ISDIR(st.st_mode));
	CHECK_ERRNO(mkdirat(dir, "made", 0700), EEXIST);
	CHECK_ERRNO(unlinkat(dir, "made", 0), EISDIR);
	CHECK_ERRNO(unlinkat(dir, "file", AT_REMOVEDIR), ENOTDIR);
	CHECK_OK(unlinkat(dir, "made", AT_REMOVEDIR));
	CHECK_ERRNO(unlinkat(dir, "made", AT_REMOVEDIR), ENOENT);
	CHECK_ERRNO(unlinkat(dir, "file", 0x4000), EINVAL);
	CHECK_ERRNO(mkdirat(file, "x", 0700), ENOTDIR);
	CHECK_ERRNO(mkdirat(999, "x", 0700), EBADF);
	CHECK_ERRNO(unlinkat(999, "x", 0), EBADF);
}

static void test_links(void)
{
	char text[64] = "";
	struct stat st;
	REQUIRE(tree_make());
	CHECK_OK(symlinkat("file", dir, "symbolic"));
	CHECK_EQ(readlinkat(dir, "symbolic", text, sizeof(text)), 4);
	CHECK_STR(text, "file");
	CHECK_ERRNO(readlinkat(dir, "file", text, sizeof(text)), EINVAL);
	CHECK_ERRNO(readlinkat(dir, "symbolic", text, 0), EINVAL);
	CHECK_EQ(readlinkat(dir, "symbolic", text, 2), 2); /* cut off, no error */
	CHECK_OK(linkat(dir, "file", AT_FDCWD, "hard", 0));
	CHECK_OK(stat("hard", &st));
	CHECK_EQ(st.st_nlink, 2);
	CHECK_OK(linkat(dir, "symbolic", dir, "hard-symbolic", 0));
	CHECK_OK(fstatat(dir, "hard-symbolic", &st, AT_SYMLINK_NOFOLLOW));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_OK(linkat(dir, "symbolic", dir, "hard-file", AT_SYMLINK_FOLLOW));
	CHECK_OK(fstatat(dir, "hard-file", &st, AT_SYMLINK_NOFOLLOW));
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_nlink, 3);
	CHECK_ERRNO(linkat(dir, "file", dir, "x", 0x8000), EINVAL);
	CHECK_ERRNO(linkat(999, "file", dir, "x", 0), EBADF);
	CHECK_ERRNO(linkat(dir, "file", file, "x", 0), ENOTDIR);
	unlinkat(dir, "symbolic", 0), unlinkat(dir, "hard-symbolic", 0);
	unlinkat(dir, "hard-file", 0), unlink("hard");
}

static void test_rename(void)
{
	struct stat st;
	REQUIRE(tree_make());
	int sub = CHECK_OK(openat(dir, "sub", O_RDONLY | O_DIRECTORY));
	CHECK_OK(renameat(dir, "file", sub, "moved"));
	CHECK_ERRNO(fstatat(dir, "file", &st, 0), ENOENT);
	CHECK_OK(fstatat(sub, "moved", &st, 0));
	CHECK_OK(renameat(sub, "moved", dir, "file"));
	CHECK_ERRNO(renameat(999, "a", dir, "b"), EBADF);
	CHECK_ERRNO(renameat(dir, "file", file, "b"), ENOTDIR);
	CHECK_ERRNO(syscall(SYS_renameat2, dir, "file", dir, "b", 0x80), EINVAL);
	close(sub);
}

static void test_stat(void)
{
	struct stat st, st2;
	REQUIRE(tree_make());
	CHECK_OK(fstatat(dir, "file", &st, 0));
	CHECK_OK(fstatat(file, "", &st2, AT_EMPTY_PATH));
	CHECK_EQ(st.st_ino, st2.st_ino);
	CHECK_EQ(st.st_dev, st2.st_dev);
	CHECK_OK(fstatat(AT_FDCWD, "", &st2, AT_EMPTY_PATH));
	CHECK(S_ISDIR(st2.st_mode));
	CHECK_ERRNO(fstatat(dir, "", &st, 0), ENOENT);
	CHECK_ERRNO(fstatat(dir, "file", &st, 0x40000000), EINVAL);
	CHECK_ERRNO(fstatat(file, "x", &st, 0), ENOTDIR);
	CHECK_ERRNO(fstatat(999, "x", &st, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_newfstatat, dir, "file", 8, 0), EFAULT);
}

static void test_access(void)
{
	REQUIRE(tree_make());
	CHECK_OK(faccessat(dir, "file", R_OK, 0));
	CHECK_OK(faccessat(dir, "file", F_OK, 0));
	CHECK_ERRNO(faccessat(dir, "file", X_OK, 0), EACCES);
	CHECK_ERRNO(faccessat(dir, "none", F_OK, 0), ENOENT);
	CHECK_ERRNO(faccessat(999, "file", F_OK, 0), EBADF);
	CHECK_ERRNO(faccessat(file, "file", F_OK, 0), ENOTDIR);
	CHECK_ERRNO(syscall(SYS_faccessat, dir, "file", 0x100), EINVAL);
}

static void test_attributes(void)
{
	struct stat st;
	struct timespec times[2] = { { 1000, 5 }, { 2000, 6 } };
	REQUIRE(tree_make());
	CHECK_OK(fchmodat(dir, "file", 0640, 0));
	CHECK_OK(fchownat(dir, "file", 12, 34, 0));
	CHECK_OK(utimensat(dir, "file", times, 0));
	CHECK_OK(fstatat(dir, "file", &st, 0));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_EQ(st.st_uid, 12);
	CHECK_EQ(st.st_gid, 34);
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_EQ(st.st_mtim.tv_nsec, 6);
	CHECK_ERRNO(fchmodat(999, "file", 0640, 0), EBADF);
	CHECK_ERRNO(fchownat(999, "file", 0, 0, 0), EBADF);
	CHECK_ERRNO(fchownat(dir, "file", 0, 0, 0x20), EINVAL);
	CHECK_ERRNO(utimensat(999, "file", times, 0), EBADF);
}

/* A removed directory: nothing is found in it and nothing can be made there. */
static void test_removed(void)
{
	struct stat st;
	REQUIRE(tree_make());
	CHECK_OK(mkdir("gone", 0755));
	int fd = CHECK_OK(open("gone", O_RDONLY | O_DIRECTORY));
	CHECK_OK(rmdir("gone"));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_ERRNO(openat(fd, "x", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_ERRNO(mkdirat(fd, "x", 0700), ENOENT);
	CHECK_ERRNO(symlinkat("y", fd, "x"), ENOENT);
	CHECK_ERRNO(linkat(dir, "file", fd, "x", 0), ENOENT);
	CHECK_ERRNO(renameat(dir, "file", fd, "x"), ENOENT);
	close(fd);
}

static const struct check_case cases[] = {
	{ "open", test_open },
	{ "renamed", test_renamed },
	{ "make-remove", test_make_remove },
	{ "links", test_links },
	{ "rename", test_rename },
	{ "stat", test_stat },
	{ "access", test_access },
	{ "attributes", test_attributes },
	{ "removed", test_removed },
};

CHECK_MAIN(cases)
