/* Stress: fork and exec, vfork and exec, failed execs, from several threads at once. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 4, SECONDS = 4 };

static volatile int stop;
static char self[PATH_MAX];
static char *envp[] = { "PATH=/bin", NULL };

static void exec_one(uint64_t *random)
{
	char code[16];
	unsigned expected = random_next(random) % 200;
	snprintf(code, sizeof(code), "%u", expected);
	char *argv[] = { "execstress", "exit", code, NULL };
	bool failing = random_next(random) % 8 == 0, share = random_next(random) % 2;
	const char *path = failing ? "/no/such/program" : self;
	pid_t pid = share ? vfork() : fork();
	if (pid == 0) {
		execve(path, argv, envp);
		_exit(201);
	}
	if (!CHECK(pid > 0))
		return;
	int status = wait_status(pid);
	CHECK_EQ(status, (failing ? 201 : expected) << 8);
}

static void *thread_run(void *argument)
{
	uint64_t random = random_start((long)argument);
	long rounds = 0;
	for (; !stop; rounds++)
		exec_one(&random);
	return (void *)rounds;
}

static void test_exec(void)
{
	pthread_t threads[THREADS];
	void *rounds;
	stop = 0;
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, thread_run, (void *)i), 0);
	sleep_ms(SECONDS * 1000);
	stop = 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &rounds);
		CHECK((long)rounds > 0);
	}
}

/* A process that runs itself again and again, with threads at its side. */
static void *noise_run(void *argument)
{
	volatile unsigned char *p = malloc(100000);
	for (long i = 0;; i++)
		p[i * 4096 % 100000] = i;
	return argument;
}

static int chain(int left)
{
	char count[16];
	pthread_t thread;
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, noise_run, NULL);
	if (left == 0)
		return 42;
	snprintf(count, sizeof(count), "%d", left - 1);
	char *argv[] = { "execstress", "chain", count, NULL };
	execve(self, argv, envp);
	return 1;
}

static void test_chain(void)
{
	pid_t pids[3];
	for (int i = 0; i < 3; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0) {
			alarm(0);
			_exit(chain(25));
		}
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(wait_status(pids[i]), 42 << 8);
}

/* Signals that come in while it execs. */
static void test_kill(void)
{
	uint64_t random = random_start(5);
	for (int64_t end = now_ms() + 2000; now_ms() < end;) {
		pid_t pid = fork_child();
		if (pid == 0)
			_exit(chain(10000));
		struct timespec time = { 0, random_next(&random) % 20000000 };
		nanosleep(&time, NULL);
		CHECK_OK(kill(pid, SIGKILL));
		CHECK_EQ(wait_status(pid), SIGKILL);
	}
}

static const struct check_case cases[] = {
	{ "exec", test_exec },
	{ "chain", test_chain },
	{ "kill", test_kill },
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	if (argc == 3 && !strcmp(argv[1], "chain"))
		return chain(atoi(argv[2]));
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
