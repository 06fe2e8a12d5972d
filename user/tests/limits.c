/* prlimit64(2) and the limits themselves: NOFILE, STACK, AS, NPROC; FSIZE is in file-data. */
#include "check.h"
#include <sys/resource.h>

static void test_get_set(void)
{
	for (int which = 0; which < 16; which++) {
		struct rlimit limit;
		CHECK_OK(getrlimit(which, &limit));
		CHECK(limit.rlim_cur <= limit.rlim_max);
	}
	struct rlimit limit = { 100, 200 }, old;
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(prlimit(0, RLIMIT_NOFILE, &limit, &old));
		CHECK(old.rlim_cur >= 200);
		CHECK_OK(getrlimit(RLIMIT_NOFILE, &old));
		CHECK_EQ(old.rlim_cur, 100);
		CHECK_EQ(old.rlim_max, 200);
		pid_t child = fork_child();
		if (child == 0) { /* inherited */
			CHECK_OK(getrlimit(RLIMIT_NOFILE, &old));
			CHECK_EQ(old.rlim_max, 200);
			child_exit();
		}
		CHECK_EQ(wait_status(child), 0);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void unprivileged(void *unused)
{
	struct rlimit limit = { 50, 60 };
	(void)unused;
	CHECK_OK(setuid(1000));
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_max = 61;
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
	limit = (struct rlimit){ 60, 60 };
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_ERRNO(prlimit(1, RLIMIT_NOFILE, NULL, &limit), EPERM);
}

static void test_errors(void)
{
	struct rlimit limit = { 20, 10 };
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	CHECK_ERRNO(getrlimit((enum __rlimit_resource)16, &limit), EINVAL);
	CHECK_ERRNO(prlimit(999999, RLIMIT_NOFILE, NULL, &limit), ESRCH);
	CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 8, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, 8), EFAULT);
	CHECK_OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL));
	CHECK_EQ(run_child(unprivileged, NULL), 0);
}

static void address_space(void *unused)
{
	struct rlimit limit = { 64 << 20, 64 << 20 };
	(void)unused;
	CHECK_OK(setrlimit(RLIMIT_AS, &limit));
	CHECK_ERRNO(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	void *p = mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_OK(munmap(p, 16 << 20));
	int count = 0;
	while (mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		count++;
	CHECK_EQ(errno, ENOMEM);
	CHECK_RANGE(count, 32, 64);
}

static void test_address_space(void)
{
	CHECK_EQ(run_child(address_space, NULL), 0);
}

static void processes(void *unused)
{
	struct rlimit limit = { 6, 6 };
	pid_t pids[16];
	int count = 0;
	(void)unused;
	CHECK_OK(setrlimit(RLIMIT_NPROC, &limit));
	CHECK_OK(setuid(54321)); /* a user without other processes */
	while (count < 16 && (pids[count] = fork()) > 0)
		count++;
	if (count < 16 && pids[count] == 0) {
		for (;;)
			pause();
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(count, 5);
	for (int i = 0; i < count; i++) {
		kill(pids[i], SIGKILL);
		wait_status(pids[i]);
	}
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK_EQ(wait_status(pid), 0);
}

static void test_processes(void)
{
	CHECK_EQ(run_child(processes, NULL), 0);
}

/* The stack limit says how much room the arguments have, and bounds the stack of a new program. */
static void test_stack(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		struct rlimit limit = { 256 << 10, 256 << 10 };
		char *argv[] = { "sh", "-c", "ulimit -s", NULL };
		int ends[2];
		char text[32] = "";
		CHECK_OK(setrlimit(RLIMIT_STACK, &limit));
		REQUIRE(pipe(ends) == 0);
		pid_t child = fork_child();
		if (child == 0) {
			dup2(ends[1], 1);
			execve("/bin/sh", argv, argv + 3);
			_exit(1);
		}
		CHECK_EQ(wait_status(child), 0);
		CHECK(read(ends[0], text, sizeof(text) - 1) > 0);
		CHECK_STR(text, "256\n");
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static const struct check_case cases[] = {
	{ "get-set", test_get_set },
	{ "errors", test_errors },
	{ "address-space", test_address_space },
	{ "processes", test_processes },
	{ "stack", test_stack },
};

CHECK_MAIN(cases)
