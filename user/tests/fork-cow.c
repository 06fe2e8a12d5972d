/* fork(2): the child has a snapshot of private memory, and shares what is shared. */
#include "fault.h"

static unsigned char *map(size_t pages, int flags)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
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

/* Let a child run step by step with its parent, over two pipes. */
struct steps {
	int to_child[2], to_parent[2];
};

static bool steps_open(struct steps *steps)
{
	return pipe(steps->to_child) == 0 && pipe(steps->to_parent) == 0;
}

static void step_done(int fd)
{
	CHECK_EQ(write(fd, "s", 1), 1);
}

static void step_wait(int fd)
{
	char byte;
	CHECK_EQ(read(fd, &byte, 1), 1);
}

static void steps_close(struct steps *steps)
{
	close(steps->to_child[0]), close(steps->to_child[1]);
	close(steps->to_parent[0]), close(steps->to_parent[1]);
}

static void test_isolation(void)
{
	struct steps steps;
	unsigned char *p = map(64, MAP_PRIVATE);
	REQUIRE(p && steps_open(&steps));
	memset(p, 1, 64 * PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		step_wait(steps.to_child[0]); /* the parent has written */
		CHECK(all_bytes(p, 64 * PAGE, 1));
		memset(p, 3, 64 * PAGE);
		step_done(steps.to_parent[1]);
		step_wait(steps.to_child[0]);
		CHECK(all_bytes(p, 64 * PAGE, 3));
		child_exit();
	}
	memset(p, 2, 64 * PAGE);
	step_done(steps.to_child[1]);
	step_wait(steps.to_parent[0]);
	CHECK(all_bytes(p, 64 * PAGE, 2));
	memset(p, 4, 64 * PAGE);
	step_done(steps.to_child[1]);
	CHECK_EQ(wait_status(pid), 0);
	CHECK(all_bytes(p, 64 * PAGE, 4));
	munmap(p, 64 * PAGE);
	steps_close(&steps);
}

static void test_shared(void)
{
	struct steps steps;
	unsigned char *s = map(16, MAP_SHARED);
	REQUIRE(s && steps_open(&steps));
	s[0] = 1;
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(s[0], 1);
		memset(s, 2, 8 * PAGE);
		step_done(steps.to_parent[1]);
		step_wait(steps.to_child[0]);
		CHECK(all_bytes(s + 8 * PAGE, 8 * PAGE, 3));
		child_exit();
	}
	step_wait(steps.to_parent[0]);
	CHECK(all_bytes(s, 8 * PAGE, 2));
	memset(s + 8 * PAGE, 3, 8 * PAGE); /* pages that nobody had touched */
	step_done(steps.to_child[1]);
	CHECK_EQ(wait_status(pid), 0);
	munmap(s, 16 * PAGE);
	steps_close(&steps);
}

/* Each of a chain of processes changes its memory after the next has been made. */
static void chain(unsigned char *p, int depth)
{
	pid_t pid = depth < 8 ? fork_child() : -1;
	if (pid == 0) {
		for (int i = 0; i <= depth; i++)
			CHECK_EQ(p[i * PAGE], i + 100);
		CHECK_EQ(p[(depth + 1) * PAGE], 0);
		p[(depth + 1) * PAGE] = depth + 101;
		chain(p, depth + 1);
		child_exit();
	}
	for (int i = 0; i <= depth; i++)
		CHECK_EQ(p[i * PAGE], i + 100);
	memset(p, 0xee, 16 * PAGE);
	if (pid > 0)
		CHECK_EQ(wait_status(pid), 0);
	CHECK(all_bytes(p, 16 * PAGE, 0xee));
}

static void test_chain(void)
{
	unsigned char *p = map(16, MAP_PRIVATE);
	REQUIRE(p);
	p[0] = 100;
	chain(p, 0);
	munmap(p, 16 * PAGE);
}

/* An OWNED page that mprotect made read-only is copied on write all the same. */
static void test_read_only_fork(void)
{
	struct steps steps;
	unsigned char *p = map(4, MAP_PRIVATE);
	REQUIRE(p && steps_open(&steps));
	memset(p, 7, 4 * PAGE);
	CHECK_OK(mprotect(p, 2 * PAGE, PROT_READ));
	CHECK_OK(mprotect(p + 2 * PAGE, PAGE, PROT_NONE));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_WRITE_FAULT(p, SIGSEGV, SEGV_ACCERR);
		CHECK_READ_FAULT(p + 2 * PAGE, SIGSEGV, SEGV_ACCERR);
		CHECK_OK(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE));
		p[0] = 8;
		p[2 * PAGE] = 9;
		step_done(steps.to_parent[1]);
		step_wait(steps.to_child[0]);
		CHECK_EQ(p[0], 8);
		CHECK_EQ(p[PAGE], 7);
		CHECK_EQ(p[2 * PAGE], 9);
		CHECK_EQ(p[2 * PAGE + 1], 7);
		child_exit();
	}
	step_wait(steps.to_parent[0]);
	CHECK_EQ(p[0], 7);
	CHECK_WRITE_FAULT(p, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE));
	CHECK(all_bytes(p, 4 * PAGE, 7));
	memset(p, 10, 4 * PAGE);
	step_done(steps.to_child[1]);
	CHECK_EQ(wait_status(pid), 0);
	CHECK(all_bytes(p, 4 * PAGE, 10));
	munmap(p, 4 * PAGE);
	steps_close(&steps);
}

