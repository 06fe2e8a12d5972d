/* O_APPEND with several writers: no record is lost, none is torn. */
#include "check.h"
#include <pthread.h>

enum { WRITERS = 4, RECORDS = 400, RECORD = 48 };

static void records_write(int fd, int writer)
{
	char record[RECORD + 1];
	for (int i = 0; i < RECORDS; i++) {
		memset(record, 'a' + writer, RECORD);
		snprintf(record, sizeof(record), "%d %d", writer, i);
		record[strlen(record)] = ' ';
		record[RECORD - 1] = '\n';
		CHECK_EQ(write(fd, record, RECORD), RECORD);
	}
}

static void records_check(const char *name)
{
	static char text[WRITERS * RECORDS * RECORD + 1];
	int next[WRITERS] = { 0 };
	CHECK_EQ(file_read(name, text, sizeof(text)), sizeof(text) - 1);
	for (int i = 0; i < WRITERS * RECORDS; i++) {
		char *record = text + i * RECORD;
		int writer = atoi(record), number = atoi(record + 2);
		if (!CHECK_EQ(record[RECORD - 1], '\n') || !CHECK(writer >= 0 && writer < WRITERS))
			return;
		CHECK_EQ(record[RECORD - 2], 'a' + writer);
		CHECK_EQ(number, next[writer]); /* each writer's own order holds */
		next[writer] = number + 1;
	}
}

static void test_processes(void)
{
	pid_t pids[WRITERS];
	REQUIRE(scratch_enter());
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0) {
			int fd = open("processes", O_WRONLY | O_CREAT | O_APPEND, 0644);
			CHECK(fd >= 0);
			records_write(fd, i);
			child_exit();
		}
	}
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	records_check("processes");
}

static int shared_fd;

static void *writer_run(void *argument)
{
	records_write(shared_fd, (int)(long)argument);
	return NULL;
}

/* Threads with one open file and one offset, without O_APPEND: writes are atomic on it, too. */
static void test_shared_offset(void)
{
	pthread_t threads[WRITERS];
	REQUIRE(scratch_enter());
	shared_fd = open("threads", O_WRONLY | O_CREAT, 0644);
	REQUIRE(shared_fd >= 0);
	for (long i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, writer_run, (void *)i), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	close(shared_fd);
	records_check("threads");
}

static const struct check_case cases[] = {
	{ "processes", test_processes },
	{ "shared-offset", test_shared_offset },
};

CHECK_MAIN(cases)
