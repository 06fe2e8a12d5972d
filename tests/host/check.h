#pragma once
/* What the host tests share: expectations, a repeatable random sequence, and tools run as filters. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* <sys/wait.h> brings names along that the kernel's headers have, too. */
pid_t waitpid(pid_t child, int *status, int options);

static const char *check_name;
static unsigned check_failures, check_failures_here;

#define CHECK_FAIL(...)                                                                            \
	do {                                                                                       \
		if (check_failures_here++ < 10) {                                                  \
			printf("not ok %s: %s:%d: ", check_name, __FILE__, __LINE__);              \
			printf(__VA_ARGS__);                                                       \
			printf("\n");                                                              \
		}                                                                                  \
	} while (0)

/* Integers, pointers as (long), and strings. */
#define EXPECT(came, expected)                                                                     \
	do {                                                                                       \
		long long came_ = (long long)(came), expected_ = (long long)(expected);            \
		if (came_ != expected_)                                                            \
			CHECK_FAIL("%s: expected %lld, came %lld", #came, expected_, came_);       \
	} while (0)
#define EXPECT_TRUE(condition)                                                                     \
	do {                                                                                       \
		if (!(condition))                                                                  \
			CHECK_FAIL("expected %s, came its opposite", #condition);                  \
	} while (0)
#define EXPECT_STRING(came, expected)                                                              \
	do {                                                                                       \
		const char *came_ = (came), *expected_ = (expected);                               \
		if (!came_ || __builtin_strcmp(came_, expected_))                                  \
			CHECK_FAIL("%s: expected \"%s\", came \"%s\"", #came, expected_,           \
				   came_ ? came_ : "(null)");                                      \
	} while (0)

#define RUN(test) check_run(#test, test)
static inline void check_run(const char *name, void (*test)(void))
{
	check_name = name;
	check_failures_here = 0;
	test();
	if (!check_failures_here)
		printf("ok %s\n", name);
	check_failures += check_failures_here;
	fflush(stdout);
}

#define CHECK_RESULT (check_failures ? EXIT_FAILURE : EXIT_SUCCESS)

static uint64_t check_random_state = 0x9e3779b97f4a7c15;

/* Another sequence: SEED=number. */
static inline void check_random_seed(void)
{
	const char *text = getenv("SEED");

	if (text)
		check_random_state ^= strtoull(text, NULL, 0) * 0xbf58476d1ce4e5b9;
}

/* The same sequence in each run. */
static inline uint64_t check_random(void)
{
	check_random_state ^= check_random_state << 13;
	check_random_state ^= check_random_state >> 7;
	check_random_state ^= check_random_state << 17;
	return check_random_state * 0x2545f4914f6cdd1d >> 7;
}

/*
 * Run @arguments with @input as its standard input: its output, allocated, and *@size. NULL when it
 * cannot be run or fails.
 */
static inline void *check_filter(const char *const *arguments, const void *input, size_t input_size,
				 size_t *size)
{
	FILE *in = tmpfile(), *out = tmpfile();
	char *result = NULL;
	int status = -1;
	pid_t child;

	if (!in || !out || fwrite(input, 1, input_size, in) != input_size || fflush(in))
		abort();
	rewind(in);
	child = fork();
	if (!child) {
		dup2(fileno(in), 0);
		dup2(fileno(out), 1);
		execvp(arguments[0], (char *const *)arguments);
		_exit(127);
	}
	if (child > 0 && waitpid(child, &status, 0) == child && status == 0) {
		fseek(out, 0, SEEK_END);
		*size = (size_t)ftell(out);
		rewind(out);
		result = malloc(*size ? *size : 1);
		if (!result || fread(result, 1, *size, out) != *size)
			abort();
	}
	fclose(in);
	fclose(out);
	return result;
}
