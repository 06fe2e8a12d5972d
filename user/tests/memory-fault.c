/* Faults: the signal, si_code and si_addr of each; the death of a program that does not catch. */
#include "fault.h"
#include <sys/resource.h>

static const char constant[] = "constant";

static void test_unmapped(void)
{
	unsigned char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)p != MAP_FAILED);
	munmap(p, 3 * PAGE);
	CHECK_READ_FAULT(p, SIGSEGV, SEGV_MAPERR);
	CHECK_READ_FAULT(p + PAGE + 123, SIGSEGV, SEGV_MAPERR);
	CHECK_WRITE_FAULT(p + 2 * PAGE - 1, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(fault_do_execute, p + 16, SIGSEGV, SEGV_MAPERR);
	CHECK_READ_FAULT((unsigned char *)NULL + 8, SIGSEGV, SEGV_MAPERR);
	CHECK_WRITE_FAULT((unsigned char *)NULL + 16, SIGSEGV, SEGV_MAPERR);
}

static void test_kernel_addresses(void)
{
	CHECK_EQ(fault_of(fault_do_read, (void *)(~0UL << 30)).sig, SIGSEGV);
	CHECK_EQ(fault_of(fault_do_write, (void *)~0UL).sig, SIGSEGV);
	CHECK_EQ(fault_of(fault_do_read, (void *)(1UL << 39)).sig, SIGSEGV);
	CHECK_EQ(fault_of(fault_do_read, (void *)(1UL << 62)).sig, SIGSEGV);
	CHECK_EQ(fault_of(fault_do_execute, (void *)(~0UL << 20)).sig, SIGSEGV);
}

static void test_read_only(void)
{
	CHECK_WRITE_FAULT(constant, SIGSEGV, SEGV_ACCERR);
	CHECK_WRITE_FAULT((void *)test_unmapped, SIGSEGV, SEGV_ACCERR); /* program text */
	static int data = 1;
	CHECK_FAULT(fault_do_execute, &data, SIGSEGV, SEGV_ACCERR);
	CHECK_STR(constant, "constant");
}

static void illegal(void *unused)
{
	(void)unused;
	__asm__ volatile(".4byte 0\n");
}

static void breakpoint(void *unused)
{
	(void)unused;
	__asm__ volatile("ebreak\n");
}

static void privileged(void *unused)
{
	(void)unused;
	__asm__ volatile("csrr t0, sstatus" ::: "t0");
}

static void test_instructions(void)
{
	struct fault came = fault_of(illegal, NULL);
	CHECK_EQ(came.sig, SIGILL);
	CHECK_EQ(came.code, ILL_ILLOPC);
	CHECK((uintptr_t)came.address - (uintptr_t)illegal < 64);
	came = fault_of(privileged, NULL);
	CHECK_EQ(came.sig, SIGILL);
	came = fault_of(breakpoint, NULL);
	CHECK_EQ(came.sig, SIGTRAP);
	CHECK_EQ(came.code, TRAP_BRKPT);
	CHECK((uintptr_t)came.address - (uintptr_t)breakpoint < 64);
}

static void die_read(void *address)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	fault_do_read(address);
}

static void test_death(void)
{
	struct {
		void (*run)(void *);
		int sig;
	} table[] = {
		{ die_read, SIGSEGV },
		{ illegal, SIGILL },
		{ breakpoint, SIGTRAP },
	};
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int status = run_child(table[i].run, NULL);
		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), table[i].sig);
	}
}

static void fault_blocked(void *unused)
{
	sigset_t all;
	(void)unused;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal_set(SIGSEGV, SIG_IGN, 0);
	fault_do_read(NULL);
}

/* A fault cannot be blocked or ignored: the program dies. */
static void test_blocked(void)
{
	int status = run_child(fault_blocked, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void fault_in_handler(int sig)
{
	(void)sig;
	fault_do_read(NULL);
}

static void fault_nested(void *unused)
{
	(void)unused;
	signal_set(SIGSEGV, fault_in_handler, 0);
	fault_do_read(NULL);
}

static void test_nested(void)
{
	int status = run_child(fault_nested, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static unsigned char *fixed_page;
static volatile int fixed_count;

static void fix_handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	fixed_count++;
	if (info->si_addr != fixed_page + 8)
		_exit(3);
	mprotect(fixed_page, PAGE, PROT_READ | PROT_WRITE);
}

/* A handler may repair the cause and return: the access is done again. */
static void test_repair(void)
{
	struct sigaction action = { .sa_sigaction = fix_handler, .sa_flags = SA_SIGINFO }, old;
	fixed_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)fixed_page != MAP_FAILED);
	fixed_count = 0;
	sigaction(SIGSEGV, &action, &old);
	*(volatile long *)(fixed_page + 8) = 1234;
	CHECK_EQ(*(volatile long *)(fixed_page + 8), 1234);
	CHECK_EQ(fixed_count, 1);
	sigaction(SIGSEGV, &old, NULL);
	munmap(fixed_page, PAGE);
}

/* An access that crosses into a bad page names the bad page. */
static void fault_cross(void *address)
{
	(void)*(volatile uint32_t *)address;
}

static void test_cross(void)
{
	unsigned char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)p != MAP_FAILED);
	munmap(p + PAGE, PAGE);
	struct fault came = fault_of(fault_cross, p + PAGE - 2);
	CHECK_EQ(came.sig, SIGSEGV);
	CHECK_EQ(came.code, SEGV_MAPERR);
	CHECK(came.address == p + PAGE || came.address == p + PAGE - 2);
	munmap(p, PAGE);
}

static const struct check_case cases[] = {
	{ "unmapped", test_unmapped },	 { "kernel-addresses", test_kernel_addresses },
	{ "read-only", test_read_only }, { "instructions", test_instructions },
	{ "death", test_death },	 { "blocked", test_blocked },
	{ "nested", test_nested },	 { "repair", test_repair },
	{ "cross", test_cross },
};

CHECK_MAIN(cases)
