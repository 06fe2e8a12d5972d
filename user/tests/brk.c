/* brk(2), with the system call itself: it gives back the new end, or the old one on failure. */
#include "fault.h"
#include <sys/resource.h>

static unsigned char *break_set(void *end)
{
	return (unsigned char *)syscall(SYS_brk, end);
}

static void grow(void *unused)
{
	(void)unused;
	unsigned char *start = break_set(NULL);
	unsigned char *page = (unsigned char *)(((uintptr_t)start + PAGE - 1) & ~(PAGE - 1));
	CHECK(break_set(page + 10 * PAGE) == page + 10 * PAGE);
	for (size_t i = 0; i < 10 * PAGE; i += 512)
		CHECK_EQ(page[i], 0);
	memset(page, 0x33, 10 * PAGE);
	CHECK(break_set(page + 4 * PAGE + 1) == page + 4 * PAGE + 1);
	CHECK_EQ(page[4 * PAGE + 1], 0x33); /* the rest of the last page stays */
	CHECK_READ_FAULT(page + 5 * PAGE, SIGSEGV, SEGV_MAPERR);
	CHECK(break_set(page + 10 * PAGE) == page + 10 * PAGE);
	CHECK_EQ(page[4 * PAGE], 0x33);
	CHECK_EQ(page[5 * PAGE], 0); /* given back and taken again: zeros */
	CHECK_EQ(page[9 * PAGE], 0);
	CHECK(break_set(start) == start);
	CHECK_READ_FAULT(page + 4 * PAGE, SIGSEGV, SEGV_MAPERR);
}

static void test_grow(void)
{
	CHECK_EQ(run_child(grow, NULL), 0);
}

static void fail(void *unused)
{
	(void)unused;
	unsigned char *start = break_set(NULL);
	CHECK(break_set((void *)~0UL) == start);
	CHECK(break_set((void *)8) == start); /* below the start of the heap */
	CHECK(break_set(start + (1UL << 45)) == start);
	CHECK(break_set(NULL) == start);
	uintptr_t page = ((uintptr_t)start + PAGE - 1) & ~(PAGE - 1);
	void *block = mmap((void *)(page + 4 * PAGE), PAGE, PROT_READ,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (block != MAP_FAILED) { /* a mapping in the way */
		CHECK(break_set((void *)(page + 8 * PAGE)) == start);
		munmap(block, PAGE);
		CHECK(break_set((void *)(page + 8 * PAGE)) == (void *)(page + 8 * PAGE));
	}
}

static void test_fail(void)
{
	CHECK_EQ(run_child(fail, NULL), 0);
}

static void limited(void *unused)
{
	(void)unused;
	struct rlimit limit = { 1 << 20, RLIM_INFINITY };
	unsigned char *start = break_set(NULL);
	CHECK_OK(setrlimit(RLIMIT_DATA, &limit));
	CHECK(break_set(start + (2 << 20)) == start);
	CHECK(break_set(start + 2 * PAGE) == start + 2 * PAGE);
}

static void test_limit(void)
{
	CHECK_EQ(run_child(limited, NULL), 0);
}

static void forked(void *unused)
{
	(void)unused;
	unsigned char *start = break_set(NULL);
	unsigned char *end = break_set(start + 8 * PAGE);
	CHECK(end == start + 8 * PAGE);
	end[-1] = 5;
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK(break_set(NULL) == end);
		CHECK_EQ(end[-1], 5);
		end[-1] = 6;
		CHECK(break_set(start) == start);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(break_set(NULL) == end); /* the child's break is its own */
	CHECK_EQ(end[-1], 5);
}

static void test_fork(void)
{
	CHECK_EQ(run_child(forked, NULL), 0);
}

static const struct check_case cases[] = {
	{ "grow", test_grow },
	{ "fail", test_fail },
	{ "limit", test_limit },
	{ "fork", test_fork },
};

CHECK_MAIN(cases)
