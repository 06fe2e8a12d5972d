/* mmap(2) of files: private and shared, past the end, truncation, msync, permissions. */
#include "fault.h"

static int file_make(const char *name, size_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	unsigned char page[PAGE];
	for (size_t at = 0; at < size; at += PAGE) {
		size_t part = size - at < PAGE ? size - at : PAGE;
		memset(page, 'a' + at / PAGE, part);
		if (write(fd, page, part) != (ssize_t)part)
			return -1;
	}
	return fd;
}

static unsigned char *map(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, offset);
	return p == MAP_FAILED ? NULL : p;
}

static unsigned char file_byte(int fd, off_t at)
{
	unsigned char byte = 0xff;
	return pread(fd, &byte, 1, at) == 1 ? byte : 0xee;
}

static void test_private(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("private", 3 * PAGE);
	unsigned char *p = map(fd, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	REQUIRE(p);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[2 * PAGE + 7], 'c');
	p[PAGE] = 'X';
	CHECK_EQ(file_byte(fd, PAGE), 'b'); /* not written through */
	CHECK_EQ(p[PAGE + 1], 'b');
	CHECK_EQ(pwrite(fd, "Y", 1, 2 * PAGE), 1);
	CHECK_EQ(p[PAGE], 'X');
	unsigned char *q = map(fd, 3 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	REQUIRE(q);
	CHECK_EQ(q[PAGE], 'b');
	CHECK_EQ(q[2 * PAGE], 'Y');
	CHECK_WRITE_FAULT(q, SIGSEGV, SEGV_ACCERR);
	munmap(p, 3 * PAGE);
	munmap(q, 3 * PAGE);
	close(fd);
}

static void test_shared(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("shared", 3 * PAGE);
	unsigned char *p = map(fd, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	unsigned char *q = map(fd, 2 * PAGE, PROT_READ, MAP_SHARED, PAGE);
	REQUIRE(p && q);
	close(fd); /* the mapping keeps the file */
	p[PAGE + 3] = 'S';
	CHECK_EQ(q[3], 'S');
	fd = open("shared", O_RDWR);
	CHECK_EQ(file_byte(fd, PAGE + 3), 'S');
	CHECK_EQ(pwrite(fd, "W", 1, 2 * PAGE), 1);
	CHECK_EQ(p[2 * PAGE], 'W');
	CHECK_EQ(q[PAGE], 'W');
	CHECK_OK(msync(p, 3 * PAGE, MS_SYNC));
	CHECK_OK(msync(p, PAGE, MS_ASYNC));
	munmap(p, 3 * PAGE);
	munmap(q, 2 * PAGE);
	CHECK_EQ(file_byte(fd, PAGE + 3), 'S');
	close(fd);
}

static void test_shared_fork(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("fork", 2 * PAGE);
	unsigned char *s = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	unsigned char *p = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	REQUIRE(s && p);
	p[0] = 'P';
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(p[0], 'P');
		s[PAGE] = 'S';
		p[0] = 'Q';
		p[PAGE + 1] = 'R';
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(s[PAGE], 'S');
	CHECK_EQ(p[0], 'P');
	CHECK_EQ(p[PAGE + 1], 'b');
	CHECK_EQ(file_byte(fd, PAGE), 'S');
	CHECK_EQ(file_byte(fd, PAGE + 1), 'b');
	munmap(s, 2 * PAGE);
	munmap(p, 2 * PAGE);
	close(fd);
}

static void test_past_end(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("short", PAGE + 100);
	unsigned char *p = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	unsigned char *q = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	REQUIRE(p && q);
	CHECK_EQ(p[PAGE + 99], 'b');
	CHECK_EQ(p[PAGE + 100], 0); /* the rest of the last page reads as zeros */
	CHECK_EQ(q[2 * PAGE - 1], 0);
	CHECK_READ_FAULT(p + 2 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_WRITE_FAULT(p + 3 * PAGE + 5, SIGBUS, BUS_ADRERR);
	CHECK_READ_FAULT(q + 2 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_WRITE_FAULT(q + 2 * PAGE, SIGBUS, BUS_ADRERR);
	p[PAGE + 200] = 'Z'; /* past the end: never reaches the file */
	struct stat st;
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, PAGE + 100);
	CHECK_OK(ftruncate(fd, 3 * PAGE));
	CHECK_READABLE(p + 2 * PAGE);
	CHECK_EQ(p[2 * PAGE], 0);
	CHECK_READ_FAULT(p + 3 * PAGE, SIGBUS, BUS_ADRERR);
	munmap(p, 4 * PAGE);
	munmap(q, 4 * PAGE);
	close(fd);
}

static void test_truncate(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("truncate", 4 * PAGE);
	unsigned char *s = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	unsigned char *p = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	REQUIRE(s && p);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(s[i * PAGE] + p[i * PAGE], 2 * ('a' + i));
	p[3 * PAGE] = 'X'; /* a copy of our own, lost by truncation as well */
	CHECK_OK(ftruncate(fd, PAGE + 10));
	CHECK_EQ(s[PAGE + 9], 'b');
	CHECK_EQ(s[PAGE + 10], 0);
	CHECK_EQ(s[2 * PAGE - 1], 0);
	CHECK_READ_FAULT(s + 2 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_READ_FAULT(p + 2 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_OK(ftruncate(fd, 4 * PAGE));
	CHECK_EQ(s[PAGE + 10], 0); /* what was cut off does not come back */
	CHECK_EQ(s[2 * PAGE], 0);
	CHECK_EQ(p[2 * PAGE], 0);
	CHECK_OK(ftruncate(fd, 0));
	CHECK_READ_FAULT(s, SIGBUS, BUS_ADRERR);
	munmap(s, 4 * PAGE);
	munmap(p, 4 * PAGE);
	close(fd);
}

static void test_offset(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("offset", 4 * PAGE);
	unsigned char *p = map(fd, 2 * PAGE, PROT_READ, MAP_SHARED, 2 * PAGE);
	REQUIRE(p);
	CHECK_EQ(p[0], 'c');
	CHECK_EQ(p[PAGE], 'd');
	CHECK_OK(munmap(p, PAGE)); /* the rest keeps its place in the file */
	CHECK_EQ(p[PAGE], 'd');
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)(1UL << 63) - PAGE),
		    EOVERFLOW);
	p = map(fd, PAGE, PROT_READ, MAP_PRIVATE, 64 * PAGE); /* allowed; access is not */
	REQUIRE(p);
	CHECK_READ_FAULT(p, SIGBUS, BUS_ADRERR);
	munmap(p, PAGE);
	close(fd);
}

static void test_permissions(void)
{
	REQUIRE(scratch_enter());
	close(file_make("perm", PAGE));
	int ro = open("perm", O_RDONLY), wo = open("perm", O_WRONLY);
	int dir = open(".", O_RDONLY | O_DIRECTORY), path = open("perm", O_PATH);
	int ends[2];
	REQUIRE(ro >= 0 && wo >= 0 && dir >= 0 && path >= 0 && pipe(ends) == 0);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, ro, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
	unsigned char *p = map(ro, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	REQUIRE(p);
	p[0] = 'X';
	munmap(p, PAGE);
	p = map(ro, PAGE, PROT_READ, MAP_SHARED, 0);
	REQUIRE(p);
	CHECK_ERRNO(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(p[0], 'a');
	munmap(p, PAGE);
	close(ro), close(wo), close(dir), close(path), close(ends[0]), close(ends[1]);
}

static void test_unlinked(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("unlinked", 2 * PAGE);
	unsigned char *p = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	REQUIRE(p);
	CHECK_OK(unlink("unlinked"));
	close(fd);
	p[PAGE] = 'U';
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE], 'U');
	munmap(p, 2 * PAGE);
}

static void test_read_into_mapping(void)
{
	REQUIRE(scratch_enter());
	int fd = file_make("self", 2 * PAGE);
	unsigned char *p = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	REQUIRE(p);
	/* From a page of the file into another page of the same file, not touched before. */
	CHECK_EQ(pread(fd, p, PAGE, PAGE), PAGE);
	CHECK_EQ(p[0], 'b');
	CHECK_EQ(pwrite(fd, p + PAGE, PAGE, 0), PAGE);
	CHECK_EQ(file_byte(fd, PAGE - 1), 'b');
	munmap(p, 2 * PAGE);
	close(fd);
}

static void test_sparse(void)
{
	REQUIRE(scratch_enter());
	int fd = open("sparse", O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0);
	CHECK_OK(ftruncate(fd, 1L << 30));
	unsigned char *p = map(fd, 1UL << 30, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	REQUIRE(p);
	CHECK_EQ(p[500 * PAGE], 0);
	p[(1UL << 30) - 1] = 'E';
	CHECK_EQ(file_byte(fd, (1L << 30) - 1), 'E');
	CHECK_EQ(file_byte(fd, 1L << 29), 0);
	munmap(p, 1UL << 30);
	close(fd);
}

static void test_dev_zero(void)
{
	int fd = open("/dev/zero", O_RDWR);
	REQUIRE(fd >= 0);
	unsigned char *p = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	unsigned char *s = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	unsigned char *t = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	REQUIRE(p && s && t);
	p[0] = 1;
	pid_t pid = fork_child();
	if (pid == 0) {
		s[PAGE] = 9;
		p[0] = 2;
		_exit(0);
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(s[PAGE], 9); /* shared with the child */
	CHECK_EQ(t[PAGE], 0); /* not with another mapping */
	CHECK_EQ(p[0], 1);
	munmap(p, 2 * PAGE), munmap(s, 2 * PAGE), munmap(t, 2 * PAGE);
	close(fd);
}

static const struct check_case cases[] = {
	{ "private", test_private },
	{ "shared", test_shared },
	{ "shared-fork", test_shared_fork },
	{ "past-end", test_past_end },
	{ "truncate", test_truncate },
	{ "offset", test_offset },
	{ "permissions", test_permissions },
	{ "unlinked", test_unlinked },
	{ "read-into-mapping", test_read_into_mapping },
	{ "sparse", test_sparse },
	{ "dev-zero", test_dev_zero },
};

CHECK_MAIN(cases)
