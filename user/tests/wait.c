/* wait4(2): statuses, selection by pid and group, options, errors, orphans. */
#include "check.h"
#include <sys/resource.h>

static pid_t child_exits(int code)
{
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(code);
	return pid;
}

static pid_t child_sleeps(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void test_status(void)
{
	int status;
	pid_t pid = child_exits(0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	pid = child_exits(255);
	CHECK_EQ(wait_status(pid), 255 << 8);
	pid = child_exits(0x1234); /* only eight bits */
	CHECK_EQ(wait_status(pid), 0x34 << 8);
	pid = child_sleeps();
	CHECK_OK(kill(pid, SIGTERM));
	CHECK_EQ(wait_status(pid), SIGTERM);
	pid = child_sleeps();
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(wait_status(pid), SIGKILL);
	CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
}

static void test_select(void)
{
	int status;
	pid_t first = child_exits(1), second = child_exits(2);
	CHECK_EQ(waitpid(second, &status, 0), second);
	CHECK_EQ(WEXITSTATUS(status), 2);
	CHECK_EQ(waitpid(-1, &status, 0), first);
	CHECK_EQ(WEXITSTATUS(status), 1);
	CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(getpid(), &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(1, &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(999999, &status, WNOHANG), ECHILD);
}

static void test_nohang(void)
{
	int status = 77;
	pid_t pid = child_sleeps();
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	CHECK_EQ(status, 77);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_status(pid), SIGKILL);
}

static void test_group(void)
{
	int status;
	pid_t own = child_exits(3), other = child_exits(4);
	pid_t grouped = fork_child();
	if (grouped == 0) {
		setpgid(0, 0);
		_exit(5);
	}
	setpgid(grouped, grouped); /* EACCES or ESRCH when it is too late: no matter */
	while (kill(grouped, 0) == 0 && process_state(grouped) != 'Z')
		sleep_ms(1);
	CHECK_EQ(waitpid(-grouped, &status, 0), grouped);
	CHECK_EQ(WEXITSTATUS(status), 5);
	CHECK_ERRNO(waitpid(-grouped, &status, 0), ECHILD);
	for (int i = 0; i < 2; i++) {
		pid_t pid = waitpid(0, &status, 0); /* group of the caller */
		CHECK((pid == own && WEXITSTATUS(status) == 3) ||
		      (pid == other && WEXITSTATUS(status) == 4));
	}
	CHECK_ERRNO(waitpid(0, &status, 0), ECHILD);
}

static void test_stopped(void)
{
	int status;
	pid_t pid = child_sleeps();
	CHECK_OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* told only once */
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	CHECK_OK(kill(pid, SIGCONT));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(status, 0xffff);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	CHECK_OK(kill(pid, SIGTSTP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(WSTOPSIG(status), SIGTSTP);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_OK(kill(pid, SIGKILL)); /* kills a stopped process, too */
	CHECK_EQ(wait_status(pid), SIGKILL);
}

static void test_zombie(void)
{
	pid_t pid = child_exits(6);
	for (int i = 0; i < 2000 && process_state(pid) != 'Z'; i++)
		sleep_ms(1);
	CHECK_EQ(process_state(pid), 'Z');
	CHECK_OK(kill(pid, 0)); /* a zombie still has its pid */
	CHECK_OK(kill(pid, SIGTERM));
	CHECK_EQ(getpgid(pid), getpgrp());
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 6);
	CHECK_ERRNO(kill(pid, 0), ESRCH);
}

static void test_rusage(void)
{
	struct rusage usage;
	int status;
	memset(&usage, 0xff, sizeof(usage));
	pid_t pid = fork_child();
	if (pid == 0) {
		int64_t end = now_ms() + 60;
		while (now_ms() < end)
			;
		_exit(0);
	}
	CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
	int64_t used = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
		       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
	CHECK_RANGE(used, 1, 60000);
}

static void test_errors(void)
{
	pid_t pid = child_exits(0);
	CHECK_ERRNO(waitpid(-1, NULL, 0x40), EINVAL);
	CHECK_ERRNO(wait4(INT_MIN, NULL, 0, NULL), ESRCH);
	CHECK_ERRNO(waitpid(pid, (int *)8, 0), EFAULT); /* it is reaped all the same */
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
}

/* An orphan's new parent is init (or a subreaper), which reaps it. */
static void test_orphan(void)
{
	int ends[2];
	struct {
		pid_t pid, parent;
	} seen = { 0, 0 };
	REQUIRE(pipe(ends) == 0);
	pid_t middle = fork_child();
	if (middle == 0) {
		pid_t parent = getpid();
		if (fork_child() == 0) {
			while (getppid() == parent)
				sleep_ms(1);
			seen.pid = getpid();
			seen.parent = getppid();
			_exit(write(ends[1], &seen, sizeof(seen)) == sizeof(seen) ? 0 : 1);
		}
		_exit(0);
	}
	CHECK_EQ(wait_status(middle), 0);
	CHECK_EQ(read(ends[0], &seen, sizeof(seen)), sizeof(seen));
	CHECK(seen.parent != getpid() && seen.parent != middle);
	CHECK_EQ(seen.parent, 1);
	for (int i = 0; i < 3000 && kill(seen.pid, 0) == 0; i++)
		sleep_ms(1);
	CHECK_ERRNO(kill(seen.pid, 0), ESRCH);
	close(ends[0]), close(ends[1]);
}

/* SIGCHLD ignored: children leave no zombies, and wait blocks until all are gone. */
static void ignore_children(void *unused)
{
	(void)unused;
	signal_set(SIGCHLD, SIG_IGN, 0);
	pid_t pid = child_exits(1);
	child_exits(2);
	CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
	/* It is nobody's child before its number is free. */
	for (int i = 0; i < 3000 && kill(pid, 0) == 0; i++)
		sleep_ms(1);
	CHECK_ERRNO(kill(pid, 0), ESRCH);
	signal_set(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
	child_exits(3);
	CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
}

static void test_ignored(void)
{
	CHECK_EQ(run_child(ignore_children, NULL), 0);
}

static volatile int chld_count;

static void on_child(int sig)
{
	(void)sig;
	chld_count++;
}

static void test_interrupted(void)
{
	pid_t sleeper = child_sleeps();
	signal_set(SIGUSR1, on_child, 0);
	pid_t sender = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(waitpid(sleeper, NULL, 0), EINTR);
	kill(sleeper, SIGKILL);
	CHECK_EQ(wait_status(sleeper), SIGKILL);
	CHECK_EQ(wait_status(sender), 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static const struct check_case cases[] = {
	{ "status", test_status },   { "select", test_select },		  { "nohang", test_nohang },
	{ "group", test_group },     { "stopped", test_stopped },	  { "zombie", test_zombie },
	{ "rusage", test_rusage },   { "errors", test_errors },		  { "orphan", test_orphan },
	{ "ignored", test_ignored }, { "interrupted", test_interrupted },
};

CHECK_MAIN(cases)
