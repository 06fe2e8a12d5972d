/* dup(2), dup3(2), fcntl(2): descriptors and what they share; offsets across fork. */
#include "check.h"
#include <sys/resource.h>

static int data_open(void)
{
	if (!scratch_enter() || !file_write("data", "0123456789", 10))
		return -1;
	return open("data", O_RDWR);
}

static void test_dup(void)
{
	int fd = data_open();
	REQUIRE(fd >= 0);
	int copy = CHECK_OK(dup(fd));
	CHECK(copy > fd);
	CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 4); /* one offset for both */
	CHECK_OK(fcntl(copy, F_SETFL, O_APPEND));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND); /* and one set of flags */
	CHECK_OK(fcntl(copy, F_SETFD, FD_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), 0); /* but not close-on-exec */
	int second = CHECK_OK(dup(copy));
	CHECK_EQ(fcntl(second, F_GETFD), 0); /* never inherited by dup */
	close(fd);
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 4);
	CHECK_ERRNO(dup(fd), EBADF);
	CHECK_ERRNO(dup(-1), EBADF);
	close(copy), close(second);
}

static void test_dup3(void)
{
	int fd = data_open();
	REQUIRE(fd >= 0);
	CHECK_EQ(dup3(fd, 50, O_CLOEXEC), 50);
	CHECK_EQ(fcntl(50, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(dup3(fd, 50, 0), 50);
	CHECK_EQ(fcntl(50, F_GETFD), 0);
	CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
	CHECK_ERRNO(dup3(fd, 51, O_APPEND), EINVAL);
	CHECK_ERRNO(dup3(-1, 51, 0), EBADF);
	CHECK_ERRNO(dup3(fd, -1, 0), EBADF);
	CHECK_ERRNO(dup3(fd, 1 << 28, 0), EBADF);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_ERRNO(dup2(999, 999), EBADF);
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	char byte;
	CHECK_EQ(dup2(fd, ends[1]), ends[1]); /* closes the old one */
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	close(ends[0]), close(ends[1]), close(50), close(fd);
}

static void test_dupfd(void)
{
	int fd = data_open();
	REQUIRE(fd >= 0);
	int a = CHECK_OK(fcntl(fd, F_DUPFD, 100));
	int b = CHECK_OK(fcntl(fd, F_DUPFD, 100));
	CHECK_EQ(a, 100);
	CHECK_EQ(b, 101);
	CHECK_EQ(fcntl(a, F_GETFD), 0);
	int c = CHECK_OK(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	CHECK_EQ(fcntl(c, F_GETFD), FD_CLOEXEC);
	CHECK_ERRNO(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERRNO(fcntl(fd, F_DUPFD, 1 << 28), EINVAL);
	CHECK_ERRNO(fcntl(999, F_DUPFD, 0), EBADF);
	close(a), close(b), close(c), close(fd);
}

static void test_fcntl(void)
{
	int fd = data_open();
	REQUIRE(fd >= 0);
	CHECK_ERRNO(fcntl(fd, 9999, 0), EINVAL);
	CHECK_ERRNO(fcntl(999, F_GETFL), EBADF);
	CHECK_OK(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_RDONLY | O_CREAT));
	int flags = fcntl(fd, F_GETFL);
	CHECK_EQ(flags & O_ACCMODE, O_RDWR); /* access mode and others stay */
	CHECK_EQ(flags & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), 0);
	close(fd);
}

/* The offset belongs to the open file: parent and child share it. */
static void test_fork_offset(void)
{
	char text[16] = "";
	int fd = data_open();
	REQUIRE(fd >= 0);
	CHECK_EQ(read(fd, text, 2), 2);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
		CHECK_EQ(read(fd, text, 3), 3);
		CHECK_EQ(memcmp(text, "234", 3), 0);
		close(fd); /* the parent's stays open */
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	int other = open("data", O_RDONLY); /* opened anew: an offset of its own */
	CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
	close(fd), close(other);
}

static void test_unlinked(void)
{
	char text[16] = "";
	struct stat st;
	int fd = data_open();
	REQUIRE(fd >= 0);
	CHECK_OK(unlink("data"));
	CHECK_ERRNO(stat("data", &st), ENOENT);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_size, 10);
	CHECK_EQ(read(fd, text, 10), 10);
	CHECK_EQ(write(fd, "more", 4), 4);
	CHECK_EQ(pread(fd, text, 4, 10), 4);
	CHECK_EQ(memcmp(text, "more", 4), 0);
	REQUIRE(file_write("data", "new", 3)); /* the name is free again */
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 14);
	close(fd);
}

static void many(void *unused)
{
	struct rlimit limit = { 40, 40 };
	int count = 0, ends[2];
	(void)unused;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	while (open("/dev/null", O_RDONLY) >= 0)
		count++;
	CHECK_EQ(errno, EMFILE);
	CHECK_RANGE(count, 20, 37);
	CHECK_ERRNO(dup(0), EMFILE);
	CHECK_ERRNO(pipe(ends), EMFILE);
	CHECK_ERRNO(fcntl(0, F_DUPFD, 40), EINVAL);
	CHECK_ERRNO(dup2(0, 40), EBADF);
	close(39);
	CHECK_ERRNO(pipe(ends), EMFILE); /* one is not enough; none is lost */
	CHECK_EQ(open("/dev/null", O_RDONLY), 39);
}

static void test_many(void)
{
	CHECK_EQ(run_child(many, NULL), 0);
}

static void thousand(void *unused)
{
	struct rlimit limit;
	(void)unused;
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	int top = limit.rlim_cur > 1000 ? 1000 : limit.rlim_cur;
	for (int fd = 3; fd < top; fd++)
		CHECK_EQ(dup2(0, fd), fd);
	for (int fd = 3; fd < top; fd += 2)
		CHECK_OK(close(fd));
	CHECK_EQ(dup(0), 3);
	CHECK_EQ(dup(0), 5);
}

static void test_thousand(void)
{
	CHECK_EQ(run_child(thousand, NULL), 0);
}

static const struct check_case cases[] = {
	{ "dup", test_dup },
	{ "dup3", test_dup3 },
	{ "dupfd", test_dupfd },
	{ "fcntl", test_fcntl },
	{ "fork-offset", test_fork_offset },
	{ "unlinked", test_unlinked },
	{ "many", test_many },
	{ "thousand", test_thousand },
};

CHECK_MAIN(cases)
