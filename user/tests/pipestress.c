/* Stress: chains of pipes, many readers and writers on one, poll loops; every byte is checked. */
#include "check.h"
#include <poll.h>
#include <pthread.h>

enum { STAGES = 5, BYTES = 1 << 20, THREADS = 4, RECORDS = 3000 };

static unsigned char byte_at(size_t place)
{
	return place * 2654435761u >> 13;
}

static void copy_stage(int in, int out, uint64_t random)
{
	static unsigned char block[70000];
	ssize_t part;
	while ((part = read(in, block, 1 + random_next(&random) % sizeof(block))) > 0) {
		for (ssize_t at = 0; at < part;) {
			ssize_t done = write(out, block + at, part - at);
			if (done <= 0)
				_exit(1);
			at += done;
		}
	}
	_exit(part == 0 ? 0 : 2);
}

static void source_stage(int out, uint64_t random)
{
	static unsigned char block[50000];
	for (size_t at = 0; at < BYTES;) {
		size_t size = 1 + random_next(&random) % sizeof(block);
		size = size > BYTES - at ? BYTES - at : size;
		for (size_t i = 0; i < size; i++)
			block[i] = byte_at(at + i);
		if (write(out, block, size) != (ssize_t)size)
			_exit(1);
		at += size;
	}
	_exit(0);
}

static size_t sink(int in)
{
	static unsigned char block[60000];
	size_t total = 0;
	ssize_t part;
	while ((part = read(in, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < part; i++) {
			if (block[i] != byte_at(total + i)) {
				CHECK_EQ(block[i], byte_at(total + i));
				return total + i;
			}
		}
		total += part;
	}
	return total;
}

static void test_chain(void)
{
	pid_t pids[STAGES];
	int in = -1, ends[2];
	for (int i = 0; i < STAGES; i++) {
		REQUIRE(pipe(ends) == 0);
		pids[i] = fork_child();
		if (pids[i] == 0) {
			close(ends[0]);
			if (in < 0)
				source_stage(ends[1], random_start(i));
			copy_stage(in, ends[1], random_start(i));
		}
		close(ends[1]);
		if (in >= 0)
			close(in);
		in = ends[0];
	}
	CHECK_EQ(sink(in), BYTES);
	close(in);
	for (int i = 0; i < STAGES; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
}

/* Records of one int through one pipe, several writers and readers: each arrives once. */
static int shared_ends[2];
static int arrived[THREADS * RECORDS];

static void *record_writer(void *argument)
{
	for (int i = 0; i < RECORDS; i++) {
		int record = (int)(long)argument * RECORDS + i;
		CHECK_EQ(write(shared_ends[1], &record, sizeof(record)), sizeof(record));
	}
	return NULL;
}

static void *record_reader(void *argument)
{
	int record;
	ssize_t part;
	while ((part = read(shared_ends[0], &record, sizeof(record))) > 0) {
		if (!CHECK_EQ(part, sizeof(record)) || !CHECK(record >= 0) ||
		    !CHECK(record < THREADS * RECORDS))
			break;
		__atomic_add_fetch(&arrived[record], 1, __ATOMIC_RELAXED);
	}
	return argument;
}

static void test_records(void)
{
	pthread_t writers[THREADS], readers[THREADS];
	memset(arrived, 0, sizeof(arrived));
	REQUIRE(pipe(shared_ends) == 0);
	for (long i = 0; i < THREADS; i++) {
		pthread_create(&readers[i], NULL, record_reader, NULL);
		pthread_create(&writers[i], NULL, record_writer, (void *)i);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(writers[i], NULL);
	close(shared_ends[1]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(readers[i], NULL);
	close(shared_ends[0]);
	for (int i = 0; i < THREADS * RECORDS; i++) {
		if (!CHECK_EQ(arrived[i], 1))
			break;
	}
}

/* One poll loop serves many children. */
enum { CHILDREN = 8, LINES = 200 };

static void test_poll(void)
{
	struct pollfd list[CHILDREN];
	pid_t pids[CHILDREN];
	int open_ends = CHILDREN;
	long total = 0;
	for (int i = 0; i < CHILDREN; i++) {
		int ends[2];
		REQUIRE(pipe(ends) == 0);
		pids[i] = fork_child();
		if (pids[i] == 0) {
			uint64_t random = random_start(i);
			for (int line = 0; line < LINES; line++) {
				CHECK_EQ(write(ends[1], "0123456789", 10), 10);
				if (random_next(&random) % 16 == 0)
					sleep_ms(1);
			}
			child_exit();
		}
		close(ends[1]);
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		list[i] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	}
	while (open_ends && CHECK(poll(list, CHILDREN, 10000) > 0)) {
		for (int i = 0; i < CHILDREN; i++) {
			char block[64];
			if (list[i].fd < 0 || !list[i].revents)
				continue;
			ssize_t part = read(list[i].fd, block, sizeof(block));
			if (part > 0) {
				total += part;
			} else if (CHECK_EQ(part, 0)) {
				close(list[i].fd);
				list[i].fd = -1;
				open_ends--;
			}
		}
	}
	CHECK_EQ(total, CHILDREN * LINES * 10);
	for (int i = 0; i < CHILDREN; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
}

/* A byte goes round a ring of processes: each hand-over is a switch. */
static void test_ring(void)
{
	enum { RING = 6, ROUNDS = 500 };
	int ends[RING][2];
	pid_t pids[RING];
	int number = 0;
	for (int i = 0; i < RING; i++)
		REQUIRE(pipe(ends[i]) == 0);
	for (int i = 1; i < RING; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0) {
			for (int round = 0; round < ROUNDS; round++) {
				CHECK_EQ(read(ends[i - 1][0], &number, 4), 4);
				number++;
				CHECK_EQ(write(ends[i][1], &number, 4), 4);
			}
			child_exit();
		}
	}
	for (int round = 0; round < ROUNDS; round++) {
		CHECK_EQ(write(ends[0][1], &number, 4), 4);
		CHECK_EQ(read(ends[RING - 1][0], &number, 4), 4);
	}
	CHECK_EQ(number, ROUNDS * (RING - 1));
	for (int i = 1; i < RING; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	for (int i = 0; i < RING; i++)
		close(ends[i][0]), close(ends[i][1]);
}

static const struct check_case cases[] = {
	{ "chain", test_chain },
	{ "records", test_records },
	{ "poll", test_poll },
	{ "ring", test_ring },
};

CHECK_MAIN(cases)
