#pragma once
/* Catch the fault of one memory access: which signal, which si_code, which address. */
#include "check.h"
#include <setjmp.h>

struct fault {
	int sig; /* 0: there was none */
	int code;
	void *address;
};

static sigjmp_buf fault_return;
static volatile struct fault fault_seen;

CHECK_HELPER void fault_handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault_seen.sig = sig;
	fault_seen.code = info->si_code;
	fault_seen.address = info->si_addr;
	siglongjmp(fault_return, 1);
}

/* Run a function with SIGSEGV, SIGBUS, SIGILL, SIGTRAP caught. */
CHECK_HELPER struct fault fault_of(void (*run)(void *), void *argument)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP };
	struct sigaction action = { .sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO };
	struct sigaction old[ARRAY_SIZE(sigs)];
	sigemptyset(&action.sa_mask);
	fault_seen = (struct fault){ 0, 0, NULL };
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &action, &old[i]);
	if (sigsetjmp(fault_return, 1) == 0)
		run(argument);
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &old[i], NULL);
	return fault_seen;
}

CHECK_HELPER void fault_do_read(void *address)
{
	(void)*(volatile unsigned char *)address;
}

CHECK_HELPER void fault_do_write(void *address)
{
	*(volatile unsigned char *)address = 0x5a;
}

CHECK_HELPER void fault_do_execute(void *address)
{
	((void (*)(void))address)();
}

CHECK_HELPER bool check_fault(struct fault came, int sig, int code, const void *address,
			      const char *text, int line)
{
	char left[200], right[100];
	if (came.sig == sig && came.code == code && came.address == address)
		return true;
	snprintf(left, sizeof(left), "%s: signal %d code %d address %p", text, sig, code, address);
	snprintf(right, sizeof(right), "signal %d code %d address %p", came.sig, came.code,
		 came.address);
	check_fail(line, left, right);
	return false;
}

#define CHECK_FAULT(run, p, sig, code)                                                             \
	check_fault(fault_of((run), (void *)(p)), (sig), (code), (const void *)(p), #run " " #p,   \
		    __LINE__)
#define CHECK_READ_FAULT(p, sig, code)	CHECK_FAULT(fault_do_read, (p), (sig), (code))
#define CHECK_WRITE_FAULT(p, sig, code) CHECK_FAULT(fault_do_write, (p), (sig), (code))
#define CHECK_READABLE(p)                                                                          \
	check_fault(fault_of(fault_do_read, (void *)(p)), 0, 0, NULL, "read " #p, __LINE__)
#define CHECK_WRITABLE(p)                                                                          \
	check_fault(fault_of(fault_do_write, (void *)(p)), 0, 0, NULL, "write " #p, __LINE__)
