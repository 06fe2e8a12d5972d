/* Selene's spawn call itself: arguments, flags, actions, errors, nothing left behind. */
#include "check.h"

#include "../lib/selene_spawn.h"
#include <pthread.h>

static char self[PATH_MAX];
static char *no_environment[] = { NULL };

static long spawn_call(const struct selene_spawn_args *args, size_t size)
{
	return syscall(SELENE_SYS_spawn, args, size);
}

static struct selene_spawn_args args_make(const char *path, char **argv)
{
	return (struct selene_spawn_args){
		.path = (uintptr_t)path,
		.path_fd = -1,
		.argv = (uintptr_t)argv,
		.envp = (uintptr_t)no_environment,
	};
}

static int status_of(long pid)
{
	int status = pid > 0 ? wait_status(pid) : -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

static int descriptors_open(void)
{
	int count = 0;
	for (int fd = 0; fd < 200; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static char *exit_argv[] = { "spawn-call", "--exit", "5", NULL };

static void test_path(void)
{
	struct selene_spawn_args args = args_make(self, exit_argv);
	CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 5);
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	args.path = 0;
	args.path_fd = fd;
	CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 5);
	close(fd);
}

static void test_errors(void)
{
	struct selene_spawn_args args = args_make("/no/such", exit_argv), good;
	int before = descriptors_open();
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), ENOENT);
	args = args_make("/dev/null", exit_argv);
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EACCES);
	args = args_make(NULL, exit_argv);
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EFAULT);
	good = args = args_make(self, exit_argv);
	CHECK_ERRNO(spawn_call(&args, 8), EINVAL);
	CHECK_ERRNO(spawn_call(NULL, sizeof(args)), EFAULT);
	CHECK_ERRNO(spawn_call((void *)(~0UL << 20), sizeof(args)), EFAULT);
	args.flags = 1UL << 40;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EINVAL);
	args = good;
	args.argv = 8;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EFAULT);
	args = good;
	args.envp = ~0UL << 30;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EFAULT);
	args = good;
	args.actions = 8;
	args.action_count = 3;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EFAULT);
	args.action_count = 1UL << 60;
	CHECK(spawn_call(&args, sizeof(args)) == -1);
	args = good;
	args.path = 0;
	args.path_fd = 999;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EBADF);
	args = good;
	args.flags = SELENE_SPAWN_SETPGROUP;
	args.pgroup = -5;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EINVAL);
	args.pgroup = 999999;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EPERM);
	CHECK_EQ(descriptors_open(), before);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void test_actions(void)
{
	char text[16] = "";
	int ends[2];
	REQUIRE(scratch_enter() && pipe2(ends, O_CLOEXEC) == 0);
	char *argv[] = { "spawn-call", "--check", check_scratch, NULL };
	struct selene_spawn_action actions[] = {
		{ .kind = SELENE_SPAWN_DUP2, .fd = ends[1], .newfd = 1 },
		{ .kind = SELENE_SPAWN_OPEN,
		  .fd = 10,
		  .path = (uintptr_t) "made",
		  .oflag = O_RDWR | O_CREAT,
		  .mode = 0600 },
		{ .kind = SELENE_SPAWN_DUP2, .fd = 10, .newfd = 11 },
		{ .kind = SELENE_SPAWN_CLOSE, .fd = 10 },
		{ .kind = SELENE_SPAWN_CHDIR, .path = (uintptr_t)check_scratch },
	};
	struct selene_spawn_args args = args_make(self, argv);
	args.actions = (uintptr_t)actions;
	args.action_count = ARRAY_SIZE(actions);
	CHECK_OK(chdir(check_scratch));
	CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 0);
	CHECK_EQ(read(ends[0], text, sizeof(text)), 4);
	CHECK_STR(text, "good");
	CHECK_ERRNO(fcntl(11, F_GETFD), EBADF); /* nothing happened here */
	actions[0].kind = 99;
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EINVAL);
	actions[0] =
		(struct selene_spawn_action){ .kind = SELENE_SPAWN_DUP2, .fd = 150, .newfd = 1 };
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EBADF);
	close(ends[0]), close(ends[1]);
}

