/* Floating-point state: over handlers, context switches, fork, system calls, threads. */
#include "check.h"
#include <pthread.h>

/* Put 32 different values into f0-f31 and a rounding mode into fcsr. */
static void registers_load(const double *values, unsigned long fcsr)
{
	__asm__ volatile("fld f0,0(%0)\nfld f1,8(%0)\nfld f2,16(%0)\nfld f3,24(%0)\n"
			 "fld f4,32(%0)\nfld f5,40(%0)\nfld f6,48(%0)\nfld f7,56(%0)\n"
			 "fld f8,64(%0)\nfld f9,72(%0)\nfld f10,80(%0)\nfld f11,88(%0)\n"
			 "fld f12,96(%0)\nfld f13,104(%0)\nfld f14,112(%0)\nfld f15,120(%0)\n"
			 "fld f16,128(%0)\nfld f17,136(%0)\nfld f18,144(%0)\nfld f19,152(%0)\n"
			 "fld f20,160(%0)\nfld f21,168(%0)\nfld f22,176(%0)\nfld f23,184(%0)\n"
			 "fld f24,192(%0)\nfld f25,200(%0)\nfld f26,208(%0)\nfld f27,216(%0)\n"
			 "fld f28,224(%0)\nfld f29,232(%0)\nfld f30,240(%0)\nfld f31,248(%0)\n"
			 "fscsr %1\n"
			 :
			 : "r"(values), "r"(fcsr)
			 : "memory");
}

static unsigned long registers_store(double *values)
{
	unsigned long fcsr;
	__asm__ volatile("fsd f0,0(%1)\nfsd f1,8(%1)\nfsd f2,16(%1)\nfsd f3,24(%1)\n"
			 "fsd f4,32(%1)\nfsd f5,40(%1)\nfsd f6,48(%1)\nfsd f7,56(%1)\n"
			 "fsd f8,64(%1)\nfsd f9,72(%1)\nfsd f10,80(%1)\nfsd f11,88(%1)\n"
			 "fsd f12,96(%1)\nfsd f13,104(%1)\nfsd f14,112(%1)\nfsd f15,120(%1)\n"
			 "fsd f16,128(%1)\nfsd f17,136(%1)\nfsd f18,144(%1)\nfsd f19,152(%1)\n"
			 "fsd f20,160(%1)\nfsd f21,168(%1)\nfsd f22,176(%1)\nfsd f23,184(%1)\n"
			 "fsd f24,192(%1)\nfsd f25,200(%1)\nfsd f26,208(%1)\nfsd f27,216(%1)\n"
			 "fsd f28,224(%1)\nfsd f29,232(%1)\nfsd f30,240(%1)\nfsd f31,248(%1)\n"
			 "frcsr %0\n"
			 : "=r"(fcsr)
			 : "r"(values)
			 : "memory");
	return fcsr;
}

static void values_make(double *values, double base)
{
	for (int i = 0; i < 32; i++)
		values[i] = base + i * 1.25;
}

/* A system call by hand: nothing of the C library may use the registers in between. */
static long call_raw(long number, long a, long b)
{
	register long a7 __asm__("a7") = number;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1) : "memory");
	return a0;
}

#define ALL_FLOATS                                                                                 \
	"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "f13",    \
		"f14", "f15", "f16", "f17", "f18", "f19", "f20", "f21", "f22", "f23", "f24",       \
		"f25", "f26", "f27", "f28", "f29", "f30", "f31"

/* The callee-saved ones are used as well: let the compiler keep nothing in any of them. */
static void clobber_all(void)
{
	__asm__ volatile("" ::: ALL_FLOATS);
}

/* Loads, makes a system call, stores; 0 when nothing changed. */
static __attribute__((noinline)) int over_call(double base, long number, long a, long b)
{
	double before[32], after[32];
	clobber_all();
	values_make(before, base);
	registers_load(before, 0x61);
	call_raw(number, a, b);
	unsigned long fcsr = registers_store(after);
	clobber_all();
	__asm__ volatile("fscsr zero");
	return (memcmp(before, after, sizeof(before)) ? 1 : 0) | (fcsr == 0x61 ? 0 : 2);
}

static void test_system_call(void)
{
	struct timespec time = { 0, 5000000 };
	CHECK_EQ(over_call(3, SYS_getpid, 0, 0), 0);
	CHECK_EQ(over_call(4, SYS_sched_yield, 0, 0), 0);
	CHECK_EQ(over_call(5, SYS_nanosleep, (long)&time, 0), 0);
}

