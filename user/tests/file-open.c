/* openat(2), close(2): every flag and error; umask at creation. */
#include "check.h"
#include <sys/ioctl.h>

#define CLOSE_OK(call)                                                                             \
	do {                                                                                       \
		int close_fd_ = CHECK_OK(call);                                                    \
		if (close_fd_ >= 0)                                                                \
			close(close_fd_);                                                          \
	} while (0)

static void test_create(void)
{
	struct stat st;
	REQUIRE(scratch_enter());
	umask(022);
	CHECK_ERRNO(open("new", O_RDONLY), ENOENT);
	CLOSE_OK(open("new", O_WRONLY | O_CREAT, 0666));
	CHECK_OK(stat("new", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_ERRNO(open("new", O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	CLOSE_OK(open("new", O_WRONLY | O_CREAT, 0600)); /* the mode is not changed */
	CHECK_OK(stat("new", &st));
	CHECK_EQ(st.st_mode & 07777, 0644);
	umask(077);
	CLOSE_OK(open("private", O_RDWR | O_CREAT | O_EXCL, 0777));
	CHECK_OK(stat("private", &st));
	CHECK_EQ(st.st_mode & 07777, 0700);
	umask(022);
	int fd = CHECK_OK(open("readonly", O_RDWR | O_CREAT | O_EXCL, 0400));
	CHECK_EQ(write(fd, "x", 1), 1); /* the mode is for later opens */
	close(fd);
	CHECK_ERRNO(open("no/dir", O_WRONLY | O_CREAT, 0666), ENOENT);
	CHECK_ERRNO(open("new/file", O_WRONLY | O_CREAT, 0666), ENOTDIR);
	CHECK_ERRNO(open("slash/", O_WRONLY | O_CREAT, 0666), EISDIR);
	CHECK_ERRNO(open("", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("", O_RDWR | O_CREAT, 0666), ENOENT);
}

static void test_truncate_flag(void)
{
	struct stat st;
	REQUIRE(scratch_enter());
	REQUIRE(file_write("data", "0123456789", 10));
	CLOSE_OK(open("data", O_RDWR));
	CHECK_OK(stat("data", &st));
	CHECK_EQ(st.st_size, 10);
	CLOSE_OK(open("data", O_WRONLY | O_TRUNC));
	CHECK_OK(stat("data", &st));
	CHECK_EQ(st.st_size, 0);
}

static void test_access_mode(void)
{
	char byte;
	REQUIRE(scratch_enter());
	REQUIRE(file_write("mode", "abc", 3));
	int fd = CHECK_OK(open("mode", O_RDONLY));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	close(fd);
	fd = CHECK_OK(open("mode", O_WRONLY));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
	CHECK_ERRNO(read(fd, &byte, 1), EBADF);
	CHECK_ERRNO(pread(fd, &byte, 1, 0), EBADF);
	close(fd);
	fd = CHECK_OK(open("mode", O_RDWR));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(write(fd, "x", 1), 1);
	close(fd);
}

static void test_append(void)
{
	char text[32];
	REQUIRE(scratch_enter());
	REQUIRE(file_write("log", "one", 3));
	int fd = CHECK_OK(open("log", O_RDWR | O_APPEND));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(write(fd, "two", 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "three", 5), 5);
	CHECK_EQ(pwrite(fd, "!", 1, 0), 1); /* Linux: pwrite appends as well */
	CHECK_EQ(file_read("log", text, sizeof(text)), 12);
	CHECK_STR(text, "onetwothree!");
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(pwrite(fd, "O", 1, 0), 1);
	CHECK_EQ(file_read("log", text, sizeof(text)), 12);
	CHECK_STR(text, "Onetwothree!");
	close(fd);
}

static void test_directory(void)
{
	char byte;
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("dir", 0755));
	REQUIRE(file_write("file", "", 0));
	int fd = CHECK_OK(open("dir", O_RDONLY));
	CHECK_ERRNO(read(fd, &byte, 1), EISDIR);
	close(fd);
	CHECK_ERRNO(open("dir", O_WRONLY), EISDIR);
	CHECK_ERRNO(open("dir", O_RDWR), EISDIR);
	CHECK_ERRNO(open("dir", O_RDONLY | O_CREAT, 0666), EISDIR);
	CHECK_ERRNO(open("dir", O_RDONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	CHECK_ERRNO(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CLOSE_OK(open("dir", O_RDONLY | O_DIRECTORY));
	CLOSE_OK(open("dir/", O_RDONLY));
	CLOSE_OK(open("dir/.", O_RDONLY));
	CHECK_ERRNO(open("file/", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("file/.", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("file/..", O_RDONLY), ENOTDIR);
}

static void test_links(void)
{
	struct stat st;
	REQUIRE(scratch_enter());
	REQUIRE(file_write("target", "t", 1));
	CHECK_OK(symlink("target", "link"));
	CHECK_OK(symlink("missing", "dangling"));
	CHECK_OK(symlink("loop2", "loop1"));
	CHECK_OK(symlink("loop1", "loop2"));
	CLOSE_OK(open("link", O_RDONLY));
	CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(open("dangling", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERRNO(open("loop1", O_RDONLY), ELOOP);
	CHECK_ERRNO(open("loop1/x", O_RDONLY), ELOOP);
	CLOSE_OK(open("dangling", O_RDWR | O_CREAT, 0600)); /* makes the target */
	CHECK_OK(lstat("missing", &st));
	CHECK(S_ISREG(st.st_mode));
}

static void test_path_only(void)
{
	char byte;
	struct stat st;
	REQUIRE(scratch_enter());
	REQUIRE(file_write("target", "t", 1));
	int fd = CHECK_OK(open("target", O_PATH));
	CHECK_OK(fstat(fd, &st));
	CHECK_ERRNO(read(fd, &byte, 1), EBADF);
	CHECK_ERRNO(write(fd, &byte, 1), EBADF);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
	CHECK_ERRNO(fchmod(fd, 0600), EBADF);
	CHECK_ERRNO(ioctl(fd, 0x5401, &st), EBADF);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	close(fd);
	CHECK_OK(unlink("link"));
	CHECK_OK(symlink("target", "link"));
	fd = CHECK_OK(open("link", O_PATH | O_NOFOLLOW));
	CHECK_OK(fstat(fd, &st));
	CHECK(S_ISLNK(st.st_mode));
	close(fd);
}

static void test_close_on_exec(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(file_write("target", "t", 1));
	int fd = CHECK_OK(open("target", O_RDONLY | O_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_CLOEXEC, 0);
	close(fd);
	fd = CHECK_OK(open("target", O_RDONLY));
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	close(fd);
}

static void test_lowest(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(file_write("target", "t", 1));
	int a = open("target", O_RDONLY), b = open("target", O_RDONLY),
	    c = open("target", O_RDONLY);
	CHECK(a < b && b < c);
	close(b);
	CHECK_EQ(open("target", O_RDONLY), b);
	close(a), close(b);
	CHECK_EQ(open("target", O_RDONLY), a);
	CHECK_EQ(open("target", O_RDONLY), b);
	close(a), close(b), close(c);
	CHECK_ERRNO(close(a), EBADF);
	CHECK_ERRNO(close(-1), EBADF);
	CHECK_ERRNO(close(1 << 30), EBADF);
}

static void permissions(void *unused)
{
	(void)unused;
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	CHECK_ERRNO(open("secret", O_RDONLY), EACCES);
	CHECK_ERRNO(open("public", O_WRONLY), EACCES);
	CHECK_ERRNO(open("public", O_RDWR), EACCES);
	CHECK_ERRNO(open("public", O_RDONLY | O_TRUNC), EACCES);
	CLOSE_OK(open("public", O_RDONLY));
	CLOSE_OK(open("group", O_RDWR));
	CHECK_ERRNO(open("own", O_RDONLY), EACCES); /* the owner's bits count, not the others' */
	CHECK_ERRNO(open("new", O_RDWR | O_CREAT, 0600), EACCES);
	CHECK_ERRNO(open("closed/x", O_RDONLY), EACCES);
	CHECK_ERRNO(unlink("public"), EACCES);
	CHECK_ERRNO(mkdir("d", 0700), EACCES);
}

static void test_permissions(void)
{
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("perm", 0755));
	CHECK_OK(chdir("perm"));
	REQUIRE(file_write("secret", "s", 1) && chmod("secret", 0600) == 0);
	REQUIRE(file_write("public", "p", 1) && chmod("public", 0644) == 0);
	REQUIRE(file_write("group", "g", 1) && chmod("group", 0060) == 0);
	REQUIRE(file_write("own", "o", 1) && chmod("own", 0077) == 0);
	CHECK_OK(chown("group", 0, 1000));
	CHECK_OK(chown("own", 1000, 1000));
	CHECK_OK(mkdir("closed", 0700));
	CHECK_OK(chmod("..", 0755));
	CHECK_EQ(run_child(permissions, NULL), 0);
	CLOSE_OK(open("own", O_RDWR)); /* root may */
}

static void test_flags_unknown(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(file_write("target", "t", 1));
	CLOSE_OK(syscall(SYS_openat, AT_FDCWD, "target", O_RDONLY | 0x40000000, 0));
	CHECK_ERRNO(syscall(SYS_openat, AT_FDCWD, 8, O_RDONLY, 0), EFAULT);
	CHECK_ERRNO(open("/dev/none", O_RDONLY), ENOENT);
}

static const struct check_case cases[] = {
	{ "create", test_create },
	{ "truncate-flag", test_truncate_flag },
	{ "access-mode", test_access_mode },
	{ "append", test_append },
	{ "directory", test_directory },
	{ "links", test_links },
	{ "path-only", test_path_only },
	{ "close-on-exec", test_close_on_exec },
	{ "lowest", test_lowest },
	{ "permissions", test_permissions },
	{ "flags-unknown", test_flags_unknown },
};

CHECK_MAIN(cases)
