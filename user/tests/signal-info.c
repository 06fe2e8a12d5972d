/* SA_SIGINFO: si_code, si_pid, si_uid, si_status, the machine context; sigaltstack. */
#include "check.h"
#include <pthread.h>
#include <ucontext.h>

static volatile siginfo_t seen;
static volatile int seen_count;
static uintptr_t seen_stack;

static void note(int sig, siginfo_t *info, void *context)
{
	volatile char here;
	(void)sig, (void)context;
	seen = *info;
	seen_stack = (uintptr_t)&here;
	__atomic_add_fetch(&seen_count, 1, __ATOMIC_SEQ_CST);
}

static void set_note(int sig, int flags)
{
	struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | flags };
	sigemptyset(&action.sa_mask);
	sigaction(sig, &action, NULL);
	seen_count = 0;
}

static void test_kill(void)
{
	set_note(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(seen.si_signo, SIGUSR1);
	CHECK_EQ(seen.si_code, SI_USER);
	CHECK_EQ(seen.si_pid, getpid());
	CHECK_EQ(seen.si_uid, getuid());
	CHECK_EQ(seen.si_errno, 0);
	CHECK_OK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
	CHECK_EQ(seen.si_code, SI_TKILL);
	CHECK_EQ(seen.si_pid, getpid());
	pid_t pid = signal_after(SIGUSR1, 10);
	CHECK(wait_for_value(&seen_count, 3));
	CHECK_EQ(seen.si_code, SI_USER);
	CHECK_EQ(seen.si_pid, pid);
	CHECK_EQ(wait_status(pid), 0);
}

static void test_queue(void)
{
	union sigval value = { .sival_int = 4711 };
	set_note(SIGUSR1, 0);
	if (sigqueue(getpid(), SIGUSR1, value) < 0 && errno == ENOSYS)
		SKIP("no rt_sigqueueinfo");
	CHECK_EQ(seen.si_code, SI_QUEUE);
	CHECK_EQ(seen.si_value.sival_int, 4711);
	CHECK_EQ(seen.si_pid, getpid());
}

/*
 * What a kernel keeps of 128 bytes: of kinds that it knows the fields, the rest comes out as zeros;
 * of others nothing may be lost.
 */
static void test_queue_rest(void)
{
	union {
		siginfo_t info;
		unsigned char bytes[128];
	} sent = { 0 }, got;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sent.bytes[127] = sent.bytes[48] = 7;
	sent.info.si_code = SI_QUEUE;
	sent.info.si_value.sival_int = 815;
	CHECK_OK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &sent));
	memset(&got, 0xff, sizeof(got));
	CHECK_EQ(sigtimedwait(&set, &got.info, &(struct timespec){ 0 }), SIGUSR1);
	CHECK_EQ(got.info.si_value.sival_int, 815);
	int rest = 0;
	for (unsigned i = 48; i < sizeof(got.bytes); i++)
		rest |= got.bytes[i];
	CHECK_EQ(rest, 0);
	sent.info.si_code = -30;
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &sent), E2BIG);
	sent.info.si_code = 100;
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &sent), E2BIG);
	sent.bytes[127] = sent.bytes[48] = 0;
	CHECK_OK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &sent));
	CHECK_EQ(sigtimedwait(&set, &got.info, &(struct timespec){ 0 }), SIGUSR1);
	CHECK_EQ(got.info.si_code, 100);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* The frame of a handler: zeros behind siginfo's fields, an END header of no size at the end. */
static volatile int frame_rest, frame_end;

static void look_at_frame(int sig, siginfo_t *info, void *context)
{
	const unsigned char *bytes = (const unsigned char *)info;
	const ucontext_t *uc = context;
	uint32_t end[3];
	(void)sig;
	memcpy(end, (const char *)&uc->uc_mcontext.__fpregs + 516, sizeof(end));
	for (unsigned i = 48; i < sizeof(*info); i++)
		frame_rest |= bytes[i];
	frame_end = (end[0] | end[1] | end[2]) != 0;
}

static __attribute__((noinline)) void dirty_stack(void)
{
	volatile unsigned char garbage[8192];
	for (unsigned i = 0; i < sizeof(garbage); i++)
		garbage[i] = 0xa5;
}

