/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), CLONE_PIDFD, waitid(P_PIDFD), clone3(2). */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define PIDFD_THREAD_ O_EXCL

struct arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};

static int pidfd_open_(pid_t pid, unsigned flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

static int pidfd_kill(int fd, int sig, siginfo_t *info, unsigned flags)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

static int events(int fd, int timeout)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	int ready = poll(&entry, 1, timeout);
	return ready < 0 ? -1 : ready ? entry.revents : 0;
}

static pid_t pausing_child(void)
{
	pid_t pid = fork_child();
	if (!pid) {
		for (;;)
			pause();
	}
	return pid;
}

static void test_open(void)
{
	int fd = CHECK_OK(pidfd_open_(getpid(), 0));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(events(fd, 0), 0);
	char byte;
	CHECK_ERRNO(read(fd, &byte, 1), EINVAL);
	close(fd);
	CHECK_ERRNO(pidfd_open_(0, 0), EINVAL);
	CHECK_ERRNO(pidfd_open_(-1, 0), EINVAL);
	CHECK_ERRNO(pidfd_open_(getpid(), 1), EINVAL);
	CHECK_ERRNO(pidfd_open_(4000000, 0), ESRCH);
	pid_t pid = fork_child();
	if (!pid)
		_exit(0);
	wait_status(pid);
	CHECK_ERRNO(pidfd_open_(pid, 0), ESRCH);
}

static void test_signal_and_poll(void)
{
	pid_t pid = pausing_child();
	siginfo_t info;
	int fd = CHECK_OK(pidfd_open_(pid, 0));
	CHECK_EQ(events(fd, 0), 0);
	CHECK_OK(pidfd_kill(fd, 0, NULL, 0));
	CHECK_ERRNO(pidfd_kill(fd, 65, NULL, 0), EINVAL);
	CHECK_ERRNO(pidfd_kill(fd, SIGTERM, NULL, 8), EINVAL);
	CHECK_ERRNO(pidfd_kill(0, SIGTERM, NULL, 0), EBADF);
	CHECK_ERRNO(pidfd_kill(-1, SIGTERM, NULL, 0), EBADF);
	memset(&info, 0, sizeof(info));
	info.si_signo = SIGUSR1;
	info.si_code = SI_QUEUE;
	CHECK_ERRNO(pidfd_kill(fd, SIGTERM, &info, 0), EINVAL);
	info.si_signo = SIGTERM;
	info.si_code = SI_USER;
	CHECK_ERRNO(pidfd_kill(fd, SIGTERM, &info, 0), EPERM);
	info.si_code = SI_QUEUE;
	CHECK_OK(pidfd_kill(fd, SIGTERM, &info, 0));
	CHECK_EQ(events(fd, 5000), POLLIN);
	CHECK_OK(pidfd_kill(fd, 0, NULL, 0)); /* still a zombie */
	memset(&info, 0, sizeof(info));
	CHECK_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGTERM);
	CHECK(events(fd, 0) & POLLIN);
	CHECK_ERRNO(pidfd_kill(fd, 0, NULL, 0), ESRCH);
	CHECK_ERRNO(waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
	close(fd);
	CHECK_ERRNO(waitid(P_PIDFD, fd, &info, WEXITED), EBADF);
	CHECK_ERRNO(waitid(P_PIDFD, 0, &info, WEXITED), EBADF);
	CHECK_ERRNO(waitid(P_PIDFD, -1, &info, WEXITED), EINVAL);
	int self = pidfd_open_(getpid(), 0);
	CHECK_ERRNO(waitid(P_PIDFD, self, &info, WEXITED), ECHILD);
	close(self);
}

static void test_nonblock(void)
{
	pid_t pid = pausing_child();
	siginfo_t info;
	int fd = CHECK_OK(pidfd_open_(pid, O_NONBLOCK));
	CHECK_ERRNO(waitid(P_PIDFD, fd, &info, WEXITED), EAGAIN);
	CHECK_OK(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
	kill(pid, SIGKILL);
	CHECK_EQ(events(fd, 5000), POLLIN);
	CHECK_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	CHECK_EQ(info.si_pid, pid);
	close(fd);
}

static void test_clone(void)
{
	int fd = -1;
	struct arguments arguments = { .flags = CLONE_PIDFD,
				       .pidfd = (uintptr_t)&fd,
				       .exit_signal = SIGCHLD };
	siginfo_t info;
	pid_t pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (!pid)
		_exit(fd == -1 ? 3 : 4);
	CHECK_OK(pid);
	CHECK(fd > 2);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(events(fd, 5000), POLLIN);
	CHECK_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_status, 3);
	close(fd);
	pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
	if (!pid)
		_exit(5);
	CHECK_EQ(wait_status(pid), 5 << 8);
	CHECK(events(fd, 0) & POLLIN);
	close(fd);
	CHECK_ERRNO(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0),
		    EINVAL);
	arguments.pidfd = 8;
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EFAULT);
	CHECK_ERRNO(wait(NULL), ECHILD);
}

