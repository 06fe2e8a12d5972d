/* sched_setscheduler(2) and its family, sched(7), ioprio_set(2). */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int set(int policy, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	return sched_setscheduler(0, policy, &param);
}

static int priority(void)
{
	struct sched_param param = { -1 };
	CHECK_OK(sched_getparam(0, &param));
	return param.sched_priority;
}

static void test_policies(void)
{
	struct timespec interval;
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_OK(set(SCHED_FIFO, 10));
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO);
	CHECK_EQ(priority(), 10);
	CHECK_OK(sched_rr_get_interval(0, &interval));
	CHECK_EQ(interval.tv_nsec, 0);
	CHECK_OK(sched_setparam(0, &(struct sched_param){ .sched_priority = 20 }));
	CHECK_EQ(priority(), 20);
	CHECK_ERRNO(sched_setparam(0, &(struct sched_param){ .sched_priority = 0 }), EINVAL);
	CHECK_OK(set(SCHED_RR, 99));
	CHECK_OK(sched_rr_get_interval(0, &interval));
	CHECK_EQ(interval.tv_nsec, 100000000);
	CHECK_OK(set(SCHED_BATCH, 0));
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	CHECK_OK(set(SCHED_IDLE, 0));
	CHECK_EQ(sched_getscheduler(0), SCHED_IDLE);
	CHECK_OK(set(SCHED_OTHER, 0));
	CHECK_ERRNO(set(SCHED_FIFO, 0), EINVAL);
	CHECK_ERRNO(set(SCHED_FIFO, 100), EINVAL);
	CHECK_ERRNO(set(SCHED_OTHER, 1), EINVAL);
	CHECK_ERRNO(set(77, 1), EINVAL);
	CHECK_ERRNO(set(-1, 0), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, NULL), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, (void *)8), EFAULT);
	struct sched_param none = { 0 };
	CHECK_ERRNO(sched_setscheduler(4000000, SCHED_OTHER, &none), ESRCH);
	CHECK_ERRNO(sched_setscheduler(-1, SCHED_OTHER, &none), EINVAL);
	CHECK_ERRNO(sched_getscheduler(4000000), ESRCH);
	CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
	CHECK_ERRNO(sched_getparam(4000000, &none), ESRCH);
}

static void test_inheritance(void)
{
	CHECK_OK(set(SCHED_RR, 5));
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_EQ(sched_getscheduler(0), SCHED_RR);
		CHECK_EQ(priority(), 5);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(set(SCHED_RR | SCHED_RESET_ON_FORK, 5));
	CHECK_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	pid = fork_child();
	if (!pid) {
		CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
		CHECK_EQ(priority(), 0);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(set(SCHED_OTHER, 0));
}

static void test_rights(void)
{
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_OK(setrlimit(RLIMIT_RTPRIO, &(struct rlimit){ 7, 7 }));
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_ERRNO(set(SCHED_FIFO, 8), EPERM);
		CHECK_OK(set(SCHED_FIFO, 7));
		CHECK_OK(set(SCHED_OTHER, 0));
		CHECK_ERRNO(sched_setscheduler(1, SCHED_OTHER, &(struct sched_param){ 0 }), EPERM);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_attributes(void)
{
	struct attributes attributes = { .size = 48, .policy = SCHED_OTHER, .nice = 3 };
	CHECK_OK(syscall(SYS_sched_setattr, 0, &attributes, 0));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	memset(&attributes, 0xff, sizeof(attributes));
	CHECK_OK(syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0));
	CHECK_EQ(attributes.policy, SCHED_OTHER);
	CHECK_EQ(attributes.nice, 3);
	CHECK_EQ(attributes.priority, 0);
	attributes =
		(struct attributes){ .size = 48, .policy = SCHED_FIFO, .priority = 4, .flags = 1 };
	CHECK_OK(syscall(SYS_sched_setattr, 0, &attributes, 0));
	CHECK_OK(syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0));
	CHECK_EQ(attributes.priority, 4);
	CHECK_EQ(attributes.flags, 1);
	attributes = (struct attributes){ .size = 48 };
	CHECK_OK(syscall(SYS_sched_setattr, 0, &attributes, 0));
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &attributes, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &attributes, 47, 0), EINVAL);
	attributes.size = 20;
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &attributes, 0), E2BIG);
}

static volatile int ran, stop;
static void *count(void *unused)
{
	(void)unused;
	while (!stop)
		ran++;
	return NULL;
}

/* On one CPU, a real-time thread runs until it sleeps; a busy one leaves the others a little. */
static void test_order(void)
{
	cpu_set_t one;
	pthread_t thread;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	REQUIRE(!pthread_create(&thread, NULL, count, NULL));
	sleep_ms(30);
	CHECK(ran > 0);
	CHECK_OK(set(SCHED_FIFO, 50));
	int before = ran;
	for (int64_t end = now_ms() + 200; now_ms() < end;)
		sched_yield();
	CHECK_EQ(ran, before);
	/* Woken at once although another is busy. */
	int64_t start = now_ns();
	for (int i = 0; i < 10; i++)
		sleep_ms(2);
	CHECK_RANGE((now_ns() - start) / 1000000, 20, 200);
	CHECK(ran > before);
	before = ran;
	for (int64_t end = now_ms() + 2500; now_ms() < end;)
		;
	CHECK(ran > before);
	CHECK_OK(set(SCHED_OTHER, 0));
	stop = 1;
	pthread_join(thread, NULL);
}

static void *hop(void *number)
{
	uint64_t state = random_start((uintptr_t)number);
	for (int i = 0; i < 300; i++) {
		int policy = random_next(&state) % 3;
		set(policy, policy ? 1 + random_next(&state) % 99 : 0);
		if (i % 8 == 0)
			sleep_ms(1);
		else
			sched_yield();
	}
	set(SCHED_OTHER, 0);
	return NULL;
}

static void test_stress(void)
{
	pthread_t threads[8];
	cpu_set_t all;
	memset(&all, 0xff, sizeof(all));
	CHECK_OK(sched_setaffinity(0, sizeof(all), &all));
	for (long i = 0; i < 8; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, hop, (void *)i));
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

static void test_io_priority(void)
{
	CHECK_OK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5));
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 5);
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 5);
		CHECK_OK(syscall(SYS_ioprio_set, 1, getpid(), 3 << 13));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, 5 << 13), EINVAL);
	CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, 3), EINVAL);
	CHECK_ERRNO(syscall(SYS_ioprio_set, 9, 0, 2 << 13), EINVAL);
	CHECK_ERRNO(syscall(SYS_ioprio_get, 9, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_ioprio_get, 1, 4000000), ESRCH);
	CHECK_OK(syscall(SYS_ioprio_set, 1, 0, 0));
}

static const struct check_case cases[] = {
	{ "policies", test_policies },
	{ "inheritance", test_inheritance },
	{ "rights", test_rights },
	{ "attributes", test_attributes },
	{ "order", test_order },
	{ "stress", test_stress },
	{ "io-priority", test_io_priority },
};
CHECK_MAIN(cases)