static void test_close_fds(void)
{
	char *argv[] = { "spawn-call", "--open", "40", NULL };
	struct selene_spawn_args args = args_make(self, argv);
	CHECK_EQ(dup2(0, 40), 40);
	CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 0);
	args.flags = SELENE_SPAWN_CLOSE_FDS;
	CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 1);
	struct selene_spawn_action action = { .kind = SELENE_SPAWN_DUP2, .fd = 1, .newfd = 40 };
	args.actions = (uintptr_t)&action;
	args.action_count = 1;
	CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 0);
	close(40);
}

static void test_larger_struct(void)
{
	struct {
		struct selene_spawn_args args;
		uint64_t more[4];
	} large = { .args = args_make(self, exit_argv) };
	CHECK_EQ(status_of(spawn_call(&large.args, sizeof(large))), 5);
	large.more[2] = 1;
	CHECK_ERRNO(spawn_call(&large.args, sizeof(large)), E2BIG);
}

/* The child is an ordinary child: SIGCHLD, getppid, its own memory. */
static volatile int children;

static void on_child(int sig)
{
	(void)sig;
	children++;
}

static void test_child(void)
{
	char parent[16];
	snprintf(parent, sizeof(parent), "%d", getpid());
	char *argv[] = { "spawn-call", "--parent", parent, NULL };
	struct selene_spawn_args args = args_make(self, argv);
	children = 0;
	signal_set(SIGCHLD, on_child, SA_RESTART);
	CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 0);
	for (int i = 0; i < 1000 && !children; i++)
		sleep_ms(1);
	CHECK_EQ(children, 1);
	signal_set(SIGCHLD, SIG_DFL, 0);
}

/* The time does not depend on the size of the parent (and its memory is not touched). */
static void *spawn_run(void *argument)
{
	struct selene_spawn_args args = args_make(self, exit_argv);
	for (int i = 0; i < 25; i++)
		CHECK_EQ(status_of(spawn_call(&args, sizeof(args))), 5);
	return argument;
}

static void test_threads(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, spawn_run, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* ---- what goes wrong half-way ---- */

static pid_t child_of(pid_t parent)
{
	DIR *list = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;
	while (list && !found && (entry = readdir(list))) {
		char path[300], text[512], *end;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (atoi(entry->d_name) <= 0 || file_read(path, text, sizeof(text)) <= 0)
			continue;
		end = strrchr(text, ')');
		if (end && atoi(end + 4) == parent)
			found = atoi(entry->d_name);
	}
	closedir(list);
	return found;
}

static long half_way_result;
static int half_way_errno;

/* Opens a FIFO that nobody writes to: the child waits in the middle of its actions. */
static void *spawn_half_way(void *unused)
{
	struct selene_spawn_action actions[] = {
		{ .kind = SELENE_SPAWN_OPEN,
		  .fd = 50,
		  .oflag = O_RDWR | O_CREAT,
		  .mode = 0600,
		  .path = (uintptr_t) "opened" },
		{ .kind = SELENE_SPAWN_OPEN,
		  .fd = 51,
		  .oflag = O_RDONLY,
		  .path = (uintptr_t) "fifo" },
	};
	struct selene_spawn_args args = args_make(self, exit_argv);
	args.actions = (uintptr_t)actions;
	args.action_count = ARRAY_SIZE(actions);
	half_way_result = spawn_call(&args, sizeof(args));
	half_way_errno = errno;
	return unused;
}

static void test_killed(void)
{
	pthread_t thread;
	pid_t child = 0;
	int before = descriptors_open();
	REQUIRE(scratch_enter() && mkfifo("fifo", 0600) == 0);
	for (int round = 0; round < 10; round++) {
		CHECK_EQ(pthread_create(&thread, NULL, spawn_half_way, NULL), 0);
		for (int i = 0; i < 5000 && !(child = child_of(getpid())); i++)
			sleep_ms(1);
		REQUIRE(child > 0);
		sleep_ms(round);
		kill(child, SIGKILL);
		pthread_join(thread, NULL);
		CHECK(half_way_result == -1 && half_way_errno == EINTR);
		CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	}
	CHECK_EQ(descriptors_open(), before);
	unlink("fifo");
	unlink("opened");
}

/* The caller is killed in the middle: what it began goes on, or ends, without it. */
static void half_way_child(void *unused)
{
	spawn_half_way(unused);
}

static void test_caller_killed(void)
{
	pid_t child = 0;
	REQUIRE(scratch_enter() && mkfifo("fifo", 0600) == 0);
	pid_t caller = fork_child();
	if (caller == 0) {
		half_way_child(NULL);
		_exit(1);
	}
	for (int i = 0; i < 5000 && !(child = child_of(caller)); i++)
		sleep_ms(1);
	REQUIRE(child > 0);
	kill(caller, SIGKILL);
	CHECK_EQ(WTERMSIG(wait_status(caller)), SIGKILL);
	int fd = open("fifo", O_WRONLY); /* lets the child go on: it is init's now */
	CHECK(fd >= 0);
	for (int i = 0; i < 5000 && process_state(child) != 0; i++)
		sleep_ms(1);
	CHECK_EQ(process_state(child), 0);
	close(fd);
	unlink("fifo");
	unlink("opened");
}

static void test_scripts(void)
{
	struct selene_spawn_args args = args_make("./loop", exit_argv);
	REQUIRE(scratch_enter());
	REQUIRE(file_write("loop", "#!./loop\n", 9) && chmod("loop", 0755) == 0);
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), ELOOP);
	REQUIRE(file_write("loop", "#!./gone\n", 9));
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), ENOENT);
	REQUIRE(file_write("loop", "#!/tmp\n", 7));
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EACCES);
	REQUIRE(file_write("loop", "\177ELF", 4));
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), ENOEXEC);
	args = args_make(".", exit_argv);
	CHECK_ERRNO(spawn_call(&args, sizeof(args)), EACCES);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	unlink("loop");
}

