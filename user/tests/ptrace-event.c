/* ptrace(2): forks, execs, threads and deaths of tracees and tracers, attaching, group stops. */
#include "ptrace.h"

#define EVENT(status) ((status) >> 16)
enum { DIE_SLOWLY = 50 };

static void fork_run(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(3);
	int status = 0;
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

static void test_fork_event(void)
{
	pid_t pid = tracee_start(fork_run);
	unsigned long message = 0;
	int status;

	CHECK_OK(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT));
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGTRAP, PTRACE_EVENT_FORK));
	CHECK_OK(request(PTRACE_GETEVENTMSG, pid, 0, (long)&message));
	pid_t child = (pid_t)message;
	REQUIRE(child > 0);
	expect_stop(child, SIGSTOP, 0);
	CHECK_OK(request(PTRACE_CONT, child, 0, 0));
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	REQUIRE(expect_stop(child, SIGTRAP, PTRACE_EVENT_EXIT));
	CHECK_OK(request(PTRACE_GETEVENTMSG, child, 0, (long)&message));
	CHECK_EQ(message, 3 << 8);
	CHECK_OK(request(PTRACE_CONT, child, 0, 0));
	/* The tracer hears first, then the parent can reap it. */
	CHECK_EQ(waitpid(child, &status, __WALL), child);
	CHECK_EQ(status, 3 << 8);
	status = stop_of(pid);
	if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGCHLD) {
		CHECK_OK(request(PTRACE_CONT, pid, 0, SIGCHLD));
		status = stop_of(pid);
	}
	CHECK_EQ(EVENT(status), PTRACE_EVENT_EXIT);
	finish(pid, 3 << 8);
}

static void vfork_run(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	_exit(5);
}

static void test_vfork_event(void)
{
	pid_t pid = tracee_start(vfork_run);
	unsigned long message = 0;

	CHECK_OK(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE));
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGTRAP, PTRACE_EVENT_VFORK));
	CHECK_OK(request(PTRACE_GETEVENTMSG, pid, 0, (long)&message));
	REQUIRE(expect_stop((pid_t)message, SIGSTOP, 0));
	CHECK_OK(request(PTRACE_DETACH, (pid_t)message, 0, 0));
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGTRAP, PTRACE_EVENT_VFORK_DONE));
	CHECK_OK(request(PTRACE_DETACH, pid, 0, 0));
	CHECK_EQ(wait_status(pid), 5 << 8);
}

static void exec_run(void)
{
	execl("/proc/self/exe", "ptrace", "-c", "exit", NULL);
	_exit(99);
}

static void test_exec(void)
{
	pid_t pid = tracee_start(exec_run);

	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	expect_stop(pid, SIGTRAP, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_status(pid), SIGKILL);
	pid = tracee_start(exec_run);
	CHECK_OK(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL));
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	expect_stop(pid, SIGTRAP, PTRACE_EVENT_EXEC);
	CHECK_OK(request(PTRACE_KILL, pid, 0, 0));
	CHECK_EQ(wait_status(pid), SIGKILL);
}

static void test_attach(void)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		for (;;)
			pause();
	}
	sleep_ms(20);
	CHECK_OK(request(PTRACE_ATTACH, pid, 0, 0));
	expect_stop(pid, SIGSTOP, 0);
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	sleep_ms(20);
	CHECK_EQ(process_state(pid), 'S');
	kill(pid, SIGUSR1);
	expect_stop(pid, SIGUSR1, 0);
	CHECK_OK(request(PTRACE_DETACH, pid, 0, SIGUSR1));
	CHECK_EQ(wait_status(pid), SIGUSR1);
}

