/* Rows of single system calls and signals. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int null_fd, zero_fd;

static void run_getppid(unsigned count)
{
	while (count--)
		syscall(SYS_getppid);
}

static void run_clock_gettime(unsigned count)
{
	struct timespec now;

	while (count--)
		clock_gettime(CLOCK_MONOTONIC, &now);
}

static void open_devices(void)
{
	null_fd = MUST(open("/dev/null", O_WRONLY));
	zero_fd = MUST(open("/dev/zero", O_RDONLY));
}

static void close_devices(void)
{
	close(null_fd);
	close(zero_fd);
}

static void run_read(unsigned count)
{
	char byte;

	while (count--)
		MUST(read(zero_fd, &byte, 1));
}

static void run_write(unsigned count)
{
	char byte = 0;

	while (count--)
		MUST(write(null_fd, &byte, 1));
}

static void run_yield(unsigned count)
{
	while (count--)
		sched_yield();
}

static volatile unsigned handled;

static void handler(int signo)
{
	(void)signo;
	handled++;
}

static void run_sigaction(unsigned count)
{
	struct sigaction action = { .sa_handler = handler };

	while (count--)
		MUST(sigaction(SIGUSR1, &action, NULL));
}

static void install_handler(void)
{
	run_sigaction(1);
}

static void run_signal(unsigned count)
{
	int pid = getpid(), tid = syscall(SYS_gettid);

	while (count--)
		MUST(syscall(SYS_tgkill, pid, tid, SIGUSR1));
}

const struct row call_rows[] = {
	{ "getppid", NULL, 10000, run_getppid, NULL, NULL },
	{ "clock_gettime", NULL, 10000, run_clock_gettime, NULL, NULL },
	{ "read_1", NULL, 10000, run_read, open_devices, close_devices },
	{ "write_1", NULL, 10000, run_write, open_devices, close_devices },
	{ "sched_yield", NULL, 10000, run_yield, NULL, NULL },
	{ "signal_install", NULL, 10000, run_sigaction, NULL, NULL },
	{ "signal_deliver", NULL, 5000, run_signal, install_handler, NULL },
	{ 0 },
};
