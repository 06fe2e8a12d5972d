/* sigaction(2): flags, masks, nesting, reset; sigprocmask, sigpending, sigsuspend. */
#include "check.h"

static volatile int count, depth, deepest, order[8], order_length;
static volatile bool blocked_inside, self_blocked;

static void reset(void)
{
	count = depth = deepest = order_length = 0;
	memset((void *)order, 0, sizeof(order));
}

static void set_handler(int sig, void (*handler)(int), int flags, int masked)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigemptyset(&action.sa_mask);
	if (masked)
		sigaddset(&action.sa_mask, masked);
	CHECK_OK(sigaction(sig, &action, NULL));
}

static void block(int how, int sig)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_OK(sigprocmask(how, &set, NULL));
}

static void counting(int sig)
{
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	self_blocked = sigismember(&now, sig);
	blocked_inside = sigismember(&now, SIGUSR2);
	count++;
}

static void test_basic(void)
{
	struct sigaction old;
	reset();
	set_handler(SIGUSR1, counting, 0, SIGUSR2);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(count, 1); /* delivered before kill returns to its own process */
	CHECK(self_blocked && blocked_inside);
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
	CHECK_OK(sigaction(SIGUSR1, NULL, &old));
	CHECK(old.sa_handler == counting);
	CHECK(sigismember(&old.sa_mask, SIGUSR2) && !sigismember(&old.sa_mask, SIGTERM));
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(count, 3);
}

/* An action that is set to what it is: what is pending and ignored goes nevertheless. */
static void test_same_again(void)
{
	sigset_t pending;
	reset();
	block(SIG_BLOCK, SIGCHLD);
	set_handler(SIGCHLD, SIG_DFL, 0, 0);
	raise(SIGCHLD);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGCHLD));
	set_handler(SIGCHLD, SIG_DFL, 0, 0);
	sigpending(&pending);
	CHECK(!sigismember(&pending, SIGCHLD));
	block(SIG_UNBLOCK, SIGCHLD);
	set_handler(SIGUSR1, counting, 0, 0);
	block(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	set_handler(SIGUSR1, counting, 0, 0);
	CHECK_EQ(count, 0);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 1);
}

/* A thread that signals itself is looked for like any other: the process must be the right one. */
static void test_self(void)
{
	reset();
	set_handler(SIGUSR1, counting, 0, 0);
	CHECK_OK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
	CHECK_OK(syscall(SYS_tkill, gettid(), SIGUSR1));
	CHECK_EQ(count, 2);
	CHECK_OK(syscall(SYS_tgkill, getpid(), gettid(), 0));
	CHECK_ERRNO(syscall(SYS_tgkill, getppid(), gettid(), SIGUSR1), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), gettid(), 65), EINVAL);
	CHECK_EQ(count, 2);
}

static void test_nodefer(void)
{
	reset();
	set_handler(SIGUSR1, counting, SA_NODEFER, 0);
	raise(SIGUSR1);
	CHECK_EQ(count, 1);
	CHECK(!self_blocked);
	/* Named in sa_mask as well, it is blocked all the same. */
	set_handler(SIGUSR1, counting, SA_NODEFER, SIGUSR1);
	raise(SIGUSR1);
	CHECK(self_blocked);
}

static void test_resethand(void)
{
	struct sigaction now;
	reset();
	set_handler(SIGUSR1, counting, SA_RESETHAND, 0);
	raise(SIGUSR1);
	CHECK_EQ(count, 1);
	CHECK_OK(sigaction(SIGUSR1, NULL, &now));
	CHECK(now.sa_handler == SIG_DFL);
}

static void nesting(int sig)
{
	order[order_length++] = sig;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	if (sig == SIGUSR2)
		raise(SIGTERM);
	order[order_length++] = -sig;
	depth--;
}

static void test_nested(void)
{
	reset();
	set_handler(SIGUSR1, nesting, 0, 0);
	set_handler(SIGUSR2, nesting, 0, 0);
	set_handler(SIGTERM, nesting, 0, 0);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 3);
	CHECK_EQ(order[2], SIGTERM);
	CHECK_EQ(order[3], -SIGTERM);
	CHECK_EQ(order[5], -SIGUSR1);
	/* With the mask, the inner one comes after the outer one has returned. */
	reset();
	set_handler(SIGUSR1, nesting, 0, SIGUSR2);
	set_handler(SIGUSR2, nesting, 0, SIGTERM);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 1);
	CHECK_EQ(order[1], -SIGUSR1);
	CHECK_EQ(order[2], SIGUSR2);
	CHECK_EQ(order[4], SIGTERM);
	signal_set(SIGTERM, SIG_DFL, 0);
	signal_set(SIGUSR2, SIG_DFL, 0);
}

