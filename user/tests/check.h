#pragma once
/*
 * The test frame: a program has a table of cases and ends with CHECK_MAIN(cases). Each case is a
 * function; its checks print a line only when they fail, the case itself prints
 *	ok PROGRAM CASE			or
 *	not ok PROGRAM CASE: expected X, came Y [line N]
 * and the program exits 0 or 1. A case that cannot run here prints `skip PROGRAM CASE: reason`.
 *
 * Arguments: [-c CASE] [-t SECONDS] [SEED]. A watchdog (default 30 s) ends a program that hangs.
 * A check in a child process counts there: the child must end by child_exit() (run_child does).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Bad pointers and cut-off names are what many tests are about. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wnonnull"
#pragma GCC diagnostic ignored "-Wstringop-overread"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Warray-bounds"
#endif

#define CHECK_HELPER  static __attribute__((unused))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE	      4096UL

struct check_case {
	const char *name;
	void (*run)(void);
};

static const char *check_case_name = "start";
static int check_failures;	    /* of this process */
static int check_skipped;	    /* the running case was skipped */
static unsigned check_timeout = 30; /* seconds */
static uint64_t check_seed = 1;
static char check_scratch[64]; /* directory of scratch_enter(), or empty */
static pid_t check_main_pid;

/* Print one line with one write, so that lines of several processes never mix. */
__attribute__((format(printf, 1, 2))) CHECK_HELPER void check_print(const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length] = '\n';
	if (write(STDOUT_FILENO, line, length + 1) < 0)
		_exit(1);
}

CHECK_HELPER void check_fail(int line, const char *expected, const char *came)
{
	__atomic_add_fetch(&check_failures, 1, __ATOMIC_RELAXED);
	check_print("not ok %s %s: expected %s, came %s [line %d]", program_invocation_short_name,
		    check_case_name, expected, came, line);
}

CHECK_HELPER const char *check_errno_name(int number)
{
	const char *name = strerrorname_np(number);
	return name ? name : "?";
}

CHECK_HELPER bool check_true(bool good, const char *text, int line)
{
	char came[64];
	int saved = errno;
	if (!good) {
		snprintf(came, sizeof(came), "false (errno %s)", check_errno_name(saved));
		check_fail(line, text, came);
	}
	errno = saved;
	return good;
}

CHECK_HELPER bool check_equal(long came, long expected, const char *text, int line)
{
	char left[256], right[64];
	int saved = errno;
	if (came != expected) {
		snprintf(left, sizeof(left), "%s = %ld (%#lx)", text, expected, expected);
		snprintf(right, sizeof(right), "%ld (%#lx)", came, came);
		check_fail(line, left, right);
	}
	errno = saved;
	return came == expected;
}

CHECK_HELPER bool check_range(long came, long low, long high, const char *text, int line)
{
	char left[256], right[64];
	if (came >= low && came <= high)
		return true;
	snprintf(left, sizeof(left), "%s in %ld..%ld", text, low, high);
	snprintf(right, sizeof(right), "%ld (%#lx)", came, came);
	check_fail(line, left, right);
	return false;
}

CHECK_HELPER bool check_string(const char *came, const char *expected, const char *text, int line)
{
	char left[400], right[300];
	if (came && !strcmp(came, expected))
		return true;
	snprintf(left, sizeof(left), "%s = \"%.250s\"", text, expected);
	snprintf(right, sizeof(right), "\"%.250s\"", came ? came : "(null)");
	check_fail(line, left, right);
	return false;
}

CHECK_HELPER bool check_errno(long result, int came, int expected, const char *text, int line)
{
	char left[256], right[64];
	if (result == -1 && came == expected)
		return true;
	snprintf(left, sizeof(left), "%s fails with %s", text, check_errno_name(expected));
	if (result == -1)
		snprintf(right, sizeof(right), "%s (%d)", check_errno_name(came), came);
	else
		snprintf(right, sizeof(right), "success (%ld, %#lx)", result, result);
	check_fail(line, left, right);
	return false;
}

