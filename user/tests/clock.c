/* Clocks, sleeps, and the vDSO, whose clock_gettime must agree with the system call. */
#include "check.h"
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>

static int64_t clock_call(clockid_t clock)
{
	struct timespec now = { 0, 0 };
	if (syscall(SYS_clock_gettime, clock, &now) < 0)
		return -1;
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void test_monotonic(void)
{
	int64_t last = clock_call(CLOCK_MONOTONIC);
	CHECK(last > 0);
	for (int i = 0; i < 20000; i++) {
		int64_t now = clock_call(CLOCK_MONOTONIC);
		if (!CHECK(now >= last))
			break;
		last = now;
	}
}

/* On whatever hart it runs: the clock never goes back between threads. */
static int64_t shared_last;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void *clock_run(void *argument)
{
	long bad = 0;
	for (int i = 0; i < 3000; i++) {
		pthread_mutex_lock(&shared_lock);
		int64_t now = i % 2 ? clock_call(CLOCK_MONOTONIC) : now_ns();
		bad += now < shared_last;
		shared_last = now;
		pthread_mutex_unlock(&shared_lock);
	}
	return argument = (void *)bad;
}

static void test_threads(void)
{
	pthread_t threads[4];
	void *bad;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, clock_run, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		CHECK_EQ((long)bad, 0);
	}
}

static void test_clocks(void)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,
	};
	struct timespec resolution;
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		CHECK(clock_call(clocks[i]) >= 0);
		CHECK_OK(syscall(SYS_clock_getres, clocks[i], &resolution));
		CHECK_EQ(resolution.tv_sec, 0);
		CHECK_RANGE(resolution.tv_nsec, 1, 10000000);
	}
	CHECK_RANGE(clock_call(CLOCK_REALTIME) / 1000000000, 0, 1L << 33);
	CHECK_RANGE(clock_call(CLOCK_MONOTONIC_COARSE) - clock_call(CLOCK_MONOTONIC), -20000000,
		    1000000);
	CHECK_ERRNO(syscall(SYS_clock_gettime, 77, &resolution), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_getres, 77, &resolution), EINVAL);
	CHECK_OK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
	struct timeval value;
	CHECK_OK(syscall(SYS_gettimeofday, &value, NULL));
	CHECK_RANGE(value.tv_sec - clock_call(CLOCK_REALTIME) / 1000000000, -1, 1);
}

static void test_cpu_time(void)
{
	int64_t cpu = clock_call(CLOCK_PROCESS_CPUTIME_ID);
	int64_t thread = clock_call(CLOCK_THREAD_CPUTIME_ID);
	sleep_ms(60);
	CHECK(clock_call(CLOCK_PROCESS_CPUTIME_ID) - cpu < 50000000); /* sleep costs nothing */
	for (int64_t end = now_ms() + 60; now_ms() < end;)
		;
	CHECK(clock_call(CLOCK_PROCESS_CPUTIME_ID) - cpu > 5000000);
	CHECK(clock_call(CLOCK_THREAD_CPUTIME_ID) - thread > 5000000);
	struct rusage usage;
	CHECK_OK(getrusage(RUSAGE_SELF, &usage));
	int64_t used = usage.ru_utime.tv_sec + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec +
		       usage.ru_stime.tv_usec;
	CHECK(used > 0);
	CHECK_OK(getrusage(RUSAGE_CHILDREN, &usage));
	CHECK_ERRNO(getrusage(77, &usage), EINVAL);
}

static void test_sleep(void)
{
	struct timespec time = { 0, 25000000 };
	int64_t begin = now_ns();
	CHECK_OK(nanosleep(&time, NULL));
	CHECK_RANGE(now_ns() - begin, 25000000, 2000000000);
	begin = now_ns();
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &time, NULL), 0);
	CHECK_RANGE(now_ns() - begin, 25000000, 2000000000);
	int64_t until = now_ns() + 30000000;
	time = (struct timespec){ until / 1000000000, until % 1000000000 };
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0);
	CHECK(now_ns() >= until);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0); /* past */
	time = (struct timespec){ 0, 0 };
	CHECK_OK(nanosleep(&time, NULL));
	time = (struct timespec){ 0, 1 };
	for (int i = 0; i < 20; i++)
		CHECK_OK(nanosleep(&time, NULL));
}

