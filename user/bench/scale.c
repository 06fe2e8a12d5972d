/*
 * bench --scale CPUS: the same work by 1 and by CPUS workers at once, as threads of one process and as processes of
 * their own; prints `ROW-KIND WORKERS OPERATIONS-PER-SECOND`.
 */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS_NS = 300000000, WORKERS_MAX = 8, PAGE = 4096 };

int scale_main(int processors);

static void work_fault(void)
{
	char *memory =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 64; i++)
		memory[i * PAGE] = 1;
	munmap(memory, 64 * PAGE);
}

static void work_mmap(void)
{
	munmap(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
}

static void work_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void work_open(void)
{
	close(open("/tmp", O_RDONLY | O_DIRECTORY));
}

static void work_pipe(void)
{
	static __thread int ends[2];
	char byte = 0;

	if (!ends[1])
		MUST(pipe(ends));
	MUST(write(ends[1], &byte, 1));
	MUST(read(ends[0], &byte, 1));
}

static const struct {
	const char *name;
	void (*work)(void);
} works[] = {
	{ "fault", work_fault },     { "mmap", work_mmap }, { "fork", work_fork },
	{ "open_close", work_open }, { "pipe", work_pipe },
};

struct shared {
	volatile int go;
	uint64_t done[WORKERS_MAX * 8]; /* a cache line each */
};
static struct shared *shared;
static void (*current_work)(void);

static void worker(int index)
{
	uint64_t end, done = 0;

	while (!__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE))
		usleep(1000);
	for (end = now_ns() + SECONDS_NS; now_ns() < end; done++)
		current_work();
	shared->done[index * 8] = done;
}

static void *thread_worker(void *index)
{
	worker((int)(intptr_t)index);
	return NULL;
}

static void run_threads(int workers)
{
	pthread_t threads[WORKERS_MAX];

	for (int i = 0; i < workers; i++)
		pthread_create(&threads[i], NULL, thread_worker, (void *)(intptr_t)i);
	__atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < workers; i++)
		pthread_join(threads[i], NULL);
}

static void run_processes(int workers)
{
	pid_t children[WORKERS_MAX];

	for (int i = 0; i < workers; i++) {
		children[i] = MUST(fork());
		if (children[i] == 0) {
			worker(i);
			_exit(0);
		}
	}
	__atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < workers; i++)
		waitpid(children[i], NULL, 0);
}

static void measure(const char *name, const char *kind, int workers, void (*run)(int workers))
{
	uint64_t sum = 0;

	memset(shared, 0, sizeof(*shared));
	run(workers);
	for (int i = 0; i < workers; i++)
		sum += shared->done[i * 8];
	printf("%s-%s %d %.0f\n", name, kind, workers, sum * 1e9 / SECONDS_NS);
	fflush(stdout);
}

int scale_main(int processors)
{
	if (processors < 1 || processors > WORKERS_MAX) {
		fprintf(stderr, "bench: --scale takes 1 to %d CPUs\n", WORKERS_MAX);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		current_work = works[i].work;
		for (int workers = 1; workers <= processors; workers *= 2) {
			measure(works[i].name, "threads", workers, run_threads);
			measure(works[i].name, "processes", workers, run_processes);
		}
	}
	return 0;
}
