/* System V semaphores: semget(2), semop(2), semctl(2). */
#include "check.h"
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>

union argument {
	int value;
	struct semid_ds *status;
	unsigned short *values;
	struct seminfo *info;
};

static int set_make(int count)
{
	return semget(IPC_PRIVATE, count, IPC_CREAT | 0600);
}

static int operate(int id, int number, int change, int flags)
{
	struct sembuf operation = { number, change, flags };
	return semop(id, &operation, 1);
}

static int value_of(int id, int number)
{
	return semctl(id, number, GETVAL);
}

static void set_value(int id, int number, int value)
{
	union argument argument = { .value = value };
	CHECK_OK(semctl(id, number, SETVAL, argument));
}

static void test_values(void)
{
	unsigned short values[3] = { 1, 2, 3 };
	union argument argument = { .values = values };
	int id = set_make(3);
	REQUIRE(id >= 0);
	CHECK_EQ(value_of(id, 0), 0);
	CHECK_OK(semctl(id, 0, SETALL, argument));
	values[0] = values[1] = values[2] = 9;
	CHECK_OK(semctl(id, 0, GETALL, argument));
	CHECK(values[0] == 1 && values[1] == 2 && values[2] == 3);
	CHECK_OK(operate(id, 1, -2, 0));
	CHECK_EQ(value_of(id, 1), 0);
	CHECK_EQ(semctl(id, 1, GETPID), getpid());
	CHECK_ERRNO(operate(id, 1, -1, IPC_NOWAIT), EAGAIN);
	CHECK_ERRNO(operate(id, 2, 0, IPC_NOWAIT), EAGAIN);
	CHECK_OK(operate(id, 1, 0, 0));
	CHECK_ERRNO(operate(id, 2, 32767, 0), ERANGE);
	CHECK_ERRNO(operate(id, 3, 1, 0), EFBIG);
	argument.value = 32768;
	CHECK_ERRNO(semctl(id, 0, SETVAL, argument), ERANGE);
	argument.value = -1;
	CHECK_ERRNO(semctl(id, 0, SETVAL, argument), ERANGE);
	CHECK_ERRNO(semctl(id, 3, GETVAL), EINVAL);
	CHECK_OK(semctl(id, 0, IPC_RMID));
	CHECK_ERRNO(semctl(id, 0, GETVAL), EINVAL);
}

