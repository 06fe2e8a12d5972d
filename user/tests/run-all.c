/*
 * Runs every program of a directory (default /tests) one after the other, each in a process group
 * of its own, with a time limit. Prints `ok NAME` (after its skip lines) or `not ok NAME` and what
 * it printed, at the end `# N passed, N failed`.
 *
 * run-all [-t SECONDS] [-s SEED] [DIRECTORY [NAME...]]
 */
#include "check.h"

enum { NAMES_MAX = 512, OUTPUT_MAX = 1 << 18 };

static char *names[NAMES_MAX];
static size_t name_count;
static char output[OUTPUT_MAX];
static const char *seed;
static unsigned limit_seconds = 180;

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool program_wanted(const char *directory, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return strcmp(name, program_invocation_short_name) && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static int names_list(const char *directory)
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	if (!list) {
		check_print("run-all: %s: %s", directory, strerror(errno));
		return -1;
	}
	while ((entry = readdir(list)) && name_count < NAMES_MAX) {
		if (program_wanted(directory, entry->d_name))
			names[name_count++] = strdup(entry->d_name);
	}
	closedir(list);
	qsort(names, name_count, sizeof(names[0]), name_compare);
	return 0;
}

/* The child's side: a group of its own, both outputs into the pipe. */
static void program_start(const char *directory, char *name, int out)
{
	char path[PATH_MAX];
	char *argv[] = { path, (char *)seed, NULL };
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	setpgid(0, 0);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	for (int fd = 3; fd < 16; fd++)
		close(fd);
	execv(path, argv);
	check_print("run-all: %s: %s", path, strerror(errno));
	_exit(127);
}

/* Take what is in the pipe now (it is non-blocking). */
static size_t output_take(int fd, size_t have)
{
	char rest[512];
	for (;;) {
		bool full = have >= sizeof(output) - 1;
		ssize_t part = full ? read(fd, rest, sizeof(rest))
				    : read(fd, output + have, sizeof(output) - 1 - have);
		if (part <= 0)
			break;
		have += full ? 0 : part;
	}
	output[have] = 0;
	return have;
}

/* The wait status, or −1 when it had to be killed. */
static int program_wait(pid_t pid, int fd)
{
	int64_t end = now_ms() + limit_seconds * 1000LL;
	size_t have = 0;
	int status = -1, pause = 1;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() > end) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			status = -1;
			break;
		}
		sleep_ms(pause);
		pause = pause < 10 ? pause + 1 : 10;
		have = output_take(fd, have);
	}
	kill(-pid, SIGKILL);
	output_take(fd, have);
	return status;
}

static void output_show_skips(void)
{
	for (char *line = output; line && *line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end = 0;
		if (!strncmp(line, "skip ", 5))
			check_print("%s", line);
		line = end ? end + 1 : NULL;
	}
}

static void output_show(void)
{
	for (char *line = output; line && *line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end = 0;
		check_print("  %s", line);
		line = end ? end + 1 : NULL;
	}
}

static bool program_run(const char *directory, char *name)
{
	int ends[2];
	int64_t begin = now_ms();
	output[0] = 0;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		check_print("not ok %s: pipe: %s", name, strerror(errno));
		return false;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid_t pid = fork();
	if (pid == 0)
		program_start(directory, name, ends[1]);
	close(ends[1]);
	int status = pid < 0 ? -1 : program_wait(pid, ends[0]);
	close(ends[0]);
	if (status == 0) {
		output_show_skips();
		check_print("ok %s (%d ms)", name, (int)(now_ms() - begin));
		return true;
	}
	if (status == -1)
		check_print("not ok %s: %s", name, pid < 0 ? "fork failed" : "time-out");
	else if (WIFSIGNALED(status))
		check_print("not ok %s: signal %d", name, WTERMSIG(status));
	else
		check_print("not ok %s: exit %d", name, WEXITSTATUS(status));
	output_show();
	return false;
}

int main(int argc, char **argv)
{
	const char *directory = "/tests";
	int option, passed = 0, failed = 0;
	while ((option = getopt(argc, argv, "t:s:")) != -1) {
		if (option == 't')
			limit_seconds = atoi(optarg);
		else if (option == 's')
			seed = optarg;
		else
			return 2;
	}
	if (optind < argc)
		directory = argv[optind++];
	for (; optind < argc && name_count < NAMES_MAX; optind++)
		names[name_count++] = argv[optind];
	if (!name_count && names_list(directory) < 0)
		return 1;
	for (size_t i = 0; i < name_count; i++) {
		if (program_run(directory, names[i]))
			passed++;
		else
			failed++;
	}
	check_print("# %d passed, %d failed", passed, failed);
	return failed ? 1 : 0;
}
