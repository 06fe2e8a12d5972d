/* Rows of mappings and page faults. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, FILE_PAGES = 64, COW_PAGES = 1024, EXIT_PAGES = 16384 };

static int file_fd;

static char *map_anonymous(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

static void run_mmap(unsigned count)
{
	while (count--) {
		char *memory = map_anonymous(16);

		MUST(munmap(memory, 16 * PAGE));
	}
}

/* Each operation is one fault; mapping and unmapping @count pages once is spread over them. */
static void run_fault(unsigned count)
{
	char *memory = map_anonymous(count);

	for (unsigned i = 0; i < count; i++)
		memory[(size_t)i * PAGE] = 1;
	MUST(munmap(memory, (size_t)count * PAGE));
}

static char *cow_memory;

static void make_cow(void)
{
	cow_memory = map_anonymous(COW_PAGES);
	memset(cow_memory, 1, COW_PAGES * PAGE);
}

static void remove_cow(void)
{
	MUST(munmap(cow_memory, COW_PAGES * PAGE));
}

/*
 * A child takes the pages that fork made copy-on-write, one write each; fork and the child's exit
 * are spread over them.
 */
static void run_cow(unsigned count)
{
	pid_t child;
	int status;

	child = MUST(fork());
	if (child == 0) {
		for (unsigned i = 0; i < count; i++)
			cow_memory[(size_t)i * PAGE] = 2;
		_exit(0);
	}
	MUST(waitpid(child, &status, 0));
}

/*
 * The end of a child with @count pages of its own, from its _exit to what its parent waits for; the
 * child's making does not count.
 */
static void run_exit(unsigned count)
{
	uint64_t start = now_ns();
	int ready[2], go[2], status;
	pid_t child;
	char byte;

	MUST(pipe(ready));
	MUST(pipe(go));
	child = MUST(fork());
	if (child == 0) {
		char *memory = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			_exit(1);
		for (unsigned i = 0; i < count; i++)
			memory[(size_t)i * PAGE] = 1;
		MUST(write(ready[1], "", 1));
		MUST(read(go[0], &byte, 1));
		_exit(0);
	}
	MUST(read(ready[0], &byte, 1));
	row_untimed += now_ns() - start;
	MUST(write(go[1], "", 1));
	MUST(waitpid(child, &status, 0));
	if (status)
		abort();
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

static void make_file(void)
{
	static char page[PAGE];

	MUST(file_fd = open("/tmp/bench-map", O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (int i = 0; i < FILE_PAGES; i++)
		MUST(write(file_fd, page, PAGE));
}

static void remove_file(void)
{
	close(file_fd);
	unlink("/tmp/bench-map");
}

static void run_map_file(unsigned count)
{
	volatile char sum = 0;

	while (count--) {
		char *memory = mmap(NULL, FILE_PAGES * PAGE, PROT_READ, MAP_PRIVATE, file_fd, 0);

		if (memory == MAP_FAILED)
			abort();
		for (int i = 0; i < FILE_PAGES; i++)
			sum += memory[i * PAGE];
		MUST(munmap(memory, FILE_PAGES * PAGE));
	}
}

const struct row memory_rows[] = {
	{ "mmap_munmap", NULL, 2000, run_mmap, NULL, NULL },
	{ "fault_anonymous", "fault", 2048, run_fault, NULL, NULL },
	{ "fault_cow", "fault", 1024, run_cow, make_cow, remove_cow },
	{ "exit_owned", "page of 64 MiB", EXIT_PAGES, run_exit, NULL, NULL },
	{ "map_file_64", "mapping of 64 pages", 100, run_map_file, make_file, remove_file },
	{ 0 },
};
