/* execve(2): what the new program gets; it runs this program again as `exec MODE ...`. */
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

static char self[PATH_MAX];

/* ---- the new program's side: exit code 0, or the number of the first thing that is wrong ---- */

static int mode_arguments(int argc, char **argv, char **envp)
{
	static const char *expected[] = { "two words", "", "\xff\x01", "last" };
	if (argc != 6)
		return 1;
	for (int i = 0; i < 4; i++) {
		if (strcmp(argv[i + 2], expected[i]))
			return 2;
	}
	if (argv[6] || !envp[0] || !envp[1] || envp[2])
		return 3;
	return strcmp(envp[0], "A=1") || strcmp(envp[1], "EMPTY=") ? 4 : 0;
}

static int mode_auxv(void)
{
	const unsigned char *random = (void *)getauxval(AT_RANDOM);
	const char *name = (const char *)getauxval(AT_EXECFN);
	const Elf64_Phdr *header = (void *)getauxval(AT_PHDR);
	int zeros = 0;
	if (getauxval(AT_PAGESZ) != PAGE || !random || !name || !header)
		return 1;
	for (int i = 0; i < 16; i++)
		zeros += random[i] == 0;
	if (zeros > 8)
		return 2;
	if (strcmp(name, "/proc/self/exe") && access(name, X_OK) < 0)
		return 3;
	if (getauxval(AT_PHENT) != sizeof(Elf64_Phdr) || getauxval(AT_PHNUM) < 2)
		return 4;
	if (getauxval(AT_UID) != getuid() || getauxval(AT_EUID) != geteuid() ||
	    getauxval(AT_GID) != getgid() || getauxval(AT_EGID) != getegid())
		return 5;
	if (getauxval(AT_SECURE) != 0 || getauxval(AT_CLKTCK) != 100 || !getauxval(AT_ENTRY))
		return 6;
	if (!(getauxval(AT_HWCAP) & (1UL << ('i' - 'a'))) ||
	    !(getauxval(AT_HWCAP) & (1UL << ('m' - 'a'))))
		return 7;
	return 0;
}

static int mode_descriptors(char **argv)
{
	int keep = atoi(argv[2]), closed = atoi(argv[3]);
	return fcntl(keep, F_GETFD) == 0 && fcntl(closed, F_GETFD) == -1 && errno == EBADF ? 0 : 1;
}

static int mode_signals(void)
{
	struct sigaction action;
	sigset_t set;
	sigaction(SIGUSR1, NULL, &action);
	if (action.sa_handler != SIG_DFL)
		return 1; /* caught: back to the default */
	sigaction(SIGUSR2, NULL, &action);
	if (action.sa_handler != SIG_IGN)
		return 2; /* ignored: still ignored */
	sigprocmask(SIG_BLOCK, NULL, &set);
	if (!sigismember(&set, SIGTERM) || sigismember(&set, SIGUSR1))
		return 3;
	sigpending(&set);
	if (!sigismember(&set, SIGTERM))
		return 4; /* pending: still pending */
	stack_t stack;
	sigaltstack(NULL, &stack);
	return stack.ss_flags == SS_DISABLE ? 0 : 5;
}

static int mode_alignment(char **argv)
{
	uintptr_t arguments = (uintptr_t)(argv - 1); /* argc is just below */
	return arguments % 16 == 0 ? 0 : 1;
}

static int mode_name(char **argv)
{
	char name[17] = "";
	prctl(PR_GET_NAME, name);
	return strcmp(name, argv[2]) ? 1 : 0;
}

static int mode_run(int argc, char **argv, char **envp)
{
	if (!strcmp(argv[1], "arguments"))
		return mode_arguments(argc, argv, envp);
	if (!strcmp(argv[1], "auxv"))
		return mode_auxv();
	if (!strcmp(argv[1], "descriptors"))
		return mode_descriptors(argv);
	if (!strcmp(argv[1], "signals"))
		return mode_signals();
	if (!strcmp(argv[1], "alignment"))
		return mode_alignment(argv);
	if (!strcmp(argv[1], "name"))
		return mode_name(argv);
	if (!strcmp(argv[1], "pid"))
		return getpid() == atoi(argv[2]) && getppid() == atoi(argv[3]) ? 0 : 1;
	return -1;
}

/* ---- this side ---- */

