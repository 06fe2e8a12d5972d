/* kill(2), tgkill(2), tkill(2): targets, errors, default actions, stop and continue. */
#include "check.h"
#include <sys/resource.h>

static pid_t child_sleeps(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		for (;;)
			pause();
	}
	return pid;
}

static void test_errors(void)
{
	CHECK_ERRNO(kill(999999, 0), ESRCH);
	CHECK_ERRNO(kill(999999, SIGTERM), ESRCH);
	CHECK_ERRNO(kill(-999999, SIGTERM), ESRCH);
	CHECK_ERRNO(kill(getpid(), 65), EINVAL);
	CHECK_ERRNO(kill(getpid(), -1), EINVAL);
	CHECK_ERRNO(kill(INT_MIN, SIGTERM), ESRCH);
	CHECK_OK(kill(getpid(), 0));
	CHECK_OK(kill(0, 0));
	CHECK_OK(kill(1, 0));
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 999999, SIGTERM), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, 1, syscall(SYS_gettid), 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, -1, 1, SIGTERM), EINVAL);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, SIGTERM), EINVAL);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 65), EINVAL);
	CHECK_ERRNO(syscall(SYS_tkill, -1, SIGTERM), EINVAL);
	CHECK_ERRNO(syscall(SYS_tkill, 999999, SIGTERM), ESRCH);
}

static void test_permission(void)
{
	pid_t root_child = child_sleeps();
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(kill(root_child, SIGTERM), EPERM);
		CHECK_ERRNO(kill(root_child, 0), EPERM);
		CHECK_ERRNO(kill(1, SIGTERM), EPERM);
		CHECK_OK(kill(root_child, SIGCONT)); /* allowed within a session */
		CHECK_OK(kill(getpid(), 0));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(waitpid(root_child, NULL, WNOHANG), 0);
	kill(root_child, SIGKILL);
	CHECK_EQ(wait_status(root_child), SIGKILL);
}

/* To all: those whom one may not signal are passed over, without an error. */
static void test_all_forbidden(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setuid(20099));
		CHECK_OK(kill(-1, SIGUSR1));
		CHECK_OK(kill(-1, 0));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_default_actions(void)
{
	/* clang-format off */
	static const int deadly[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL,
		SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU,
		SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, 34, 50, 64,
	};
	/* clang-format on */
	static const int harmless[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
	signal_set(SIGALRM, SIG_DFL, 0); /* inherited by the children */
	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
		pid_t pid = child_sleeps();
		sleep_ms(1);
		CHECK_OK(syscall(SYS_kill, pid, deadly[i]));
		CHECK_EQ(WTERMSIG(wait_status(pid)), deadly[i]);
	}
	pid_t pid = child_sleeps();
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		CHECK_OK(kill(pid, harmless[i]));
	sleep_ms(10);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	wait_status(pid);
}

static void test_group(void)
{
	pid_t leader = child_sleeps();
	CHECK_OK(setpgid(leader, leader));
	pid_t second = child_sleeps();
	CHECK_OK(setpgid(second, leader));
	pid_t outside = child_sleeps();
	CHECK_OK(kill(-leader, SIGTERM));
	CHECK_EQ(wait_status(leader), SIGTERM);
	CHECK_EQ(wait_status(second), SIGTERM);
	CHECK_EQ(waitpid(outside, NULL, WNOHANG), 0);
	CHECK_ERRNO(kill(-leader, SIGTERM), ESRCH);
	kill(outside, SIGKILL);
	wait_status(outside);
}

/* kill(0, …) goes to the caller's whole group. */
static void test_own_group(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		setpgid(0, 0);
		pid_t other = child_sleeps();
		signal_set(SIGTERM, SIG_IGN, 0);
		kill(0, SIGTERM);
		CHECK_EQ(wait_status(other), SIGTERM);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_stop(void)
{
	static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	volatile int *word =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)word != MAP_FAILED);
	int status;
	pid_t pid = fork_child();
	if (pid == 0) {
		setpgid(0, 0);
		for (;;)
			__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	}
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		CHECK_OK(kill(pid, stops[i]));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == stops[i]);
		CHECK_EQ(process_state(pid), 'T');
		int seen = *word;
		sleep_ms(20);
		CHECK_EQ(*word, seen); /* it stands still */
		CHECK_OK(kill(pid, SIGCONT));
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
		for (int n = 0; n < 2000 && *word == seen; n++)
			sleep_ms(1);
		CHECK(*word != seen);
	}
	kill(pid, SIGKILL);
	wait_status(pid);
	munmap((void *)word, PAGE);
}

static volatile int continued;

static void on_continue(int sig)
{
	(void)sig;
	continued++;
}

/* SIGCONT is delivered to its handler as well; other signals wait while it is stopped. */
static void test_stopped_delivery(void)
{
	int status, ends[2];
	char byte;
	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		signal_set(SIGCONT, on_continue, 0);
		signal_set(SIGUSR1, on_continue, 0);
		if (write(ends[1], "r", 1) != 1)
			_exit(1);
		while (continued < 2)
			sleep_ms(1);
		_exit(continued);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGUSR1);
	sleep_ms(20);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGCONT);
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 2);
	close(ends[0]), close(ends[1]);
}

/* A stop signal takes a pending SIGCONT away and the other way round. */
static void test_cancel_each_other(void)
{
	sigset_t set, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_set(SIGCONT, on_continue, 0);
	raise(SIGTSTP);
	raise(SIGCONT);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGCONT) && !sigismember(&pending, SIGTSTP));
	raise(SIGTSTP);
	sigpending(&pending);
	CHECK(!sigismember(&pending, SIGCONT) && sigismember(&pending, SIGTSTP));
	signal_set(SIGTSTP, SIG_IGN, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal_set(SIGTSTP, SIG_DFL, 0);
	signal_set(SIGCONT, SIG_DFL, 0);
}

/* An orphaned process group does not stop at a terminal's stop signals. */
static void orphaned(void *unused)
{
	(void)unused;
	if (setsid() < 0)
		_exit(9);
	raise(SIGTSTP);
	raise(SIGTTIN);
	raise(SIGTTOU);
	_exit(0);
}

static void test_orphaned_group(void)
{
	CHECK_EQ(run_child(orphaned, NULL), 0);
}

static void test_abort(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		signal_set(SIGABRT, SIG_IGN, 0);
		abort();
	}
	CHECK_EQ(WTERMSIG(wait_status(pid)), SIGABRT);
}

static const struct check_case cases[] = {
	{ "errors", test_errors },
	{ "permission", test_permission },
	{ "all-forbidden", test_all_forbidden },
	{ "default-actions", test_default_actions },
	{ "group", test_group },
	{ "own-group", test_own_group },
	{ "stop", test_stop },
	{ "stopped-delivery", test_stopped_delivery },
	{ "cancel-each-other", test_cancel_each_other },
	{ "orphaned-group", test_orphaned_group },
	{ "abort", test_abort },
};

CHECK_MAIN(cases)
