/* Stress: threads and processes make, link, rename, read, map and remove files, in one tree. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 4, NAMES = 12, SECONDS = 4 };

static volatile int stop;

static void name_make(char *name, size_t size, uint64_t *random)
{
	snprintf(name, size, "d%d/f%d", (int)(random_next(random) % 3),
		 (int)(random_next(random) % NAMES));
}

/* A file's every byte is its first one: whoever reads one sees that or an end. */
static void file_step_write(const char *name, uint64_t *random)
{
	char block[3000];
	memset(block, 'a' + random_next(random) % 26, sizeof(block));
	char temporary[64];
	snprintf(temporary, sizeof(temporary), "t%ld", syscall(SYS_gettid));
	int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (!CHECK(fd >= 0))
		return;
	for (unsigned i = 0; i < 1 + random_next(random) % 4; i++)
		CHECK_EQ(write(fd, block, sizeof(block)), sizeof(block));
	close(fd);
	CHECK_OK(rename(temporary, name));
}

static void file_step_read(const char *name)
{
	char block[3000];
	char first = 0;
	int fd = open(name, O_RDONLY);
	ssize_t part;
	if (fd < 0) {
		CHECK_EQ(errno, ENOENT);
		return;
	}
	while ((part = read(fd, block, 1777)) > 0) {
		first = first ? first : block[0];
		for (ssize_t i = 0; i < part; i++) {
			if (block[i] != first) {
				CHECK_EQ(block[i], first);
				part = 0;
				break;
			}
		}
	}
	close(fd);
}

static void file_step_map(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDWR);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size >= 3000) {
		char *p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (CHECK(p != MAP_FAILED)) {
			CHECK_EQ(p[0], p[st.st_size - 1]);
			munmap(p, st.st_size);
		}
		p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		if (CHECK(p != MAP_FAILED)) {
			p[0] = '#'; /* private: nobody else may see it */
			munmap(p, st.st_size);
		}
	}
	close(fd);
}

static void file_step_names(const char *name, const char *other, uint64_t *random)
{
	switch (random_next(random) % 4) {
	case 0:
		if (unlink(name) < 0)
			CHECK_EQ(errno, ENOENT);
		break;
	case 1:
		if (link(name, other) < 0)
			CHECK(errno == ENOENT || errno == EEXIST);
		break;
	case 2:
		if (rename(name, other) < 0)
			CHECK_EQ(errno, ENOENT);
		break;
	default:
		if (syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, other, 2) < 0)
			CHECK(errno == ENOENT || errno == EINVAL);
	}
}

static void directory_step(uint64_t *random)
{
	char name[64], other[64];
	snprintf(name, sizeof(name), "d%d/s%d", (int)(random_next(random) % 3),
		 (int)(random_next(random) % 3));
	snprintf(other, sizeof(other), "d%d/s%d", (int)(random_next(random) % 3),
		 (int)(random_next(random) % 3));
	switch (random_next(random) % 4) {
	case 0:
		if (mkdir(name, 0755) < 0)
			CHECK_EQ(errno, EEXIST);
		break;
	case 1:
		if (rmdir(name) < 0)
			CHECK(errno == ENOENT || errno == ENOTEMPTY);
		break;
	case 2:
		if (rename(name, other) < 0)
			CHECK(errno == ENOENT || errno == ENOTEMPTY || errno == EINVAL);
		break;
	default: {
		DIR *list = opendir(name);
		int count = 0;
		while (list && readdir(list))
			count++;
		if (list)
			closedir(list);
		CHECK(count < 1000);
	}
	}
}

static void step(uint64_t *random)
{
	char name[64], other[64];
	name_make(name, sizeof(name), random);
	name_make(other, sizeof(other), random);
	switch (random_next(random) % 8) {
	case 0:
	case 1:
		file_step_write(name, random);
		break;
	case 2:
	case 3:
		file_step_read(name);
		break;
	case 4:
		file_step_map(name);
		break;
	case 5:
		directory_step(random);
		break;
	default:
		file_step_names(name, other, random);
	}
}

static void *thread_run(void *argument)
{
	uint64_t random = random_start((long)argument);
	long steps = 0;
	while (!stop && !check_failures) {
		step(&random);
		steps++;
	}
	return (void *)steps;
}

/* In the end the tree is empty again and removable: nothing leaked, every count is right. */
static void test_tree(void)
{
	pthread_t threads[THREADS];
	void *steps;
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("tree", 0755));
	CHECK_OK(chdir("tree"));
	for (int i = 0; i < 3; i++) {
		char name[8];
		snprintf(name, sizeof(name), "d%d", i);
		CHECK_OK(mkdir(name, 0755));
	}
	stop = 0;
	pid_t pid = fork_child();
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread_run, (void *)(i + (pid ? 0 : 100)));
	sleep_ms(SECONDS * 1000);
	stop = 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &steps);
		CHECK((long)steps > 10);
	}
	if (pid == 0)
		child_exit();
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(chdir(".."));
	directory_empty(open("tree", O_RDONLY | O_DIRECTORY));
	CHECK_OK(rmdir("tree"));
}

/* Two directories are renamed into each other from both sides: no loop, no dead lock. */
static void *cross_run(void *argument)
{
	const char *from = argument ? "a/x" : "b/y", *to = argument ? "b/y" : "a/x";
	while (!stop) {
		if (rename(from, to) < 0)
			CHECK(errno == ENOENT || errno == EINVAL);
		if (rename("a", "b/y/a") == 0)
			CHECK_OK(rename("b/y/a", "a"));
	}
	return NULL;
}

static void test_cross(void)
{
	pthread_t threads[2];
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	CHECK_OK(mkdir("a/x", 0755));
	stop = 0;
	for (long i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, cross_run, (void *)i);
	sleep_ms(1000);
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* Writers and truncaters on one file: a reader sees the writers' bytes or zeros. */
static void *size_run(void *argument)
{
	uint64_t random = random_start((long)argument);
	char block[5000];
	int fd = open("sizes", O_RDWR);
	while (!stop) {
		size_t at = random_next(&random) % 40000, size = random_next(&random) % 5000;
		if ((long)argument == 0) {
			CHECK_OK(ftruncate(fd, at));
		} else if ((long)argument == 1) {
			memset(block, 'w', size);
			CHECK_EQ(pwrite(fd, block, size, at), size);
		} else {
			ssize_t part = pread(fd, block, size, at);
			CHECK(part >= 0);
			for (ssize_t i = 0; i < part; i++) {
				if (!CHECK(block[i] == 'w' || block[i] == 0))
					break;
			}
		}
	}
	close(fd);
	return NULL;
}

static void test_sizes(void)
{
	pthread_t threads[4];
	REQUIRE(scratch_enter());
	REQUIRE(file_write("sizes", "", 0));
	stop = 0;
	for (long i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, size_run, (void *)i);
	sleep_ms(2000);
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static const struct check_case cases[] = {
	{ "tree", test_tree },
	{ "cross", test_cross },
	{ "sizes", test_sizes },
};

CHECK_MAIN(cases)
