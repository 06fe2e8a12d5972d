/* execve(2) in a process with threads: the others end, the caller becomes the process. */
#include "check.h"
#include <pthread.h>

static char self[PATH_MAX];
static pid_t process;

static int threads_now(void)
{
	int count = 0;
	DIR *list = opendir("/proc/self/task");
	struct dirent *entry;
	while (list && (entry = readdir(list)))
		count += entry->d_name[0] != '.';
	if (list)
		closedir(list);
	return count;
}

static void *spin_run(void *argument)
{
	for (;;)
		__atomic_add_fetch((int *)argument, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *sleep_run(void *argument)
{
	sleep_ms(20000);
	return argument;
}

static void *read_run(void *argument)
{
	char byte;
	if (read((int)(long)argument, &byte, 1) < 0)
		return NULL;
	return argument;
}

static void others_start(void)
{
	static int counter;
	static int ends[2];
	pthread_t thread;
	if (pipe2(ends, O_CLOEXEC) < 0)
		_exit(2);
	pthread_create(&thread, NULL, spin_run, &counter);
	pthread_create(&thread, NULL, sleep_run, NULL);
	pthread_create(&thread, NULL, read_run, (void *)(long)ends[0]);
	sleep_ms(10);
}

static void exec_self(void)
{
	static char *envp[] = { NULL };
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", process);
	char *argv[] = { "exec-threads", "after", pid, NULL };
	execve(self, argv, envp);
	_exit(3);
}

static void from_first(void *unused)
{
	(void)unused;
	process = getpid();
	others_start();
	exec_self();
}

static void *exec_run(void *argument)
{
	exec_self();
	return argument;
}

static void from_other(void *unused)
{
	pthread_t thread;
	(void)unused;
	process = getpid();
	others_start();
	pthread_create(&thread, NULL, exec_run, NULL);
	sleep_run(NULL);
}

static void test_first(void)
{
	for (int i = 0; i < 5; i++)
		CHECK_EQ(run_child(from_first, NULL), 0);
}

static void test_other(void)
{
	for (int i = 0; i < 5; i++)
		CHECK_EQ(run_child(from_other, NULL), 0);
}

/* Several threads call exec at once: one wins, the program runs once. */
static void all_at_once(void *unused)
{
	pthread_t thread;
	(void)unused;
	process = getpid();
	for (int i = 0; i < 4; i++)
		pthread_create(&thread, NULL, exec_run, NULL);
	exec_self();
}

static void test_race(void)
{
	for (int i = 0; i < 10; i++)
		CHECK_EQ(run_child(all_at_once, NULL), 0);
}

/* A failed exec kills no thread. */
static void failing(void *unused)
{
	static char *argv[] = { "x", NULL };
	static int counter;
	pthread_t thread;
	(void)unused;
	pthread_create(&thread, NULL, spin_run, &counter);
	for (int i = 0; i < 20; i++)
		CHECK_ERRNO(execve("/no/such/file", argv, argv + 1), ENOENT);
	CHECK_ERRNO(execve("/dev/null", argv, argv + 1), EACCES);
	int seen = counter;
	for (int i = 0; i < 1000 && counter == seen; i++)
		sleep_ms(1);
	CHECK(counter != seen);
}

static void test_failing(void)
{
	CHECK_EQ(run_child(failing, NULL), 0);
}

static const struct check_case cases[] = {
	{ "first", test_first },
	{ "other", test_other },
	{ "race", test_race },
	{ "failing", test_failing },
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "after")) {
		if (getpid() != atoi(argv[2]) || syscall(SYS_gettid) != getpid())
			return 10;
		return threads_now() == 1 ? 0 : 11;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
