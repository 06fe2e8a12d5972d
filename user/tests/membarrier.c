/* membarrier(2): commands, registration, and that the barrier is one. */
#include "check.h"
#include <linux/membarrier.h>
#include <pthread.h>

static int barrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

static void test_commands(void)
{
	int known = barrier(MEMBARRIER_CMD_QUERY);
	CHECK((known & 0x1f) == 0x1f);
	CHECK_OK(barrier(MEMBARRIER_CMD_GLOBAL));
	CHECK_ERRNO(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), EPERM);
	CHECK_OK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED));
	CHECK_OK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
	CHECK_ERRNO(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE), EPERM);
	CHECK_OK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE));
	CHECK_OK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE));
	CHECK_OK(barrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED));
	CHECK_OK(barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED));
	CHECK_ERRNO(barrier(1 << 30), EINVAL);
	CHECK_ERRNO(barrier(-1), EINVAL);
	CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 5, 0), EINVAL);
	/* fork passes registrations on. */
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_OK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

/* Store buffering: one side has compiler barriers only, the other membarrier(). */
static volatile int x, y, seen, round_started, round_done, over;

static void *fast_side(void *unused)
{
	(void)unused;
	for (int last = 0; !over;) {
		int now = __atomic_load_n(&round_started, __ATOMIC_ACQUIRE);
		if (now == last)
			continue;
		last = now;
		x = 1;
		__asm__ volatile("" ::: "memory");
		seen = y;
		__atomic_store_n(&round_done, now, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void test_order(void)
{
	pthread_t thread;
	CHECK_OK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED));
	REQUIRE(!pthread_create(&thread, NULL, fast_side, NULL));
	int broken = 0, rounds = 0;
	for (int64_t end = now_ms() + 500; now_ms() < end && rounds < 3000; rounds++) {
		x = y = 0;
		__atomic_store_n(&round_started, rounds + 1, __ATOMIC_RELEASE);
		y = 1;
		barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
		int mine = x;
		while (__atomic_load_n(&round_done, __ATOMIC_ACQUIRE) != rounds + 1)
			sched_yield();
		broken += !mine && !seen;
	}
	CHECK_EQ(broken, 0);
	CHECK(rounds > 10);
	over = 1;
	pthread_join(thread, NULL);
}

static void *storm(void *unused)
{
	(void)unused;
	/* Each waits for all harts, of which the machine below may have fewer. */
	int64_t end = now_ms() + 5000;
	for (int i = 0; i < 300 && now_ms() < end; i++)
		barrier(i % 2 ? MEMBARRIER_CMD_PRIVATE_EXPEDITED : MEMBARRIER_CMD_GLOBAL_EXPEDITED);
	return NULL;
}

static void test_stress(void)
{
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, storm, NULL));
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

static const struct check_case cases[] = {
	{ "commands", test_commands },
	{ "order", test_order },
	{ "stress", test_stress },
};
CHECK_MAIN(cases)