static void test_frame_rest(void)
{
	struct sigaction action = { .sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO };
	frame_rest = frame_end = -1;
	sigaction(SIGUSR1, &action, NULL);
	frame_rest = 0;
	dirty_stack();
	raise(SIGUSR1);
	CHECK_EQ(frame_rest, 0);
	CHECK_EQ(frame_end, 0);
	/* With floating point in use, too. */
	volatile double one = 1.0;
	one += one;
	frame_end = -1;
	dirty_stack();
	raise(SIGUSR1);
	CHECK_EQ(frame_rest, 0);
	CHECK_EQ(frame_end, 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

/* A handler of a thread without floating point writes registers into the frame: they come back. */
static void set_float(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig, (void)info;
	uc->uc_mcontext.__fpregs.__d.__f[10] = 0x4045000000000000; /* 42.0 */
	uc->uc_mcontext.__fpregs.__d.__fcsr = 0x20;
}

static void test_frame_float(void)
{
	struct sigaction action = { .sa_sigaction = set_float, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &action, NULL);
	pid_t pid = fork_child();
	if (pid == 0) {
		long own = getpid();
		register long a7 __asm__("a7") = SYS_kill;
		register long a0 __asm__("a0") = own;
		register long a1 __asm__("a1") = SIGUSR1;
		double result;
		unsigned long control;
		__asm__ volatile("ecall\nfmv.d %1, fa0\nfrcsr %2\nfscsr zero"
				 : "+r"(a0), "=f"(result), "=r"(control)
				 : "r"(a7), "r"(a1)
				 : "fa0", "memory");
		_exit(result == 42.0 && control == 0x20 ? 0 : 1);
	}
	CHECK_EQ(wait_status(pid), 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static int queued[16];
static volatile int queued_count;

static void note_queued(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (queued_count < 16)
		queued[queued_count++] = info->si_value.sival_int;
}

/* Real-time signals queue, in order. */
static void test_real_time(void)
{
	struct sigaction action = { .sa_sigaction = note_queued, .sa_flags = SA_SIGINFO };
	sigset_t set;
	sigaction(SIGRTMIN, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	queued_count = 0;
	for (int i = 0; i < 5; i++) {
		union sigval value = { .sival_int = i };
		if (sigqueue(getpid(), SIGRTMIN, value) < 0 && errno == ENOSYS)
			SKIP("no rt_sigqueueinfo");
	}
	CHECK_EQ(queued_count, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(queued_count, 5);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(queued[i], i);
}

static void test_child(void)
{
	set_note(SIGCHLD, 0);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(7);
	CHECK(wait_for_value(&seen_count, 1));
	CHECK_EQ(seen.si_code, CLD_EXITED);
	CHECK_EQ(seen.si_pid, pid);
	CHECK_EQ(seen.si_status, 7);
	CHECK_EQ(seen.si_uid, getuid());
	CHECK_EQ(wait_status(pid), 7 << 8);
	pid = fork_child();
	if (pid == 0) {
		for (;;)
			pause();
	}
	kill(pid, SIGSTOP);
	CHECK(wait_for_value(&seen_count, 2));
	CHECK_EQ(seen.si_code, CLD_STOPPED);
	CHECK_EQ(seen.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	CHECK(wait_for_value(&seen_count, 3));
	CHECK_EQ(seen.si_code, CLD_CONTINUED);
	CHECK_EQ(seen.si_status, SIGCONT);
	kill(pid, SIGKILL);
	CHECK(wait_for_value(&seen_count, 4));
	CHECK_EQ(seen.si_code, CLD_KILLED);
	CHECK_EQ(seen.si_status, SIGKILL);
	CHECK_EQ(wait_status(pid), SIGKILL);
	signal_set(SIGCHLD, SIG_DFL, 0);
}

static void test_nocldstop(void)
{
	set_note(SIGCHLD, SA_NOCLDSTOP);
	pid_t pid = fork_child();
	if (pid == 0) {
		for (;;)
			pause();
	}
	int status;
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_EQ(seen_count, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_status(pid), SIGKILL);
	CHECK(wait_for_value(&seen_count, 1));
	signal_set(SIGCHLD, SIG_DFL, 0);
}

static char alternate[64 << 10] __attribute__((aligned(16)));

static bool on_alternate(void)
{
	return seen_stack - (uintptr_t)alternate < sizeof(alternate);
}

static void test_altstack(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, old;
	CHECK_OK(sigaltstack(&stack, NULL));
	set_note(SIGUSR1, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(on_alternate());
	CHECK_OK(sigaltstack(NULL, &old));
	CHECK(old.ss_sp == alternate && old.ss_flags == 0);
	CHECK_EQ(old.ss_size, sizeof(alternate));
	set_note(SIGUSR1, 0); /* without the flag: the usual stack */
	raise(SIGUSR1);
	CHECK(!on_alternate());
	stack.ss_flags = SS_DISABLE;
	CHECK_OK(sigaltstack(&stack, &old));
	set_note(SIGUSR1, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(!on_alternate());
	stack.ss_flags = 0;
	stack.ss_size = 1000;
	CHECK_ERRNO(sigaltstack(&stack, NULL), ENOMEM);
	stack.ss_size = sizeof(alternate);
	stack.ss_flags = 0x77;
	CHECK_ERRNO(sigaltstack(&stack, NULL), EINVAL);
	CHECK_ERRNO(sigaltstack((void *)8, NULL), EFAULT);
}

static volatile int inside_errno, inside_flags;

static void inside(int sig)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, now;
	(void)sig;
	sigaltstack(NULL, &now);
	inside_flags = now.ss_flags;
	inside_errno = sigaltstack(&stack, NULL) < 0 ? errno : 0;
}

static void test_altstack_busy(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	CHECK_OK(sigaltstack(&stack, NULL));
	signal_set(SIGUSR1, inside, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK_EQ(inside_flags, SS_ONSTACK);
	CHECK_EQ(inside_errno, EPERM);
	stack.ss_flags = SS_DISABLE;
	CHECK_OK(sigaltstack(&stack, NULL));
	signal_set(SIGUSR1, SIG_DFL, 0);
}

/* The handler may change the registers that come back: here the program counter and a0. */
static void skip_over(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig, (void)info;
	uc->uc_mcontext.__gregs[REG_PC] += 4;
	uc->uc_mcontext.__gregs[REG_A0] = 1234;
}

static void test_context(void)
{
	struct sigaction action = { .sa_sigaction = skip_over, .sa_flags = SA_SIGINFO };
	long result;
	sigaction(SIGILL, &action, NULL);
	__asm__ volatile(".option push\n.option norvc\n"
			 "li a0, 5\n.4byte 0\nmv %0, a0\n.option pop\n"
			 : "=r"(result)
			 :
			 : "a0");
	CHECK_EQ(result, 1234);
	signal_set(SIGILL, SIG_DFL, 0);
}

static volatile uint64_t context_mask;

static void change_mask(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig, (void)info;
	memcpy((void *)&context_mask, &uc->uc_sigmask, 8);
	sigaddset(&uc->uc_sigmask, SIGUSR2); /* the mask after the return */
}

static void test_context_mask(void)
{
	struct sigaction action = { .sa_sigaction = change_mask, .sa_flags = SA_SIGINFO };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	CHECK_EQ(context_mask, 1UL << (SIGTERM - 1));
	sigprocmask(SIG_BLOCK, NULL, &set);
	CHECK(sigismember(&set, SIGUSR2) && sigismember(&set, SIGTERM));
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

/* A signal for a thread is that thread's; one for the process goes to a thread that lets it. */
static volatile int handler_tid;

static void note_tid(int sig)
{
	(void)sig;
	__atomic_store_n(&handler_tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
}

static volatile int thread_tid, thread_stop;

static void *thread_run(void *argument)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	__atomic_store_n(&thread_tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	while (!thread_stop)
		sleep_ms(1);
	return argument;
}

static void test_threads(void)
{
	pthread_t thread;
	sigset_t set;
	thread_tid = handler_tid = thread_stop = 0;
	signal_set(SIGUSR1, note_tid, SA_RESTART);
	signal_set(SIGUSR2, note_tid, SA_RESTART);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL); /* only the other thread takes it */
	pthread_create(&thread, NULL, thread_run, NULL);
	while (!thread_tid)
		sleep_ms(1);
	CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
	CHECK(wait_for_value(&handler_tid, thread_tid));
	handler_tid = 0;
	CHECK_OK(kill(getpid(), SIGUSR2));
	CHECK(wait_for_value(&handler_tid, thread_tid));
	thread_stop = 1;
	pthread_join(thread, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal_set(SIGUSR1, SIG_DFL, 0);
	signal_set(SIGUSR2, SIG_DFL, 0);
}

static const struct check_case cases[] = {
	{ "kill", test_kill },
	{ "queue", test_queue },
	{ "queue-rest", test_queue_rest },
	{ "frame-rest", test_frame_rest },
	{ "frame-float", test_frame_float },
	{ "real-time", test_real_time },
	{ "child", test_child },
	{ "nocldstop", test_nocldstop },
	{ "altstack", test_altstack },
	{ "altstack-busy", test_altstack_busy },
	{ "context", test_context },
	{ "context-mask", test_context_mask },
	{ "threads", test_threads },
};

CHECK_MAIN(cases)