static int exec_wait(char **argv, char **envp)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		execve(self, argv, envp);
		_exit(200);
	}
	int status = wait_status(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

static char *no_environment[] = { NULL };

static void test_arguments(void)
{
	char *argv[] = { "exec", "arguments", "two words", "", "\xff\x01", "last", NULL };
	char *envp[] = { "A=1", "EMPTY=", NULL };
	CHECK_EQ(exec_wait(argv, envp), 0);
}

static void test_auxv(void)
{
	char *argv[] = { "exec", "auxv", NULL };
	CHECK_EQ(exec_wait(argv, no_environment), 0);
}

/* AT_RANDOM differs from run to run. */
static void test_random(void)
{
	const char *random = (void *)getauxval(AT_RANDOM);
	int ends[2];
	char other[16];
	REQUIRE(random && pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		char *argv[] = { "exec", "random", NULL };
		dup2(ends[1], 1);
		execve(self, argv, no_environment);
		_exit(1);
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(read(ends[0], other, 16), 16);
	CHECK(memcmp(random, other, 16) != 0);
	close(ends[0]), close(ends[1]);
}

static void test_descriptors(void)
{
	char keep[16], closed[16];
	int fd = open("/dev/null", O_RDONLY);
	int fd2 = open("/dev/null", O_RDONLY | O_CLOEXEC);
	snprintf(keep, sizeof(keep), "%d", fd);
	snprintf(closed, sizeof(closed), "%d", fd2);
	char *argv[] = { "exec", "descriptors", keep, closed, NULL };
	CHECK_EQ(exec_wait(argv, no_environment), 0);
	CHECK_OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CHECK_OK(fcntl(fd2, F_SETFD, 0));
	char *swapped[] = { "exec", "descriptors", closed, keep, NULL };
	CHECK_EQ(exec_wait(swapped, no_environment), 0);
	close(fd), close(fd2);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void signals_exec(void *unused)
{
	static char stack_memory[16384];
	stack_t stack = { .ss_sp = stack_memory, .ss_size = sizeof(stack_memory) };
	char *argv[] = { "exec", "signals", NULL };
	sigset_t set;
	(void)unused;
	signal_set(SIGUSR1, on_signal, 0);
	signal_set(SIGUSR2, SIG_IGN, 0);
	sigaltstack(&stack, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGTERM);
	execve(self, argv, no_environment);
	_exit(200);
}

static void test_signals(void)
{
	CHECK_EQ(run_child(signals_exec, NULL), 0);
}

static void test_alignment(void)
{
	char *argv[] = { "exec", "alignment", NULL, NULL };
	char text[] = "0123456789012345678901234567890";
	for (int i = 0; i < 32; i++) {
		argv[2] = text + i;
		CHECK_EQ(exec_wait(argv, no_environment), 0);
	}
}

static void test_pid(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		char me[16], parent[16];
		snprintf(me, sizeof(me), "%d", getpid());
		snprintf(parent, sizeof(parent), "%d", getppid());
		char *argv[] = { "exec", "pid", me, parent, NULL };
		execve(self, argv, no_environment);
		_exit(200);
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_name(void)
{
	REQUIRE(scratch_enter());
	CHECK_OK(symlink(self, "a-name-that-is-longer-than-15"));
	pid_t pid = fork_child();
	if (pid == 0) {
		char *argv[] = { "other", "name", "a-name-that-is-", NULL };
		execve("a-name-that-is-longer-than-15", argv, no_environment);
		_exit(200);
	}
	CHECK_EQ(wait_status(pid), 0);
	unlink("a-name-that-is-longer-than-15");
}

/* execveat(2) with AT_EMPTY_PATH and relative to a directory. */
static void test_execveat(void)
{
	char *argv[] = { "exec", "auxv", NULL };
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	pid_t pid = fork_child();
	if (pid == 0) {
		syscall(SYS_execveat, fd, "", argv, no_environment, AT_EMPTY_PATH);
		_exit(errno == ENOSYS ? 201 : 200);
	}
	int status = WEXITSTATUS(wait_status(pid));
	close(fd);
	if (status == 201)
		SKIP("no execveat");
	CHECK_RANGE(status, 0, 3); /* /dev/fd/N of a close-on-exec fd is gone: 3 is fine */
}

/* NULL for argv or envp: an empty list, Linux gives argc 1 and argv[0] "". */
static void test_null_lists(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		syscall(SYS_execve, self, NULL, NULL);
		_exit(200);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 99);
}

static const struct check_case cases[] = {
	{ "arguments", test_arguments },
	{ "auxv", test_auxv },
	{ "random", test_random },
	{ "descriptors", test_descriptors },
	{ "signals", test_signals },
	{ "alignment", test_alignment },
	{ "pid", test_pid },
	{ "name", test_name },
	{ "execveat", test_execveat },
	{ "null-lists", test_null_lists },
};

int main(int argc, char **argv, char **envp)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (argc == 1 && argv[0][0] == 0)
		return 99;
	if (argc > 1 && !strcmp(argv[1], "random"))
		return write(1, (void *)getauxval(AT_RANDOM), 16) == 16 ? 0 : 1;
	int mode = argc > 1 ? mode_run(argc, argv, envp) : -1;
	if (mode >= 0)
		return mode;
	if (length < 0)
		return 2;
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