/* The zero page, read before the fork and written after it. */
static void test_zero_page(void)
{
	unsigned char *p = map(4, MAP_PRIVATE);
	REQUIRE(p);
	CHECK(all_bytes(p, 2 * PAGE, 0));
	pid_t pid = fork_child();
	if (pid == 0) {
		p[0] = 1;
		p[2 * PAGE] = 1;
		CHECK_EQ(p[PAGE] + p[3 * PAGE], 0);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(all_bytes(p, 4 * PAGE, 0));
	p[PAGE] = 5;
	CHECK_EQ(p[0], 0);
	munmap(p, 4 * PAGE);
}

/* What the kernel writes (read, pipe) must break copy-on-write as a store does. */
static void test_kernel_write(void)
{
	int ends[2];
	unsigned char *p = map(2, MAP_PRIVATE);
	REQUIRE(p && pipe(ends) == 0);
	memset(p, 1, 2 * PAGE);
	CHECK_EQ(write(ends[1], "ABCDEFGH", 8), 8);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(read(ends[0], p + PAGE - 4, 8), 8); /* over the page boundary */
		CHECK_EQ(memcmp(p + PAGE - 4, "ABCDEFGH", 8), 0);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(all_bytes(p, 2 * PAGE, 1));
	munmap(p, 2 * PAGE);
	close(ends[0]), close(ends[1]);
}

/* Many children at once hold the same pages; they end in any order. */
static void test_many(void)
{
	enum { CHILDREN = 12, PAGES = 32 };
	pid_t pids[CHILDREN];
	unsigned char *p = map(PAGES, MAP_PRIVATE);
	REQUIRE(p);
	for (int i = 0; i < CHILDREN; i++) {
		memset(p, i + 1, PAGES * PAGE);
		pids[i] = fork_child();
		if (pids[i] == 0) {
			sleep_ms((i * 7) % 20);
			CHECK(all_bytes(p, PAGES * PAGE, i + 1));
			memset(p, 0x80 + i, PAGES / 2 * PAGE);
			sleep_ms((i * 5) % 20);
			CHECK(all_bytes(p, PAGES / 2 * PAGE, 0x80 + i));
			CHECK(all_bytes(p + PAGES / 2 * PAGE, PAGES / 2 * PAGE, i + 1));
			child_exit();
		}
		CHECK(pids[i] > 0);
	}
	for (int i = 0; i < CHILDREN; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	CHECK(all_bytes(p, PAGES * PAGE, CHILDREN));
	munmap(p, PAGES * PAGE);
}

/* Attributes that the child has of its own, fork(2). */
static void test_attributes(void)
{
	sigset_t set, pending;
	pid_t parent = getpid();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK(getpid() != parent);
		CHECK_EQ(getppid(), parent);
		CHECK_EQ(getpgrp(), getpgid(parent));
		CHECK_EQ(getsid(0), getsid(parent));
		sigpending(&pending);
		CHECK(!sigismember(&pending, SIGUSR1)); /* pending ones are not inherited */
		sigprocmask(SIG_BLOCK, NULL, &pending);
		CHECK(sigismember(&pending, SIGUSR1)); /* the mask is */
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	signal_set(SIGUSR1, SIG_IGN, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

/* The stack of the parent is not the child's. */
static __attribute__((noinline)) void stack_write(volatile int *word, int value)
{
	volatile int frame[1024];
	for (int i = 0; i < 1024; i++)
		frame[i] = value;
	*word = frame[1000];
}

static void test_stack(void)
{
	volatile int word = 1;
	pid_t pid = fork_child();
	if (pid == 0) {
		stack_write(&word, 2);
		sleep_ms(10);
		CHECK_EQ(word, 2);
		child_exit();
	}
	stack_write(&word, 3);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(word, 3);
}

/* The pages of the parent stay its own when children come and go. */
static void test_repeat(void)
{
	unsigned char *p = map(16, MAP_PRIVATE);
	REQUIRE(p);
	for (int i = 0; i < 200; i++) {
		memset(p, i, 16 * PAGE);
		pid_t pid = fork_child();
		if (pid == 0)
			_exit(all_bytes(p, 16 * PAGE, i) ? 0 : 1);
		p[i % 16 * PAGE] = i + 1;
		CHECK_EQ(wait_status(pid), 0);
		CHECK_EQ(p[i % 16 * PAGE], (i + 1) & 255);
	}
	munmap(p, 16 * PAGE);
}

static const struct check_case cases[] = {
	{ "isolation", test_isolation }, { "shared", test_shared },
	{ "chain", test_chain },	 { "read-only-fork", test_read_only_fork },
	{ "zero-page", test_zero_page }, { "kernel-write", test_kernel_write },
	{ "many", test_many },		 { "attributes", test_attributes },
	{ "stack", test_stack },	 { "repeat", test_repeat },
};

CHECK_MAIN(cases)
