/* Rows of two or more processes that hand control to each other. */
#define _GNU_SOURCE
#include "bench.h"
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BANDWIDTH_CHUNK = 65536, RING_MAX = 16 };

static pid_t children[RING_MAX];
static int pipes[RING_MAX + 1][2];
static int ring_size;
static volatile unsigned *turn; /* shared: whose turn it is in the futex ping-pong */

static void one_core(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* A ring of processes: each reads a byte from its pipe and writes it to the next one's. */
static void start_ring(int size)
{
	one_core();
	ring_size = size;
	for (int i = 0; i < size; i++)
		MUST(pipe(pipes[i]));
	for (int i = 1; i < size; i++) {
		children[i] = MUST(fork());
		if (children[i] == 0) {
			char byte;

			while (read(pipes[i][0], &byte, 1) == 1)
				if (write(pipes[(i + 1) % size][1], &byte, 1) != 1)
					break;
			_exit(0);
		}
	}
}

static void stop_ring(void)
{
	for (int i = 1; i < ring_size; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	for (int i = 0; i < ring_size; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

static void start_ring_2(void)
{
	start_ring(2);
}

static void start_ring_16(void)
{
	start_ring(16);
}

static void run_ring(unsigned count)
{
	char byte = 0;

	while (count--) {
		MUST(write(pipes[1][1], &byte, 1));
		MUST(read(pipes[0][0], &byte, 1));
	}
}

/* One operation is one hop, so that 2 and 16 processes compare. */
static void run_hops(unsigned count)
{
	run_ring(count / ring_size);
}

static void futex_wait_for(unsigned mine)
{
	while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != mine)
		syscall(SYS_futex, turn, FUTEX_WAIT, !mine, NULL, NULL, 0);
}

static void futex_pass(unsigned other)
{
	__atomic_store_n(turn, other, __ATOMIC_RELEASE);
	syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void start_futex(void)
{
	one_core();
	turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*turn = 0;
	children[0] = MUST(fork());
	if (children[0] == 0)
		for (;;) {
			futex_wait_for(1);
			futex_pass(0);
		}
}

static void stop_futex(void)
{
	kill(children[0], SIGKILL);
	waitpid(children[0], NULL, 0);
	munmap((void *)turn, 4096);
}

static void run_futex(unsigned count)
{
	while (count--) {
		futex_pass(1);
		futex_wait_for(0);
	}
}

/* One operation is 64 KiB from a writer to this reader. */
static void start_stream(void)
{
	static char chunk[BANDWIDTH_CHUNK];

	one_core();
	MUST(pipe(pipes[0]));
	children[0] = MUST(fork());
	if (children[0] == 0) {
		close(pipes[0][0]);
		while (write(pipes[0][1], chunk, sizeof(chunk)) > 0)
			;
		_exit(0);
	}
	close(pipes[0][1]);
}

static void stop_stream(void)
{
	close(pipes[0][0]);
	kill(children[0], SIGKILL);
	waitpid(children[0], NULL, 0);
}

static void run_stream(unsigned count)
{
	static char chunk[BANDWIDTH_CHUNK];

	for (size_t left = (size_t)count * BANDWIDTH_CHUNK; left;)
		left -= MUST(read(pipes[0][0], chunk, left < sizeof(chunk) ? left : sizeof(chunk)));
}

const struct row switch_rows[] = {
	{ "pipe_ping_pong", "round trip", 1000, run_ring, start_ring_2, stop_ring },
	{ "futex_ping_pong", "round trip", 1000, run_futex, start_futex, stop_futex },
	{ "pipe_64k", "64 KiB", 100, run_stream, start_stream, stop_stream },
	{ "switch_2", "hop", 2000, run_hops, start_ring_2, stop_ring },
	{ "switch_16", "hop", 2000, run_hops, start_ring_16, stop_ring },
	{ 0 },
};
