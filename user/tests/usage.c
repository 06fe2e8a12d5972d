/* getrusage(2): times, page faults and switches, of the process, a thread and its children. */
#include "check.h"
#include <pthread.h>
#include <sys/resource.h>

static struct rusage usage_of(int who)
{
	struct rusage usage;
	CHECK_OK(getrusage(who, &usage));
	return usage;
}

static void touch(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	munmap(memory, pages * PAGE);
}

static void test_faults(void)
{
	struct rusage before = usage_of(RUSAGE_SELF);
	touch(200);
	struct rusage after = usage_of(RUSAGE_SELF);
	CHECK_RANGE(after.ru_minflt - before.ru_minflt, 200, 300);
	CHECK(after.ru_maxrss > 0);
	before = usage_of(RUSAGE_THREAD);
	touch(50);
	after = usage_of(RUSAGE_THREAD);
	CHECK_RANGE(after.ru_minflt - before.ru_minflt, 50, 100);
}

static void *thread_run(void *unused)
{
	(void)unused;
	touch(100);
	for (int i = 0; i < 5; i++)
		sleep_ms(10);
	return NULL;
}

/* What an ended thread used stays the process's; what a child used comes with its end. */
static void test_ended(void)
{
	struct rusage before = usage_of(RUSAGE_SELF), children = usage_of(RUSAGE_CHILDREN), one;
	pthread_t thread;
	REQUIRE(!pthread_create(&thread, NULL, thread_run, NULL));
	pthread_join(thread, NULL);
	struct rusage after = usage_of(RUSAGE_SELF);
	CHECK(after.ru_minflt - before.ru_minflt >= 100);
	CHECK(after.ru_nvcsw > before.ru_nvcsw);
	pid_t pid = fork_child();
	if (!pid) {
		touch(300);
		for (int i = 0; i < 5; i++)
			sleep_ms(10);
		_exit(0);
	}
	CHECK_EQ(wait4(pid, NULL, 0, &one), pid);
	CHECK(one.ru_minflt >= 300);
	CHECK(one.ru_nvcsw >= 1);
	after = usage_of(RUSAGE_CHILDREN);
	CHECK(after.ru_minflt - children.ru_minflt >= 300);
	CHECK(after.ru_nvcsw > children.ru_nvcsw);
}

static void test_errors(void)
{
	struct rusage usage;
	CHECK_ERRNO(getrusage(2, &usage), EINVAL);
	CHECK_ERRNO(syscall(SYS_getrusage, RUSAGE_SELF, 8), EFAULT);
}

static const struct check_case cases[] = {
	{ "faults", test_faults },
	{ "ended", test_ended },
	{ "errors", test_errors },
};
CHECK_MAIN(cases)
