/* execve(2) of "#!" scripts: the interpreter, its one argument, nesting, errors. */
#include "check.h"

static char self[PATH_MAX];

/* As an interpreter: print the arguments, one per line in brackets. */
static int mode_print(int argc, char **argv)
{
	char line[4096];
	size_t length = 0;
	for (int i = 0; i < argc; i++)
		length += snprintf(line + length, sizeof(line) - length, "[%s]", argv[i]);
	return write(1, line, length) == (ssize_t)length ? 0 : 1;
}

static bool script_write(const char *name, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return file_write(name, text, length) && chmod(name, 0755) == 0;
}

/* Run a script, take what it prints; the exit code, or 300 + errno of a failed exec. */
static int script_run(const char *path, char *out, size_t size)
{
	static char *envp[] = { NULL };
	char *argv[] = { "zero", "one", "two", NULL };
	int ends[2], failure[2], error = 0;
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(failure, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork_child();
	if (pid == 0) {
		dup2(ends[1], 1);
		execve(path, argv, envp);
		error = errno;
		_exit(write(failure[1], &error, sizeof(error)) == sizeof(error) ? 1 : 2);
	}
	close(ends[1]), close(failure[1]);
	ssize_t failed = read(failure[0], &error, sizeof(error));
	ssize_t length = read(ends[0], out, size - 1);
	out[length > 0 ? length : 0] = 0;
	close(ends[0]), close(failure[0]);
	int status = wait_status(pid);
	return failed > 0 ? 300 + error : WEXITSTATUS(status);
}

static void test_arguments(void)
{
	char out[4096], expected[4096];
	REQUIRE(scratch_enter());
	REQUIRE(script_write("plain", "#!%s\n", self));
	CHECK_EQ(script_run("./plain", out, sizeof(out)), 0);
	snprintf(expected, sizeof(expected), "[%s][./plain][one][two]", self);
	CHECK_STR(out, expected);
	REQUIRE(script_write("one", "#! \t%s  -a -b c \t\nrest\n", self));
	CHECK_EQ(script_run("./one", out, sizeof(out)), 0);
	/* All of the rest is ONE argument; blanks at both of its ends go. */
	snprintf(expected, sizeof(expected), "[%s][-a -b c][./one][one][two]", self);
	CHECK_STR(out, expected);
	REQUIRE(script_write("noeol", "#!%s x", self));
	CHECK_EQ(script_run("noeol", out, sizeof(out)), 0);
	snprintf(expected, sizeof(expected), "[%s][x][noeol][one][two]", self);
	CHECK_STR(out, expected);
}

static void test_nested(void)
{
	char out[4096], expected[4096], directory[512];
	REQUIRE(scratch_enter() && getcwd(directory, sizeof(directory)));
	REQUIRE(script_write("level1", "#!%s arg1\n", self));
	REQUIRE(script_write("level2", "#!%s/level1 arg2\n", directory));
	REQUIRE(script_write("level3", "#!%s/level2\n", directory));
	CHECK_EQ(script_run("./level3", out, sizeof(out)), 0);
	snprintf(expected, sizeof(expected),
		 "[%s][arg1][%s/level1][arg2][%s/level2][./level3]"
		 "[one][two]",
		 self, directory, directory);
	CHECK_STR(out, expected);
}

static void test_too_deep(void)
{
	char out[4096], directory[512], name[16];
	REQUIRE(scratch_enter() && getcwd(directory, sizeof(directory)));
	REQUIRE(script_write("deep0", "#!%s\n", self));
	for (int i = 1; i < 8; i++) {
		snprintf(name, sizeof(name), "deep%d", i);
		REQUIRE(script_write(name, "#!%s/deep%d\n", directory, i - 1));
	}
	CHECK_EQ(script_run("./deep4", out, sizeof(out)), 0);
	CHECK_EQ(script_run("./deep7", out, sizeof(out)), 300 + ELOOP);
	REQUIRE(script_write("self", "#!%s/self\n", directory));
	CHECK_EQ(script_run("./self", out, sizeof(out)), 300 + ELOOP);
}

static void test_errors(void)
{
	char out[4096], directory[512];
	REQUIRE(scratch_enter() && getcwd(directory, sizeof(directory)));
	REQUIRE(script_write("missing", "#!/no/such/interpreter\n"));
	CHECK_EQ(script_run("./missing", out, sizeof(out)), 300 + ENOENT);
	REQUIRE(script_write("bare", "#!\n"));
	CHECK_EQ(script_run("./bare", out, sizeof(out)), 300 + ENOEXEC);
	REQUIRE(script_write("blank", "#!   \t \n"));
	CHECK_EQ(script_run("./blank", out, sizeof(out)), 300 + ENOEXEC);
	REQUIRE(file_write("data", "data", 4) && chmod("data", 0644) == 0);
	REQUIRE(script_write("noexec", "#!%s/data\n", directory));
	CHECK_EQ(script_run("./noexec", out, sizeof(out)), 300 + EACCES);
	REQUIRE(script_write("dir", "#!%s\n", directory));
	CHECK_EQ(script_run("./dir", out, sizeof(out)), 300 + EACCES);
}

/* The first line may have 255 bytes; a longer interpreter's name is no program. */
static void test_long_line(void)
{
	char out[4096], long_name[400];
	REQUIRE(scratch_enter());
	memset(long_name, 'n', sizeof(long_name));
	long_name[0] = '/';
	long_name[300] = 0;
	REQUIRE(script_write("long", "#!%s\n", long_name));
	CHECK_EQ(script_run("./long", out, sizeof(out)), 300 + ENOEXEC);
	long_name[200] = 0;
	REQUIRE(script_write("fits", "#!%s %s\n", self, long_name + 1));
	CHECK_EQ(script_run("./fits", out, sizeof(out)), 0);
	CHECK(strstr(out, long_name + 1) != NULL);
}

static void test_relative(void)
{
	char out[4096];
	REQUIRE(scratch_enter());
	CHECK_OK(symlink(self, "interpreter"));
	REQUIRE(script_write("relative", "#!interpreter\n"));
	CHECK_EQ(script_run("./relative", out, sizeof(out)), 0);
	CHECK_STR(out, "[interpreter][./relative][one][two]");
	CHECK_EQ(script_run("/bin/sh", out, sizeof(out)) != 0, 1);
}

static void test_shell(void)
{
	char out[4096];
	REQUIRE(scratch_enter());
	REQUIRE(script_write("shell", "#!/bin/sh\necho $1-$2-$#\nexit 5\n"));
	CHECK_EQ(script_run("./shell", out, sizeof(out)), 5);
	CHECK_STR(out, "one-two-2\n");
}

static const struct check_case cases[] = {
	{ "arguments", test_arguments }, { "nested", test_nested },
	{ "too-deep", test_too_deep },	 { "errors", test_errors },
	{ "long-line", test_long_line }, { "relative", test_relative },
	{ "shell", test_shell },
};

int main(int argc, char **argv)
{
	/* As an interpreter our last argument is "two". */
	if (argc > 2 && !strcmp(argv[argc - 1], "two"))
		return mode_print(argc, argv);
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length < 0)
		return 2;
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
