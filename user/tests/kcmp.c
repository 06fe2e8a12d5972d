/* kcmp(2): what two processes or threads share. */
#include "check.h"
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>

static long compare(pid_t one, pid_t other, int kind, unsigned long a, unsigned long b)
{
	return syscall(SYS_kcmp, one, other, kind, a, b);
}

static void test_files(void)
{
	pid_t own = getpid();
	int fd = open("/dev/null", O_RDWR), same = dup(fd), other = open("/dev/null", O_RDWR);
	CHECK_EQ(compare(own, own, KCMP_FILE, fd, fd), 0);
	CHECK_EQ(compare(own, own, KCMP_FILE, fd, same), 0);
	long order = compare(own, own, KCMP_FILE, fd, other);
	CHECK(order == 1 || order == 2);
	CHECK_EQ(compare(own, own, KCMP_FILE, other, fd), 3 - order);
	pid_t pid = fork_child();
	if (pid == 0)
		pause();
	CHECK_EQ(compare(own, pid, KCMP_FILE, fd, fd), 0);
	CHECK_EQ(compare(own, pid, KCMP_FILE, fd, other), order);
	CHECK_ERRNO(compare(own, pid, KCMP_FILE, fd, 999), EBADF);
	CHECK_ERRNO(compare(own, pid, KCMP_FILE, -1, fd), EBADF);
	kill(pid, SIGKILL);
	wait_status(pid);
	close(fd), close(same), close(other);
}

static void test_processes(void)
{
	static const int kinds[] = { KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND };
	pid_t own = getpid(), pid = fork_child();
	if (pid == 0)
		pause();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CHECK_EQ(compare(own, own, kinds[i], 0, 0), 0);
		CHECK(compare(own, pid, kinds[i], 0, 0) > 0);
	}
	CHECK_ERRNO(compare(own, pid, 77, 0, 0), EINVAL);
	CHECK_ERRNO(compare(own, 0x3ffffff, KCMP_VM, 0, 0), ESRCH);
	kill(pid, SIGKILL);
	wait_status(pid);
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(compare(getpid(), own, KCMP_VM, 0, 0), EPERM);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void *thread_run(void *argument)
{
	(void)argument;
	pid_t tid = syscall(SYS_gettid);
	CHECK_EQ(compare(getpid(), tid, KCMP_VM, 0, 0), 0);
	CHECK_EQ(compare(getpid(), tid, KCMP_FILES, 0, 0), 0);
	CHECK_EQ(compare(getpid(), tid, KCMP_SIGHAND, 0, 0), 0);
	return NULL;
}

static void test_threads(void)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, thread_run, NULL), 0);
	pthread_join(thread, NULL);
}

static const struct check_case cases[] = {
	{ "files", test_files },
	{ "processes", test_processes },
	{ "threads", test_threads },
};

CHECK_MAIN(cases)
