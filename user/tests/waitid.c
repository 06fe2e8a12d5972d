/* waitid(2): all id types and flags, the fields of siginfo. */
#include "check.h"

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

static bool check_info(const siginfo_t *info, pid_t pid, int code, int status, int line)
{
	return check_equal(info->si_signo, SIGCHLD, "si_signo", line) &
	       check_equal(info->si_pid, pid, "si_pid", line) &
	       check_equal(info->si_uid, getuid(), "si_uid", line) &
	       check_equal(info->si_code, code, "si_code", line) &
	       check_equal(info->si_status, status, "si_status", line);
}

#define CHECK_INFO(info, pid, code, status) check_info((info), (pid), (code), (status), __LINE__)

static void test_exited(void)
{
	siginfo_t info = { 0 };
	pid_t pid = child_exits(9);
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED), 0);
	CHECK_INFO(&info, pid, CLD_EXITED, 9);
	pid = child_sleeps();
	kill(pid, SIGTERM);
	CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED), 0);
	CHECK_INFO(&info, pid, CLD_KILLED, SIGTERM);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
}

static void test_nowait(void)
{
	siginfo_t info = { 0 };
	pid_t pid = child_exits(4);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
		CHECK_INFO(&info, pid, CLD_EXITED, 4);
	}
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED), 0);
	CHECK_ERRNO(waitid(P_PID, pid, &info, WEXITED), ECHILD);
}

static void test_nohang(void)
{
	siginfo_t info;
	pid_t pid = child_sleeps();
	memset(&info, 0x55, sizeof(info));
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0); /* nothing to tell: these two are zero */
	CHECK_EQ(info.si_signo, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(waitid(P_PID, pid, NULL, WEXITED), 0); /* NULL is allowed by Linux */
}

static void test_stop_continue(void)
{
	siginfo_t info = { 0 };
	pid_t pid = child_sleeps();
	kill(pid, SIGSTOP);
	CHECK_EQ(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT), 0);
	CHECK_INFO(&info, pid, CLD_STOPPED, SIGSTOP);
	CHECK_EQ(waitid(P_PID, pid, &info, WSTOPPED), 0);
	CHECK_INFO(&info, pid, CLD_STOPPED, SIGSTOP);
	memset(&info, 0, sizeof(info));
	CHECK_EQ(waitid(P_PID, pid, &info, WSTOPPED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
	kill(pid, SIGCONT);
	CHECK_EQ(waitid(P_PID, pid, &info, WCONTINUED), 0);
	CHECK_INFO(&info, pid, CLD_CONTINUED, SIGCONT);
	kill(pid, SIGKILL);
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WSTOPPED | WCONTINUED), 0);
	CHECK_INFO(&info, pid, CLD_KILLED, SIGKILL);
}

static void test_group(void)
{
	siginfo_t info = { 0 };
	pid_t pid = fork_child();
	if (pid == 0) {
		for (;;)
			pause();
	}
	CHECK_OK(setpgid(pid, pid));
	pid_t other = child_exits(0);
	kill(pid, SIGTERM);
	CHECK_EQ(waitid(P_PGID, pid, &info, WEXITED), 0);
	CHECK_INFO(&info, pid, CLD_KILLED, SIGTERM);
	CHECK_ERRNO(waitid(P_PGID, pid, &info, WEXITED), ECHILD);
	CHECK_EQ(waitid(P_PGID, 0, &info, WEXITED), 0); /* 0: the caller's own group */
	CHECK_INFO(&info, other, CLD_EXITED, 0);
}

static void test_errors(void)
{
	siginfo_t info;
	pid_t pid = child_exits(0);
	CHECK_ERRNO(waitid(P_PID, pid, &info, 0), EINVAL); /* nothing to wait for */
	CHECK_ERRNO(waitid(P_PID, pid, &info, WNOHANG), EINVAL);
	CHECK_ERRNO(waitid(P_PID, pid, &info, WEXITED | 0x80), EINVAL);
	CHECK_ERRNO(waitid((idtype_t)77, pid, &info, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	CHECK_ERRNO(syscall(SYS_waitid, P_PID, -1, &info, WEXITED, NULL), EINVAL);
	CHECK_ERRNO(waitid(P_PID, 999999, &info, WEXITED), ECHILD);
	CHECK_ERRNO(waitid(P_PID, pid, (void *)8, WEXITED), EFAULT);
	CHECK_ERRNO(waitid(P_PID, pid, &info, WEXITED), ECHILD); /* reaped all the same */
}

static const struct check_case cases[] = {
	{ "exited", test_exited }, { "nowait", test_nowait },
	{ "nohang", test_nohang }, { "stop-continue", test_stop_continue },
	{ "group", test_group },   { "errors", test_errors },
};

CHECK_MAIN(cases)
