/* /proc/self and /proc/PID: exe, fd, maps, stat, status, cmdline, cwd; what is gone. */
#include "check.h"
#include <pthread.h>
#include <sys/prctl.h>

static char text[65536];

static void test_links(void)
{
	char path[PATH_MAX], expected[64];
	ssize_t length = readlink("/proc/self", path, sizeof(path) - 1);
	REQUIRE(length > 0);
	path[length] = 0;
	CHECK_EQ(atoi(path), getpid());
	length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	REQUIRE(length > 0);
	path[length] = 0;
	CHECK_EQ(path[0], '/');
	CHECK_OK(access(path, X_OK));
	REQUIRE(scratch_enter());
	length = readlink("/proc/self/cwd", path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = 0;
	CHECK_STR(path, check_scratch);
	length = readlink("/proc/self/root", path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = 0;
	CHECK_STR(path, "/");
	snprintf(expected, sizeof(expected), "/proc/%d/exe", getpid());
	CHECK_OK(access(expected, F_OK));
}

static void test_descriptors(void)
{
	char path[PATH_MAX], name[64], expected[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	REQUIRE(scratch_enter());
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(name, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = 0;
	snprintf(expected, sizeof(expected), "%s/file", check_scratch);
	CHECK_STR(path, expected);
	int again = CHECK_OK(open(name, O_RDWR)); /* the file itself, an offset of its own */
	CHECK_EQ(write(again, "abc", 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	close(again);
	CHECK_OK(unlink("file"));
	length = readlink(name, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = 0;
	CHECK(strstr(path, "file (deleted)") != NULL);
	DIR *list = opendir("/proc/self/fd");
	REQUIRE(list);
	while ((entry = readdir(list)))
		found |= atoi(entry->d_name) == fd && entry->d_name[0] != '.';
	CHECK(found);
	closedir(list);
	close(fd);
	CHECK_ERRNO(readlink(name, path, sizeof(path)), ENOENT);
}

/* One line of maps; false when there is none for the address. */
static bool map_find(const void *address, uintptr_t *begin, uintptr_t *end, char *flags, char *name)
{
	if (file_read("/proc/self/maps", text, sizeof(text)) <= 0)
		return false;
	for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		unsigned long from, to, offset, inode;
		unsigned int major, minor;
		name[0] = 0;
		if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %255[^\n]", &from, &to, flags, &offset,
			   &major, &minor, &inode, name) < 7)
			return false;
		if ((uintptr_t)address >= from && (uintptr_t)address < to) {
			*begin = from;
			*end = to;
			return true;
		}
	}
	return false;
}

static void test_maps(void)
{
	uintptr_t begin, end;
	char flags[8], name[256];
	char *p = mmap(NULL, 7 * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(p != MAP_FAILED);
	REQUIRE(map_find(p, &begin, &end, flags, name));
	CHECK_EQ(begin, (uintptr_t)p);
	CHECK_EQ(end - begin, 7 * PAGE);
	CHECK_STR(flags, "r--s");
	CHECK_OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE));
	REQUIRE(map_find(p + 2 * PAGE, &begin, &end, flags, name));
	CHECK_EQ(end - begin, PAGE);
	CHECK_STR(flags, "rw-s");
	munmap(p, 7 * PAGE);
	CHECK(!map_find(p, &begin, &end, flags, name));
	REQUIRE(map_find((void *)test_maps, &begin, &end, flags, name));
	CHECK_STR(flags, "r-xp");
	CHECK(strstr(name, program_invocation_short_name) != NULL);
	REQUIRE(map_find(&begin, &begin, &end, flags, name));
	CHECK_STR(name, "[stack]");
	CHECK_STR(flags, "rw-p");
	void *top = sbrk(PAGE);
	REQUIRE(map_find(top, &begin, &end, flags, name));
	CHECK_STR(name, "[heap]");
}

/* Addresses rise and never overlap. */
static void test_maps_order(void)
{
	unsigned long from, to, last = 0;
	REQUIRE(file_read("/proc/self/maps", text, sizeof(text)) > 0);
	for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		REQUIRE(sscanf(line, "%lx-%lx", &from, &to) == 2);
		CHECK(from >= last && to > from && from % PAGE == 0 && to % PAGE == 0);
		last = to;
	}
}

static void test_stat(void)
{
	int pid, ppid, group, session, threads;
	char name[64], state;
	unsigned long size;
	long resident;
	CHECK_OK(prctl(PR_SET_NAME, "odd) name ("));
	REQUIRE(file_read("/proc/self/stat", text, sizeof(text)) > 0);
	char *close_mark = strrchr(text, ')');
	REQUIRE(close_mark && sscanf(text, "%d (", &pid) == 1);
	CHECK_EQ(pid, getpid());
	snprintf(name, sizeof(name), "%d (odd) name ()", pid);
	CHECK_EQ(strncmp(text, name, strlen(name)), 0);
	REQUIRE(sscanf(close_mark + 2,
		       "%c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d"
		       " %*d %*d %d %*d %*u %lu %ld",
		       &state, &ppid, &group, &session, &threads, &size, &resident) == 7);
	CHECK_EQ(state, 'R');
	CHECK_EQ(ppid, getppid());
	CHECK_EQ(group, getpgrp());
	CHECK_EQ(session, getsid(0));
	CHECK_EQ(threads, 1);
	CHECK_RANGE(size, 100000, 1L << 38);
	CHECK_RANGE(resident, 5, 100000);
}

static bool comes_to_state(char state)
{
	for (int64_t end = now_ms() + 10000; now_ms() < end; sleep_ms(1)) {
		if (file_read("/proc/self/stat", text, sizeof(text)) > 0 &&
		    strrchr(text, ')')[2] == state)
			return true;
	}
	return false;
}

/* First while the leader waits for this thread, then when it has ended. */
static void *look_at_leader(void *step)
{
	if (!comes_to_state('S'))
		_exit(2);
	__atomic_store_n((volatile int *)step, 1, __ATOMIC_RELEASE);
	_exit(comes_to_state('Z') ? 0 : 3);
}

/* The state of a process is that of its first thread, whatever the others do: proc_pid_stat(5). */
static void test_leader_state(void)
{
	static volatile int step;
	pthread_t thread;
	pid_t pid = fork_child();
	if (!pid) {
		REQUIRE(!pthread_create(&thread, NULL, look_at_leader, (void *)&step));
		wait_for_value(&step, 1);
		pthread_exit(NULL);
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_status(void)
{
	REQUIRE(file_read("/proc/self/status", text, sizeof(text)) > 0);
	static const char *const lines[] = {
		"Name:\t",	   "\nState:\t",  "\nPid:\t",	 "\nPPid:\t",
		"\nUid:\t",	   "\nGid:\t",	  "\nVmSize:",	 "\nVmRSS:",
		"\nThreads:\t1\n", "\nSigBlk:\t", "\nSigIgn:\t",
	};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!strstr(text, lines[i]))
			check_fail(__LINE__, lines[i], "a status without it");
	}
}

static void test_cmdline(void)
{
	ssize_t length = file_read("/proc/self/cmdline", text, sizeof(text));
	REQUIRE(length > 0);
	CHECK_EQ(text[length - 1], 0);
	CHECK_STR(text, program_invocation_name);
	length = file_read("/proc/self/comm", text, sizeof(text));
	CHECK(length > 1 && text[length - 1] == '\n');
}

static void test_other_process(void)
{
	char path[64];
	pid_t pid = fork_child();
	if (pid == 0) {
		for (;;)
			pause();
	}
	for (int i = 0; i < 1000 && process_state(pid) != 'S'; i++)
		sleep_ms(1);
	CHECK_EQ(process_state(pid), 'S');
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	CHECK(file_read(path, text, sizeof(text)) > 0);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	CHECK_OK(access(path, F_OK));
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	int file = openat(dir, "stat", O_RDONLY);
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_ERRNO(access(path, F_OK), ENOENT);
	CHECK_ERRNO(read(file, text, 100), ESRCH); /* open, but the process is gone */
	CHECK(openat(dir, "stat", O_RDONLY) == -1 && (errno == ESRCH || errno == ENOENT));
	close(file), close(dir);
	CHECK_ERRNO(access("/proc/999999", F_OK), ENOENT);
	CHECK_ERRNO(access("/proc/0", F_OK), ENOENT);
	CHECK_ERRNO(access("/proc/01", F_OK), ENOENT);
}

/* Small reads and offsets give the same as one large read. */
static void test_small_reads(void)
{
	static char whole[65536];
	REQUIRE(scratch_enter());
	ssize_t length = file_read("/proc/mounts", whole, sizeof(whole)), done = 0;
	REQUIRE(length > 10);
	int fd = open("/proc/mounts", O_RDONLY);
	while (done < length && read(fd, text + done, 7) > 0)
		done += done + 7 > length ? length - done : 7;
	CHECK_EQ(memcmp(text, whole, length), 0);
	CHECK_EQ(pread(fd, text, 5, 3), 5);
	CHECK_EQ(memcmp(text, whole + 3, 5), 0);
	CHECK_EQ(pread(fd, text, 5, length + 100), 0);
	close(fd);
}

static void test_read_only(void)
{
	CHECK(open("/proc/self/newfile", O_RDWR | O_CREAT, 0600) == -1);
	CHECK(mkdir("/proc/newdir", 0700) == -1);
	CHECK(unlink("/proc/meminfo") == -1);
	CHECK(rename("/proc/meminfo", "/proc/x") == -1);
	CHECK_OK(access("/proc/meminfo", R_OK));
}

static const struct check_case cases[] = {
	{ "links", test_links },
	{ "descriptors", test_descriptors },
	{ "maps", test_maps },
	{ "maps-order", test_maps_order },
	{ "stat", test_stat },
	{ "leader-state", test_leader_state },
	{ "status", test_status },
	{ "cmdline", test_cmdline },
	{ "other-process", test_other_process },
	{ "small-reads", test_small_reads },
	{ "read-only", test_read_only },
};

CHECK_MAIN(cases)