static void test_pending(void)
{
	sigset_t set;
	reset();
	set_handler(SIGUSR1, counting, 0, 0);
	block(SIG_BLOCK, SIGUSR1);
	for (int i = 0; i < 5; i++)
		kill(getpid(), SIGUSR1);
	CHECK_EQ(count, 0);
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2));
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 1); /* standard signals do not queue */
	CHECK_OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGUSR1));
	/* Ignoring a pending signal throws it away. */
	block(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	signal_set(SIGUSR1, SIG_IGN, 0);
	CHECK_OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGUSR1));
	set_handler(SIGUSR1, counting, 0, 0);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 1);
}

static void test_ignored(void)
{
	signal_set(SIGUSR1, SIG_IGN, 0);
	CHECK_OK(raise(SIGUSR1));
	signal_set(SIGUSR1, SIG_DFL, 0);
	CHECK_OK(raise(SIGCHLD)); /* ignored by default */
	CHECK_OK(raise(SIGWINCH));
	CHECK_OK(raise(SIGURG));
	CHECK_OK(raise(SIGCONT));
}

static void test_suspend(void)
{
	sigset_t empty, set;
	reset();
	sigemptyset(&empty);
	set_handler(SIGUSR1, counting, 0, 0);
	block(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	CHECK_ERRNO(sigsuspend(&empty), EINTR); /* pending already: no wait */
	CHECK_EQ(count, 1);
	sigprocmask(SIG_BLOCK, NULL, &set);
	CHECK(sigismember(&set, SIGUSR1)); /* the mask is as before */
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(sigsuspend(&empty), EINTR);
	CHECK_EQ(count, 2);
	CHECK_EQ(wait_status(pid), 0);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 2);
}

static void test_pause(void)
{
	reset();
	set_handler(SIGUSR1, counting, SA_RESTART, 0);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(pause(), EINTR); /* SA_RESTART or not */
	CHECK_EQ(count, 1);
	CHECK_EQ(wait_status(pid), 0);
}

static void test_unblockable(void)
{
	sigset_t set;
	sigfillset(&set);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	sigprocmask(SIG_BLOCK, NULL, &set);
	CHECK(!sigismember(&set, SIGKILL) && !sigismember(&set, SIGSTOP));
	CHECK(sigismember(&set, SIGTERM));
	sigemptyset(&set);
	CHECK_OK(sigprocmask(SIG_SETMASK, &set, NULL));
}

static long raw_action(int sig, const void *new, void *old, size_t size)
{
	return syscall(SYS_rt_sigaction, sig, new, old, size);
}

static void test_errors(void)
{
	struct sigaction action = { .sa_handler = counting };
	uint64_t mask = 0;
	CHECK_ERRNO(sigaction(0, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(65, &action, NULL), EINVAL);
	CHECK_ERRNO(raw_action(-1, NULL, NULL, 8), EINVAL);
	CHECK_ERRNO(raw_action(SIGUSR1, NULL, NULL, 4), EINVAL);
	CHECK_ERRNO(raw_action(SIGUSR1, (void *)8, NULL, 8), EFAULT);
	CHECK_ERRNO(raw_action(SIGUSR1, NULL, (void *)8, 8), EFAULT);
	CHECK_OK(raw_action(SIGKILL, NULL, NULL, 8));
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 99, &mask, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, 16), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8), EFAULT);
	CHECK_OK(syscall(SYS_rt_sigprocmask, 99, NULL, &mask, 8)); /* how is not looked at */
	CHECK_ERRNO(syscall(SYS_rt_sigpending, 8, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, 8, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &mask, 4), EINVAL);
}

/* Deliveries while much is on: no handler runs twice or not at all. */
static void test_many(void)
{
	reset();
	set_handler(SIGUSR1, counting, 0, 0);
	for (int i = 0; i < 2000; i++)
		raise(SIGUSR1);
	CHECK_EQ(count, 2000);
}

static void test_masks_over_siglongjmp(void)
{
	sigset_t before, after;
	sigprocmask(SIG_BLOCK, NULL, &before);
	set_handler(SIGUSR1, counting, 0, 0);
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK_EQ(memcmp(&before, &after, 8), 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static const struct check_case cases[] = {
	{ "basic", test_basic },
	{ "same-again", test_same_again },
	{ "self", test_self },
	{ "nodefer", test_nodefer },
	{ "resethand", test_resethand },
	{ "nested", test_nested },
	{ "pending", test_pending },
	{ "ignored", test_ignored },
	{ "suspend", test_suspend },
	{ "pause", test_pause },
	{ "unblockable", test_unblockable },
	{ "errors", test_errors },
	{ "many", test_many },
	{ "mask-restored", test_masks_over_siglongjmp },
};

CHECK_MAIN(cases)
