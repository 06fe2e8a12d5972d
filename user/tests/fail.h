#pragma once
/*
 * Every allocation fails once: /proc/selene/fail makes the n-th one of this process fail, and each
 * operation is tried with n = 1, 2, 3, … until nothing fails any more. It must end with an errno or
 * succeed all the same, leave nothing behind, and work afterwards. Selene only.
 */
#include "check.h"

#define KNOB  "/proc/selene/fail"
#define AUDIT "/proc/selene/audit"

enum { TRIES_MAX = 3000, MIB = 1 << 20, REPORT_MAX = 1 << 14, KILLED = 1000 };

static int knob = -1;
static unsigned long arm_at; /* which allocation fails between fail_begin() and fail_end() */
static int failed;	     /* it did */
static char report_before[REPORT_MAX], report_after[REPORT_MAX];
static char text[256 * 1024];

CHECK_HELPER void fail_begin(void)
{
	char number[24];
	int length = snprintf(number, sizeof(number), "%lu", arm_at);
	if (pwrite(knob, number, length, 0) != length)
		check_fail(__LINE__, "the knob can be set", check_errno_name(errno));
}

/* Keeps errno. The knob's own calls may be what fails: then it is off as well. */
CHECK_HELPER void fail_end(void)
{
	char digit = '0';
	int saved = errno;
	(void)!pwrite(knob, "0", 1, 0);
	for (int i = 0; i < 2 && pread(knob, &digit, 1, 0) != 1; i++)
		;
	failed = digit == '1';
	errno = saved;
}

/* A call with the knob armed; its result, and errno as it left it. */
#define FAILING(call)                                                                              \
	({                                                                                         \
		fail_begin();                                                                      \
		long failing_result_ = (long)(call);                                               \
		fail_end();                                                                        \
		failing_result_;                                                                   \
	})

CHECK_HELPER int result_of(long result)
{
	return result == -1 ? errno : 0;
}

/* What is tried: 0 or the errno, with everything undone. */
struct
try {
	const char *name;
	int (*run)(void);
	bool optional; /* a kernel may not have it */
};

/* What the program tries, up to one without a name. */
static const struct try *tries;

CHECK_HELPER long report_value(const char *report, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = report; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ' ')
			return atol(line + length);
	}
	return 0;
}

static const char *const counts[] = { "kernel", "table", "user", "object", "slab_objects" };

CHECK_HELPER bool reports_equal(void)
{
	bool same = true;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		same = same && report_value(report_after, counts[i]) ==
				       report_value(report_before, counts[i]);
	return same;
}

/* report_before, once what the last sweep ended has gone: the same twice. */
CHECK_HELPER void report_settle(void)
{
	file_read(AUDIT, report_after, sizeof(report_after));
	for (int attempt = 0; attempt < 50; attempt++) {
		file_read(AUDIT, report_before, sizeof(report_before));
		if (attempt && reports_equal())
			return;
		memcpy(report_after, report_before, sizeof(report_after));
		sleep_ms(20);
	}
}

/* The kernel's counts, once all that ended has gone. */
CHECK_HELPER void report_compare(const char *name)
{
	bool same = false;
	for (int attempt = 0; attempt < 20 && !same; attempt++) {
		if (attempt)
			sleep_ms(20);
		same = file_read(AUDIT, report_after, sizeof(report_after)) > 0 &&
		       !strncmp(report_after, "audit: clean", 12) && reports_equal();
	}
	if (same)
		return;
	for (char *line = strtok(report_after, "\n"); line; line = strtok(NULL, "\n")) {
		char key[64] = "";
		const char *space = strrchr(line, ' ');
		if (space)
			snprintf(key, sizeof(key), "%.*s", (int)(space - line), line);
		if (!space || report_value(report_before, key) != atol(space + 1))
			check_print("  %s: %ld before; now: %s", name,
				    report_value(report_before, key), line);
	}
	check_fail(__LINE__, "nothing lost, audit clean", name);
}

CHECK_HELPER bool result_expected(int error)
{
	return error == 0 || error == ENOMEM || error == EAGAIN || error == ENFILE ||
	       error == ENOBUFS || error == ENOSPC || error == ENOLCK || error == KILLED;
}

CHECK_HELPER void sweep(const struct try *try)
{
	int error = 0;
	for (arm_at = 1; arm_at < TRIES_MAX; arm_at++) {
		failed = 0;
		error = try->run();
		if (!failed)
			break;
		if (!result_expected(error)) {
			check_print("  %s, allocation %lu: %s", try->name, arm_at,
				    check_errno_name(error));
			check_fail(__LINE__, "ENOMEM or another shortage", check_errno_name(error));
		}
	}
	if (error) {
		check_print("  %s without a failure: %s", try->name, check_errno_name(error));
		check_fail(__LINE__, "success when nothing fails", check_errno_name(error));
	}
	CHECK(arm_at < TRIES_MAX);
}

CHECK_HELPER bool try_exists(const struct try *try)
{
	arm_at = 1000000;
	int error = try->run();
	return !try->optional || error == 0;
}

CHECK_HELPER bool prepare(void)
{
	static const char script[] = "#!/proc/self/exe --executed\n";
	if (knob < 0)
		knob = open(KNOB, O_RDWR | O_CLOEXEC);
	if (knob < 0 || !scratch_enter())
		return false;
	/* What the dynamic linker says of a failure must not fill a pipe's page. */
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	memset(text, 'd', sizeof(text));
	memset(report_before, ' ', sizeof(report_before));
	memset(report_after, ' ', sizeof(report_after));
	file_write("data", text, 16 * PAGE);
	file_write("large", text, sizeof(text));
	(void)!truncate("large", 8 * MIB);
	file_write("script", script, sizeof(script) - 1);
	chmod("script", 0755);
	mkdir("mounted", 0700);
	return true;
}

CHECK_HELPER void run_all(void)
{
	if (access(KNOB, W_OK) != 0)
		SKIP("no " KNOB);
	REQUIRE(prepare());
	for (const struct try *try = tries; try->name; try++) {
		if (!try_exists(try))
			continue;
		int failures = check_failures;
		sweep(try);
		/* Once more, now that this program has touched all that it will touch. */
		report_settle();
		sweep(try);
		report_compare(try->name);
		if (getenv("VERBOSE") || failures != check_failures)
			check_print("# %s: %lu allocations", try->name, arm_at - 1);
	}
}

/* The program after an exec: 2 when the allocation failed. */
CHECK_HELPER int executed(void)
{
	failed = 0;
	knob = open(KNOB, O_RDWR);
	if (knob < 0 && errno == ENOMEM)
		return 2;
	fail_end();
	return failed ? 2 : 0;
}

/* main() of such a program. */
CHECK_HELPER int fail_main(const struct try *wanted, int argc, char **argv)
{
	static const struct check_case cases[] = { { "sweep", run_all } };

	tries = wanted;
	if (argc > 1 && !strcmp(argv[1], "--executed"))
		return executed();
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
