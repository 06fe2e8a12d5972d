/* read, write, lseek with holes, pread, pwrite, readv, writev, truncate, sendfile. */
#include "check.h"
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int file_open(const char *name)
{
	return scratch_enter() ? open(name, O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
}

static off_t size_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? -1 : st.st_size;
}

static void test_read_write(void)
{
	static unsigned char out[50000], in[50000];
	int fd = file_open("rw");
	REQUIRE(fd >= 0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + i / 256;
	CHECK_EQ(write(fd, out, sizeof(out)), sizeof(out));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, in, sizeof(in)), sizeof(in));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK_EQ(read(fd, in, 10), 0); /* the end */
	CHECK_EQ(lseek(fd, -5, SEEK_END), sizeof(out) - 5);
	CHECK_EQ(read(fd, in, 100), 5);
	CHECK_EQ(write(fd, out, 0), 0);
	CHECK_EQ(read(fd, in, 0), 0);
	for (int i = 0; i < 40; i++) { /* odd places, over page boundaries */
		size_t at = i * 997, size = 1 + i * 131;
		CHECK_EQ(pread(fd, in, size, at), size);
		CHECK_EQ(memcmp(in, out + at, size), 0);
	}
	close(fd);
}

static void test_seek(void)
{
	int fd = file_open("seek");
	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, "abcdef", 6), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	CHECK_EQ(lseek(fd, -2, SEEK_CUR), 4);
	CHECK_EQ(lseek(fd, 2, SEEK_END), 8);
	CHECK_EQ(size_of(fd), 6); /* a seek alone does not grow it */
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERRNO(lseek(fd, -7, SEEK_END), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, 77), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8);
	CHECK_ERRNO(lseek(999, 0, SEEK_SET), EBADF);
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	CHECK_ERRNO(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(ends[0], ends, 1, 0), ESPIPE);
	CHECK_ERRNO(pwrite(ends[1], ends, 1, 0), ESPIPE);
	CHECK_ERRNO(pread(fd, ends, 1, -1), EINVAL);
	CHECK_ERRNO(pwrite(fd, ends, 1, -1), EINVAL);
	close(ends[0]), close(ends[1]), close(fd);
}

static void test_holes(void)
{
	char page[4096];
	int fd = file_open("holes");
	REQUIRE(fd >= 0);
	CHECK_EQ(pwrite(fd, "end", 3, 100000), 3);
	CHECK_EQ(size_of(fd), 100003);
	CHECK_EQ(pread(fd, page, sizeof(page), 50000), sizeof(page));
	for (size_t i = 0; i < sizeof(page); i++) {
		if (!CHECK_EQ(page[i], 0))
			break;
	}
	CHECK_EQ(pread(fd, page, 10, 99999), 4);
	CHECK_EQ(memcmp(page, "\0end", 4), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 1L << 40), 1);
	CHECK_EQ(size_of(fd), (1L << 40) + 1);
	CHECK_EQ(pread(fd, page, 8, 1L << 39), 8);
	/* SEEK_DATA and SEEK_HOLE: a file system may know only one big piece of data. */
	off_t data = lseek(fd, 0, SEEK_DATA);
	if (data >= 0) {
		CHECK(data <= 100000);
		CHECK(lseek(fd, data, SEEK_HOLE) > data);
		CHECK_ERRNO(lseek(fd, 1L << 41, SEEK_DATA), ENXIO);
	}
	close(fd);
}

static void test_truncate(void)
{
	char text[16];
	int fd = file_open("truncate");
	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_OK(ftruncate(fd, 4));
	CHECK_EQ(size_of(fd), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10); /* the offset stays */
	CHECK_OK(ftruncate(fd, 8));
	CHECK_EQ(pread(fd, text, 16, 0), 8);
	CHECK_EQ(memcmp(text, "0123\0\0\0\0", 8), 0); /* zeros, not the old bytes */
	CHECK_OK(truncate("truncate", 2));
	CHECK_EQ(size_of(fd), 2);
	CHECK_EQ(write(fd, "z", 1), 1); /* at 10, behind a hole */
	CHECK_EQ(size_of(fd), 11);
	CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
	CHECK_ERRNO(truncate("truncate", -1), EINVAL);
	CHECK_ERRNO(truncate("nothing", 0), ENOENT);
	CHECK_ERRNO(truncate(".", 0), EISDIR);
	CHECK_ERRNO(truncate("truncate/x", 0), ENOTDIR);
	CHECK_ERRNO(ftruncate(999, 0), EBADF);
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	CHECK_ERRNO(ftruncate(ends[1], 0), EINVAL);
	close(ends[0]), close(ends[1]), close(fd);
}

