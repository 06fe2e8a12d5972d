/* timer_create(2) and its family, CPU clocks, clock_nanosleep(2) on them. */
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>

#define MS 1000000L

typedef int kernel_timer;

static int create(int clock, int notify, int sig, long value, kernel_timer *timer)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = sig };
	event.sigev_value.sival_ptr = (void *)value;
	return syscall(SYS_timer_create, clock, &event, timer);
}

static int set(kernel_timer timer, int flags, long value, long interval, struct itimerspec *old)
{
	struct itimerspec spec = {
		.it_value = { value / 1000000000, value % 1000000000 },
		.it_interval = { interval / 1000000000, interval % 1000000000 },
	};
	return syscall(SYS_timer_settime, timer, flags, &spec, old);
}

static long left_of(kernel_timer timer)
{
	struct itimerspec spec;
	CHECK_OK(syscall(SYS_timer_gettime, timer, &spec));
	return spec.it_value.tv_sec * 1000000000L + spec.it_value.tv_nsec;
}

static int overrun(kernel_timer timer)
{
	return syscall(SYS_timer_getoverrun, timer);
}

static void block(int sig)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, sig);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

static void unblock(int sig)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, sig);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

static int take(int sig, siginfo_t *info, int ms)
{
	struct timespec limit = { ms / 1000, ms % 1000 * MS };
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, sig);
	return sigtimedwait(&mask, info, &limit);
}

/* What is pending outlives the timer. */
static void drop(kernel_timer timer)
{
	siginfo_t info;
	CHECK_OK(syscall(SYS_timer_delete, timer));
	while (take(SIGRTMIN, &info, 0) > 0)
		;
}

static void burn(long ms)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	long end = now.tv_sec * 1000 + now.tv_nsec / MS + ms;
	do {
		for (volatile int i = 0; i < 20000; i++)
			;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / MS < end);
}

static void test_once(void)
{
	kernel_timer timer;
	siginfo_t info;
	block(SIGRTMIN);
	CHECK_OK(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 0x1234567890, &timer));
	CHECK_EQ(left_of(timer), 0);
	int64_t start = now_ms();
	CHECK_OK(set(timer, 0, 30 * MS, 0, NULL));
	CHECK_RANGE(left_of(timer), 1, 30 * MS);
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	CHECK_RANGE(now_ms() - start, 29, 2000);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK_EQ(info.si_value.sival_ptr, 0x1234567890);
	CHECK_EQ(info.si_timerid, timer);
	CHECK_EQ(info.si_overrun, 0);
	CHECK_EQ(left_of(timer), 0);
	CHECK_ERRNO(take(SIGRTMIN, &info, 20), EAGAIN);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	drop(timer);
	CHECK_OK(create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN, 0, &timer));
	CHECK_OK(set(timer, TIMER_ABSTIME, now.tv_sec * 1000000000L + now.tv_nsec + 20 * MS, 0,
		     NULL));
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	CHECK_OK(set(timer, TIMER_ABSTIME, 1, 0, NULL));
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	drop(timer);
}

static void test_periodic(void)
{
	struct itimerspec old;
	kernel_timer timer;
	siginfo_t info;
	block(SIGRTMIN);
	CHECK_OK(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 1, &timer));
	CHECK_OK(set(timer, 0, 5 * MS, 5 * MS, NULL));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	sleep_ms(60);
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	CHECK_RANGE(info.si_overrun, 8, 400);
	CHECK_EQ(overrun(timer), info.si_overrun);
	CHECK_OK(set(timer, 0, 0, 0, &old));
	CHECK_EQ(old.it_interval.tv_nsec, 5 * MS);
	CHECK_RANGE(old.it_value.tv_nsec, 1, 5 * MS);
	while (take(SIGRTMIN, &info, 0) > 0)
		;
	CHECK_ERRNO(take(SIGRTMIN, &info, 20), EAGAIN);
	/* A period of 1 ns must not stop the machine. */
	CHECK_OK(set(timer, 0, 1, 1, NULL));
	sleep_ms(20);
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	CHECK(info.si_overrun > 1000);
	drop(timer);
}

static void test_ignored(void)
{
	kernel_timer timer;
	siginfo_t info;
	signal_set(SIGUSR1, SIG_IGN, 0);
	CHECK_OK(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 1, &timer));
	CHECK_OK(set(timer, 0, 1, 1, NULL));
	sleep_ms(20);
	block(SIGUSR1);
	CHECK_EQ(take(SIGUSR1, &info, 5000), SIGUSR1);
	CHECK_EQ(info.si_code, SI_TIMER);
	drop(timer);
	take(SIGUSR1, &info, 0); /* what is pending outlives the timer */
	signal_set(SIGUSR1, SIG_DFL, 0);
	unblock(SIGUSR1);
}

