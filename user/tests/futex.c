/* futex(2): wait, wake, bitset, time-outs, requeue, errors; between threads and processes. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>

static long futex(volatile void *word, int operation, unsigned value, const struct timespec *time,
		  volatile void *word2, unsigned value3)
{
	return syscall(SYS_futex, word, operation, value, time, word2, value3);
}

static long futex_requeue(volatile void *word, int operation, unsigned wake, unsigned long move,
			  volatile void *word2, unsigned value3)
{
	return syscall(SYS_futex, word, operation, wake, move, word2, value3);
}

static volatile uint32_t word, word2;
static volatile int woken, waiting;

static void *wait_run(void *argument)
{
	__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	long result = futex(&word, (int)(long)argument, 0, NULL, NULL, 0);
	if (result == 0)
		__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return (void *)result;
}

/* Wake `count` and keep trying until so many have been woken. */
static int wake_exactly(int operation, int count)
{
	int done = 0;
	for (int i = 0; i < 5000 && done < count; i++) {
		long now = futex(&word, operation, count - done, NULL, NULL, 0);
		if (now < 0)
			return -1;
		done += now;
		if (done < count)
			sleep_ms(1);
	}
	return done;
}

static void wake_test(int private)
{
	pthread_t threads[4];
	word = woken = waiting = 0;
	for (int i = 0; i < 4; i++) {
		pthread_create(&threads[i], NULL, wait_run, (void *)(long)(FUTEX_WAIT | private));
	}
	CHECK(wait_for_value(&waiting, 4));
	sleep_ms(20);
	CHECK_EQ(woken, 0);
	CHECK_EQ(wake_exactly(FUTEX_WAKE | private, 1), 1);
	CHECK(wait_for_value(&woken, 1));
	sleep_ms(10);
	CHECK_EQ(woken, 1);
	CHECK_EQ(wake_exactly(FUTEX_WAKE | private, 3), 3);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(woken, 4);
	CHECK_EQ(futex(&word, FUTEX_WAKE | private, 10, NULL, NULL, 0), 0);
}

static void test_wake(void)
{
	wake_test(FUTEX_PRIVATE_FLAG);
	wake_test(0);
}

static void test_value(void)
{
	word = 5;
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 4, NULL, NULL, 1), EAGAIN);
}

static void test_timeout(void)
{
	struct timespec time = { 0, 40000000 };
	word = 0;
	int64_t begin = now_ns();
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &time, NULL, 0), ETIMEDOUT);
	CHECK(now_ns() - begin >= 40000000);
	/* FUTEX_WAIT_BITSET: the time is absolute, of the monotonic clock by default. */
	clock_gettime(CLOCK_MONOTONIC, &time);
	int64_t until = time.tv_sec * 1000000000LL + time.tv_nsec + 30000000;
	time = (struct timespec){ until / 1000000000, until % 1000000000 };
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &time, NULL, ~0u), ETIMEDOUT);
	CHECK(now_ns() >= until);
	clock_gettime(CLOCK_REALTIME, &time);
	begin = now_ns();
	time.tv_nsec += 20000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &time, NULL, ~0u),
		    ETIMEDOUT);
	CHECK(now_ns() - begin >= 15000000);
	time = (struct timespec){ 0, 1 }; /* long ago */
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &time, NULL, ~0u), ETIMEDOUT);
	time = (struct timespec){ 0, 1000000000 };
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &time, NULL, 0), EINVAL);
	time = (struct timespec){ -1, 0 };
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &time, NULL, 0), EINVAL);
}

static void test_errors(void)
{
	unsigned char *page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERRNO(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex((void *)(~0UL << 20), FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(page, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0), EFAULT);
	munmap(page, PAGE);
}

static void *bitset_run(void *argument)
{
	__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	long result =
		futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (unsigned)(long)argument);
	__atomic_add_fetch(&woken, (int)(long)argument, __ATOMIC_SEQ_CST);
	return (void *)result;
}

