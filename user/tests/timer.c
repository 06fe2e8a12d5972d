/* setitimer(2), getitimer(2), alarm(2). */
#include "check.h"

static volatile int ticks;

static void on_tick(int sig)
{
	(void)sig;
	ticks++;
}

static void wait_ticks(int count, int milliseconds)
{
	for (int64_t end = now_ms() + milliseconds; now_ms() < end && ticks < count;)
		sleep_ms(1);
}

static void test_once(void)
{
	struct itimerval value = { .it_value = { 0, 30000 } }, old;
	ticks = 0;
	signal_set(SIGALRM, on_tick, 0);
	int64_t begin = now_ms();
	CHECK_OK(setitimer(ITIMER_REAL, &value, &old));
	CHECK_RANGE(old.it_value.tv_sec, 1, 200); /* what is left of the watchdog */
	CHECK_OK(getitimer(ITIMER_REAL, &old));
	CHECK_EQ(old.it_value.tv_sec, 0);
	CHECK_RANGE(old.it_value.tv_usec, 1, 30000);
	wait_ticks(1, 5000);
	CHECK_EQ(ticks, 1);
	CHECK(now_ms() - begin >= 29);
	sleep_ms(60);
	CHECK_EQ(ticks, 1);
	CHECK_OK(getitimer(ITIMER_REAL, &old));
	CHECK_EQ(old.it_value.tv_sec + old.it_value.tv_usec, 0);
}

static void test_periodic(void)
{
	struct itimerval value = { { 0, 10000 }, { 0, 10000 } }, none = { { 0, 0 }, { 0, 0 } };
	ticks = 0;
	signal_set(SIGALRM, on_tick, 0);
	CHECK_OK(setitimer(ITIMER_REAL, &value, NULL));
	wait_ticks(5, 5000);
	CHECK(ticks >= 5);
	CHECK_OK(setitimer(ITIMER_REAL, &none, NULL));
	int seen = ticks;
	sleep_ms(40);
	CHECK_EQ(ticks, seen);
}

static void test_alarm(void)
{
	ticks = 0;
	signal_set(SIGALRM, on_tick, 0);
	alarm(10);
	CHECK_RANGE(alarm(1), 9, 10);
	pid_t pid = fork();
	if (pid == 0)
		_exit(alarm(0)); /* not inherited by a child */
	CHECK_EQ(wait_status(pid), 0);
	pause();
	CHECK_EQ(ticks, 1);
	CHECK_EQ(alarm(0), 0);
}

static void virtual_timer(void *unused)
{
	struct itimerval value = { { 0, 0 }, { 0, 20000 } };
	(void)unused;
	signal_set(SIGVTALRM, on_tick, 0);
	signal_set(SIGPROF, on_tick, 0);
	ticks = 0;
	CHECK_OK(setitimer(ITIMER_PROF, &value, NULL));
	sleep_ms(60); /* only running counts */
	CHECK_EQ(ticks, 0);
	for (int64_t end = now_ms() + 5000; now_ms() < end && !ticks;)
		;
	CHECK_EQ(ticks, 1);
	CHECK_OK(setitimer(ITIMER_VIRTUAL, &value, NULL));
	for (int64_t end = now_ms() + 5000; now_ms() < end && ticks < 2;)
		;
	CHECK_EQ(ticks, 2);
}

static void test_virtual(void)
{
	CHECK_EQ(run_child(virtual_timer, NULL), 0);
}

static void test_errors(void)
{
	struct itimerval value = { { 0, 0 }, { 0, 1000000 } };
	CHECK_ERRNO(setitimer(ITIMER_REAL, &value, NULL), EINVAL);
	CHECK_ERRNO(setitimer((enum __itimer_which)9, &value, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, 8, NULL), EFAULT);
	CHECK_ERRNO(getitimer((enum __itimer_which)9, &value), EINVAL);
	CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, 8), EFAULT);
}

static const struct check_case cases[] = {
	{ "once", test_once },	     { "periodic", test_periodic }, { "alarm", test_alarm },
	{ "virtual", test_virtual }, { "errors", test_errors },
};

CHECK_MAIN(cases)