static void test_defaults(void)
{
	kernel_timer timer, silent;
	siginfo_t info;
	alarm(0);
	block(SIGALRM);
	CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer));
	CHECK_OK(set(timer, 0, MS, 0, NULL));
	CHECK_EQ(take(SIGALRM, &info, 5000), SIGALRM);
	CHECK_EQ(info.si_value.sival_int, timer);
	drop(timer);
	CHECK_OK(create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, &silent));
	CHECK_OK(set(silent, 0, 10 * MS, 0, NULL));
	CHECK(left_of(silent) > 0);
	sleep_ms(20);
	CHECK_EQ(left_of(silent), 0);
	CHECK_OK(set(silent, 0, 10 * MS, 30 * MS, NULL));
	sleep_ms(20);
	CHECK_RANGE(left_of(silent), 1, 30 * MS);
	drop(silent);
	unblock(SIGALRM);
	alarm(check_timeout);
}

static void test_errors(void)
{
	kernel_timer timer;
	struct itimerspec spec = { 0 };
	CHECK_ERRNO(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0, 0, &timer), EINVAL);
	CHECK_ERRNO(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65, 0, &timer), EINVAL);
	CHECK_ERRNO(create(CLOCK_MONOTONIC, 7, SIGUSR1, 0, &timer), EINVAL);
	CHECK_ERRNO(create(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGUSR1, 0, &timer), EINVAL);
	CHECK_ERRNO(create(99, SIGEV_SIGNAL, SIGUSR1, 0, &timer), EINVAL);
	CHECK_ERRNO(create(CLOCK_MONOTONIC_RAW, SIGEV_SIGNAL, SIGUSR1, 0, &timer), EOPNOTSUPP);
	CHECK_ERRNO(create(CLOCK_MONOTONIC_COARSE, SIGEV_SIGNAL, SIGUSR1, 0, &timer), EOPNOTSUPP);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &timer), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_delete, 12345), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_getoverrun, 12345), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_gettime, 12345, &spec), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, 12345, 0, &spec, NULL), EINVAL);
	CHECK_OK(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0, &timer));
	CHECK_ERRNO(syscall(SYS_timer_settime, timer, 0, NULL, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, timer, 0, 8, NULL), EFAULT);
	spec.it_value.tv_nsec = 1000000000;
	CHECK_ERRNO(syscall(SYS_timer_settime, timer, 0, &spec, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_gettime, timer, 8), EFAULT);
	CHECK_EQ(overrun(timer), 0);
	drop(timer);
	CHECK_ERRNO(syscall(SYS_timer_delete, timer), EINVAL);
}

static volatile int handled_by;
static void note_thread(int sig)
{
	(void)sig;
	handled_by = syscall(SYS_gettid);
}

static volatile int other_tid, other_end;
static void *other_thread(void *unused)
{
	(void)unused;
	other_tid = syscall(SYS_gettid);
	while (!other_end)
		sleep_ms(1);
	return NULL;
}

static void test_thread(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	kernel_timer timer;
	pthread_t thread;
	signal_set(SIGUSR2, note_thread, 0);
	REQUIRE(!pthread_create(&thread, NULL, other_thread, NULL));
	while (!other_tid)
		sleep_ms(1);
	event._sigev_un._tid = other_tid;
	CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	CHECK_OK(set(timer, 0, MS, 0, NULL));
	CHECK(wait_for_value(&handled_by, other_tid));
	/* Nobody hears it once that thread is gone. */
	other_end = 1;
	pthread_join(thread, NULL);
	handled_by = 0;
	CHECK_OK(set(timer, 0, MS, MS, NULL));
	sleep_ms(20);
	CHECK_EQ(handled_by, 0);
	drop(timer);
}

static void test_cpu(void)
{
	kernel_timer timer;
	siginfo_t info;
	clockid_t clock;
	block(SIGRTMIN);
	CHECK_OK(create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN, 0, &timer));
	CHECK_OK(set(timer, 0, 400 * MS, 0, NULL));
	sleep_ms(420);
	CHECK_ERRNO(take(SIGRTMIN, &info, 0), EAGAIN);
	CHECK_RANGE(left_of(timer), 1, 400 * MS);
	burn(420);
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK_OK(set(timer, 0, 10 * MS, 10 * MS, NULL));
	burn(80);
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	CHECK_RANGE(info.si_overrun, 2, 100);
	drop(timer);
	CHECK_OK(create(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN, 0, &timer));
	CHECK_OK(set(timer, 0, 10 * MS, 0, NULL));
	burn(40);
	CHECK_EQ(take(SIGRTMIN, &info, 5000), SIGRTMIN);
	drop(timer);
	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
	CHECK_OK(create(clock, SIGEV_SIGNAL, SIGRTMIN, 0, &timer));
	drop(timer);
}

