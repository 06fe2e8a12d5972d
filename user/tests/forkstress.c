/* Stress: many processes and threads fork, write, check their snapshots and end, all at once. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 4, PAGES = 24, SECONDS = 4 };

static unsigned char *area[THREADS];
static volatile int stop;

static void fill(unsigned char *p, unsigned char value)
{
	for (int i = 0; i < PAGES; i++) {
		p[i * PAGE] = value;
		p[i * PAGE + PAGE - 1] = value;
	}
}

static bool holds(const unsigned char *p, unsigned char value)
{
	for (int i = 0; i < PAGES; i++) {
		if (p[i * PAGE] != value || p[i * PAGE + PAGE - 1] != value)
			return false;
	}
	return true;
}

/* A tree of processes; each writes its own value and looks again after its children have ended. */
static void descend(unsigned char *p, uint64_t *random, int depth)
{
	unsigned char value = random_next(random);
	pid_t pids[2] = { 0, 0 };
	fill(p, value);
	for (int i = 0; depth < 2 && i < 2; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0) {
			if (!holds(p, value))
				_exit(2);
			random_next(random);
			descend(p, random, depth + 1);
			_exit(0);
		}
		if (random_next(random) & 1)
			fill(p, ++value);
	}
	for (int i = 0; i < 2; i++) {
		if (pids[i] > 0 && wait_status(pids[i]) != 0)
			_exit(3);
	}
	if (!holds(p, value))
		_exit(4);
}

static void *thread_run(void *argument)
{
	long number = (long)argument, rounds = 0;
	uint64_t random = random_start(number);
	unsigned char *p = area[number], value = 0;
	for (; !stop; rounds++) {
		fill(p, value = random_next(&random));
		pid_t pid = fork_child();
		if (pid == 0) {
			if (!holds(p, value))
				_exit(1);
			descend(p, &random, random_next(&random) & 3 ? 2 : 0);
			_exit(0);
		}
		if (!CHECK(pid > 0))
			break;
		fill(p, ++value);
		CHECK(holds(p, value));
		CHECK_EQ(wait_status(pid), 0);
		CHECK(holds(p, value));
	}
	return (void *)rounds;
}

static void test_fork(void)
{
	pthread_t threads[THREADS];
	void *rounds;
	stop = 0;
	for (long i = 0; i < THREADS; i++) {
		area[i] = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		REQUIRE((void *)area[i] != MAP_FAILED);
		CHECK_EQ(pthread_create(&threads[i], NULL, thread_run, (void *)i), 0);
	}
	sleep_ms(SECONDS * 1000);
	stop = 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &rounds);
		CHECK((long)rounds > 0);
		munmap(area[i], PAGES * PAGE);
	}
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

/* Children that their parents kill at any moment of their life. */
static void test_kill(void)
{
	uint64_t random = random_start(77);
	for (int64_t end = now_ms() + 2000; now_ms() < end;) {
		pid_t pid = fork_child();
		if (pid == 0) {
			uint64_t own = random;
			static unsigned char memory[PAGES * 4096];
			for (;;) {
				if (fork() == 0)
					_exit(0);
				fill(memory, random_next(&own));
				wait(NULL);
			}
		}
		struct timespec time = { 0, random_next(&random) % 3000000 };
		nanosleep(&time, NULL);
		CHECK_OK(kill(pid, SIGKILL));
		CHECK_EQ(wait_status(pid), SIGKILL);
	}
}

static const struct check_case cases[] = {
	{ "fork", test_fork },
	{ "kill", test_kill },
};

CHECK_MAIN(cases)
