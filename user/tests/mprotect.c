/* mprotect(2): every change of protection, splitting and merging, errors, code pages. */
#include "fault.h"

static unsigned char *map(size_t pages, int prot)
{
	void *p = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void test_changes(void)
{
	unsigned char *p = map(1, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	p[9] = 42;
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_EQ(p[9], 42);
	CHECK_WRITE_FAULT(p + 9, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_READ_FAULT(p + 9, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(p[9], 42); /* the contents survive PROT_NONE */
	CHECK_WRITABLE(p);
	CHECK_OK(munmap(p, PAGE));
}

/* A page that was never touched, or only read, becomes writable and not before. */
static void test_untouched(void)
{
	unsigned char *p = map(2, PROT_READ);
	REQUIRE(p);
	CHECK_EQ(p[0], 0);
	CHECK_WRITE_FAULT(p, SIGSEGV, SEGV_ACCERR);
	CHECK_WRITE_FAULT(p + PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE));
	CHECK_WRITABLE(p);
	CHECK_WRITABLE(p + PAGE);
	CHECK_EQ(p[0], 0x5a);
	CHECK_OK(munmap(p, 2 * PAGE));
}

static void test_split_merge(void)
{
	enum { PAGES = 12 };
	unsigned char *p = map(PAGES, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	memset(p, 3, PAGES * PAGE);
	CHECK_OK(mprotect(p + 4 * PAGE, 4 * PAGE, PROT_READ));
	for (int i = 0; i < PAGES; i++) {
		if (i >= 4 && i < 8)
			CHECK_WRITE_FAULT(p + i * PAGE, SIGSEGV, SEGV_ACCERR);
		else
			CHECK_WRITABLE(p + i * PAGE);
	}
	CHECK_OK(mprotect(p + 2 * PAGE, 4 * PAGE, PROT_NONE));
	CHECK_READ_FAULT(p + 2 * PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_READ_FAULT(p + 5 * PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_READABLE(p + 6 * PAGE);
	CHECK_OK(mprotect(p, PAGES * PAGE, PROT_READ | PROT_WRITE));
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(p[i * PAGE + 1], 3);
	CHECK_OK(munmap(p, PAGES * PAGE));
}

static void test_errors(void)
{
	unsigned char *p = map(4, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	CHECK_ERRNO(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	CHECK_OK(mprotect(p, 0, PROT_READ));
	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	/* Linux: the part before the hole has changed when ENOMEM comes. */
	CHECK_ERRNO(mprotect(p, 4 * PAGE, PROT_READ), ENOMEM);
	CHECK_WRITE_FAULT(p, SIGSEGV, SEGV_ACCERR);
	CHECK_WRITABLE(p + 3 * PAGE);
	CHECK_ERRNO(mprotect(p + 2 * PAGE, PAGE, PROT_READ), ENOMEM);
	CHECK_ERRNO(mprotect((void *)(~0UL << 12), 2 * PAGE, PROT_READ), ENOMEM);
	CHECK_ERRNO(mprotect(p, PAGE, 0x80), EINVAL);
	CHECK_OK(munmap(p, 4 * PAGE));
}

/* W without R is a reserved encoding on RISC-V: Linux gives read as well. */
static void test_write_only(void)
{
	unsigned char *p = map(1, PROT_WRITE);
	REQUIRE(p);
	CHECK_WRITABLE(p);
	CHECK_READABLE(p);
	CHECK_EQ(p[0], 0x5a);
	CHECK_OK(munmap(p, PAGE));
}

typedef int (*number_function)(void);

static void code_write(void *page, int number)
{
	uint32_t code[2] = { 0x00000513u | (uint32_t)number << 20, 0x00008067u };
	memcpy(page, code, sizeof(code)); /* li a0, number; ret */
	__builtin___clear_cache((char *)page, (char *)page + sizeof(code));
}

static void test_code(void)
{
	unsigned char *p = map(2, PROT_READ | PROT_WRITE);
	REQUIRE(p);
	code_write(p, 41);
	code_write(p + PAGE, 42);
	CHECK_FAULT(fault_do_execute, p, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	CHECK_EQ(((number_function)p)(), 41);
	CHECK_FAULT(fault_do_execute, p + PAGE, SIGSEGV, SEGV_ACCERR);
	CHECK_WRITE_FAULT(p, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	code_write(p, 77);
	CHECK_EQ(((number_function)p)(), 77);
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_FAULT(fault_do_execute, p, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(munmap(p, 2 * PAGE));
	CHECK_FAULT(fault_do_execute, p, SIGSEGV, SEGV_MAPERR);
}

/* What the kernel writes for us obeys the protection too. */
static void test_kernel_access(void)
{
	int ends[2];
	unsigned char *p = map(2, PROT_READ | PROT_WRITE);
	REQUIRE(p && pipe(ends) == 0);
	CHECK_EQ(write(ends[1], "0123456789", 10), 10);
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_ERRNO(read(ends[0], p, 5), EFAULT);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(read(ends[0], p, 5), 5);
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_ERRNO(write(ends[1], p, 5), EFAULT);
	CHECK_OK(munmap(p, PAGE));
	CHECK_ERRNO(write(ends[1], p, 5), EFAULT);
	munmap(p, 2 * PAGE);
	close(ends[0]), close(ends[1]);
}

static const struct check_case cases[] = {
	{ "changes", test_changes },
	{ "untouched", test_untouched },
	{ "split-merge", test_split_merge },
	{ "errors", test_errors },
	{ "write-only", test_write_only },
	{ "code", test_code },
	{ "kernel-access", test_kernel_access },
};

CHECK_MAIN(cases)
