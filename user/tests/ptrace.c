/* ptrace(2): what a tracer reads, writes and stops: memory, registers, calls, signals. */
#include "ptrace.h"

static void test_traceme(void)
{
	pid_t pid = tracee_start(nothing);
	unsigned long registers[REGISTERS];

	CHECK_EQ(process_state(pid), 't');
	get_registers(pid, registers);
	CHECK(registers[PC] != 0);
	CHECK_ERRNO(request(PTRACE_SINGLESTEP, pid, 0, 0), EIO);
	CHECK_ERRNO(request(PTRACE_CONT, pid, 0, 1000), EIO);
	CHECK_ERRNO(request(12345, pid, 0, 0), EIO);
	CHECK_ERRNO(request(PTRACE_SETOPTIONS, pid, 0, 1UL << 40), EINVAL);
	CHECK_ERRNO(request(PTRACE_LISTEN, pid, 0, 0), EIO);
	finish(pid, 7 << 8);
}

static void test_errors(void)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK_ERRNO(request(PTRACE_CONT, pid, 0, 0), ESRCH);
	CHECK_ERRNO(request(PTRACE_ATTACH, 99999, 0, 0), ESRCH);
	CHECK_ERRNO(request(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	CHECK_ERRNO(request(PTRACE_SEIZE, pid, 1, 0), EIO);
	CHECK_ERRNO(request(PTRACE_SEIZE, pid, 0, 1UL << 40), EIO);
	CHECK_OK(request(PTRACE_SEIZE, pid, 0, 0));
	CHECK_ERRNO(request(PTRACE_SEIZE, pid, 0, 0), EPERM);
	CHECK_ERRNO(request(PTRACE_CONT, pid, 0, 0), ESRCH);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_status(pid), SIGKILL);
}

static volatile long cell = 42;

static void read_cell(void)
{
	raise(SIGUSR1);
	_exit((int)cell);
}

static void test_memory(void)
{
	static const long constant = 5;
	pid_t pid = tracee_start(read_cell);
	long word = 0, code;

	CHECK_EQ(request(PTRACE_PEEKDATA, pid, (long)&cell, (long)&word), 0);
	CHECK_EQ(word, 42);
	CHECK_OK(request(PTRACE_POKEDATA, pid, (long)&cell, 43));
	CHECK_EQ(cell, 42);
	/* Text and constants: a private copy, ours stays. */
	CHECK_OK(request(PTRACE_POKETEXT, pid, (long)&constant, 6));
	CHECK_EQ(request(PTRACE_PEEKTEXT, pid, (long)&constant, (long)&word), 0);
	CHECK_EQ(word, 6);
	CHECK_EQ(*(volatile const long *)&constant, 5);
	CHECK_OK(request(PTRACE_PEEKTEXT, pid, (long)read_cell & ~7L, (long)&code));
	CHECK_OK(request(PTRACE_POKETEXT, pid, (long)read_cell & ~7L, code));
	CHECK_ERRNO(request(PTRACE_PEEKDATA, pid, 0, (long)&word), EIO);
	CHECK_ERRNO(request(PTRACE_POKEDATA, pid, 16, 1), EIO);
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	expect_stop(pid, SIGUSR1, 0);
	/* The signal is not delivered: it would end the tracee. */
	finish(pid, 43 << 8);
}

static void test_proc_mem(void)
{
	pid_t pid = tracee_start(read_cell);
	char path[64];
	long word = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int fd = open(path, O_RDWR);
	REQUIRE(fd >= 0);
	CHECK_EQ(pread(fd, &word, sizeof(word), (long)&cell), sizeof(word));
	CHECK_EQ(word, 42);
	word = 44;
	CHECK_EQ(pwrite(fd, &word, sizeof(word), (long)&cell), sizeof(word));
	CHECK_ERRNO(pread(fd, &word, 8, 8), EIO);
	close(fd);
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	expect_stop(pid, SIGUSR1, 0);
	finish(pid, 44 << 8);
}

/* A breakpoint in code that both share until it is written. */
static __attribute__((noinline)) void hit_me(void)
{
	__asm__ volatile("nop; nop; nop");
}

static void call_hit_me(void)
{
	hit_me();
}

static void test_breakpoint(void)
{
	pid_t pid = tracee_start(call_hit_me);
	unsigned long registers[REGISTERS], at = (unsigned long)hit_me & ~7UL;
	unsigned shift = ((unsigned long)hit_me & 7) * 8;
	long old, new;
	siginfo_t info;

	REQUIRE(shift <= 48);
	CHECK_OK(request(PTRACE_PEEKTEXT, pid, at, (long)&old));
	/* c.ebreak */
	new = (long)(((unsigned long)old & ~(0xffffUL << shift)) | 0x9002UL << shift);
	CHECK_OK(request(PTRACE_POKETEXT, pid, at, new));
	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	if (expect_stop(pid, SIGTRAP, 0)) {
		get_registers(pid, registers);
		CHECK_EQ(registers[PC], (unsigned long)hit_me);
		CHECK_OK(request(PTRACE_GETSIGINFO, pid, 0, (long)&info));
		CHECK_EQ(info.si_signo, SIGTRAP);
		CHECK_EQ(info.si_code, TRAP_BRKPT);
	}
	CHECK_OK(request(PTRACE_POKETEXT, pid, at, old));
	finish(pid, 7 << 8);
}

static void call_getppid(void)
{
	_exit(syscall(SYS_getppid) == 1234 ? 11 : 12);
}