static void test_vectors(void)
{
	char a[4] = "", b[8] = "", c[16] = "";
	struct iovec out[] = { { "one", 3 }, { "", 0 }, { "twotwo", 6 }, { "three", 5 } };
	struct iovec in[] = { { a, 4 }, { b, 4 }, { c, 16 } };
	int fd = file_open("vectors");
	REQUIRE(fd >= 0);
	CHECK_EQ(writev(fd, out, 4), 14);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, in, 3), 14);
	CHECK_EQ(memcmp(a, "onet", 4), 0);
	CHECK_EQ(memcmp(b, "wotw", 4), 0);
	CHECK_EQ(memcmp(c, "othree", 6), 0);
	CHECK_EQ(writev(fd, out, 0), 0);
	CHECK_ERRNO(writev(fd, out, -1), EINVAL);
	CHECK_ERRNO(writev(fd, out, 1025), EINVAL);
	CHECK_ERRNO(writev(fd, (void *)8, 1), EFAULT);
	CHECK_ERRNO(writev(999, out, 1), EBADF);
	out[0].iov_len = (size_t)-1;
	CHECK_ERRNO(writev(fd, out, 2), EINVAL);
	close(fd);
}

/*
 * A buffer that ends in bad memory: what was good is moved, or nothing is. (Not with write() to a
 * file: Linux 6.12 for riscv64 never comes back from that.)
 */
static void test_fault(void)
{
	unsigned char *p =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = file_open("fault");
	REQUIRE((void *)p != MAP_FAILED && fd >= 0);
	munmap(p + PAGE, PAGE);
	memset(p, 'f', PAGE);
	CHECK_ERRNO(write(fd, p + PAGE, 10), EFAULT);
	CHECK_ERRNO(write(fd, (void *)~0UL, 10), EFAULT);
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	ssize_t done = write(ends[1], p + PAGE - 100, 200);
	CHECK(done == 100 || (done == -1 && errno == EFAULT));
	close(ends[0]), close(ends[1]);
	CHECK_OK(ftruncate(fd, 1000));
	CHECK_ERRNO(pread(fd, p + PAGE, 10, 0), EFAULT);
	done = pread(fd, p + PAGE - 100, 200, 0);
	CHECK(done == 100 || (done == -1 && errno == EFAULT));
	CHECK_ERRNO(read(fd, NULL, 10), EFAULT);
	munmap(p, PAGE);
	close(fd);
}

/* Linux moves at most 0x7ffff000 bytes at once and looks at the sign of the count. */
static void test_large_count(void)
{
	char byte = 'b';
	int fd = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_RDONLY);
	unsigned char *p =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(write(fd, &byte, 0x80001000UL), 0x7ffff000);
	CHECK_ERRNO(write(fd, &byte, (size_t)-1), EFAULT);
	CHECK(read(zero, p, 1UL << 40) < (ssize_t)(1L << 31));
	munmap(p, PAGE);
	close(fd), close(zero);
}

static void size_limited(void *unused)
{
	struct rlimit limit = { 8192, 8192 };
	static char block[10000];
	int fd = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0644);
	(void)unused;
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
	signal_set(SIGXFSZ, SIG_IGN, 0);
	CHECK_EQ(write(fd, block, sizeof(block)), 8192); /* as much as fits */
	CHECK_ERRNO(write(fd, block, 1), EFBIG);
	CHECK_ERRNO(ftruncate(fd, 8193), EFBIG);
	CHECK_OK(ftruncate(fd, 8192));
	signal_set(SIGXFSZ, SIG_DFL, 0);
	if (write(fd, block, 1) < 0)
		_exit(9); /* not reached: SIGXFSZ */
}

static void test_size_limit(void)
{
	REQUIRE(scratch_enter());
	int status = run_child(size_limited, NULL);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGXFSZ);
}

static void test_sendfile(void)
{
	static char text[20000], back[20000];
	int ends[2], in = file_open("source");
	REQUIRE(in >= 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = 'a' + i % 23;
	CHECK_EQ(write(in, text, sizeof(text)), sizeof(text));
	int out = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0644);
	off_t offset = 5;
	CHECK_EQ(sendfile(out, in, &offset, 10000), 10000);
	CHECK_EQ(offset, 10005);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), sizeof(text)); /* with an offset: not moved */
	CHECK_EQ(pread(out, back, 10000, 0), 10000);
	CHECK_EQ(memcmp(back, text + 5, 10000), 0);
	CHECK_EQ(lseek(in, 19000, SEEK_SET), 19000);
	CHECK_EQ(sendfile(out, in, NULL, 5000), 1000);
	CHECK_EQ(sendfile(out, in, NULL, 5000), 0);
	CHECK_EQ(size_of(out), 11000);
	REQUIRE(pipe(ends) == 0);
	CHECK_EQ(lseek(in, 0, SEEK_SET), 0);
	CHECK_EQ(sendfile(ends[1], in, NULL, 3000), 3000);
	CHECK_EQ(read(ends[0], back, sizeof(back)), 3000);
	CHECK_EQ(memcmp(back, text, 3000), 0);
	CHECK_ERRNO(sendfile(999, in, NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(out, 999, NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(ends[0], in, NULL, 1), EBADF);
	CHECK_ERRNO(syscall(SYS_sendfile, out, in, 8, 1), EFAULT);
	close(ends[0]), close(ends[1]), close(in), close(out);
}

static const struct check_case cases[] = {
	{ "read-write", test_read_write },
	{ "seek", test_seek },
	{ "holes", test_holes },
	{ "truncate", test_truncate },
	{ "vectors", test_vectors },
	{ "fault", test_fault },
	{ "large-count", test_large_count },
	{ "size-limit", test_size_limit },
	{ "sendfile", test_sendfile },
};

CHECK_MAIN(cases)