static void test_set_tid(void)
{
	pid_t wanted[2] = { 31234, 31235 };
	struct arguments arguments = { .exit_signal = SIGCHLD,
				       .set_tid = (uintptr_t)wanted,
				       .set_tid_size = 1 };
	pid_t pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (!pid)
		_exit(getpid() == wanted[0] ? 0 : 1);
	CHECK_EQ(pid, wanted[0]);
	CHECK_EQ(wait_status(pid), 0);
	wanted[0] = getpid();
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EEXIST);
	wanted[0] = 0;
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EINVAL);
	wanted[0] = 31234;
	arguments.set_tid_size = 2;
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EINVAL);
	arguments.set_tid_size = 0;
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EINVAL);
	arguments.set_tid = 0;
	arguments.set_tid_size = 1;
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EINVAL);
	arguments =
		(struct arguments){ .flags = 0x200000000ULL, .cgroup = 0, .exit_signal = SIGCHLD };
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EBADF);
	arguments.cgroup = 1ull << 40;
	CHECK_ERRNO(syscall(SYS_clone3, &arguments, sizeof(arguments)), EINVAL);
}

static void test_getfd(void)
{
	int ends[2], release[2];
	char byte;
	CHECK_OK(pipe(ends));
	CHECK_OK(pipe(release));
	pid_t pid = fork_child();
	if (!pid) {
		close(release[1]);
		read(release[0], &byte, 1);
		_exit(0);
	}
	close(release[0]);
	int fd = CHECK_OK(pidfd_open_(pid, 0));
	int theirs = CHECK_OK(syscall(SYS_pidfd_getfd, fd, ends[1], 0));
	CHECK_EQ(fcntl(theirs, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(theirs, "x", 1), 1);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 900, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 0, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, 0, 0, 0), EBADF);
	close(release[1]);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 0, 0), ESRCH);
	close(fd);
	close(theirs);
	close(ends[0]);
	close(ends[1]);
}

/* A directory of /proc stands for its process. */
static void test_directory(void)
{
	char path[32];
	pid_t pid = pausing_child();
	snprintf(path, sizeof(path), "/proc/%d", pid);
	int fd = CHECK_OK(open(path, O_RDONLY | O_DIRECTORY)), other = open("/proc", O_RDONLY);
	CHECK_OK(pidfd_kill(fd, 0, NULL, 0));
	CHECK_ERRNO(pidfd_kill(other, 0, NULL, 0), EBADF);
	CHECK_OK(pidfd_kill(fd, SIGTERM, NULL, 0));
	CHECK_EQ(wait_status(pid), SIGTERM);
	CHECK_ERRNO(pidfd_kill(fd, 0, NULL, 0), ESRCH);
	close(fd);
	close(other);
}

static volatile int thread_tid, thread_end;
static void *thread_run(void *unused)
{
	(void)unused;
	thread_tid = syscall(SYS_gettid);
	while (!thread_end)
		sleep_ms(1);
	return NULL;
}

static void test_thread(void)
{
	pthread_t thread;
	REQUIRE(!pthread_create(&thread, NULL, thread_run, NULL));
	while (!thread_tid)
		sleep_ms(1);
	int fd = pidfd_open_(thread_tid, 0);
	CHECK(fd == -1);
	fd = CHECK_OK(pidfd_open_(thread_tid, PIDFD_THREAD_));
	CHECK_EQ(events(fd, 0), 0);
	CHECK_OK(pidfd_kill(fd, 0, NULL, 0));
	thread_end = 1;
	CHECK(events(fd, 5000) & POLLIN);
	pthread_join(thread, NULL);
	/* A thread is seen to end before its number is free. */
	for (int64_t end = now_ms() + 5000; !pidfd_kill(fd, 0, NULL, 0) && now_ms() < end;)
		sleep_ms(1);
	CHECK_ERRNO(pidfd_kill(fd, 0, NULL, 0), ESRCH);
	close(fd);
}

static const struct check_case cases[] = {
	{ "open", test_open },	       { "signal-and-poll", test_signal_and_poll },
	{ "nonblock", test_nonblock }, { "clone", test_clone },
	{ "set-tid", test_set_tid },   { "getfd", test_getfd },
	{ "thread", test_thread },     { "directory", test_directory },
};
CHECK_MAIN(cases)
