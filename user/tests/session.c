/* setpgid(2), getpgid, setsid(2), getsid: rules and errors. */
#include "check.h"

static void test_setpgid(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		pid_t old = getpgrp();
		CHECK(old != getpid());
		CHECK_OK(setpgid(0, 0));
		CHECK_EQ(getpgrp(), getpid());
		CHECK_EQ(getpgid(0), getpid());
		CHECK_OK(setpgid(0, old)); /* back into a group of the session */
		CHECK_EQ(getpgrp(), old);
		CHECK_OK(setpgid(getpid(), getpid()));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_setpgid_child(void)
{
	int ends[2];
	char byte;
	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	CHECK_OK(setpgid(pid, pid));
	CHECK_EQ(getpgid(pid), pid);
	CHECK_OK(setpgid(pid, getpgrp()));
	CHECK_EQ(getpgid(pid), getpgrp());
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]), close(ends[1]);
}

static void test_setpgid_errors(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_ERRNO(setpgid(0, -1), EINVAL);
		CHECK_ERRNO(setpgid(999999, 0), ESRCH);
		CHECK_ERRNO(setpgid(getppid(), 0), ESRCH); /* neither itself nor a child */
		CHECK_ERRNO(setpgid(0, 999999), EPERM);	   /* no such group */
		CHECK_ERRNO(setpgid(0, getpid() + 1), EPERM);
		CHECK_ERRNO(getpgid(999999), ESRCH);
		CHECK_ERRNO(getpgid(-1), ESRCH);
		CHECK_ERRNO(getsid(999999), ESRCH);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

/* After its exec a child's group can no longer be changed by its parent. */
static void test_after_exec(void)
{
	int ends[2];
	char byte;
	REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		char *argv[] = { "sh", "-c", "sleep 20", NULL };
		execve("/bin/sh", argv, argv + 3);
		_exit(1);
	}
	close(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 0); /* closed by the exec */
	CHECK_ERRNO(setpgid(pid, pid), EACCES);
	kill(pid, SIGKILL);
	wait_status(pid);
	close(ends[0]);
}

static void test_setsid(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		pid_t before = getpgrp();
		CHECK(getsid(0) != getpid());
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERRNO(setsid(), EPERM);		      /* a leader already */
		CHECK_ERRNO(setpgid(0, 0), EPERM);	      /* a session leader */
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO); /* no controlling terminal */
		pid_t child = fork_child();
		if (child == 0) {
			CHECK_EQ(getsid(0), getppid());
			CHECK_EQ(getpgrp(), getppid());
			/* A group of another session. */
			if (before)
				CHECK_ERRNO(setpgid(0, before), EPERM);
			child_exit();
		}
		CHECK_EQ(wait_status(child), 0);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_setsid_leader(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setpgid(0, 0));
		CHECK_ERRNO(setsid(), EPERM); /* a group leader */
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

/* A group lives on after its leader; its number is not given to a new process meanwhile. */
static void test_leader_gone(void)
{
	int ends[2];
	char byte;
	REQUIRE(pipe(ends) == 0);
	pid_t leader = fork_child();
	if (leader == 0)
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	pid_t member = fork_child();
	if (member == 0) {
		for (;;)
			pause();
	}
	CHECK_OK(setpgid(leader, leader));
	CHECK_OK(setpgid(member, leader));
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(wait_status(leader), 0);
	CHECK_EQ(getpgid(member), leader);
	pid_t joiner = fork_child();
	if (joiner == 0) {
		for (;;)
			pause();
	}
	CHECK_OK(setpgid(joiner, leader));
	CHECK_OK(kill(-leader, SIGKILL));
	CHECK_EQ(wait_status(member), SIGKILL);
	CHECK_EQ(wait_status(joiner), SIGKILL);
	CHECK_ERRNO(kill(-leader, 0), ESRCH);
	close(ends[0]), close(ends[1]);
}

static volatile int hangups, continues;

static void on_hangup(int sig)
{
	if (sig == SIGHUP)
		hangups++;
	else
		continues++;
}

/* A group that becomes orphaned with a stopped member gets SIGHUP, then SIGCONT. */
static void test_orphaned_stopped(void)
{
	int ends[2];
	char byte = 0;
	REQUIRE(pipe(ends) == 0);
	pid_t middle = fork_child();
	if (middle == 0) {
		pid_t pid = fork_child();
		if (pid == 0) {
			setpgid(0, 0);
			signal_set(SIGHUP, on_hangup, 0);
			signal_set(SIGCONT, on_hangup, 0);
			raise(SIGSTOP);
			for (int i = 0; i < 1000 && (!hangups || !continues); i++)
				sleep_ms(1);
			byte = hangups == 1 && continues == 1 ? 'y' : 'n';
			_exit(write(ends[1], &byte, 1) == 1 ? 0 : 1);
		}
		int status;
		waitpid(pid, &status, WUNTRACED);
		_exit(WIFSTOPPED(status) ? 0 : 1);
	}
	CHECK_EQ(wait_status(middle), 0);
	close(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(byte, 'y');
	close(ends[0]);
}

static const struct check_case cases[] = {
	{ "setpgid", test_setpgid },
	{ "setpgid-child", test_setpgid_child },
	{ "setpgid-errors", test_setpgid_errors },
	{ "after-exec", test_after_exec },
	{ "setsid", test_setsid },
	{ "setsid-leader", test_setsid_leader },
	{ "leader-gone", test_leader_gone },
	{ "orphaned-stopped", test_orphaned_stopped },
};

CHECK_MAIN(cases)
