/* The stack of the first thread: it grows on demand up to RLIMIT_STACK, and no further. */
#include "fault.h"
#include <sys/resource.h>

static unsigned char alternate[64 << 10];

static __attribute__((noinline)) int deep(int levels)
{
	volatile unsigned char frame[4096];
	memset((void *)frame, levels, sizeof(frame));
	int below = levels ? deep(levels - 1) : 0;
	return below + (frame[4095] == (unsigned char)levels) + (frame[0] == (unsigned char)levels);
}

static void test_grow(void)
{
	CHECK_EQ(deep(1000), 2 * 1001); /* 4 MiB, page by page */
}

static __attribute__((noinline)) int wide(void)
{
	volatile unsigned char frame[3 << 20];
	frame[0] = 1; /* 3 MiB below in one step */
	frame[sizeof(frame) - 1] = 2;
	return frame[0] + frame[100] * 0 + frame[sizeof(frame) - 1];
}

static void test_jump(void)
{
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(wide() == 3 ? 0 : 1);
	CHECK_EQ(wait_status(pid), 0);
}

static volatile uintptr_t overflow_at;

static void overflow_handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	overflow_at = (uintptr_t)info->si_addr;
	_exit(info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR ? 42 : 43);
}

static __attribute__((noinline)) int endless(int n)
{
	volatile unsigned char frame[2048];
	frame[0] = n;
	return n < 0 ? 0 : endless(n + 1) + frame[0];
}

/* Overflow with a handler on an alternate stack: SIGSEGV is delivered there. */
static void test_overflow_caught(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		struct rlimit limit = { 512 << 10, 512 << 10 };
		stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
		struct sigaction action = { .sa_sigaction = overflow_handler,
					    .sa_flags = SA_SIGINFO | SA_ONSTACK };
		setrlimit(RLIMIT_STACK, &limit);
		sigaltstack(&stack, NULL);
		sigaction(SIGSEGV, &action, NULL);
		_exit(endless(0) == 0);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 42);
}

static void overflow_no_room(int sig)
{
	_exit(sig ? 44 : 45);
}

/* Without one there is no room for the frame: the program dies of SIGSEGV. */
static void test_overflow_killed(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		struct rlimit limit = { 512 << 10, 512 << 10 }, none = { 0, 0 };
		setrlimit(RLIMIT_STACK, &limit);
		setrlimit(RLIMIT_CORE, &none);
		signal_set(SIGSEGV, overflow_no_room, 0);
		_exit(endless(0) == 0);
	}
	int status = wait_status(pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
}

/* The kernel's own writes grow it as well. */
static __attribute__((noinline)) void read_below(int fd)
{
	volatile char frame[256 << 10];
	CHECK_EQ(read(fd, (void *)frame, 16), 16);
	CHECK_EQ(frame[15], 0);
}

static void test_grow_by_kernel(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		int fd = open("/dev/zero", O_RDONLY);
		read_below(fd);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

/* A mapping that is just below stays apart from the stack: never silently grown into. */
static void test_collision(void)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		volatile char here;
		uintptr_t below = ((uintptr_t)&here & ~(PAGE - 1)) - (1 << 20);
		unsigned char *p = mmap((void *)below, PAGE, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
		struct sigaction action = { .sa_sigaction = overflow_handler,
					    .sa_flags = SA_SIGINFO | SA_ONSTACK };
		if ((void *)p == MAP_FAILED)
			_exit(42);
		memset(p, 0x11, PAGE);
		sigaltstack(&stack, NULL);
		sigaction(SIGSEGV, &action, NULL);
		_exit(endless(0) == 0);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 42);
}

static const struct check_case cases[] = {
	{ "grow", test_grow },
	{ "jump", test_jump },
	{ "overflow-caught", test_overflow_caught },
	{ "overflow-killed", test_overflow_killed },
	{ "grow-by-kernel", test_grow_by_kernel },
	{ "collision", test_collision },
};

CHECK_MAIN(cases)
