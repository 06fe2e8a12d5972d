/* What /proc tells of pages and of transfers: smaps, pagemap, io; and ns, timerslack_ns. proc(5). */
#include "check.h"
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

enum { PAGES = 32 };

static char text[1 << 18];

/* A value of the mapping that starts at `start`, in kB; -1: not there. */
static long smaps_value(const char *name, const void *start)
{
	char head[32], label[40];
	snprintf(head, sizeof(head), "%08lx-", (unsigned long)start);
	snprintf(label, sizeof(label), "\n%s:", name);
	if (file_read("/proc/self/smaps", text, sizeof(text)) <= 0)
		return -1;
	char *found = strstr(text, head);
	found = found ? strstr(found, label) : NULL;
	return found ? atol(found + strlen(label)) : -1;
}

static char *area_make(int flags)
{
	char *area = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* Between two that are not like it, so that it is a mapping of its own. */
	return mmap(area + PAGE, PAGES * PAGE, PROT_READ | PROT_WRITE,
		    MAP_FIXED | MAP_ANONYMOUS | flags, -1, 0);
}

static void test_smaps_private(void)
{
	char *area = area_make(MAP_PRIVATE);
	int go[2];
	CHECK_EQ(smaps_value("Size", area), PAGES * 4);
	CHECK_EQ(smaps_value("Rss", area), 0);
	memset(area, 1, PAGES / 2 * PAGE);
	CHECK_EQ(smaps_value("Rss", area), PAGES * 2);
	CHECK_EQ(smaps_value("Pss", area), PAGES * 2);
	CHECK_EQ(smaps_value("Private_Dirty", area), PAGES * 2);
	CHECK_EQ(smaps_value("Anonymous", area), PAGES * 2);
	CHECK_OK(pipe(go));
	pid_t pid = fork_child();
	if (pid == 0) {
		memset(area, 2, 4 * PAGE); /* of one's own again */
		CHECK_EQ(write(go[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(go[0], text, 1), 1);
	CHECK_EQ(smaps_value("Rss", area), PAGES * 2);
	CHECK_EQ(smaps_value("Pss", area), 4 * 4 + (PAGES / 2 - 4) * 2);
	CHECK_EQ(smaps_value("Pss_Dirty", area), 4 * 4 + (PAGES / 2 - 4) * 2);
	CHECK_EQ(smaps_value("Shared_Dirty", area), (PAGES / 2 - 4) * 4);
	CHECK_EQ(smaps_value("Private_Dirty", area), 4 * 4);
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_EQ(smaps_value("Pss", area), PAGES * 2);
	CHECK_EQ(smaps_value("Private_Dirty", area), PAGES * 2);
	close(go[0]), close(go[1]);
}

static void test_smaps_shared(void)
{
	char *area = area_make(MAP_SHARED);
	int go[2];
	memset(area, 1, PAGES * PAGE);
	CHECK_EQ(smaps_value("Pss", area), PAGES * 4);
	CHECK_EQ(smaps_value("Private_Dirty", area), PAGES * 4);
	CHECK_OK(pipe(go));
	pid_t pids[3];
	for (int i = 0; i < 3; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0) {
			memset(area, 2, PAGES * PAGE);
			CHECK_EQ(write(go[1], "x", 1), 1);
			pause();
		}
		CHECK_EQ(read(go[0], text, 1), 1);
	}
	CHECK_EQ(smaps_value("Rss", area), PAGES * 4);
	CHECK_EQ(smaps_value("Pss", area), PAGES);
	CHECK_EQ(smaps_value("Shared_Dirty", area), PAGES * 4);
	for (int i = 0; i < 3; i++) {
		kill(pids[i], SIGKILL);
		wait_status(pids[i]);
	}
	CHECK_EQ(smaps_value("Pss", area), PAGES * 4);
	close(go[0]), close(go[1]);
}

static void test_rollup(void)
{
	static const char *const labels[] = { "\nRss:", "\nPss:", "\nPrivate_Dirty:", "\nLocked:" };
	long sums[ARRAY_SIZE(labels)] = { 0 };
	REQUIRE(file_read("/proc/self/smaps", text, sizeof(text)) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		char *found = text;
		while ((found = strstr(found, labels[i])))
			sums[i] += atol(found += strlen(labels[i]));
	}
	REQUIRE(file_read("/proc/self/smaps_rollup", text, sizeof(text)) > 0);
	CHECK(strstr(text, "[rollup]\n") != NULL);
	CHECK(strstr(text, "\nPss_Anon:") && strstr(text, "\nPss_File:") &&
	      strstr(text, "\nPss_Shmem:"));
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		char *found = strstr(text, labels[i]);
		REQUIRE(found);
		CHECK_RANGE(atol(found + strlen(labels[i])), sums[i] - 64, sums[i] + 64);
	}
}

static uint64_t page_word(int fd, const void *address)
{
	uint64_t word = 0;
	CHECK_EQ(pread(fd, &word, 8, (uintptr_t)address / PAGE * 8), 8);
	return word;
}

enum { PRESENT = 63, OBJECT = 61, ALONE = 56 };

static int bit(uint64_t word, int number)
{
	return word >> number & 1;
}

static void test_pagemap(void)
{
	char *private = area_make(MAP_PRIVATE), *shared = area_make(MAP_SHARED);
	uint64_t words[PAGES], frame = (1UL << 55) - 1;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	REQUIRE(fd >= 0);
	private[0] = private[3 * PAGE] = shared[0] = 1;
	uint64_t word = page_word(fd, private);
	CHECK_EQ(bit(word, PRESENT), 1);
	CHECK_EQ(bit(word, OBJECT), 0);
	CHECK_EQ(bit(word, ALONE), 1);
	CHECK((word & frame) != 0);
	CHECK((word & frame) != (page_word(fd, private + 3 * PAGE) & frame));
	CHECK_EQ(page_word(fd, private + PAGE), 0);
	CHECK_EQ(bit(page_word(fd, shared), OBJECT), 1);
	CHECK_EQ(pread(fd, words, sizeof(words), (uintptr_t) private / PAGE * 8), sizeof(words));
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(bit(words[i], PRESENT), i == 0 || i == 3);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(bit(page_word(fd, private), ALONE), 0); /* the parent's, by fd */
		int own = open("/proc/self/pagemap", O_RDONLY);
		CHECK_EQ(page_word(own, private) & frame, word & frame);
		private[0] = 2;
		CHECK((page_word(own, private) & frame) != (word & frame));
		CHECK_OK(setuid(1000));
		prctl(PR_SET_DUMPABLE, 1);
		own = open("/proc/self/pagemap", O_RDONLY);
		word = page_word(own, private);
		CHECK_EQ(bit(word, PRESENT), 1);
		CHECK_EQ(word & frame, 0); /* not for everybody to know */
		CHECK_ERRNO(open("/proc/1/pagemap", O_RDONLY), EACCES);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_ERRNO(pread(fd, words, 8, 4), EINVAL);
	CHECK_ERRNO(pread(fd, words, 9, 8), EINVAL);
	CHECK_EQ(pread(fd, words, 8, 1L << 60), 0);
	CHECK_EQ(pread(fd, words, 0, 0), 0);
	close(fd);
}

static long io_value(const char *name)
{
	char label[40];
	snprintf(label, sizeof(label), "%s: ", name);
	if (file_read("/proc/self/io", text, sizeof(text)) <= 0)
		return -1;
	char *found = strstr(text, label);
	return found ? atol(found + strlen(label)) : -1;
}

static void test_io(void)
{
	static char data[10000];
	REQUIRE(scratch_enter() && file_write("io", data, sizeof(data)));
	int fd = open("io", O_RDWR), other = open("other", O_RDWR | O_CREAT, 0600);
	long read_before = io_value("rchar"), written_before = io_value("wchar");
	long calls = io_value("syscr");
	CHECK_EQ(pread(fd, data, 5000, 0), 5000);
	CHECK_EQ(pwrite(fd, data, 3000, 0), 3000);
	CHECK_EQ(sendfile(other, fd, NULL, 2000), 2000);
	CHECK_EQ(io_value("wchar") - written_before, 3000 + 2000);
	CHECK_RANGE(io_value("rchar") - read_before, 5000 + 2000,
		    5000 + 2000 + 3000); /* of io itself */
	CHECK_RANGE(io_value("syscr") - calls, 2 + 2, 2 + 20);
	CHECK(io_value("read_bytes") >= 0 && io_value("write_bytes") >= 0 &&
	      io_value("cancelled_write_bytes") >= 0);
	CHECK_EQ(io_value("write_bytes"), 0); /* a tmpfs is no disk */
	close(fd), close(other);
}

/* ioctl_ns(2): of a namespace of `type`, which is one of the first. */
static void namespace_ask(int fd, int type)
{
	uid_t owner = 77;
	CHECK_EQ(ioctl(fd, NS_GET_NSTYPE), type);
	if (type == CLONE_NEWUSER) {
		CHECK_ERRNO(ioctl(fd, NS_GET_USERNS), EPERM);
		CHECK_OK(ioctl(fd, NS_GET_OWNER_UID, &owner));
		CHECK_EQ(owner, 0);
	} else {
		int user = CHECK_OK(ioctl(fd, NS_GET_USERNS));
		CHECK_EQ(ioctl(user, NS_GET_NSTYPE), CLONE_NEWUSER);
		CHECK_EQ(fcntl(user, F_GETFD), FD_CLOEXEC);
		close(user);
		CHECK_ERRNO(ioctl(fd, NS_GET_OWNER_UID, &owner), EINVAL);
	}
	bool has_parents = type == CLONE_NEWUSER || type == CLONE_NEWPID;
	CHECK_ERRNO(ioctl(fd, NS_GET_PARENT), has_parents ? EPERM : EINVAL);
	CHECK_ERRNO(ioctl(fd, 0xb7ff), ENOTTY);
}

static void test_namespaces(void)
{
	static const int types[] = { CLONE_NEWCGROUP, CLONE_NEWIPC,  CLONE_NEWNS,   CLONE_NEWNET,
				     CLONE_NEWPID,    CLONE_NEWTIME, CLONE_NEWUSER, CLONE_NEWUTS };
	static const char *const names[] = { "cgroup", "ipc",  "mnt",  "net",
					     "pid",    "time", "user", "uts" };
	char path[64], own[64], others[64];
	struct stat status, other;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		unsigned long number = 0;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		ssize_t size = CHECK_OK(readlink(path, own, sizeof(own) - 1));
		own[size > 0 ? size : 0] = 0;
		CHECK(!strncmp(own, names[i], strlen(names[i])));
		CHECK_EQ(sscanf(own + strlen(names[i]), ":[%lu]", &number), 1);
		CHECK_OK(stat(path, &status));
		CHECK_EQ(status.st_ino, number);
		CHECK(S_ISREG(status.st_mode));
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", getppid(), names[i]);
		size = CHECK_OK(readlink(path, others, sizeof(others) - 1));
		others[size > 0 ? size : 0] = 0;
		CHECK_STR(others, own);
		CHECK_OK(stat(path, &other));
		CHECK(other.st_ino == status.st_ino && other.st_dev == status.st_dev);
		CHECK_OK(lstat(path, &other));
		CHECK(S_ISLNK(other.st_mode));
		int fd = CHECK_OK(open(path, O_RDONLY));
		CHECK_OK(fstat(fd, &other));
		CHECK_EQ(other.st_ino, status.st_ino);
		CHECK_ERRNO(read(fd, text, 1), EINVAL);
		namespace_ask(fd, types[i]);
		close(fd);
	}
	CHECK_ERRNO(readlink("/proc/self/ns/nothing", own, 10), ENOENT);
}

static void test_timer_slack(void)
{
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
	CHECK_OK(prctl(PR_SET_TIMERSLACK, 123456));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 123456);
	CHECK(file_read("/proc/self/timerslack_ns", text, sizeof(text)) > 0);
	CHECK_EQ(atol(text), 123456);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(prctl(PR_GET_TIMERSLACK), 123456);
		CHECK_OK(prctl(PR_SET_TIMERSLACK, 5));
		CHECK_OK(prctl(PR_SET_TIMERSLACK, 0)); /* what it began with */
		CHECK_EQ(prctl(PR_GET_TIMERSLACK), 123456);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(file_write("/proc/self/timerslack_ns", "777\n", 4));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 777);
	CHECK(!file_write("/proc/self/timerslack_ns", "x\n", 2));
	CHECK_OK(prctl(PR_SET_TIMERSLACK, 0));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
}

static const struct check_case cases[] = {
	{ "smaps-private", test_smaps_private },
	{ "smaps-shared", test_smaps_shared },
	{ "rollup", test_rollup },
	{ "pagemap", test_pagemap },
	{ "io", test_io },
	{ "namespaces", test_namespaces },
	{ "timer-slack", test_timer_slack },
};

CHECK_MAIN(cases)
