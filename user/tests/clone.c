/* clone(2) and clone3(2): flags, stack, TLS, tid words, errors; threads as glibc makes them. */
#include "check.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>

static char child_stack[64 << 10] __attribute__((aligned(16)));

/* The order of the raw call on riscv64: flags, stack, parent_tid, tls, child_tid. */
static long clone_raw(unsigned long flags, void *stack, int *parent, void *tls, int *child)
{
	return syscall(SYS_clone, flags, stack, parent, tls, child);
}

static void test_fork_words(void)
{
	static int parent_tid, child_tid;
	int ends[2], seen = 0;
	REQUIRE(pipe(ends) == 0);
	parent_tid = child_tid = 0;
	long pid = clone_raw(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, NULL, &parent_tid,
			     NULL, &child_tid);
	if (pid == 0) {
		int words[2] = { child_tid, (int)syscall(SYS_gettid) };
		_exit(write(ends[1], words, sizeof(words)) == 8 ? 0 : 1);
	}
	REQUIRE(pid > 0);
	CHECK_EQ(parent_tid, pid);
	CHECK_EQ(child_tid, 0); /* only in the child's memory */
	CHECK_EQ(read(ends[0], &seen, 4), 4);
	CHECK_EQ(seen, pid);
	CHECK_EQ(read(ends[0], &seen, 4), 4);
	CHECK_EQ(seen, pid);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]), close(ends[1]);
}

/* CLONE_CHILD_CLEARTID: at its end the word is cleared and its futex woken. */
static int quiet_child(void *argument)
{
	(void)argument;
	sleep_ms(20);
	syscall(SYS_exit, 0);
	return 0;
}

static void test_clear_tid(void)
{
	static volatile int tid;
	tid = -1;
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		    CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;
	int got = clone(quiet_child, child_stack + sizeof(child_stack), flags, NULL, NULL, NULL,
			&tid);
	REQUIRE(got > 0);
	CHECK(got != getpid());
	for (int now; (now = tid) != 0;)
		syscall(SYS_futex, &tid, FUTEX_WAIT, now, NULL, NULL, 0);
	CHECK_EQ(tid, 0);
	CHECK_ERRNO(waitpid(got, NULL, __WALL), ECHILD); /* a thread is not a child */
}

static int ids_child(void *argument)
{
	volatile int *out = argument;
	out[0] = syscall(SYS_getpid);
	out[1] = syscall(SYS_gettid);
	out[2] = syscall(SYS_getppid);
	__atomic_store_n(&out[3], 1, __ATOMIC_RELEASE);
	syscall(SYS_exit, 3);
	return 0;
}

static void test_thread_ids(void)
{
	static volatile int out[4];
	memset((void *)out, 0, sizeof(out));
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
	int tid = clone(ids_child, child_stack + sizeof(child_stack), flags, (void *)out);
	REQUIRE(tid > 0);
	CHECK(wait_for_value(&out[3], 1));
	CHECK_EQ(out[0], getpid());
	CHECK_EQ(out[1], tid);
	CHECK_EQ(out[2], getppid());
	for (int i = 0; i < 1000 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++)
		sleep_ms(1);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
}

/* CLONE_FILES and CLONE_FS share, their absence copies. */
struct share {
	int fd;
	unsigned long flags;
};

static int share_child(void *argument)
{
	struct share *share = argument;
	close(share->fd);
	if (chdir("/proc") < 0)
		_exit(1);
	umask(077);
	_exit(0);
}

static void share_test(unsigned long flags, bool shared)
{
	char path[64];
	struct share share = { open("/dev/null", O_RDONLY), flags };
	CHECK_OK(chdir("/tmp"));
	umask(022);
	pid_t pid = clone(share_child, child_stack + sizeof(child_stack), flags | SIGCHLD, &share);
	CHECK_EQ(wait_status(pid), 0);
	if (shared)
		CHECK_ERRNO(fcntl(share.fd, F_GETFD), EBADF);
	else
		CHECK_OK(fcntl(share.fd, F_GETFD));
	CHECK_STR(getcwd(path, sizeof(path)), shared ? "/proc" : "/tmp");
	CHECK_EQ(umask(022), shared ? 077 : 022);
	if (!shared)
		close(share.fd);
	CHECK_OK(chdir("/"));
}

static void test_share(void)
{
	share_test(CLONE_FILES | CLONE_FS, true);
	share_test(0, false);
	share_test(CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS, true);
}

static void test_errors(void)
{
	CHECK_ERRNO(clone_raw(CLONE_THREAD | SIGCHLD, NULL, NULL, NULL, NULL), EINVAL);
	CHECK_ERRNO(clone_raw(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL, NULL), EINVAL);
	CHECK_ERRNO(clone_raw(CLONE_THREAD | CLONE_VM, NULL, NULL, NULL, NULL), EINVAL);
	CHECK_ERRNO(clone_raw(CLONE_FS | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL), EINVAL);
}

static long clone3_raw(struct clone_args *args, size_t size)
{
	return syscall(SYS_clone3, args, size);
}

static void test_clone3_fork(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	long pid = clone3_raw(&args, sizeof(args));
	if (pid == 0)
		_exit(8);
	if (pid < 0 && errno == ENOSYS)
		SKIP("no clone3");
	REQUIRE(pid > 0);
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 8);
}

static void test_clone3_errors(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	if (clone3_raw(NULL, 0) == -1 && errno == ENOSYS)
		SKIP("no clone3");
	CHECK_ERRNO(clone3_raw(&args, 8), EINVAL);
	CHECK_ERRNO(clone3_raw(&args, 1 << 20), E2BIG);
	CHECK_ERRNO(clone3_raw((void *)8, sizeof(args)), EFAULT);
	args.exit_signal = 0x1000;
	CHECK_ERRNO(clone3_raw(&args, sizeof(args)), EINVAL);
	args = (struct clone_args){ .flags = CLONE_THREAD, .exit_signal = SIGCHLD };
	CHECK_ERRNO(clone3_raw(&args, sizeof(args)), EINVAL);
	args = (struct clone_args){ .exit_signal = SIGCHLD, .stack = 4096 };
	CHECK_ERRNO(clone3_raw(&args, sizeof(args)), EINVAL); /* a stack without a size */
	args = (struct clone_args){ .exit_signal = SIGCHLD, .flags = 1ULL << 60 };
	CHECK_ERRNO(clone3_raw(&args, sizeof(args)), EINVAL);
}

/* The exit signal is the caller's choice; __WALL waits for any. */
static volatile int got_signal;

static void note_signal(int sig)
{
	got_signal = sig;
}

static void test_exit_signal(void)
{
	got_signal = 0;
	signal_set(SIGUSR1, note_signal, SA_RESTART);
	long pid = clone_raw(SIGUSR1, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(4);
	int status;
	REQUIRE(pid > 0);
	CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK_EQ(WEXITSTATUS(status), 4);
	for (int i = 0; i < 100 && !got_signal; i++)
		sleep_ms(1);
	CHECK_EQ(got_signal, SIGUSR1);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static const struct check_case cases[] = {
	{ "fork-words", test_fork_words },
	{ "clear-tid", test_clear_tid },
	{ "thread-ids", test_thread_ids },
	{ "share", test_share },
	{ "errors", test_errors },
	{ "clone3-fork", test_clone3_fork },
	{ "clone3-errors", test_clone3_errors },
	{ "exit-signal", test_exit_signal },
};

CHECK_MAIN(cases)