static void dirty_handler(int sig)
{
	double values[32];
	(void)sig;
	clobber_all();
	values_make(values, -1000);
	registers_load(values, 0x9f);
	clobber_all();
}

static void test_handler(void)
{
	signal_set(SIGUSR1, dirty_handler, 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(over_call(i * 7, SYS_kill, getpid(), SIGUSR1), 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

/* The handler's changes in the frame come back in the registers. */
static void frame_handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig, (void)info;
	uint64_t bits;
	double value = 99.5;
	memcpy(&bits, &value, 8);
	uc->uc_mcontext.__fpregs.__d.__f[8] = bits;
}

static __attribute__((noinline)) int frame_change(void)
{
	double before[32], after[32];
	clobber_all();
	values_make(before, 50);
	registers_load(before, 0);
	call_raw(SYS_kill, getpid(), SIGUSR1);
	registers_store(after);
	clobber_all();
	before[8] = 99.5;
	return memcmp(before, after, sizeof(before)) ? 1 : 0;
}

static void test_frame(void)
{
	struct sigaction action = { .sa_sigaction = frame_handler, .sa_flags = SA_SIGINFO };
	getpid();
	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(frame_change(), 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static void *spin_run(void *argument)
{
	long bad = 0;
	for (long i = 0; i < 3000; i++)
		bad += over_call((long)argument * 100000 + i, SYS_sched_yield, 0, 0);
	return (void *)bad;
}

static __attribute__((noinline)) int over_time(double base)
{
	double before[32], after[32];
	clobber_all();
	values_make(before, base);
	registers_load(before, 0x41);
	for (volatile int i = 0; i < 2000000; i++)
		;
	unsigned long fcsr = registers_store(after);
	clobber_all();
	__asm__ volatile("fscsr zero");
	return (memcmp(before, after, sizeof(before)) ? 1 : 0) | (fcsr == 0x41 ? 0 : 2);
}

static void *preempt_run(void *argument)
{
	long bad = 0;
	for (long i = 0; i < 10; i++)
		bad += over_time((long)argument * 100000 + i);
	return (void *)bad;
}

static void switch_test(void *(*run)(void *))
{
	pthread_t threads[10];
	void *bad;
	for (long i = 0; i < 10; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)(i + 1)), 0);
	for (int i = 0; i < 10; i++) {
		pthread_join(threads[i], &bad);
		CHECK_EQ((long)bad, 0);
	}
}

static void test_switch(void)
{
	switch_test(spin_run);
}

static void test_preempt(void)
{
	switch_test(preempt_run);
}

/* The child of a fork starts with its parent's registers. */
static __attribute__((noinline)) int over_fork(int *status)
{
	double before[32], after[32];
	clobber_all();
	values_make(before, 12345);
	registers_load(before, 0x21);
	long pid = call_raw(SYS_clone, SIGCHLD, 0);
	unsigned long fcsr = registers_store(after);
	clobber_all();
	int bad = (memcmp(before, after, sizeof(before)) ? 1 : 0) | (fcsr == 0x21 ? 0 : 2);
	if (pid == 0)
		_exit(bad);
	*status = wait_status(pid);
	__asm__ volatile("fscsr zero");
	return bad;
}

static void test_fork(void)
{
	int status = -1;
	CHECK_EQ(over_fork(&status), 0);
	CHECK_EQ(status, 0);
}

/* A fresh program does not see another's values. */
static void test_exec_clean(void)
{
	CHECK_EQ(over_call(8, SYS_getppid, 0, 0), 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		char *argv[] = { "signal-float", "--fresh", NULL };
		double values[32];
		values_make(values, 4242);
		registers_load(values, 0xff);
		execv("/proc/self/exe", argv);
		_exit(9);
	}
	CHECK_EQ(wait_status(pid), 0);
}

static const struct check_case cases[] = {
	{ "system-call", test_system_call }, { "handler", test_handler }, { "frame", test_frame },
	{ "switch", test_switch },	     { "preempt", test_preempt }, { "fork", test_fork },
	{ "exec-clean", test_exec_clean },
};

int main(int argc, char **argv)
{
	unsigned long fcsr;
	__asm__ volatile("frcsr %0" : "=r"(fcsr));
	if (argc == 2 && !strcmp(argv[1], "--fresh"))
		return fcsr == 0 ? 0 : 1;
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
