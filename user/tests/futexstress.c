/* Stress: mutexes, conditions and semaphores of the C library and bare futexes, under load. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

enum { THREADS = 6, SECONDS = 3 };

static volatile int stop;

/* A lock of our own: 0 free, 1 held, 2 held with waiters. */
static int lock_word;
static long guarded[2];

static void word_lock(int *word)
{
	int seen = 0;
	if (__atomic_compare_exchange_n(word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0)
		syscall(SYS_futex, word, FUTEX_WAIT, 2, NULL, NULL, 0);
}

static void word_unlock(int *word)
{
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void *lock_run(void *argument)
{
	long count = 0;
	while (!stop) {
		word_lock(&lock_word);
		guarded[0]++;
		if (count % 64 == 0)
			sched_yield();
		guarded[1]++;
		CHECK_EQ(guarded[0], guarded[1]);
		word_unlock(&lock_word);
		count++;
	}
	return argument = (void *)count;
}

static void test_lock(void)
{
	pthread_t threads[THREADS];
	void *count;
	long total = 0;
	stop = 0;
	guarded[0] = guarded[1] = lock_word = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, lock_run, NULL);
	sleep_ms(SECONDS * 1000);
	stop = 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &count);
		total += (long)count;
	}
	CHECK_EQ(guarded[0], total);
	CHECK_EQ(lock_word, 0);
}

/* The same between processes, over shared memory. */
struct shared {
	int lock;
	long count[2];
};

static void test_processes(void)
{
	struct shared *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[4];
	REQUIRE((void *)shared != MAP_FAILED);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0) {
			for (int n = 0; n < 4000; n++) {
				word_lock(&shared->lock);
				shared->count[0]++;
				if (n % 32 == 0)
					sched_yield();
				shared->count[1]++;
				word_unlock(&shared->lock);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	CHECK_EQ(shared->count[0], 16000);
	CHECK_EQ(shared->count[1], 16000);
	munmap(shared, PAGE);
}

/* A bounded queue with conditions: every number passes once. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static int queue[8], head, tail;
static long sum_in, sum_out;

static void *producer_run(void *argument)
{
	for (int i = 1; i <= 2000; i++) {
		pthread_mutex_lock(&mutex);
		while (tail - head == 8)
			pthread_cond_wait(&not_full, &mutex);
		queue[tail++ % 8] = i;
		sum_in += i;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

static void *consumer_run(void *argument)
{
	for (int i = 1; i <= 2000; i++) {
		pthread_mutex_lock(&mutex);
		while (tail == head)
			pthread_cond_wait(&not_empty, &mutex);
		sum_out += queue[head++ % 8];
		pthread_cond_signal(&not_full);
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

static void test_queue(void)
{
	pthread_t threads[6];
	head = tail = 0;
	sum_in = sum_out = 0;
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, i % 2 ? consumer_run : producer_run, NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(sum_in, sum_out);
	CHECK_EQ(sum_in, 3 * 2000L * 2001 / 2);
}

/* Waits with short time-outs race with wakes. */
static sem_t semaphore;
static volatile long taken;

static void *timed_run(void *argument)
{
	uint64_t random = random_start((long)argument);
	while (!stop) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += random_next(&random) % 300000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		if (sem_timedwait(&semaphore, &until) == 0)
			__atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
		else
			CHECK_EQ(errno, ETIMEDOUT);
	}
	return NULL;
}

static void test_timed(void)
{
	pthread_t threads[THREADS];
	long posted = 0;
	int left = 0;
	stop = 0;
	taken = 0;
	sem_init(&semaphore, 0, 0);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, timed_run, (void *)i);
	for (int64_t end = now_ms() + 2000; now_ms() < end; posted++) {
		sem_post(&semaphore);
		if (posted % 8 == 0)
			sched_yield();
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	sem_getvalue(&semaphore, &left);
	CHECK_EQ(taken + left, posted);
}

static const struct check_case cases[] = {
	{ "lock", test_lock },
	{ "processes", test_processes },
	{ "queue", test_queue },
	{ "timed", test_timed },
};

CHECK_MAIN(cases)
