/* mmap(2), munmap(2): anonymous memory, placement, partial unmaps, errors. */
#include "fault.h"

static unsigned char *map(size_t pages, int prot)
{
	void *p = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static bool all_bytes(const unsigned char *p, size_t size, unsigned char value)
{
	for (size_t i = 0; i < size; i++) {
		if (p[i] != value)
			return false;
	}
	return true;
}

static void test_zero(void)
{
	unsigned char *p = map(8, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	CHECK_EQ((uintptr_t)p % PAGE, 0);
	CHECK(all_bytes(p, 4 * PAGE, 0)); /* read first: the zero page */
	memset(p, 0xab, 8 * PAGE);
	CHECK(all_bytes(p, 8 * PAGE, 0xab));
	CHECK_OK(munmap(p, 8 * PAGE));
	unsigned char *q = map(8, PROT_READ | PROT_WRITE);
	REQUIRE(q);
	CHECK(all_bytes(q, 8 * PAGE, 0)); /* nothing of the old contents */
	CHECK_OK(munmap(q, 8 * PAGE));
}

static void test_zero_page_write(void)
{
	unsigned char *p = map(2, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	volatile unsigned char *a = p, *b = p + PAGE;
	CHECK_EQ(*a + *b, 0);
	*a = 1;
	CHECK_EQ(*b, 0);
	CHECK_EQ(*a, 1);
	*b = 2;
	CHECK_EQ(*a, 1);
	CHECK_OK(munmap(p, 2 * PAGE));
}

static void test_fixed(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	unsigned char *p = map(4, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	memset(p, 1, 4 * PAGE);
	CHECK(mmap(p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) == p + PAGE);
	CHECK(all_bytes(p, PAGE, 1));
	CHECK(all_bytes(p + PAGE, 2 * PAGE, 0));
	CHECK(all_bytes(p + 3 * PAGE, PAGE, 1));
	CHECK_ERRNO(mmap(p + 1, PAGE, PROT_READ, flags, -1, 0), EINVAL);
	CHECK_OK(munmap(p, 4 * PAGE));
}

static void test_noreplace(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	unsigned char *p = map(4, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	p[0] = 7;
	CHECK_ERRNO(mmap(p, PAGE, PROT_READ, flags, -1, 0), EEXIST);
	CHECK_ERRNO(mmap(p + 3 * PAGE, 2 * PAGE, PROT_READ, flags, -1, 0), EEXIST);
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERRNO(mmap(p + PAGE, 2 * PAGE, PROT_READ, flags, -1, 0), EEXIST);
	CHECK(mmap(p + PAGE, PAGE, PROT_READ, flags, -1, 0) == p + PAGE);
	CHECK_EQ(p[0], 7);
	CHECK_EQ(p[PAGE], 0);
	CHECK_OK(munmap(p, 4 * PAGE));
}

static void test_hint(void)
{
	unsigned char *p = map(16, PROT_READ);
	REQUIRE(p);
	CHECK_OK(munmap(p, 16 * PAGE));
	/* A free hint is taken, rounded to a page; a busy one is not an error. */
	unsigned char *q = mmap(p + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(q == p + 4 * PAGE);
	unsigned char *r = mmap(q, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK((void *)r != MAP_FAILED && r != q);
	CHECK_OK(munmap(q, PAGE));
	CHECK_OK(munmap(r, PAGE));
}

static void test_partial_unmap(void)
{
	unsigned char *p = map(9, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	for (int i = 0; i < 9; i++)
		p[i * PAGE] = i + 1;
	CHECK_OK(munmap(p + 4 * PAGE, PAGE)); /* the middle */
	CHECK_READ_FAULT(p + 4 * PAGE, SIGSEGV, SEGV_MAPERR);
	CHECK_OK(munmap(p, PAGE));	      /* the head */
	CHECK_OK(munmap(p + 8 * PAGE, PAGE)); /* the tail */
	CHECK_READ_FAULT(p, SIGSEGV, SEGV_MAPERR);
	CHECK_READ_FAULT(p + 8 * PAGE, SIGSEGV, SEGV_MAPERR);
	for (int i = 1; i < 8; i++) {
		if (i != 4)
			CHECK_EQ(p[i * PAGE], i + 1);
	}
	CHECK_OK(munmap(p, 9 * PAGE)); /* over the holes: no error */
	for (int i = 0; i < 9; i++)
		CHECK_READ_FAULT(p + i * PAGE, SIGSEGV, SEGV_MAPERR);
}

static void test_every_second(void)
{
	enum { PAGES = 64 };
	unsigned char *p = map(PAGES, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	for (int i = 0; i < PAGES; i++)
		p[i * PAGE] = i;
	for (int i = 0; i < PAGES; i += 2)
		CHECK_OK(munmap(p + i * PAGE, PAGE));
	for (int i = 1; i < PAGES; i += 2)
		CHECK_EQ(p[i * PAGE], i);
	for (int i = 0; i < PAGES; i += 2) { /* fill the holes again: one range once more */
		void *q = mmap(p + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		CHECK(q == p + i * PAGE);
		CHECK_EQ(p[i * PAGE], 0);
	}
	CHECK_OK(mprotect(p, PAGES * PAGE, PROT_READ));
	CHECK_WRITE_FAULT(p + 31 * PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(munmap(p, PAGES * PAGE));
}

static void test_shared(void)
{
	unsigned char *p =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)p != MAP_FAILED);
	CHECK(all_bytes(p, 4 * PAGE, 0));
	pid_t pid = fork_child();
	if (pid == 0) {
		memset(p, 0x77, 4 * PAGE);
		_exit(0);
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(all_bytes(p, 4 * PAGE, 0x77));
	CHECK_OK(munmap(p, 4 * PAGE));
}

static void test_prot_none(void)
{
	unsigned char *p = map(2, PROT_NONE);
	REQUIRE(p);
	CHECK_READ_FAULT(p, SIGSEGV, SEGV_ACCERR);
	CHECK_WRITE_FAULT(p + 100, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	CHECK_WRITABLE(p);
	CHECK_READ_FAULT(p + PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(munmap(p, 2 * PAGE));
}

/* mmap(2) ERRORS. */
static void test_errors(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	unsigned char *p = map(1, PROT_READ);
	REQUIRE(p);
	CHECK_ERRNO(mmap(NULL, 0, PROT_READ, flags, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, PAGE, PROT_READ, flags, -1, 1), EINVAL);
	CHECK_ERRNO(mmap(NULL, ~0UL, PROT_READ, flags, -1, 0), ENOMEM);
	CHECK_ERRNO(mmap(NULL, 1UL << 58, PROT_READ, flags, -1, 0), ENOMEM);
	CHECK_ERRNO(mmap((void *)(~0UL << 30), PAGE, PROT_READ, flags | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERRNO(munmap(p, 0), EINVAL);
	CHECK_ERRNO(munmap((void *)(~0UL << 12), PAGE), EINVAL);
	CHECK_ERRNO(munmap(p, ~0UL), EINVAL);
	CHECK_READABLE(p);
	CHECK_OK(munmap(p, 1)); /* a length is rounded up */
	CHECK_READ_FAULT(p, SIGSEGV, SEGV_MAPERR);
	CHECK_OK(munmap(p, PAGE)); /* nothing there: no error */
}

static void test_huge(void)
{
	size_t size = 16UL << 30;
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE((void *)p != MAP_FAILED);
	for (size_t at = 0; at < size; at += size / 16) {
		CHECK_EQ(p[at + 5], 0);
		p[at] = at >> 30;
	}
	for (size_t at = 0; at < size; at += size / 16)
		CHECK_EQ(p[at], at >> 30);
	CHECK_OK(mprotect(p, size / 2, PROT_NONE));
	CHECK_READ_FAULT(p, SIGSEGV, SEGV_ACCERR);
	CHECK_EQ(p[size / 2], size / 2 >> 30);
	CHECK_OK(munmap(p, size));
	CHECK_READ_FAULT(p + size / 2, SIGSEGV, SEGV_MAPERR);
}

static void test_populate(void)
{
	unsigned char *p = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	REQUIRE((void *)p != MAP_FAILED);
	CHECK(all_bytes(p, 32 * PAGE, 0));
	p[31 * PAGE] = 1;
	CHECK_OK(munmap(p, 32 * PAGE));
}

static const struct check_case cases[] = {
	{ "zero", test_zero },
	{ "zero-page-write", test_zero_page_write },
	{ "fixed", test_fixed },
	{ "noreplace", test_noreplace },
	{ "hint", test_hint },
	{ "partial-unmap", test_partial_unmap },
	{ "every-second", test_every_second },
	{ "shared", test_shared },
	{ "prot-none", test_prot_none },
	{ "errors", test_errors },
	{ "huge", test_huge },
	{ "populate", test_populate },
};

CHECK_MAIN(cases)