static void test_sleep_errors(void)
{
	struct timespec time = { 0, 1000000000 };
	CHECK_ERRNO(nanosleep(&time, NULL), EINVAL);
	time = (struct timespec){ -1, 0 };
	CHECK_ERRNO(nanosleep(&time, NULL), EINVAL);
	time = (struct timespec){ 0, -1 };
	CHECK_ERRNO(nanosleep(&time, NULL), EINVAL);
	CHECK_ERRNO(nanosleep((void *)8, NULL), EFAULT);
	time = (struct timespec){ 0, 1 };
	CHECK_EQ(clock_nanosleep(77, 0, &time, NULL), EINVAL);
}

/* Many sleepers end in the order of their times. */
static int order[16];
static volatile int order_length;

static void *order_run(void *argument)
{
	sleep_ms(60 + (int)(long)argument * 40);
	order[__atomic_fetch_add(&order_length, 1, __ATOMIC_SEQ_CST)] = (int)(long)argument;
	return NULL;
}

static void test_order(void)
{
	static const int start[] = { 4, 1, 6, 0, 3, 5, 2 };
	pthread_t threads[7];
	order_length = 0;
	for (int i = 0; i < 7; i++)
		pthread_create(&threads[i], NULL, order_run, (void *)(long)start[i]);
	for (int i = 0; i < 7; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 7; i++)
		CHECK_EQ(order[i], i);
}

/* ---- the vDSO ---- */

static const char *vdso_strings;
static const Elf64_Sym *vdso_symbols;
static uintptr_t vdso_bias;
static size_t vdso_count;

static bool vdso_open(void)
{
	uintptr_t base = getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *header = (void *)base;
	if (!base || memcmp(header->e_ident, ELFMAG, 4))
		return false;
	const Elf64_Phdr *segments = (void *)(base + header->e_phoff);
	const Elf64_Dyn *dynamic = NULL;
	for (int i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD)
			vdso_bias = base + segments[i].p_offset - segments[i].p_vaddr;
		if (segments[i].p_type == PT_DYNAMIC)
			dynamic = (void *)(base + segments[i].p_offset);
	}
	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
		void *address = (void *)(vdso_bias + dynamic->d_un.d_ptr);
		if (dynamic->d_tag == DT_STRTAB)
			vdso_strings = address;
		if (dynamic->d_tag == DT_SYMTAB)
			vdso_symbols = address;
		if (dynamic->d_tag == DT_HASH)
			vdso_count = ((uint32_t *)address)[1];
	}
	/* With only a GNU hash the string table follows the symbols. */
	if (!vdso_count && vdso_strings > (const char *)vdso_symbols)
		vdso_count = (vdso_strings - (const char *)vdso_symbols) / sizeof(Elf64_Sym);
	return vdso_strings && vdso_symbols && vdso_count;
}

static void *vdso_find(const char *name)
{
	for (size_t i = 0; i < vdso_count; i++) {
		if (vdso_symbols[i].st_shndx &&
		    !strcmp(vdso_strings + vdso_symbols[i].st_name, name))
			return (void *)(vdso_bias + vdso_symbols[i].st_value);
	}
	return NULL;
}

static void test_vdso(void)
{
	REQUIRE(vdso_open());
	int (*get)(clockid_t, struct timespec *) = vdso_find("__vdso_clock_gettime");
	REQUIRE(get);
	CHECK(vdso_find("__vdso_rt_sigreturn") != NULL);
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };
	for (size_t c = 0; c < ARRAY_SIZE(clocks); c++) {
		for (int i = 0; i < 2000; i++) {
			struct timespec now;
			int64_t before = clock_call(clocks[c]);
			if (!CHECK_EQ(get(clocks[c], &now), 0))
				return;
			int64_t middle = now.tv_sec * 1000000000LL + now.tv_nsec;
			int64_t after = clock_call(clocks[c]);
			if (!CHECK(middle >= before && middle <= after))
				return;
			CHECK(now.tv_nsec >= 0 && now.tv_nsec < 1000000000);
		}
	}
}

static const struct check_case cases[] = {
	{ "monotonic", test_monotonic }, { "threads", test_threads },
	{ "clocks", test_clocks },	 { "cpu-time", test_cpu_time },
	{ "sleep", test_sleep },	 { "sleep-errors", test_sleep_errors },
	{ "order", test_order },	 { "vdso", test_vdso },
};

CHECK_MAIN(cases)
