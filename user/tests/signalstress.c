/* Stress: signals between processes and threads while they compute, sleep and make system calls. */
#include "check.h"
#include <pthread.h>
#include <sched.h>

enum { THREADS = 4, SECONDS = 4 };

static volatile int stop;
static volatile long handled[THREADS];
static __thread long own;
static __thread volatile double inside;

static void on_signal(int sig)
{
	inside = sig * 1.5 + inside / 3; /* use the floating-point registers */
	own++;
}

/* Integer and floating-point arithmetic whose result must not depend on signals. */
static double compute(int rounds)
{
	double sum = 0;
	long hash = 17;
	for (int i = 1; i < rounds; i++) {
		sum += 1.0 / i;
		hash = hash * 31 + i;
	}
	return sum + hash % 1000;
}

static void *worker_run(void *argument)
{
	long number = (long)argument;
	double expected = compute(3000);
	int ends[2];
	char byte = 'x';
	own = 0;
	CHECK_OK(pipe(ends));
	while (!stop) {
		CHECK(compute(3000) == expected);
		ssize_t part;
		while ((part = write(ends[1], &byte, 1)) < 0 && errno == EINTR)
			;
		CHECK_EQ(part, 1);
		while ((part = read(ends[0], &byte, 1)) < 0 && errno == EINTR)
			;
		CHECK_EQ(part, 1);
		struct timespec time = { 0, 100000 };
		nanosleep(&time, NULL);
	}
	close(ends[0]), close(ends[1]);
	handled[number] = own;
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[THREADS];
	uint64_t random = random_start(1);
	long sent = 0, total = 0;
	stop = 0;
	signal_set(SIGUSR1, on_signal, SA_RESTART);
	signal_set(SIGUSR2, on_signal, SA_NODEFER);
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, worker_run, (void *)i), 0);
	for (int64_t end = now_ms() + SECONDS * 1000; now_ms() < end; sent++) {
		uint64_t draw = random_next(&random);
		CHECK_EQ(pthread_kill(threads[draw % THREADS], draw & 256 ? SIGUSR1 : SIGUSR2), 0);
		if (draw % 16 == 0)
			sched_yield();
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		total += handled[i];
	}
	CHECK_RANGE(total, THREADS, sent);
	signal_set(SIGUSR1, SIG_DFL, 0);
	signal_set(SIGUSR2, SIG_DFL, 0);
}

/* Ping-pong with sigsuspend: not one signal is lost between mask and wait. */
static volatile sig_atomic_t pings;

static void on_ping(int sig)
{
	(void)sig;
	pings++;
}

static void play(pid_t other, int rounds, bool first)
{
	sigset_t empty;
	sigemptyset(&empty);
	for (int i = 0; i < rounds; i++) {
		if (first)
			kill(other, SIGUSR1);
		while (pings <= i)
			sigsuspend(&empty);
		if (!first)
			kill(other, SIGUSR1);
	}
}

static void test_ping_pong(void)
{
	sigset_t set;
	pings = 0;
	signal_set(SIGUSR1, on_ping, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t parent = getpid(), pid = fork_child();
	if (pid == 0) {
		play(parent, 2000, false);
		_exit(pings == 2000 ? 0 : 1);
	}
	play(pid, 2000, true);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(pings, 2000);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

/* Stop and continue at any moment; nothing gets stuck and SIGKILL always wins. */
static void *spin_run(void *argument)
{
	for (;;) {
		struct timespec time = { 0, 50000 };
		nanosleep(&time, NULL);
		compute(500);
	}
	return argument;
}

static void test_stop(void)
{
	uint64_t random = random_start(9);
	int status;
	for (int64_t end = now_ms() + 2500; now_ms() < end;) {
		pid_t pid = fork_child();
		if (pid == 0) {
			pthread_t thread;
			for (int i = 0; i < 3; i++)
				pthread_create(&thread, NULL, spin_run, NULL);
			spin_run(NULL);
		}
		int rounds = random_next(&random) % 12;
		for (int i = 0; i < rounds; i++) {
			kill(pid, SIGSTOP);
			if (random_next(&random) & 1) {
				CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
				CHECK(WIFSTOPPED(status));
			}
			kill(pid, SIGCONT);
		}
		if (random_next(&random) & 1)
			kill(pid, SIGSTOP);
		kill(pid, SIGKILL);
		CHECK_EQ(wait_status(pid), SIGKILL);
	}
}

/* Children end as fast as they come: SIGCHLD handlers reap them all. */
static volatile sig_atomic_t reaped;

static void on_child(int sig)
{
	int saved = errno;
	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		reaped++;
	errno = saved;
}

static void test_children(void)
{
	reaped = 0;
	signal_set(SIGCHLD, on_child, SA_RESTART);
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		CHECK(pid > 0);
	}
	for (int i = 0; i < 5000 && reaped < 300; i++)
		sleep_ms(1);
	CHECK_EQ(reaped, 300);
	signal_set(SIGCHLD, SIG_DFL, 0);
}

static const struct check_case cases[] = {
	{ "threads", test_threads },
	{ "ping-pong", test_ping_pong },
	{ "stop", test_stop },
	{ "children", test_children },
};

CHECK_MAIN(cases)
