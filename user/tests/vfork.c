/* vfork(2), and CLONE_VM | CLONE_VFORK with a stack of its own as posix_spawn uses it. */
#include "check.h"
#include <sched.h>

static volatile int word;
static char child_stack[64 << 10] __attribute__((aligned(16)));

static void test_memory(void)
{
	word = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		word = 2; /* the parent's own memory */
		_exit(5);
	}
	CHECK_EQ(word, 2);
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 5);
}

/* The parent waits until the child has ended. */
static void test_parent_waits(void)
{
	int64_t begin = now_ms();
	pid_t pid = vfork();
	if (pid == 0) {
		struct timespec time = { 0, 80000000 };
		nanosleep(&time, NULL);
		_exit(0);
	}
	CHECK(now_ms() - begin >= 78);
	CHECK_EQ(wait_status(pid), 0);
}

static void test_exec(void)
{
	static char *argv[] = { "sh", "-c", "exit 9", NULL };
	static char *envp[] = { NULL };
	pid_t pid = vfork();
	if (pid == 0) {
		execve("/bin/sh", argv, envp);
		_exit(127);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 9);
}

static void test_exec_fails(void)
{
	static char *argv[] = { "none", NULL };
	static volatile int failed;
	failed = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		execve("/nonexistent/program", argv, argv + 1);
		failed = errno;
		_exit(127);
	}
	CHECK_EQ(failed, ENOENT);
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 127);
}

static int clone_child(void *argument)
{
	*(volatile int *)argument = getpid();
	sleep_ms(20);
	_exit(6);
}

static void test_own_stack(void)
{
	static volatile int seen;
	seen = 0;
	int64_t begin = now_ms();
	pid_t pid = clone(clone_child, child_stack + sizeof(child_stack),
			  CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&seen);
	CHECK(pid > 0);
	CHECK(now_ms() - begin >= 18);
	CHECK_EQ(seen, pid);
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 6);
}

/* CLONE_VM alone: both run at the same time in one address space, as two processes. */
static int shared_child(void *argument)
{
	volatile int *cell = argument;
	CHECK(wait_for_value(&cell[0], 1));
	cell[1] = 2;
	_exit(check_failures ? 1 : 0);
}

static void test_shared_memory(void)
{
	static volatile int cell[2];
	cell[0] = cell[1] = 0;
	pid_t pid = clone(shared_child, child_stack + sizeof(child_stack), CLONE_VM | SIGCHLD,
			  (void *)cell);
	REQUIRE(pid > 0);
	CHECK_EQ(cell[1], 0);
	__atomic_store_n(&cell[0], 1, __ATOMIC_RELEASE);
	CHECK(wait_for_value(&cell[1], 2));
	CHECK_EQ(wait_status(pid), 0);
}

/* Descriptors and signal actions are not shared without CLONE_FILES and CLONE_SIGHAND. */
static int private_child(void *argument)
{
	close((int)(long)argument);
	signal_set(SIGUSR2, SIG_IGN, 0);
	_exit(0);
}

static void test_not_shared(void)
{
	struct sigaction action;
	int fd = open("/dev/null", O_RDONLY);
	pid_t pid = clone(private_child, child_stack + sizeof(child_stack),
			  CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)(long)fd);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(fcntl(fd, F_GETFD));
	sigaction(SIGUSR2, NULL, &action);
	CHECK(action.sa_handler == SIG_DFL);
	close(fd);
}

/* A signal for the parent waits while it waits for its vfork child. */
static volatile int usr1_count;

static void count_usr1(int sig)
{
	(void)sig;
	usr1_count++;
}

static void test_parent_killed_child_lives(void)
{
	int ends[2];
	char byte = 0;
	REQUIRE(pipe(ends) == 0);
	pid_t middle = fork_child();
	if (middle == 0) {
		pid_t pid = vfork();
		if (pid == 0) {
			struct timespec time = { 0, 60000000 };
			nanosleep(&time, NULL);
			_exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
		}
		_exit(0);
	}
	sleep_ms(20);
	CHECK_OK(kill(middle, SIGKILL));
	int status = wait_status(middle);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 1); /* the child went on */
	close(ends[0]);
}

static void test_signal(void)
{
	pid_t self = getpid();
	usr1_count = 0;
	signal_set(SIGUSR1, count_usr1, 0);
	pid_t pid = vfork();
	if (pid == 0) {
		struct timespec time = { 0, 20000000 };
		kill(self, SIGUSR1);
		nanosleep(&time, NULL);
		_exit(usr1_count == 0 ? 0 : 1);
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(usr1_count, 1);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static const struct check_case cases[] = {
	{ "memory", test_memory },
	{ "parent-waits", test_parent_waits },
	{ "exec", test_exec },
	{ "exec-fails", test_exec_fails },
	{ "own-stack", test_own_stack },
	{ "shared-memory", test_shared_memory },
	{ "not-shared", test_not_shared },
	{ "parent-killed", test_parent_killed_child_lives },
	{ "signal", test_signal },
};

CHECK_MAIN(cases)
