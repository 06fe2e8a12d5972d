/*
 * fork(2) while other threads of the parent write. Each thread writes growing numbers, first into
 * word A, then into word B on another page: in every snapshot B <= A must hold, the snapshot must
 * not change under the child, and the parent must lose no write. Three writers at the least: two do
 * not show every mistake.
 */
#include "check.h"
#include <pthread.h>

enum { WRITERS = 4, ROUNDS = 24 };

struct writer {
	pthread_t thread;
	volatile uint64_t *first, *second; /* on pages of their own */
	uint64_t written;
	volatile int stop;
	int lost;
};

static unsigned char *pages;

static void *writer_run(void *argument)
{
	struct writer *writer = argument;
	uint64_t number = 0;
	while (!writer->stop) {
		number++;
		__atomic_store_n(writer->first, number, __ATOMIC_SEQ_CST);
		__atomic_store_n(writer->second, number, __ATOMIC_SEQ_CST);
		if (*writer->first != number || *writer->second != number)
			writer->lost++;
	}
	writer->written = number;
	return NULL;
}

static int snapshot_check(struct writer *writers)
{
	uint64_t a[WRITERS], b[WRITERS];
	int bad = 0;
	for (int i = 0; i < WRITERS; i++) {
		b[i] = *writers[i].second;
		a[i] = *writers[i].first;
		/* In an instant view A is B or B + 1. */
		if (a[i] != b[i] && a[i] != b[i] + 1)
			bad |= 1;
	}
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < WRITERS; i++) {
			if (*writers[i].first != a[i] || *writers[i].second != b[i])
				bad |= 2;
		}
	}
	for (int i = 0; i < WRITERS; i++) { /* our own writes hold, too */
		*writers[i].first = ~0ULL;
		if (*writers[i].first != ~0ULL)
			bad |= 4;
	}
	return bad;
}

static void snapshots_take(struct writer *writers)
{
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid = fork_child();
		if (pid == 0)
			_exit(snapshot_check(writers));
		if (!CHECK(pid > 0))
			return;
		int status = wait_status(pid);
		CHECK_EQ(status, 0);
		if (status)
			return;
	}
}

/* The two words of a writer: `apart` pages from each other. */
static void snapshot_test(size_t apart)
{
	static struct writer writers[WRITERS];
	size_t size = (WRITERS + 1) * (apart + 1) * PAGE;
	pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)pages != MAP_FAILED);
	memset(writers, 0, sizeof(writers));
	for (int i = 0; i < WRITERS; i++) {
		writers[i].first = (void *)(pages + i * (apart + 1) * PAGE);
		writers[i].second = (void *)(pages + (i * (apart + 1) + apart) * PAGE + 64);
		CHECK_EQ(pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]), 0);
	}
	snapshots_take(writers);
	for (int i = 0; i < WRITERS; i++)
		writers[i].stop = 1;
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		CHECK_EQ(writers[i].lost, 0);
		CHECK_EQ(*writers[i].first, writers[i].written);
		CHECK_EQ(*writers[i].second, writers[i].written);
	}
	munmap(pages, size);
}

static void test_near(void)
{
	snapshot_test(1);
}

static void test_far(void)
{
	snapshot_test(700); /* in different page tables */
}

/* All threads count in one page; nothing may be lost when it is copied under them. */
static volatile long counters[8];

static void *count_run(void *argument)
{
	for (int i = 0; i < 200000; i++)
		__atomic_add_fetch(&counters[0], 1, __ATOMIC_RELAXED);
	return argument;
}

static void test_one_page(void)
{
	pthread_t threads[WRITERS];
	counters[0] = 0;
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count_run, NULL), 0);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork_child();
		if (pid == 0) {
			long seen = counters[0];
			sleep_ms(1);
			_exit(counters[0] == seen ? 0 : 1);
		}
		CHECK_EQ(wait_status(pid), 0);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(counters[0], WRITERS * 200000L);
}

/* Every thread forks for itself, at the same time. */
static void *fork_run(void *argument)
{
	volatile long word = (long)argument;
	for (int i = 0; i < 12; i++) {
		pid_t pid = fork_child();
		if (pid == 0) {
			word += 1000;
			_exit(word == (long)argument + 1000 ? 0 : 1);
		}
		CHECK_EQ(wait_status(pid), 0);
		CHECK_EQ(word, (long)argument);
	}
	return NULL;
}

static void test_all_fork(void)
{
	pthread_t threads[WRITERS];
	for (long i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, fork_run, (void *)i), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

/* Only the calling thread is in the child. */
static volatile int other_runs;

static void *other_run(void *argument)
{
	volatile int *stop = argument;
	while (!*stop)
		other_runs++;
	return NULL;
}

static void test_only_caller(void)
{
	pthread_t thread;
	static volatile int stop;
	stop = 0;
	CHECK_EQ(pthread_create(&thread, NULL, other_run, (void *)&stop), 0);
	sleep_ms(5);
	pid_t pid = fork_child();
	if (pid == 0) {
		int seen = other_runs;
		sleep_ms(20);
		CHECK_EQ(other_runs, seen);
		CHECK_EQ(syscall(SYS_gettid), getpid());
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	stop = 1;
	pthread_join(thread, NULL);
}

static const struct check_case cases[] = {
	{ "near", test_near },
	{ "far", test_far },
	{ "one-page", test_one_page },
	{ "all-fork", test_all_fork },
	{ "only-caller", test_only_caller },
};

CHECK_MAIN(cases)
