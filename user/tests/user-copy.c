/* What system calls copy from and to user memory: every size, alignment and end of memory. */
#include "check.h"
#include <sys/mman.h>

enum { AREA = 4096, LONGEST = 330, MARGIN = 16 };

static unsigned char expected[AREA];
static int fd = -1;

static void open_file(void)
{
	if (fd >= 0)
		return;
	fd = memfd_create("user-copy", 0);
	CHECK(fd >= 0);
	for (int i = 0; i < AREA; i++)
		expected[i] = (unsigned char)(i * 7 + (i >> 8) + 1);
	CHECK_EQ(pwrite(fd, expected, AREA, 0), AREA);
}

/* A page whose end is the end of memory. */
static unsigned char *last_page(void)
{
	unsigned char *pages =
		mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	CHECK_OK(mprotect(pages + AREA, AREA, PROT_NONE));
	return pages;
}

/* @size bytes from @offset of the file to @at, and nothing around them. */
static int read_is_wrong(unsigned char *at, size_t size, off_t offset)
{
	memset(at - MARGIN, 0xee, MARGIN);
	memset(at, 0xee, size);
	if (pread(fd, at, size, offset) != (ssize_t)size || memcmp(at, expected + offset, size))
		return 1;
	for (int i = 1; i <= MARGIN; i++)
		if (at[-i] != 0xee)
			return 1;
	return 0;
}

static void test_out(void)
{
	static unsigned char buffer[LONGEST + 64] __attribute__((aligned(16)));
	int wrong = 0;
	open_file();
	for (size_t size = 0; size <= LONGEST; size++)
		for (int shift = 0; shift < 16; shift++) {
			unsigned char *at = buffer + MARGIN + shift % 8;
			at[size] = 0xdd;
			wrong += read_is_wrong(at, size, shift < 8 ? 0 : shift % 8 + 1);
			wrong += at[size] != 0xdd;
		}
	CHECK_EQ(wrong, 0);
}

static void test_in(void)
{
	int copy = memfd_create("user-copy-in", 0), wrong = 0;
	unsigned char back[LONGEST + 1];
	open_file();
	for (size_t size = 0; size <= LONGEST; size++)
		for (int shift = 0; shift < 16; shift++) {
			off_t to = shift < 8 ? 0 : shift % 8 + 1;
			unsigned char *from = expected + shift % 8;
			wrong += pwrite(copy, from, size, to) != (ssize_t)size;
			wrong += pread(copy, back, size, to) != (ssize_t)size;
			wrong += memcmp(back, from, size) != 0;
		}
	close(copy);
	CHECK_EQ(wrong, 0);
}

/* Up to the last byte of memory all is well; past it, what was copied is what could be. */
static void test_end(void)
{
	unsigned char *page = last_page();
	int wrong = 0;
	open_file();
	for (size_t size = 1; size <= LONGEST; size++) {
		unsigned char *at = page + AREA - size;
		wrong += read_is_wrong(at, size, 0);
		for (size_t more = 1; more <= 72; more += more < 9 ? 1 : 9) {
			memset(at, 0xee, size);
			ssize_t got = pread(fd, at, size + more, 0);
			if (got < 0 ? errno != EFAULT : got > (ssize_t)size)
				wrong++;
			else if (got > 0)
				wrong += memcmp(at, expected, got) != 0;
		}
	}
	CHECK_EQ(wrong, 0);
	munmap(page, 2 * AREA);
}

/* Structures that are copied as a whole, or not at all: EFAULT. */
static void test_structures(void)
{
	unsigned char *page = last_page(), *end = page + AREA;
	struct {
		void *handler;
		unsigned long flags, mask;
	} action = { 0 };
	for (size_t size = 0; size < sizeof(action); size += 4) {
		memset(page, 0, AREA);
		CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, end - size, NULL, 8), EFAULT);
		CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, end - size, 8), EFAULT);
	}
	CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR1, end - sizeof(action), NULL, 8));
	CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, end - sizeof(action), 8));
	CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, end - sizeof(action) - 3, 8));
	for (unsigned long at = 1ul << 37; at; at <<= 1)
		CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, at, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, -8l, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, -24l, NULL, 8), EFAULT);
	munmap(page, 2 * AREA);
}

static const struct check_case cases[] = {
	{ "out", test_out },
	{ "in", test_in },
	{ "end", test_end },
	{ "structures", test_structures },
};

CHECK_MAIN(cases)
