#pragma once
/* A tracee, its stops and registers, for the tests of ptrace(2). */
#include "check.h"
#include <linux/elf.h>
#include <linux/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

enum { REGISTERS = 32, PC = 0, A0 = 10, A7 = 17 };

CHECK_HELPER long request(long number, pid_t pid, unsigned long address, unsigned long data)
{
	return syscall(SYS_ptrace, number, pid, address, data);
}

CHECK_HELPER int stop_of(pid_t pid)
{
	int status = 0;

	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	return status;
}

/* The next stop is by @signo with @event. */
CHECK_HELPER bool expect_stop(pid_t pid, int signo, int event)
{
	int status = stop_of(pid);

	return CHECK_EQ(status, (event << 16) | signo << 8 | 0x7f);
}

CHECK_HELPER bool get_registers(pid_t pid, unsigned long *registers)
{
	struct iovec vector = { registers, REGISTERS * sizeof(long) };

	return CHECK_EQ(request(PTRACE_GETREGSET, pid, NT_PRSTATUS, (long)&vector), 0) &&
	       CHECK_EQ(vector.iov_len, REGISTERS * sizeof(long));
}

CHECK_HELPER void set_registers(pid_t pid, unsigned long *registers)
{
	struct iovec vector = { registers, REGISTERS * sizeof(long) };

	CHECK_OK(request(PTRACE_SETREGSET, pid, NT_PRSTATUS, (long)&vector));
}

/* A tracee that has stopped itself, and then does @run. */
CHECK_HELPER pid_t tracee_start(void (*run)(void))
{
	pid_t pid = fork_child();

	if (pid == 0) {
		request(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		run();
		_exit(7);
	}
	expect_stop(pid, SIGSTOP, 0);
	return pid;
}

CHECK_HELPER void finish(pid_t pid, int status)
{
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	CHECK_EQ(wait_status(pid), status);
}

CHECK_HELPER void nothing(void)
{
}
