/* rseq(2): registration, the CPU's number, and sections that are left when the CPU is lost. */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/wait.h>

struct area {
	uint32_t cpu_start, cpu;
	uint64_t section;
	uint32_t flags, node, concurrency, padding;
} __attribute__((aligned(32)));

struct section {
	uint32_t version, flags;
	uint64_t start, length, abort;
} __attribute__((aligned(32)));

#define SIGNATURE 0xf1401073u
enum { UNREGISTER = 1 };

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static long rseq(void *area, unsigned size, int flags, unsigned signature)
{
	return syscall(SYS_rseq, area, size, flags, signature);
}

/* The C library registered an area for each thread; ours takes its place. */
static bool take_over(struct area *area)
{
	if (&__rseq_size && __rseq_size) {
		struct area *theirs =
			(struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
		if (rseq(theirs, 32, UNREGISTER, SIGNATURE))
			rseq(theirs, __rseq_size > 32 ? __rseq_size : 32, UNREGISTER, SIGNATURE);
	}
	memset(area, 0, sizeof(*area));
	area->cpu = -1;
	return CHECK_OK(rseq(area, 32, 0, SIGNATURE)) == 0;
}

static bool on_its_own(void *(*run)(void *))
{
	pthread_t thread;
	return CHECK_EQ(pthread_create(&thread, NULL, run, NULL), 0) &&
	       CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void *do_register(void *unused)
{
	static struct area area, other;
	(void)unused;
	if (!take_over(&area))
		return NULL;
	CHECK(area.cpu < 64);
	CHECK_EQ(area.cpu_start, area.cpu);
	CHECK_ERRNO(rseq(&area, 32, 0, SIGNATURE), EBUSY);
	CHECK_ERRNO(rseq(&area, 32, 0, SIGNATURE + 1), EPERM);
	CHECK_ERRNO(rseq(&other, 32, 0, SIGNATURE), EINVAL);
	CHECK_ERRNO(rseq(&area, 32, UNREGISTER, SIGNATURE + 1), EPERM);
	CHECK_ERRNO(rseq(&other, 32, UNREGISTER, SIGNATURE), EINVAL);
	CHECK_ERRNO(rseq(&area, 32, UNREGISTER | 2, SIGNATURE), EINVAL);
	CHECK_OK(rseq(&area, 32, UNREGISTER, SIGNATURE));
	CHECK_EQ((int)area.cpu, -1);
	CHECK_ERRNO(rseq(&area, 32, UNREGISTER, SIGNATURE), EINVAL);
	CHECK_ERRNO(rseq(&area, 16, 0, SIGNATURE), EINVAL);
	CHECK_ERRNO(rseq((char *)&area + 8, 32, 0, SIGNATURE), EINVAL);
	CHECK_ERRNO(rseq(&area, 32, 4, SIGNATURE), EINVAL);
	CHECK_OK(rseq(&area, 32, 0, SIGNATURE));
	CHECK_OK(rseq(&area, 32, UNREGISTER, SIGNATURE));
	return NULL;
}

static void test_register(void)
{
	CHECK_EQ(getauxval(27), 28);
	CHECK_EQ(getauxval(28), 32);
	on_its_own(do_register);
}

static struct area moving;
static void *do_move(void *unused)
{
	cpu_set_t all, one;
	(void)unused;
	if (!take_over(&moving))
		return NULL;
	sched_getaffinity(0, sizeof(all), &all);
	for (int round = 0; round < 20; round++) {
		for (int cpu = 0; cpu < 8; cpu++) {
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
			CHECK_EQ(*(volatile uint32_t *)&moving.cpu, cpu);
			CHECK_EQ(*(volatile uint32_t *)&moving.cpu_start, cpu);
		}
	}
	/* fork: the child has it too; it is nobody's after exec. */
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_ERRNO(rseq(&moving, 32, 0, SIGNATURE), EBUSY);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(rseq(&moving, 32, UNREGISTER, SIGNATURE));
	return NULL;
}

static void test_move(void)
{
	on_its_own(do_move);
}

#if defined(__riscv)
/*
 * Counts up in a section until it is told to stop: 0 when *stop was seen, 1 when it was left by its abort
 * handler. `stop` is never set, so that only an abort ends it.
 */
static long spin_in_section(struct area *area, struct section *section, volatile long *count)
{
	long result, scratch;
	__asm__ volatile("la	%[scratch], 1f\n\t"
			 "sd	%[scratch], 8(%[section])\n\t"
			 "la	%[result], 2f\n\t"
			 "sub	%[result], %[result], %[scratch]\n\t"
			 "sd	%[result], 16(%[section])\n\t"
			 "la	%[result], 4f\n\t"
			 "sd	%[result], 24(%[section])\n\t"
			 "sd	%[section], 8(%[area])\n"
			 "1:	ld	%[scratch], 0(%[count])\n\t"
			 "addi	%[scratch], %[scratch], 1\n\t"
			 "sd	%[scratch], 0(%[count])\n\t"
			 "j	1b\n"
			 "2:	li	%[result], 0\n\t"
			 "j	5f\n\t"
			 ".word	0xf1401073\n"
			 "4:	li	%[result], 1\n"
			 "5:\n"
			 : [result] "=&r"(result), [scratch] "=&r"(scratch)
			 : [area] "r"(area), [section] "r"(section), [count] "r"(count)
			 : "memory");
	return result;
}

static struct area spinning;
static volatile long counted;
static volatile int spinner_tid, handled;

static void note(int sig)
{
	(void)sig;
	handled++;
}

static void *do_spin(void *unused)
{
	struct section section = { 0 };
	(void)unused;
	if (!take_over(&spinning))
		return NULL;
	spinner_tid = syscall(SYS_gettid);
	CHECK_EQ(spin_in_section(&spinning, &section, &counted), 1);
	CHECK_EQ(spinning.section, 0);
	CHECK_OK(rseq(&spinning, 32, UNREGISTER, SIGNATURE));
	return NULL;
}

static void test_signal(void)
{
	pthread_t thread;
	signal_set(SIGUSR1, note, 0);
	REQUIRE(!pthread_create(&thread, NULL, do_spin, NULL));
	while (!spinner_tid || !counted)
		sleep_ms(1);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
}

static volatile int over;
static void *compete(void *unused)
{
	(void)unused;
	while (!over)
		;
	return NULL;
}

/* Two threads on one CPU: the section is left as soon as the other one gets its turn. */
static void test_preemption(void)
{
	cpu_set_t all, one;
	pthread_t spinner, rival;
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	spinner_tid = 0;
	counted = 0;
	REQUIRE(!pthread_create(&rival, NULL, compete, NULL));
	REQUIRE(!pthread_create(&spinner, NULL, do_spin, NULL));
	pthread_join(spinner, NULL);
	over = 1;
	pthread_join(rival, NULL);
	CHECK_OK(sched_setaffinity(0, sizeof(all), &all));
}

/* What is no section, or has no signature before its abort handler, ends the process. */
static void bad_section(void *kind)
{
	static struct area area;
	static struct section section;
	if (!take_over(&area))
		return;
	section.start = (uintptr_t)&bad_section;
	section.length = 4096;
	section.abort = (uintptr_t)&section;
	section.version = kind == NULL;
	signal_set(SIGUSR1, note, 0);
	signal_set(SIGSEGV, SIG_DFL, 0);
	area.section = (uintptr_t)&section;
	/* A section of the kernel's own kind of addresses is no better. */
	raise(SIGUSR1);
	for (volatile long i = 0; i < 1000000000; i++)
		;
}

static void test_bad(void)
{
	CHECK_EQ(run_child(bad_section, NULL), SIGSEGV);
}
#endif

static const struct check_case cases[] = {
	{ "register", test_register }, { "move", test_move },
#if defined(__riscv)
	{ "signal", test_signal },     { "preemption", test_preemption },
	{ "bad", test_bad },
#endif
};
CHECK_MAIN(cases)