static void test_bitset(void)
{
	pthread_t threads[2];
	word = woken = waiting = 0;
	pthread_create(&threads[0], NULL, bitset_run, (void *)1L);
	pthread_create(&threads[1], NULL, bitset_run, (void *)2L);
	CHECK(wait_for_value(&waiting, 2));
	sleep_ms(20);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4), 0);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2), 1);
	CHECK(wait_for_value(&woken, 2));
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 1);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	CHECK_EQ(woken, 3);
}

static void test_requeue(void)
{
	pthread_t threads[4];
	word = word2 = woken = waiting = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, wait_run, (void *)(long)FUTEX_WAIT_PRIVATE);
	CHECK(wait_for_value(&waiting, 4));
	sleep_ms(30);
	CHECK_ERRNO(futex_requeue(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 10, &word2, 7), EAGAIN);
	CHECK_EQ(futex_requeue(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, &word2, 0), 3);
	CHECK(wait_for_value(&woken, 1));
	CHECK_EQ(futex(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 2);
	CHECK(wait_for_value(&woken, 3));
	CHECK_EQ(futex_requeue(&word, FUTEX_REQUEUE_PRIVATE, 0, 10, &word2, 0), 1);
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* Over a shared file, at different addresses in two processes. */
static volatile int *shared_map(int fd)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void test_shared(void)
{
	REQUIRE(scratch_enter());
	int fd = open("futex", O_RDWR | O_CREAT, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, PAGE) == 0);
	volatile int *here = shared_map(fd);
	REQUIRE(here);
	pid_t pid = fork_child();
	if (pid == 0) {
		volatile int *there = shared_map(fd);
		CHECK(there && there != here);
		there[1] = 1;
		CHECK_OK(futex(there, FUTEX_WAIT, 0, NULL, NULL, 0));
		child_exit();
	}
	CHECK(wait_for_value(&here[1], 1));
	long count = 0;
	for (int i = 0; i < 5000 && count == 0; i++) {
		count = futex(here, FUTEX_WAKE, 1, NULL, NULL, 0);
		sleep_ms(1);
	}
	CHECK_EQ(count, 1);
	CHECK_EQ(wait_status(pid), 0);
	munmap((void *)here, PAGE);
	close(fd);
}

/* The key of private memory is the address: a copy-on-write in between changes nothing. */
static void test_cow_key(void)
{
	pthread_t thread;
	word = woken = waiting = 0;
	pthread_create(&thread, NULL, wait_run, (void *)(long)FUTEX_WAIT);
	CHECK(wait_for_value(&waiting, 1));
	sleep_ms(10);
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(20);
		_exit(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0) == 0 ? 0 : 1);
	}
	word2 = 1; /* the page of `word`, too: copied now */
	word = 0;
	CHECK_EQ(wake_exactly(FUTEX_WAKE, 1), 1);
	pthread_join(thread, NULL);
	CHECK_EQ(wait_status(pid), 0); /* the child's wake reached nobody here */
}

static void no_action(int sig)
{
	(void)sig;
}

static void test_signal(void)
{
	struct timespec time = { 5, 0 };
	word = 0;
	signal_set(SIGUSR1, no_action, 0);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &time, NULL, 0), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static void test_wake_op(void)
{
	word = 3;
	word2 = 10;
	/* word2 += 5; wake on word2 if its old value was 10 */
	unsigned operation = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10);
	long result = futex_requeue(&word, FUTEX_WAKE_OP_PRIVATE, 1, 1, &word2, operation);
	if (result < 0 && errno == ENOSYS)
		SKIP("no FUTEX_WAKE_OP");
	CHECK_EQ(result, 0);
	CHECK_EQ(word2, 15);
}

static const struct check_case cases[] = {
	{ "wake", test_wake },	     { "value", test_value },	  { "timeout", test_timeout },
	{ "errors", test_errors },   { "bitset", test_bitset },	  { "requeue", test_requeue },
	{ "shared", test_shared },   { "cow-key", test_cow_key }, { "signal", test_signal },
	{ "wake-op", test_wake_op },
};

CHECK_MAIN(cases)
