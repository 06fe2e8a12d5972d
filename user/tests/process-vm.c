/* process_vm_readv(2), process_vm_writev(2). */
#include "check.h"
#include <sys/uio.h>

static char area[4 * PAGE] __attribute__((aligned(4096)));

/* A child that shows what its area holds when it is told to. */
static pid_t child_start(int ends[2])
{
	char byte;
	if (pipe(ends) < 0)
		return -1;
	memset(area, 'p', sizeof(area));
	pid_t pid = fork_child();
	if (pid == 0) {
		close(ends[1]);
		memset(area, 'c', sizeof(area));
		memset(area + PAGE, 'd', PAGE);
		kill(getppid(), SIGUSR1);
		(void)!read(ends[0], &byte, 1);
		_exit(area[PAGE - 1] == 'x' && area[PAGE] == 'y' ? 0 : 1);
	}
	close(ends[0]);
	return pid;
}

static pid_t child_ready(int ends[2])
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t pid = child_start(ends);
	sigwaitinfo(&set, &info);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return pid;
}

static void test_transfer(void)
{
	char first[10], second[20];
	struct iovec local[2] = { { first, 10 }, { second, 20 } };
	struct iovec remote[2] = { { area + PAGE - 5, 10 }, { area + 2 * PAGE - 3, 20 } };
	int ends[2];
	pid_t pid = child_ready(ends);
	REQUIRE(pid > 0);
	CHECK_EQ(process_vm_readv(pid, local, 2, remote, 2, 0), 30);
	CHECK(!memcmp(first, "cccccddddd", 10));
	CHECK(!memcmp(second, "dddccccccccccccccccc", 20));
	CHECK_EQ(area[0], 'p');
	char text[2] = { 'x', 'y' };
	struct iovec from = { text, 2 }, to = { area + PAGE - 1, 2 };
	CHECK_EQ(process_vm_writev(pid, &from, 1, &to, 1, 0), 2);
	CHECK_EQ(area[PAGE], 'p');
	close(ends[1]);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_ERRNO(process_vm_readv(pid, local, 2, remote, 2, 0), ESRCH);
}

static void test_errors(void)
{
	char byte;
	char *hole = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec local = { area, PAGE }, remote = { area + 2 * PAGE, PAGE };
	struct iovec bad = { NULL, PAGE }, empty = { area, 0 };
	pid_t self = getpid();
	munmap(hole + PAGE, PAGE);
	CHECK_EQ(process_vm_readv(self, &local, 1, &remote, 1, 0), PAGE);
	CHECK_ERRNO(process_vm_readv(self, &local, 1, &remote, 1, 1), EINVAL);
	CHECK_ERRNO(process_vm_readv(self, &local, 1025, &remote, 1, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(self, &local, 1, &remote, 1025, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(self, &local, 1, &bad, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(self, &local, 1, NULL, 1, 0), EFAULT);
	CHECK_EQ(process_vm_readv(self, &empty, 1, &remote, 1, 0), 0);
	CHECK_EQ(process_vm_readv(self, &local, 1, &remote, 0, 0), 0);
	/* Up to what is not there. */
	remote = (struct iovec){ hole + PAGE - 100, 200 };
	CHECK_EQ(process_vm_readv(self, &local, 1, &remote, 1, 0), 100);
	/* Read-only memory cannot be written. */
	remote = (struct iovec){ hole, 1 };
	local = (struct iovec){ &byte, 1 };
	CHECK_ERRNO(process_vm_writev(self, &local, 1, &remote, 1, 0), EFAULT);
	munmap(hole, PAGE);
}

static void other_user(void *unused)
{
	struct iovec local = { area, 1 }, remote = { area, 1 };
	pid_t parent = getppid();
	(void)unused;
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	CHECK_ERRNO(process_vm_readv(parent, &local, 1, &remote, 1, 0), EPERM);
	CHECK_ERRNO(process_vm_readv(999999, &local, 1, &remote, 1, 0), ESRCH);
}

static void test_permission(void)
{
	CHECK_EQ(run_child(other_user, NULL), 0);
}

/* A vector that cannot be read, after one that could: nothing of the first call is used again. */
static void test_bad_vector(void)
{
	enum { MANY = 40 };
	char byte[MANY];
	struct iovec local = { byte, MANY }, remote[MANY];
	for (int i = 0; i < MANY; i++)
		remote[i] = (struct iovec){ area + i, 1 };
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(process_vm_readv(getpid(), &local, 1, remote, MANY, 0), MANY);
		CHECK_ERRNO(process_vm_readv(getpid(), &local, 1, (struct iovec *)8, MANY, 0),
			    EFAULT);
		CHECK_ERRNO(process_vm_writev(getpid(), &local, 1, (struct iovec *)8, 1, 0),
			    EFAULT);
	}
}

static const struct check_case cases[] = {
	{ "transfer", test_transfer },
	{ "errors", test_errors },
	{ "permission", test_permission },
	{ "bad-vector", test_bad_vector },
};

CHECK_MAIN(cases)
