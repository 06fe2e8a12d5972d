/* POSIX threads of the C library: creation, join, TLS, mutexes, conditions, exit of each kind. */
#include "check.h"
#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 8 };

static __thread int local = 5;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long total;
static int turn;

static void *count_run(void *argument)
{
	local = (int)(long)argument;
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		total++;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)(long)(local * 2);
}

static void test_mutex(void)
{
	pthread_t threads[THREADS];
	void *result;
	total = 0;
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count_run, (void *)i), 0);
	for (long i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_join(threads[i], &result), 0);
		CHECK_EQ((long)result, i * 2);
	}
	CHECK_EQ(total, THREADS * 5000);
	CHECK_EQ(local, 5);
}

static void *turn_run(void *argument)
{
	int mine = (int)(long)argument;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 3 != mine)
			pthread_cond_wait(&condition, &mutex);
		turn++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void test_condition(void)
{
	pthread_t threads[3];
	turn = 0;
	for (long i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, turn_run, (void *)i), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(turn, 600);
}

static void test_condition_timeout(void)
{
	struct timespec until;
	int64_t begin = now_ms();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 30000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&condition, &mutex, &until), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	CHECK(now_ms() - begin >= 25);
}

static void *barrier_run(void *argument)
{
	pthread_barrier_wait(argument);
	return NULL;
}

static void test_barrier(void)
{
	pthread_t threads[THREADS];
	pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, barrier_run, &barrier), 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&barrier);
}

static void *nothing_run(void *argument)
{
	return argument;
}

static void test_many(void)
{
	pthread_t thread;
	void *result;
	for (long i = 0; i < 300; i++) {
		if (!CHECK_EQ(pthread_create(&thread, NULL, nothing_run, (void *)i), 0))
			return;
		pthread_join(thread, &result);
		CHECK_EQ((long)result, i);
	}
}

static void *sleep_run(void *argument)
{
	sleep_ms(10000);
	return argument;
}

/* exit_group ends all threads at once, whichever thread calls it. */
static void *exit_run(void *argument)
{
	sleep_ms(10);
	_exit((int)(long)argument);
}

static void group_exit(void *unused)
{
	pthread_t thread;
	(void)unused;
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, sleep_run, NULL);
	pthread_create(&thread, NULL, exit_run, (void *)33L);
	sleep_run(NULL);
}

static void test_exit_group(void)
{
	int64_t begin = now_ms();
	CHECK_EQ(WEXITSTATUS(run_child(group_exit, NULL)), 33);
	CHECK(now_ms() - begin < 5000);
}

/* The first thread may end before the others: the process lives until the last one does. */
static void *last_run(void *argument)
{
	sleep_ms(30);
	_exit((int)(long)argument);
}

static void leader_exit(void *unused)
{
	pthread_t thread;
	(void)unused;
	pthread_create(&thread, NULL, last_run, (void *)21L);
	pthread_exit(NULL);
}

static void test_leader_exit(void)
{
	int64_t begin = now_ms();
	CHECK_EQ(WEXITSTATUS(run_child(leader_exit, NULL)), 21);
	CHECK(now_ms() - begin >= 25);
}

static void leader_alone(void *unused)
{
	(void)unused;
	syscall(SYS_exit, 12);
}

static void test_exit_alone(void)
{
	CHECK_EQ(WEXITSTATUS(run_child(leader_alone, NULL)), 12);
}

static sem_t semaphore;
static volatile int cleaned;

static void clean_up(void *argument)
{
	cleaned = (int)(long)argument;
}

static void *cancel_run(void *argument)
{
	pthread_cleanup_push(clean_up, argument);
	sem_post(&semaphore);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_cancel(void)
{
	pthread_t thread;
	void *result;
	cleaned = 0;
	sem_init(&semaphore, 0, 0);
	CHECK_EQ(pthread_create(&thread, NULL, cancel_run, (void *)4L), 0);
	sem_wait(&semaphore);
	CHECK_EQ(pthread_cancel(thread), 0);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK_EQ(cleaned, 4);
}

/* A fatal signal to one thread kills all of the process. */
static void *fault_run(void *argument)
{
	sleep_ms(5);
	*(volatile int *)argument = 1;
	return NULL;
}

static void thread_fault(void *unused)
{
	pthread_t thread;
	(void)unused;
	pthread_create(&thread, NULL, sleep_run, NULL);
	pthread_create(&thread, NULL, fault_run, NULL);
	sleep_run(NULL);
}

static void test_fatal(void)
{
	int status = run_child(thread_fault, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static const struct check_case cases[] = {
	{ "mutex", test_mutex },
	{ "condition", test_condition },
	{ "condition-timeout", test_condition_timeout },
	{ "barrier", test_barrier },
	{ "many", test_many },
	{ "exit-group", test_exit_group },
	{ "leader-exit", test_leader_exit },
	{ "exit-alone", test_exit_alone },
	{ "cancel", test_cancel },
	{ "fatal", test_fatal },
};

CHECK_MAIN(cases)