CHECK_HELPER long check_ok(long result, const char *text, int line)
{
	char left[256];
	int saved = errno;
	if (result == -1) {
		snprintf(left, sizeof(left), "%s succeeds", text);
		check_fail(line, left, check_errno_name(saved));
		errno = saved;
	}
	return result;
}

/* Each gives back whether it held, except CHECK_OK, which gives back the call's result. */
#define CHECK(cond)		  check_true((cond) ? true : false, #cond, __LINE__)
#define CHECK_EQ(a, b)		  check_equal((long)(a), (long)(b), #a, __LINE__)
#define CHECK_RANGE(a, low, high) check_range((long)(a), (long)(low), (long)(high), #a, __LINE__)
#define CHECK_STR(a, b)		  check_string((a), (b), #a, __LINE__)
#define CHECK_OK(call)		  check_ok((long)(call), #call, __LINE__)
#define CHECK_ERRNO(call, number)                                                                  \
	({                                                                                         \
		errno = 0;                                                                         \
		long check_result_ = (long)(call);                                                 \
		check_errno(check_result_, errno, (number), #call, __LINE__);                      \
	})
/* In a case: leave it when the condition does not hold, because the rest would make no sense. */
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!CHECK(cond))                                                                  \
			return;                                                                    \
	} while (0)
#define SKIP(reason)                                                                               \
	do {                                                                                       \
		check_skipped = 1;                                                                 \
		check_print("skip %s %s: %s", program_invocation_short_name, check_case_name,      \
			    (reason));                                                             \
		return;                                                                            \
	} while (0)

/* ---- time ---- */

CHECK_HELPER int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

CHECK_HELPER int64_t now_ms(void)
{
	return now_ns() / 1000000;
}

CHECK_HELPER void sleep_ms(int milliseconds)
{
	struct timespec left = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

/* Wait until *word has the value, at most 10 s; false on time-out. */
CHECK_HELPER bool wait_for_value(volatile int *word, int value)
{
	for (int64_t end = now_ms() + 10000; now_ms() < end; sleep_ms(1)) {
		if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
			return true;
	}
	return __atomic_load_n(word, __ATOMIC_ACQUIRE) == value;
}

/* ---- random numbers: xorshift64*, from the seed of the command line ---- */

CHECK_HELPER uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

CHECK_HELPER uint64_t random_start(uint64_t stream)
{
	uint64_t state = (check_seed + 1) * 0x9e3779b97f4a7c15ULL + stream * 0xbf58476d1ce4e5b9ULL;
	state = state ? state : 1;
	for (int i = 0; i < 8; i++)
		random_next(&state);
	return state;
}

/* ---- child processes ---- */

CHECK_HELPER __attribute__((noreturn)) void child_exit(void)
{
	_exit(check_failures ? 1 : 0);
}

/* fork, with a watchdog and a fresh count of failures in the child. */
CHECK_HELPER pid_t fork_child(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		check_failures = 0;
		alarm(check_timeout);
	}
	return pid;
}

CHECK_HELPER int wait_status(pid_t pid)
{
	int status = -1;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

/* Run a function in a child; its wait status, 0 when every check there held. */
CHECK_HELPER int run_child(void (*run)(void *), void *argument)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		run(argument);
		child_exit();
	}
	return pid < 0 ? -1 : wait_status(pid);
}

/* Up to size − 1 bytes of a file, NUL-terminated; the length or −1. */
CHECK_HELPER ssize_t file_read(const char *path, char *text, size_t size)
{
	size_t done = 0;
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	while (done < size - 1) {
		ssize_t part = read(fd, text + done, size - 1 - done);
		if (part <= 0)
			break;
		done += part;
	}
	close(fd);
	text[done] = 0;
	return done;
}

