/*
 * bomb KIND: wants more than there is, for tests of a machine without memory (tests/system/test_out_of_memory.py).
 *
 *	hog	touches page after page		shared	the same in MAP_SHARED memory
 *	memfd	fills a file without a name	fork	processes that fork for ever
 *	vfork	a chain of programs		threads	threads without end
 *	swarm	half as much memory as there is, in each of eight processes
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, SWARM = 8, STACK = 64 << 10 };

static void hog(int flags, size_t most)
{
	for (size_t done = 0; done < most; done += CHUNK) {
		char *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			perror("mmap");
			exit(1);
		}
		memset(p, 1, CHUNK);
	}
}

static void memfd(void)
{
	static char block[CHUNK];
	int fd = memfd_create("bomb", 0);

	memset(block, 1, sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	if (errno != ENOMEM && errno != ENOSPC) {
		perror("write");
		exit(1);
	}
	hog(MAP_PRIVATE, ~(size_t)0);
}

static void fork_bomb(void)
{
	for (;;)
		fork();
}

static void program_bomb(char *self)
{
	for (;;) {
		if (vfork() == 0) {
			execl("/proc/self/exe", self, "vfork", NULL);
			_exit(1);
		}
	}
}

static void *thread_run(void *argument)
{
	char used[STACK / 2];

	memset(used, 1, sizeof(used));
	__asm__ volatile("" ::"r"(used) : "memory");
	pause();
	return argument;
}

static void threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	for (;;) {
		if (pthread_create(&thread, &attributes, thread_run, NULL))
			usleep(1000);
	}
}

static void swarm(void)
{
	struct sysinfo memory;

	sysinfo(&memory);
	for (int i = 1; i < SWARM && fork() > 0; i++)
		;
	hog(MAP_PRIVATE, memory.totalram * memory.mem_unit / 2);
	pause();
}

int main(int argc, char **argv)
{
	const char *kind = argc == 2 ? argv[1] : "";

	if (!strcmp(kind, "hog"))
		hog(MAP_PRIVATE, ~(size_t)0);
	else if (!strcmp(kind, "shared"))
		hog(MAP_SHARED, ~(size_t)0);
	else if (!strcmp(kind, "memfd"))
		memfd();
	else if (!strcmp(kind, "fork"))
		fork_bomb();
	else if (!strcmp(kind, "vfork"))
		program_bomb(argv[0]);
	else if (!strcmp(kind, "threads"))
		threads();
	else if (!strcmp(kind, "swarm"))
		swarm();
	fprintf(stderr, "usage: bomb hog|shared|memfd|fork|vfork|threads|swarm\n");
	return 2;
}