static atomic_bool burnt;

/* Until told to stop: whoever sleeps on the clock of a thread that has ended sleeps for ever. */
static void *burn_thread(void *unused)
{
	(void)unused;
	while (!atomic_load(&burnt))
		burn(1);
	return NULL;
}

static void interrupt(int sig)
{
	(void)sig;
}

static void test_cpu_sleep(void)
{
	struct timespec wanted = { 0, 50 * MS }, before, after, left = { 9, 9 };
	pthread_t thread;
	clockid_t clock;
	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &wanted, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(99, 0, &wanted, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &wanted, NULL), EOPNOTSUPP);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	REQUIRE(!pthread_create(&thread, NULL, burn_thread, NULL));
	CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
	CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &wanted, NULL), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	CHECK_RANGE((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / MS,
		    49, 1000);
	CHECK_EQ(clock_nanosleep(clock, 0, &wanted, NULL), 0);
	atomic_store(&burnt, true);
	pthread_join(thread, NULL);
	/* The process uses next to nothing while it sleeps. */
	signal_set(SIGUSR1, interrupt, SA_RESTART);
	wanted.tv_sec = 100;
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &wanted, &left), EINTR);
	CHECK_RANGE(left.tv_sec, 95, 100);
	wait_status(pid);
}

static void *burn_until_asleep(void *unused)
{
	(void)unused;
	while (!is_asleep(getpid()))
		burn(1);
	return NULL;
}

static bool alone(pid_t pid)
{
	char name[32], text[4096];
	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	return file_read(name, text, sizeof(text)) > 0 && strstr(text, "\nThreads:\t1\n");
}

/* The clock of a thread that ends stands still, and who sleeps on it sleeps on. */
static void test_cpu_sleep_ended(void)
{
	struct timespec wanted = { 50, 0 }, left = { 9, 9 };
	pthread_t thread;
	clockid_t clock;
	signal_set(SIGUSR1, interrupt, SA_RESTART);
	REQUIRE(!pthread_create(&thread, NULL, burn_until_asleep, NULL));
	CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
	pid_t pid = fork_child();
	if (!pid) {
		while (!alone(getppid()))
			sleep_ms(1);
		sleep_ms(30);
		kill(getppid(), SIGUSR1);
		child_exit();
	}
	CHECK_EQ(clock_nanosleep(clock, 0, &wanted, &left), EINTR);
	CHECK_EQ(left.tv_sec, 50);
	wait_status(pid);
	pthread_join(thread, NULL);
}

/* Neither fork nor exec passes timers on. */
static void test_inheritance(void)
{
	kernel_timer timer;
	block(SIGRTMIN);
	CHECK_OK(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 0, &timer));
	CHECK_OK(set(timer, 0, 10 * MS, 10 * MS, NULL));
	pid_t pid = fork_child();
	if (!pid) {
		siginfo_t info;
		CHECK_ERRNO(syscall(SYS_timer_delete, timer), EINVAL);
		CHECK_ERRNO(take(SIGRTMIN, &info, 40), EAGAIN);
		CHECK_OK(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGKILL, 0, &timer));
		CHECK_OK(set(timer, 0, 30 * MS, 0, NULL));
		execl("/proc/self/exe", "posix-timer", "-c", "nothing", NULL);
		_exit(1);
	}
	CHECK_EQ(wait_status(pid), 0);
	drop(timer);
}

static void *stress_thread(void *number)
{
	uint64_t state = random_start((uintptr_t)number);
	for (int i = 0; i < 400; i++) {
		kernel_timer timer;
		if (create(i % 3 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL,
			   SIGRTMIN + i % 4, i, &timer))
			continue;
		set(timer, 0, 1 + random_next(&state) % 200000, random_next(&state) % 50000, NULL);
		if (random_next(&state) % 2)
			sched_yield();
		overrun(timer);
		syscall(SYS_timer_delete, timer);
	}
	return NULL;
}

static volatile int stress_signals;
static void count(int sig)
{
	(void)sig;
	stress_signals++;
}

static void test_stress(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		signal_set(SIGRTMIN + i, count, SA_RESTART);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (long i = 0; i < 4; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, stress_thread, (void *)i));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(stress_signals > 0);
}

static const struct check_case cases[] = {
	{ "once", test_once },
	{ "periodic", test_periodic },
	{ "ignored", test_ignored },
	{ "defaults", test_defaults },
	{ "errors", test_errors },
	{ "thread", test_thread },
	{ "cpu", test_cpu },
	{ "cpu-sleep", test_cpu_sleep },
	{ "cpu-sleep-ended", test_cpu_sleep_ended },
	{ "inheritance", test_inheritance },
	{ "stress", test_stress },
};
CHECK_MAIN(cases)