/* Is the first thread of @pid asleep, as a wait that a signal ends is? */
CHECK_HELPER bool is_asleep(pid_t pid)
{
	char name[32], text[512];
	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	return file_read(name, text, sizeof(text)) > 0 && strstr(text, ") S ");
}

/* A child that sends `sig` to this process after a while, and when it is asleep, or a second later. */
CHECK_HELPER pid_t signal_after(int sig, int milliseconds)
{
	pid_t target = getpid();
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(milliseconds);
		for (int64_t end = now_ms() + 1000; !is_asleep(target) && now_ms() < end;)
			sleep_ms(1);
		kill(target, sig);
		_exit(0);
	}
	return pid;
}

CHECK_HELPER void signal_set(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigemptyset(&action.sa_mask);
	sigaction(sig, &action, NULL);
}

/* The state letter of /proc/PID/stat, or 0. */
CHECK_HELPER char process_state(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	text[length] = 0;
	char *end = strrchr(text, ')');
	return end ? end[2] : 0;
}

/* ---- scratch directory: made under /tmp and entered; removed when the program ends ---- */

CHECK_HELPER void directory_empty(int dir)
{
	DIR *list = fdopendir(dir);
	struct dirent *entry;
	while (list && (entry = readdir(list))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dir, entry->d_name, 0) == 0)
			continue;
		int sub = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (sub >= 0)
			directory_empty(sub);
		unlinkat(dir, entry->d_name, AT_REMOVEDIR);
		rewinddir(list);
	}
	closedir(list);
}

CHECK_HELPER void scratch_remove(void)
{
	if (!check_scratch[0] || getpid() != check_main_pid)
		return;
	int dir = open(check_scratch, O_RDONLY | O_DIRECTORY);
	if (dir >= 0)
		directory_empty(dir);
	if (chdir("/") == 0)
		rmdir(check_scratch);
	check_scratch[0] = 0;
}

CHECK_HELPER bool scratch_enter(void)
{
	if (check_scratch[0])
		return chdir(check_scratch) == 0;
	strcpy(check_scratch, "/tmp/check-XXXXXX");
	return CHECK(mkdtemp(check_scratch) != NULL) && CHECK(chdir(check_scratch) == 0);
}

CHECK_HELPER bool file_write(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t done = fd < 0 ? -1 : write(fd, data, size);
	if (fd >= 0)
		close(fd);
	return done == (ssize_t)size;
}

/* ---- the program ---- */

CHECK_HELPER void check_watchdog(int sig)
{
	(void)sig;
	check_fail(0, "an end in time", "a time-out");
	_exit(1);
}

CHECK_HELPER int check_run(const struct check_case *cases, size_t count, const char *only)
{
	int failed = 0;
	for (size_t i = 0; i < count; i++) {
		if (only && strcmp(only, cases[i].name))
			continue;
		check_case_name = cases[i].name;
		check_failures = 0;
		check_skipped = 0;
		signal_set(SIGALRM, check_watchdog, 0);
		alarm(check_timeout);
		cases[i].run();
		if (check_failures)
			failed++;
		else if (!check_skipped)
			check_print("ok %s %s", program_invocation_short_name, cases[i].name);
	}
	scratch_remove();
	return failed ? 1 : 0;
}

CHECK_HELPER int check_main(const struct check_case *cases, size_t count, int argc, char **argv)
{
	const char *only = NULL;
	int option;
	check_main_pid = getpid();
	while ((option = getopt(argc, argv, "c:t:")) != -1) {
		if (option == 'c')
			only = optarg;
		else if (option == 't')
			check_timeout = atoi(optarg);
		else
			return 2;
	}
	if (optind < argc) {
		check_seed = strtoull(argv[optind], NULL, 0);
		check_print("# %s seed %llu", program_invocation_short_name,
			    (unsigned long long)check_seed);
	}
	return check_run(cases, count, only);
}

#define CHECK_MAIN(cases)                                                                          \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return check_main((cases), ARRAY_SIZE(cases), argc, argv);                         \
	}