static volatile int swapping;

static void *swap_run(void *unused)
{
	while (swapping) {
		rename("first", "program");
		symlink("second", "first");
		rename("first", "program");
		symlink(self, "first");
	}
	return unused;
}

/* The name changes its program all the time: each spawn starts the one or the other. */
static void test_swapped(void)
{
	struct selene_spawn_args args = args_make("./program", exit_argv);
	int seen[2] = { 0 };
	pthread_t thread;
	REQUIRE(scratch_enter() && symlink(self, "first") == 0 && symlink(self, "program") == 0);
	REQUIRE(file_write("second", "#!/bin/false\n", 13) && chmod("second", 0755) == 0);
	swapping = 1;
	CHECK_EQ(pthread_create(&thread, NULL, swap_run, NULL), 0);
	for (int i = 0; i < 100; i++) {
		int status = status_of(spawn_call(&args, sizeof(args)));
		CHECK(status == 5 || status == 1);
		seen[status == 5]++;
	}
	swapping = 0;
	pthread_join(thread, NULL);
	CHECK_EQ(seen[0] + seen[1], 100);
}

static const struct check_case cases[] = {
	{ "path", test_path },
	{ "errors", test_errors },
	{ "actions", test_actions },
	{ "close-fds", test_close_fds },
	{ "larger-struct", test_larger_struct },
	{ "child", test_child },
	{ "threads", test_threads },
	{ "killed", test_killed },
	{ "caller-killed", test_caller_killed },
	{ "scripts", test_scripts },
	{ "swapped", test_swapped },
};

static int mode_run(char **argv)
{
	char path[PATH_MAX];
	if (!strcmp(argv[1], "--exit"))
		return atoi(argv[2]);
	if (!strcmp(argv[1], "--open"))
		return fcntl(atoi(argv[2]), F_GETFD) < 0;
	if (!strcmp(argv[1], "--parent"))
		return getppid() == atoi(argv[2]) ? 0 : 1;
	if (!getcwd(path, sizeof(path)) || strcmp(path, argv[2]))
		return 1;
	if (fcntl(10, F_GETFD) >= 0 || fcntl(11, F_GETFD) < 0 || access("made", F_OK) < 0)
		return 2;
	return write(1, "good", 4) == 4 ? 0 : 3;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strncmp(argv[1], "--", 2))
		return mode_run(argv);
	if (syscall(SELENE_SYS_spawn, NULL, 0) == -1 && errno == ENOSYS) {
		check_print("skip spawn-call no spawn system call");
		return 0;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
