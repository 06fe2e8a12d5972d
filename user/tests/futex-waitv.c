/* futex_waitv(2). */
#include "check.h"
#include <pthread.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct waiter {
	uint64_t value, address;
	uint32_t flags, reserved;
};

static uint32_t words[128];

static void prepare(struct waiter *waiters, int count, uint32_t flags)
{
	for (int i = 0; i < count; i++)
		waiters[i] = (struct waiter){ words[i], (uintptr_t)&words[i], flags, 0 };
}

static long waitv(struct waiter *waiters, unsigned count, unsigned flags, int ms, int clock)
{
	struct timespec limit;
	clock_gettime(clock, &limit);
	limit.tv_nsec += ms * 1000000L;
	limit.tv_sec += limit.tv_nsec / 1000000000;
	limit.tv_nsec %= 1000000000;
	return syscall(SYS_futex_waitv, waiters, count, flags, ms < 0 ? NULL : &limit, clock);
}

static void *wake_later(void *word)
{
	sleep_ms(30);
	words[(uintptr_t)word]++;
	syscall(SYS_futex, &words[(uintptr_t)word], 1 | 128, 1, NULL, NULL, 0);
	return NULL;
}

static void test_wake(void)
{
	struct waiter waiters[128];
	pthread_t thread;
	prepare(waiters, 128, 2 | 128);
	for (uintptr_t i = 0; i < 128; i += 127) {
		prepare(waiters, 128, 2 | 128);
		REQUIRE(!pthread_create(&thread, NULL, wake_later, (void *)i));
		CHECK_EQ(waitv(waiters, 128, 0, 5000, CLOCK_MONOTONIC), i);
		pthread_join(thread, NULL);
	}
}

static void test_timeout(void)
{
	struct waiter waiters[2];
	prepare(waiters, 2, 2);
	int64_t start = now_ms();
	CHECK_ERRNO(waitv(waiters, 2, 0, 30, CLOCK_MONOTONIC), ETIMEDOUT);
	CHECK_ERRNO(waitv(waiters, 2, 0, 30, CLOCK_REALTIME), ETIMEDOUT);
	CHECK_RANGE(now_ms() - start, 58, 2000);
	waiters[1].value++;
	CHECK_ERRNO(waitv(waiters, 2, 0, 30, CLOCK_MONOTONIC), EAGAIN);
}

static void nothing(int sig)
{
	(void)sig;
}

static void test_errors(void)
{
	struct waiter waiters[2];
	prepare(waiters, 2, 2 | 128);
	CHECK_ERRNO(waitv(waiters, 0, 0, 1, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERRNO(waitv(waiters, 129, 0, 1, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERRNO(waitv(waiters, 1, 1, 1, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERRNO(waitv(NULL, 1, 0, 1, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERRNO(waitv((void *)8, 1, 0, 1, CLOCK_MONOTONIC), EFAULT);
	CHECK_ERRNO(waitv(waiters, 1, 0, 1, CLOCK_PROCESS_CPUTIME_ID), EINVAL);
	waiters[0].reserved = 1;
	CHECK_ERRNO(waitv(waiters, 1, 0, 1, CLOCK_MONOTONIC), EINVAL);
	prepare(waiters, 2, 64);
	CHECK_ERRNO(waitv(waiters, 1, 0, 1, CLOCK_MONOTONIC), EINVAL);
	prepare(waiters, 2, 2);
	waiters[1].address = 8;
	CHECK_ERRNO(waitv(waiters, 2, 0, 1, CLOCK_MONOTONIC), EFAULT);
	waiters[1].address = (uintptr_t)words + 1;
	CHECK_ERRNO(waitv(waiters, 2, 0, 1, CLOCK_MONOTONIC), EINVAL);
	prepare(waiters, 2, 2);
	signal_set(SIGUSR1, nothing, 0);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(waitv(waiters, 2, 0, -1, CLOCK_MONOTONIC), EINTR);
	wait_status(pid);
}

static volatile int over;
static void *waker(void *unused)
{
	(void)unused;
	for (unsigned i = 0; !over; i++) {
		__atomic_add_fetch(&words[i % 8], 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &words[i % 8], 1 | 128, 1, NULL, NULL, 0);
	}
	return NULL;
}

static void *sleeper(void *unused)
{
	(void)unused;
	struct waiter waiters[8];
	for (int i = 0; i < 500; i++) {
		prepare(waiters, 8, 2 | 128);
		waitv(waiters, 8, 0, 20, CLOCK_MONOTONIC);
	}
	return NULL;
}

static void test_stress(void)
{
	pthread_t threads[4], wakers[2];
	for (int i = 0; i < 2; i++)
		REQUIRE(!pthread_create(&wakers[i], NULL, waker, NULL));
	for (int i = 0; i < 4; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, sleeper, NULL));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	over = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(wakers[i], NULL);
}

static const struct check_case cases[] = {
	{ "wake", test_wake },
	{ "timeout", test_timeout },
	{ "errors", test_errors },
	{ "stress", test_stress },
};
CHECK_MAIN(cases)