static void test_syscalls(void)
{
	pid_t pid = tracee_start(call_getppid);
	struct ptrace_syscall_info info;
	unsigned long registers[REGISTERS];
	siginfo_t signal_info;

	CHECK_OK(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
	CHECK_EQ(request(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info), 24);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_NONE);
	for (int stops = 0; stops < 20; stops++) {
		CHECK_OK(request(PTRACE_SYSCALL, pid, 0, 0));
		REQUIRE(expect_stop(pid, SIGTRAP | 0x80, 0));
		CHECK_EQ(request(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info),
			 info.op == PTRACE_SYSCALL_INFO_EXIT ? 33 : 80);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getppid)
			break;
	}
	REQUIRE(info.op == PTRACE_SYSCALL_INFO_ENTRY);
	CHECK(info.instruction_pointer && info.stack_pointer);
	CHECK_OK(request(PTRACE_GETSIGINFO, pid, 0, (long)&signal_info));
	CHECK_EQ(signal_info.si_code, SIGTRAP | 0x80);
	CHECK_OK(request(PTRACE_SYSCALL, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGTRAP | 0x80, 0));
	CHECK_EQ(request(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info), 33);
	CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
	CHECK_EQ(info.exit.rval, getpid());
	CHECK_EQ(info.exit.is_error, 0);
	get_registers(pid, registers);
	CHECK_EQ(registers[A0], getpid());
	registers[A0] = 1234;
	set_registers(pid, registers);
	finish(pid, 11 << 8);
}

/* The tracer makes another call of it, or none. */
static void test_change_call(void)
{
	pid_t pid = tracee_start(call_getppid);
	unsigned long registers[REGISTERS];

	for (int stops = 0; stops < 20; stops++) {
		CHECK_OK(request(PTRACE_SYSCALL, pid, 0, 0));
		REQUIRE(expect_stop(pid, SIGTRAP, 0));
		get_registers(pid, registers);
		if (registers[A7] == SYS_getppid)
			break;
	}
	registers[A7] = -1;
	set_registers(pid, registers);
	CHECK_OK(request(PTRACE_SYSCALL, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGTRAP, 0));
	get_registers(pid, registers);
	CHECK_EQ(registers[A0], -ENOSYS);
	registers[A0] = 1234;
	set_registers(pid, registers);
	finish(pid, 11 << 8);
}

static void float_exit(void)
{
	register double value __asm__("fs0") = 3;

	__asm__ volatile("" : "+f"(value));
	syscall(SYS_kill, getpid(), SIGUSR1);
	__asm__ volatile("" : "+f"(value));
	_exit((int)value);
}

static void test_float(void)
{
	pid_t pid = tracee_start(float_exit);
	struct iovec vector;
	double registers[33];

	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGUSR1, 0));
	vector = (struct iovec){ registers, sizeof(registers) };
	CHECK_OK(request(PTRACE_GETREGSET, pid, NT_PRFPREG, (long)&vector));
	CHECK_EQ(vector.iov_len, sizeof(registers));
	CHECK_EQ((long)registers[8], 3);
	registers[8] = 21;
	CHECK_OK(request(PTRACE_SETREGSET, pid, NT_PRFPREG, (long)&vector));
	vector.iov_len = 4096;
	CHECK_ERRNO(request(PTRACE_GETREGSET, pid, 0x7777, (long)&vector), EINVAL);
	vector.iov_len = 3;
	CHECK_ERRNO(request(PTRACE_GETREGSET, pid, NT_PRSTATUS, (long)&vector), EINVAL);
	finish(pid, 21 << 8);
}

static volatile int handled;

static void note_signal(int signo)
{
	handled = signo;
}

static void signal_run(void)
{
	signal_set(SIGUSR2, note_signal, 0);
	raise(SIGUSR1);
	_exit(handled);
}

static void test_signals(void)
{
	pid_t pid = tracee_start(signal_run);
	siginfo_t info;
	sigset_t mask;

	CHECK_OK(request(PTRACE_CONT, pid, 0, 0));
	REQUIRE(expect_stop(pid, SIGUSR1, 0));
	CHECK_OK(request(PTRACE_GETSIGINFO, pid, 0, (long)&info));
	CHECK_EQ(info.si_signo, SIGUSR1);
	CHECK_EQ(info.si_code, SI_TKILL);
	CHECK_EQ(info.si_pid, pid);
	CHECK_OK(request(PTRACE_SETSIGINFO, pid, 0, (long)&info));
	CHECK_OK(request(PTRACE_GETSIGMASK, pid, 8, (long)&mask));
	CHECK_ERRNO(request(PTRACE_GETSIGMASK, pid, 4, (long)&mask), EINVAL);
	CHECK_OK(request(PTRACE_SETSIGMASK, pid, 8, (long)&mask));
	/* Another signal takes its place. */
	CHECK_OK(request(PTRACE_CONT, pid, 0, SIGUSR2));
	CHECK_EQ(wait_status(pid), SIGUSR2 << 8);
}

static void test_proc(void)
{
	pid_t pid = tracee_start(nothing);
	char path[64], text[4096], line[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	snprintf(line, sizeof(line), "TracerPid:\t%d\n", getpid());
	REQUIRE(file_read(path, text, sizeof(text)) > 0);
	CHECK(strstr(text, line) != NULL);
	CHECK(strstr(text, "t (tracing stop)") != NULL);
	finish(pid, 7 << 8);
}

static const struct check_case cases[] = {
	{ "traceme", test_traceme },	     { "errors", test_errors },
	{ "memory", test_memory },	     { "proc-mem", test_proc_mem },
	{ "breakpoint", test_breakpoint },   { "syscalls", test_syscalls },
	{ "change-call", test_change_call }, { "float", test_float },
	{ "signals", test_signals },	     { "proc", test_proc },
};

CHECK_MAIN(cases)
