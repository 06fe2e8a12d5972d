/* ptrace(2): what is pending for a tracee, and its restartable sequences. */
#include "check.h"
#include <linux/ptrace.h>

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

static long request(long number, pid_t pid, const void *address, const void *data)
{
	return syscall(SYS_ptrace, number, pid, address, data);
}

static long peek(pid_t pid, siginfo_t *infos, uint64_t offset, unsigned flags, int count)
{
	struct ptrace_peeksiginfo_args wanted = { offset, flags, count };
	return request(PTRACE_PEEKSIGINFO, pid, &wanted, infos);
}

static char sequence_area[32] __attribute__((aligned(32)));

/* A tracee with signals that it blocks: to the process and to its thread. */
static pid_t tracee_start(void)
{
	int status;
	pid_t pid = fork_child();
	if (pid == 0) {
		sigset_t all;
		union sigval value = { .sival_int = 42 };
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		kill(getpid(), SIGUSR1);
		sigqueue(getpid(), SIGRTMIN + 2, value);
		value.sival_int = 43;
		sigqueue(getpid(), SIGRTMIN + 2, value);
		syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
		syscall(SYS_rseq, sequence_area, sizeof(sequence_area), 0, 0x12345678);
		request(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(7);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status));
	return pid;
}

static void tracee_end(pid_t pid)
{
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(wait_status(pid), SIGKILL);
}

static void test_peek(void)
{
	siginfo_t infos[8];
	pid_t pid = tracee_start();
	memset(infos, 0, sizeof(infos));
	CHECK_EQ(peek(pid, infos, 0, PTRACE_PEEKSIGINFO_SHARED, 8), 3);
	CHECK_EQ(infos[0].si_signo, SIGUSR1);
	CHECK_EQ(infos[0].si_code, SI_USER);
	CHECK_EQ(infos[0].si_pid, pid);
	CHECK_EQ(infos[1].si_signo, SIGRTMIN + 2);
	CHECK_EQ(infos[1].si_code, SI_QUEUE);
	CHECK_EQ(infos[1].si_value.sival_int, 42);
	CHECK_EQ(infos[2].si_value.sival_int, 43);
	CHECK_EQ(peek(pid, infos, 2, PTRACE_PEEKSIGINFO_SHARED, 8), 1);
	CHECK_EQ(infos[0].si_value.sival_int, 43);
	CHECK_EQ(peek(pid, infos, 3, PTRACE_PEEKSIGINFO_SHARED, 8), 0);
	CHECK_EQ(peek(pid, infos, 0, PTRACE_PEEKSIGINFO_SHARED, 1), 1);
	CHECK_EQ(peek(pid, infos, 0, 0, 8), 1);
	CHECK_EQ(infos[0].si_signo, SIGUSR2);
	CHECK_EQ(infos[0].si_code, SI_TKILL);
	CHECK_EQ(peek(pid, infos, 0, 0, 0), 0);
	CHECK_EQ(peek(pid, infos, 0, 0, 8), 1); /* nothing was taken */
	tracee_end(pid);
}

static void test_peek_errors(void)
{
	siginfo_t info;
	pid_t pid = tracee_start();
	CHECK_ERRNO(peek(pid, &info, 0, 2, 1), EINVAL);
	CHECK_ERRNO(peek(pid, &info, 0, 0, -1), EINVAL);
	CHECK_ERRNO(peek(pid, (void *)8, 0, 0, 1), EFAULT);
	CHECK_ERRNO(request(PTRACE_PEEKSIGINFO, pid, (void *)8, &info), EFAULT);
	CHECK_ERRNO(peek(getppid(), &info, 0, 0, 1), ESRCH);
	tracee_end(pid);
}

static void test_rseq(void)
{
	struct {
		uint64_t area;
		uint32_t size, signature, flags, padding;
	} rseq;
	pid_t pid = tracee_start();
	memset(&rseq, 0x55, sizeof(rseq));
	CHECK_EQ(request(PTRACE_GET_RSEQ_CONFIGURATION, pid, (void *)sizeof(rseq), &rseq),
		 sizeof(rseq));
	CHECK_EQ(rseq.area, (uintptr_t)sequence_area);
	CHECK_EQ(rseq.size, sizeof(sequence_area));
	CHECK_EQ(rseq.signature, 0x12345678);
	CHECK_EQ(rseq.flags, 0);
	memset(&rseq, 0x55, sizeof(rseq));
	CHECK_EQ(request(PTRACE_GET_RSEQ_CONFIGURATION, pid, (void *)8, &rseq), sizeof(rseq));
	CHECK_EQ(rseq.size, 0x55555555);
	CHECK_ERRNO(request(PTRACE_GET_RSEQ_CONFIGURATION, pid, (void *)8, (void *)8), EFAULT);
	tracee_end(pid);
}

static const struct check_case cases[] = {
	{ "peek", test_peek },
	{ "peek-errors", test_peek_errors },
	{ "rseq", test_rseq },
};

CHECK_MAIN(cases)