static void test_seize(void)
{
	pid_t pid = fork_child();
	siginfo_t info;

	if (pid == 0) {
		for (;;)
			pause();
	}
	sleep_ms(20);
	CHECK_OK(request(PTRACE_SEIZE, pid, 0, 0));
	CHECK_OK(request(PTRACE_INTERRUPT, pid, 0, 0));
	expect_stop(pid, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_OK(request(PTRACE_GETSIGINFO, pid, 0, (long)&info));
	CHECK_EQ(info.si_code, SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	/* A stop of the group: seen twice, as a signal and as a stop; SIGCONT ends the second. */
	kill(pid, SIGSTOP);
	expect_stop(pid, SIGSTOP, 0);
	CHECK_OK(request(PTRACE_CONT, pid, 0, SIGSTOP));
	expect_stop(pid, SIGSTOP, PTRACE_EVENT_STOP);
	CHECK_OK(request(PTRACE_LISTEN, pid, 0, 0));
	CHECK_ERRNO(request(PTRACE_GETSIGINFO, pid, 0, (long)&info), ESRCH);
	kill(pid, SIGCONT);
	expect_stop(pid, SIGTRAP, PTRACE_EVENT_STOP);
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	expect_stop(pid, SIGCONT, 0);
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	kill(pid, SIGKILL);
	CHECK_EQ(wait_status(pid), SIGKILL);
}

/* Without PTRACE_SEIZE a stopped tracee is resumed without SIGCONT. */
static void test_group_stop(void)
{
	pid_t pid = tracee_start(nothing);
	siginfo_t info;

	CHECK_OK(request(PTRACE_CONT, pid, 0, SIGSTOP));
	expect_stop(pid, SIGSTOP, 0);
	CHECK_ERRNO(request(PTRACE_GETSIGINFO, pid, 0, (long)&info), EINVAL);
	finish(pid, 7 << 8);
}

static char thread_stack[65536] __attribute__((aligned(16)));

static int thread_run(void *argument)
{
	syscall(SYS_exit, 9);
	return 0;
}

static void clone_run(void)
{
	extern int clone(int (*)(void *), void *, int, void *, ...);

	clone(thread_run, thread_stack + sizeof(thread_stack), 0x50f00, NULL);
	sleep_ms(DIE_SLOWLY);
}

static void test_thread(void)
{
	pid_t pid = tracee_start(clone_run);
	unsigned long message = 0;
	int status = 0;

	CHECK_OK(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGTRAP, PTRACE_EVENT_CLONE));
	CHECK_OK(request(PTRACE_GETEVENTMSG, pid, 0, (long)&message));
	expect_stop((pid_t)message, SIGSTOP, 0);
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	CHECK_OK(request(PTRACE_CONT, (pid_t)message, 0, 0));
	CHECK_EQ(waitpid((pid_t)message, &status, __WALL), (pid_t)message);
	CHECK_EQ(status, 9 << 8);
	CHECK_EQ(wait_status(pid), 7 << 8);
}

/* A tracer that dies lets go, or takes its tracees with it. */
static void tracer_death(unsigned long options, int expected)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		sleep_ms(300);
		_exit(5);
	}
	pid_t tracer = fork_child();
	if (tracer == 0) {
		request(PTRACE_SEIZE, pid, 0, options);
		request(PTRACE_INTERRUPT, pid, 0, 0);
		waitpid(pid, NULL, __WALL);
		_exit(0);
	}
	CHECK_EQ(wait_status(tracer), 0);
	CHECK_EQ(wait_status(pid), expected);
}

static void test_tracer_death(void)
{
	tracer_death(0, 5 << 8);
	tracer_death(PTRACE_O_EXITKILL, SIGKILL);
}

/* The end of a tracee is its tracer's first; the parent's wait comes later. */
static void test_other_parent(void)
{
	int ends[2];
	char byte;

	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		_exit(6);
	}
	pid_t tracer = fork_child();
	if (tracer == 0) {
		int status = 0;

		if (request(PTRACE_SEIZE, pid, 0, 0) || write(ends[1], "x", 1) != 1)
			_exit(1);
		sleep_ms(100);
		_exit(waitpid(pid, &status, __WALL) != pid || status != 6 << 8);
	}
	sleep_ms(50);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(wait_status(tracer), 0);
	CHECK_EQ(wait_status(pid), 6 << 8);
	close(ends[0]);
	close(ends[1]);
}

static const struct check_case cases[] = {
	{ "fork-event", test_fork_event },
	{ "vfork-event", test_vfork_event },
	{ "exec", test_exec },
	{ "attach", test_attach },
	{ "seize", test_seize },
	{ "group-stop", test_group_stop },
	{ "thread", test_thread },
	{ "tracer-death", test_tracer_death },
	{ "other-parent", test_other_parent },
};

CHECK_MAIN(cases)