static void test_keys(void)
{
	key_t key = 0x53454d00 | (getpid() & 0xff);
	struct sembuf many[501] = { 0 };
	int id = semget(key, 4, IPC_CREAT | IPC_EXCL | 0600);
	REQUIRE(id >= 0);
	CHECK_EQ(semget(key, 0, 0), id);
	CHECK_EQ(semget(key, 4, 0), id);
	CHECK_ERRNO(semget(key, 5, 0), EINVAL);
	CHECK_ERRNO(semget(key, 4, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERRNO(semget(key + 0x1000, 1, 0), ENOENT);
	CHECK_ERRNO(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERRNO(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	CHECK_ERRNO(semop(id, many, 501), E2BIG);
	CHECK_ERRNO(semop(id, many, 0), EINVAL);
	CHECK_ERRNO(semop(id, NULL, 1), EFAULT);
	CHECK_OK(semctl(id, 0, IPC_RMID));
}

/* All operations or none. */
static void test_atomic(void)
{
	struct sembuf both[2] = { { 0, -1, 0 }, { 1, -1, IPC_NOWAIT } };
	int id = set_make(2);
	REQUIRE(id >= 0);
	set_value(id, 0, 1);
	CHECK_ERRNO(semop(id, both, 2), EAGAIN);
	CHECK_EQ(value_of(id, 0), 1);
	set_value(id, 1, 1);
	CHECK_OK(semop(id, both, 2));
	CHECK_EQ(value_of(id, 0), 0);
	CHECK_EQ(value_of(id, 1), 0);
	CHECK_OK(semctl(id, 0, IPC_RMID));
}

static void wait_for_count(int id, int command)
{
	for (int i = 0; i < 1000 && semctl(id, 0, command) == 0; i++)
		sleep_ms(1);
}

static void test_waiting(void)
{
	int id = set_make(1);
	REQUIRE(id >= 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(operate(id, 0, -3, 0));
		CHECK_OK(operate(id, 0, 0, 0));
		child_exit();
	}
	wait_for_count(id, GETNCNT);
	CHECK_EQ(semctl(id, 0, GETNCNT), 1);
	CHECK_OK(operate(id, 0, 2, 0));
	CHECK_OK(operate(id, 0, 2, 0));
	wait_for_count(id, GETZCNT);
	CHECK_EQ(semctl(id, 0, GETZCNT), 1);
	CHECK_EQ(value_of(id, 0), 1);
	CHECK_OK(operate(id, 0, -1, 0));
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(semctl(id, 0, IPC_RMID));
}

static void test_timeout(void)
{
	struct sembuf take = { 0, -1, 0 };
	struct timespec limit = { 0, 30000000 }, bad = { 0, -1 };
	int id = set_make(1);
	REQUIRE(id >= 0);
	int64_t begin = now_ms();
	CHECK_ERRNO(semtimedop(id, &take, 1, &limit), EAGAIN);
	CHECK_RANGE(now_ms() - begin, 29, 2000);
	CHECK_ERRNO(semtimedop(id, &take, 1, &bad), EINVAL);
	set_value(id, 0, 1);
	CHECK_OK(semtimedop(id, &take, 1, &limit));
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_OK(semctl(id, 0, IPC_RMID));
}

static void ignore(int sig)
{
	(void)sig;
}

static void test_interrupted(void)
{
	int id = set_make(1);
	REQUIRE(id >= 0);
	signal_set(SIGUSR1, ignore, SA_RESTART);
	pid_t pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(operate(id, 0, -1, 0), EINTR);
	wait_status(pid);
	pid = fork_child();
	if (pid == 0) {
		CHECK_ERRNO(operate(id, 0, -1, 0), EIDRM);
		child_exit();
	}
	wait_for_count(id, GETNCNT);
	CHECK_OK(semctl(id, 0, IPC_RMID));
	CHECK_EQ(wait_status(pid), 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
}

static void undo_child(void *id)
{
	struct sembuf operations[2] = { { 0, -2, SEM_UNDO }, { 1, 5, SEM_UNDO } };
	CHECK_OK(semop(*(int *)id, operations, 2));
	CHECK_OK(operate(*(int *)id, 0, -1, 0));
	CHECK_EQ(value_of(*(int *)id, 0), 2);
	CHECK_EQ(value_of(*(int *)id, 1), 5);
}

static void undo_reset(void *id)
{
	CHECK_OK(operate(*(int *)id, 0, 3, SEM_UNDO));
	set_value(*(int *)id, 0, 7);
}

static void test_undo(void)
{
	int id = set_make(2);
	REQUIRE(id >= 0);
	set_value(id, 0, 5);
	CHECK_EQ(run_child(undo_child, &id), 0);
	CHECK_EQ(value_of(id, 0), 4);
	CHECK_EQ(value_of(id, 1), 0);
	CHECK_EQ(run_child(undo_reset, &id), 0); /* SETVAL makes it nobody's to undo */
	CHECK_EQ(value_of(id, 0), 7);
	/* Another one that waits gets what a killed one held. */
	pid_t holder = fork_child();
	if (holder == 0) {
		operate(id, 0, -7, SEM_UNDO);
		pause();
		_exit(1);
	}
	while (value_of(id, 0) != 0)
		sleep_ms(1);
	pid_t waiter = fork_child();
	if (waiter == 0) {
		CHECK_OK(operate(id, 0, -1, 0));
		child_exit();
	}
	wait_for_count(id, GETNCNT);
	kill(holder, SIGKILL);
	wait_status(holder);
	CHECK_EQ(wait_status(waiter), 0);
	CHECK_EQ(value_of(id, 0), 6);
	CHECK_OK(semctl(id, 0, IPC_RMID));
}

/* A mutex between processes. */
static void test_exclusion(void)
{
	enum { PROCESSES = 4, TIMES = 500 };
	int *counter = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int id = set_make(1);
	pid_t pids[PROCESSES];
	REQUIRE(id >= 0 && (void *)counter != MAP_FAILED);
	set_value(id, 0, 1);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork_child();
		for (int n = 0; pids[i] == 0 && n < TIMES; n++) {
			operate(id, 0, -1, SEM_UNDO);
			int value = *(volatile int *)counter;
			if (n % 50 == 0)
				sched_yield();
			*(volatile int *)counter = value + 1;
			operate(id, 0, 1, SEM_UNDO);
		}
		if (pids[i] == 0)
			child_exit();
	}
	for (int i = 0; i < PROCESSES; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	CHECK_EQ(*counter, PROCESSES * TIMES);
	CHECK_OK(semctl(id, 0, IPC_RMID));
	munmap(counter, PAGE);
}

static void test_status(void)
{
	struct semid_ds status;
	struct seminfo info;
	char text[8192], line[64];
	int id = set_make(7);
	REQUIRE(id >= 0);
	CHECK_OK(semctl(id, 0, IPC_STAT, (union argument){ .status = &status }));
	CHECK_EQ(status.sem_nsems, 7);
	CHECK_EQ(status.sem_otime, 0);
	CHECK_EQ(status.sem_perm.mode & 0777, 0600);
	CHECK_OK(operate(id, 0, 1, 0));
	status.sem_perm.mode = 0640;
	CHECK_OK(semctl(id, 0, IPC_SET, (union argument){ .status = &status }));
	CHECK_OK(semctl(id, 0, IPC_STAT, (union argument){ .status = &status }));
	CHECK_EQ(status.sem_perm.mode & 0777, 0640);
	CHECK_RANGE(status.sem_otime, time(NULL) - 5, time(NULL));
	CHECK(semctl(0, 0, IPC_INFO, (union argument){ .info = &info }) >= 0);
	CHECK_EQ(info.semvmx, 32767);
	CHECK_EQ(info.semopm, 500);
	CHECK(semctl(0, 0, SEM_INFO, (union argument){ .info = &info }) >= 0);
	CHECK(info.semusz >= 1 && info.semaem >= 7);
	REQUIRE(file_read("/proc/sysvipc/sem", text, sizeof(text)) > 0);
	snprintf(line, sizeof(line), "%10d %10d  %4o %10d", 0, id, 0640, 7);
	CHECK(strstr(text, line) != NULL);
	CHECK_OK(semctl(id, 0, IPC_RMID));
	CHECK_ERRNO(semctl(id, 0, 99), EINVAL);
}

/* Of a set that others may only read, and of one that they may not even read. */
static void as_other(void *context)
{
	const int *ids = context;
	struct semid_ds status;
	union argument argument = { .status = &status };
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	CHECK_EQ(value_of(ids[0], 0), 3);
	CHECK_OK(semctl(ids[0], 0, IPC_STAT, argument));
	CHECK_OK(operate(ids[0], 1, 0, IPC_NOWAIT)); /* is it zero? */
	CHECK_ERRNO(operate(ids[0], 0, 1, IPC_NOWAIT), EACCES);
	CHECK_ERRNO(semctl(ids[0], 0, SETVAL, (union argument){ .value = 5 }), EACCES);
	CHECK_ERRNO(value_of(ids[1], 0), EACCES);
	CHECK_ERRNO(semctl(ids[1], 0, IPC_STAT, argument), EACCES);
	CHECK_ERRNO(operate(ids[1], 1, 0, IPC_NOWAIT), EACCES);
	for (int i = 0; i < 2; i++) {
		status.sem_perm.mode = 0666;
		CHECK_ERRNO(semctl(ids[i], 0, IPC_SET, argument), EPERM);
		CHECK_ERRNO(semctl(ids[i], 0, IPC_RMID), EPERM);
	}
}

static void test_permission(void)
{
	int ids[2] = { semget(IPC_PRIVATE, 2, IPC_CREAT | 0644), set_make(2) };
	REQUIRE(ids[0] >= 0 && ids[1] >= 0);
	set_value(ids[0], 0, 3);
	CHECK_EQ(run_child(as_other, ids), 0);
	CHECK_EQ(value_of(ids[0], 0), 3);
	CHECK_OK(semctl(ids[0], 0, IPC_RMID));
	CHECK_OK(semctl(ids[1], 0, IPC_RMID));
	CHECK_ERRNO(semctl(ids[1], 0, IPC_RMID), EINVAL);
}

static const struct check_case cases[] = {
	{ "values", test_values },	     { "keys", test_keys },
	{ "atomic", test_atomic },	     { "waiting", test_waiting },
	{ "timeout", test_timeout },	     { "undo", test_undo },
	{ "interrupted", test_interrupted }, { "status", test_status },
	{ "exclusion", test_exclusion },     { "permission", test_permission },
};

CHECK_MAIN(cases)
