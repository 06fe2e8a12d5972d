#pragma once
/* The cases of posix-spawn.c (the C library's functions) and spawn-library.c (user/lib's). */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <spawn.h>

static char self[PATH_MAX];
static char *spawn_environment[] = { "PATH=/no/such/dir:/bin", "MARK=yes", NULL };

/* ---- the program that is spawned: posix-spawn --MODE ARG… ---- */

static int mode_signals(void)
{
	struct sigaction action;
	sigset_t set;
	sigprocmask(SIG_BLOCK, NULL, &set);
	sigaction(SIGUSR1, NULL, &action);
	int result = action.sa_handler == SIG_DFL ? 0 : 1;
	sigaction(SIGUSR2, NULL, &action);
	result |= action.sa_handler == SIG_IGN ? 0 : 2;
	result |= sigismember(&set, SIGTERM) ? 0 : 4;
	result |= sigismember(&set, SIGHUP) ? 8 : 0;
	return result;
}

static int mode_run(int argc, char **argv)
{
	char path[PATH_MAX];
	if (!strcmp(argv[1], "--exit"))
		return atoi(argv[2]);
	if (!strcmp(argv[1], "--signals"))
		return mode_signals();
	if (!strcmp(argv[1], "--environment"))
		return getenv("MARK") && !strcmp(getenv("MARK"), "yes") && argc == 3 ? 0 : 1;
	if (!strcmp(argv[1], "--group"))
		return getpgrp() == getpid() ? (getsid(0) == getpid() ? 2 : 1) : 0;
	if (!strcmp(argv[1], "--group-of"))
		return getpgrp() == atoi(argv[2]) ? 0 : 1;
	if (!strcmp(argv[1], "--fd"))
		return fcntl(atoi(argv[2]), F_GETFD) < 0 ? 1 : 0;
	if (!strcmp(argv[1], "--cwd"))
		return getcwd(path, sizeof(path)) && !strcmp(path, argv[2]) ? 0 : 1;
	if (!strcmp(argv[1], "--ids"))
		return geteuid() == getuid() && getegid() == getgid() ? 0 : 1;
	if (!strcmp(argv[1], "--say"))
		return write(1, argv[2], strlen(argv[2])) > 0 ? 0 : 1;
	if (!strcmp(argv[1], "--policy"))
		return sched_getscheduler(0);
	if (!strcmp(argv[1], "--foreground"))
		return tcgetpgrp(atoi(argv[2])) == getpgrp() ? 0 : 1;
	return 99;
}

/* ---- the spawning side ---- */

/* Spawn ourselves in a mode; the exit code, or −error. */
static int spawn_self(const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
		      const char *mode, const char *argument)
{
	char *argv[] = { "posix-spawn", (char *)mode, (char *)argument, NULL };
	pid_t pid = -7;
	int error = posix_spawn(&pid, self, actions, attr, argv, spawn_environment);
	if (error) {
		CHECK_EQ(pid, -7);
		return -error;
	}
	int status = wait_status(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static void test_simple(void)
{
	CHECK_EQ(spawn_self(NULL, NULL, "--exit", "7"), 7);
	CHECK_EQ(spawn_self(NULL, NULL, "--environment", "x"), 0);
	char *argv[] = { "x", "--exit", "3", NULL };
	CHECK_EQ(posix_spawn(NULL, self, NULL, NULL, argv, spawn_environment), 0);
	CHECK_EQ(wait_status(-1), 3 << 8);
}

static void test_errors(void)
{
	char *argv[] = { "x", NULL };
	pid_t pid = -7;
	REQUIRE(scratch_enter());
	REQUIRE(file_write("plain", "text", 4));
	errno = 77;
	CHECK_EQ(posix_spawn(&pid, "/no/such", NULL, NULL, argv, argv + 1), ENOENT);
	CHECK_EQ(posix_spawn(&pid, "plain", NULL, NULL, argv, argv + 1), EACCES);
	CHECK_OK(chmod("plain", 0755));
	CHECK_EQ(posix_spawn(&pid, "./plain", NULL, NULL, argv, argv + 1), ENOEXEC);
	CHECK_EQ(posix_spawn(&pid, ".", NULL, NULL, argv, argv + 1), EACCES);
	CHECK_EQ(posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, argv + 1), ENOENT);
	CHECK_EQ(posix_spawnp(&pid, "", NULL, NULL, argv, argv + 1), ENOENT);
	CHECK_EQ(pid, -7);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD); /* no zombie is left */
}

/* /proc/self is the child's from the first action on; its program is still ours. */
static void test_own_program(void)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = { "posix-spawn", "--exit", "9", NULL };
	char path[64];
	pid_t pid = 0;
	CHECK_EQ(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, spawn_environment), 0);
	CHECK_EQ(wait_status(pid), 9 << 8);
	CHECK_EQ(posix_spawnp(&pid, "/proc/self/exe", NULL, NULL, argv, spawn_environment), 0);
	CHECK_EQ(wait_status(pid), 9 << 8);
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_EQ(posix_spawn(&pid, path, NULL, NULL, argv, spawn_environment), 0);
	CHECK_EQ(wait_status(pid), 9 << 8);
	close(fd);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 60, "/proc/self/exe", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 60, 61);
	CHECK_EQ(posix_spawn(&pid, "/proc/self/fd/61", &actions, NULL, argv, spawn_environment), 0);
	CHECK_EQ(wait_status(pid), 9 << 8);
	posix_spawn_file_actions_destroy(&actions);
}

static int descriptors_open(void)
{
	int count = 0;
	for (int fd = 0; fd < 200; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* However far a child came before it failed: no process, no descriptor, no pid is left of it. */
static void test_failures(void)
{
	static const struct {
		const char *path, *text;
		int mode, error;
	} files[] = {
		{ "loop", "#!./loop\n", 0755, ELOOP },	  { "gone", "#!./no-such\n", 0755, ENOENT },
		{ "into", "#!/tmp\n", 0755, EACCES },	  { "nobody", "#!\n", 0755, ENOEXEC },
		{ "head", "\177ELF", 0755, ENOEXEC },	  { "empty", "", 0755, ENOEXEC },
		{ "plain", "#!/bin/sh\n", 0644, EACCES },
	};
	posix_spawn_file_actions_t actions;
	char *argv[] = { "x", NULL }, *large[] = { "x", NULL, NULL };
	char name[NAME_MAX + 2];
	pid_t pid = -7;
	int before = descriptors_open();
	REQUIRE(scratch_enter() && symlink("circle", "circle") == 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 70, "made", O_RDWR | O_CREAT, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		REQUIRE(file_write(files[i].path, files[i].text, strlen(files[i].text)));
		CHECK_OK(chmod(files[i].path, files[i].mode));
		CHECK_EQ(posix_spawn(&pid, files[i].path, &actions, NULL, argv, argv + 1),
			 files[i].error);
	}
	CHECK_EQ(posix_spawn(&pid, "plain/x", &actions, NULL, argv, argv + 1), ENOTDIR);
	CHECK_EQ(posix_spawn(&pid, "circle", &actions, NULL, argv, argv + 1), ELOOP);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	CHECK_EQ(posix_spawn(&pid, name, &actions, NULL, argv, argv + 1), ENAMETOOLONG);
	large[1] = malloc(256 << 10); /* one string: at most 128 KiB */
	memset(large[1], 'x', (256 << 10) - 1);
	large[1][(256 << 10) - 1] = 0;
	CHECK_EQ(posix_spawn(&pid, self, &actions, NULL, large, argv + 1), E2BIG);
	free(large[1]);
	posix_spawn_file_actions_destroy(&actions);
	CHECK_EQ(pid, -7);
	CHECK_EQ(descriptors_open(), before);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_OK(access("made", F_OK)); /* what the actions did to files stays */
}

static void test_search(void)
{
	pid_t pid;
	char *argv[] = { "sh", "-c", "exit 21", NULL };
	char *old = getenv("PATH");
	old = old ? strdup(old) : NULL;
	setenv("PATH", "/no/such/dir:/bin:/usr/bin", 1);
	CHECK_EQ(posix_spawnp(&pid, "sh", NULL, NULL, argv, spawn_environment), 0);
	CHECK_EQ(wait_status(pid), 21 << 8);
	CHECK_EQ(posix_spawnp(&pid, "/bin/sh", NULL, NULL, argv, spawn_environment), 0);
	CHECK_EQ(wait_status(pid), 21 << 8);
	setenv("PATH", "/no/such/dir", 1);
	CHECK_EQ(posix_spawnp(&pid, "sh", NULL, NULL, argv, spawn_environment), ENOENT);
	REQUIRE(scratch_enter());
	REQUIRE(file_write("denied", "x", 1));
	setenv("PATH", check_scratch, 1);
	CHECK_EQ(posix_spawnp(&pid, "denied", NULL, NULL, argv, spawn_environment), EACCES);
	if (old)
		setenv("PATH", old, 1);
	else
		unsetenv("PATH");
	free(old);
}

static void test_descriptors(void)
{
	posix_spawn_file_actions_t actions;
	char text[32] = "", number[16];
	int ends[2];
	REQUIRE(scratch_enter());
	REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
	CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
	CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--say", "piped"), 0);
	CHECK_EQ(read(ends[0], text, sizeof(text)), 5);
	CHECK_STR(text, "piped");
	CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
	CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
	char path[] = "output";
	CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT, 0640), 0);
	memset(path, 'x', 6); /* the path was copied */
	CHECK_EQ(posix_spawn_file_actions_addclose(&actions, 0), 0);
	CHECK_EQ(posix_spawn_file_actions_addclose(&actions, 200), 0); /* not open: fine */
	CHECK_EQ(spawn_self(&actions, NULL, "--say", "file"), 0);
	CHECK_EQ(file_read("output", text, sizeof(text)), 4);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", "0"), 1);
	posix_spawn_file_actions_destroy(&actions);
	/* Close-on-exec: gone in the program, unless dup2 on itself keeps it. */
	snprintf(number, sizeof(number), "%d", ends[0]);
	CHECK_EQ(spawn_self(NULL, NULL, "--fd", number), 1);
	posix_spawn_file_actions_init(&actions);
	CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, ends[0], ends[0]), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", number), 0);
	CHECK_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC); /* nothing has changed here */
	posix_spawn_file_actions_destroy(&actions);
	close(ends[0]), close(ends[1]);
}

/* The descriptor is closed before the file is opened; close-on-exec holds if it is the lowest. */
static void test_open_order(void)
{
	posix_spawn_file_actions_t actions;
	int fd = open(self, O_RDONLY);
	char number[16], path[64];
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, fd, path, O_RDONLY, 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", number), -ENOENT);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", number), 1);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 80, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", "80"), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fd);
}

static void test_close_from(void)
{
	posix_spawn_file_actions_t actions;
	int fd = dup(0);
	CHECK_EQ(fcntl(fd, F_DUPFD, 30), 30);
	posix_spawn_file_actions_init(&actions);
	CHECK_EQ(posix_spawn_file_actions_addclosefrom_np(&actions, 3), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", "30"), 1);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", "1"), 0);
	CHECK_EQ(spawn_self(NULL, NULL, "--fd", "30"), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fd), close(30);
}

static void test_action_errors(void)
{
	posix_spawn_file_actions_t actions;
	REQUIRE(scratch_enter());
	posix_spawn_file_actions_init(&actions);
	CHECK_EQ(posix_spawn_file_actions_addclose(&actions, -1), EBADF);
	CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, -1, 1), EBADF);
	CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, 1, 1 << 30), EBADF);
	CHECK_EQ(posix_spawn_file_actions_addopen(&actions, -1, "x", O_RDONLY, 0), EBADF);
	CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, 222, 1), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--exit", "0"), -EBADF);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 5, "none/at/all", O_RDONLY, 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--exit", "0"), -ENOENT);
	posix_spawn_file_actions_destroy(&actions);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void test_directory(void)
{
	posix_spawn_file_actions_t actions;
	char before[PATH_MAX], after[PATH_MAX];
	REQUIRE(scratch_enter());
	CHECK(getcwd(before, sizeof(before)));
	posix_spawn_file_actions_init(&actions);
	CHECK_EQ(posix_spawn_file_actions_addchdir_np(&actions, "/proc"), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--cwd", "/proc"), 0);
	posix_spawn_file_actions_destroy(&actions);
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	posix_spawn_file_actions_init(&actions);
	CHECK_EQ(posix_spawn_file_actions_addfchdir_np(&actions, fd), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--cwd", "/tmp"), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fd);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, "none");
	CHECK_EQ(spawn_self(&actions, NULL, "--cwd", "/"), -ENOENT);
	posix_spawn_file_actions_destroy(&actions);
	CHECK_STR(getcwd(after, sizeof(after)), before);
}

static void test_groups(void)
{
	posix_spawnattr_t attr;
	char number[16];
	posix_spawnattr_init(&attr);
	CHECK_EQ(spawn_self(NULL, &attr, "--group", ""), 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	CHECK_EQ(spawn_self(NULL, &attr, "--group", ""), 1);
	pid_t pid = fork_child();
	if (pid == 0) {
		for (;;)
			pause();
	}
	setpgid(pid, pid);
	posix_spawnattr_setpgroup(&attr, pid);
	snprintf(number, sizeof(number), "%d", pid);
	CHECK_EQ(spawn_self(NULL, &attr, "--group-of", number), 0);
	posix_spawnattr_setpgroup(&attr, 999999);
	CHECK_EQ(spawn_self(NULL, &attr, "--exit", "0"), -EPERM);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	CHECK_EQ(spawn_self(NULL, &attr, "--group", ""), 2);
	posix_spawnattr_destroy(&attr);
	kill(pid, SIGKILL);
	wait_status(pid);
}

static void test_ids(void)
{
	posix_spawnattr_t attr;
	CHECK_OK(chmod(check_scratch[0] ? check_scratch : "/tmp", 01777));
	pid_t pid = fork_child();
	if (pid == 0) {
		posix_spawnattr_init(&attr);
		CHECK_OK(setresgid(0, 1000, 0));
		CHECK_OK(setresuid(0, 1000, 0));
		CHECK_EQ(spawn_self(NULL, &attr, "--ids", ""), 1);
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_RESETIDS);
		CHECK_EQ(spawn_self(NULL, &attr, "--ids", ""), 0);
		CHECK_EQ(geteuid(), 1000);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void test_scheduling(void)
{
	posix_spawnattr_t attr;
	struct sched_param param = { .sched_priority = 5 };
	int policy = -1;
	posix_spawnattr_init(&attr);
	CHECK_EQ(posix_spawnattr_setschedpolicy(&attr, SCHED_RR), 0);
	CHECK_EQ(posix_spawnattr_getschedpolicy(&attr, &policy), 0);
	CHECK_EQ(policy, SCHED_RR);
	CHECK_EQ(spawn_self(NULL, &attr, "--policy", ""), SCHED_OTHER); /* no flag */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSCHEDPARAM);
	CHECK_EQ(spawn_self(NULL, &attr, "--policy", ""), SCHED_OTHER);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSCHEDULER);
	CHECK_EQ(spawn_self(NULL, &attr, "--policy", ""), -EINVAL); /* RR needs a priority */
	posix_spawnattr_setschedparam(&attr, &param);
	CHECK_EQ(spawn_self(NULL, &attr, "--policy", ""), SCHED_RR);
	CHECK_EQ(posix_spawnattr_setschedpolicy(&attr, SCHED_OTHER), 0);
	CHECK_EQ(spawn_self(NULL, &attr, "--policy", ""), -EINVAL);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSCHEDPARAM);
	CHECK_EQ(spawn_self(NULL, &attr, "--policy", ""), -EINVAL);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_USEVFORK);
	CHECK_EQ(spawn_self(NULL, &attr, "--policy", ""), SCHED_OTHER);
	CHECK_EQ(posix_spawnattr_setflags(&attr, 0x4000), EINVAL);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	posix_spawnattr_destroy(&attr);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

/* With a terminal of its own: the child's group becomes the foreground one. */
static void foreground_child(void *unused)
{
	(void)unused;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char number[16];
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	CHECK(setsid() > 0);
	int terminal = open(ptsname(master), O_RDWR);
	REQUIRE(terminal >= 0);
	snprintf(number, sizeof(number), "%d", terminal);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	CHECK_EQ(spawn_self(NULL, &attr, "--foreground", number), 1);
	posix_spawn_file_actions_init(&actions);
	CHECK_EQ(posix_spawn_file_actions_addtcsetpgrp_np(&actions, -1), EBADF);
	CHECK_EQ(posix_spawn_file_actions_addtcsetpgrp_np(&actions, terminal), 0);
	CHECK_EQ(spawn_self(&actions, &attr, "--foreground", number), 0);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 90, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addtcsetpgrp_np(&actions, 90);
	CHECK_EQ(spawn_self(&actions, &attr, "--foreground", number), -ENOTTY);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
}

static void test_foreground(void)
{
	CHECK_EQ(run_child(foreground_child, NULL), 0);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void test_signals(void)
{
	posix_spawnattr_t attr;
	sigset_t set, now;
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	posix_spawnattr_setsigmask(&attr, &set);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	signal_set(SIGUSR1, SIG_IGN, 0);
	signal_set(SIGUSR2, SIG_IGN, 0);
	CHECK_EQ(spawn_self(NULL, &attr, "--signals", ""), 0);
	CHECK_EQ(spawn_self(NULL, NULL, "--signals", ""), 1 | 4); /* ignored, and no mask */
	signal_set(SIGUSR1, on_signal, 0);
	CHECK_EQ(spawn_self(NULL, NULL, "--signals", ""), 4); /* caught: default */
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(!sigismember(&now, SIGTERM));
	struct sigaction action;
	sigaction(SIGUSR1, NULL, &action);
	CHECK(action.sa_handler == on_signal); /* the caller's are as before */
	signal_set(SIGUSR1, SIG_DFL, 0);
	signal_set(SIGUSR2, SIG_DFL, 0);
	posix_spawnattr_destroy(&attr);
}

/* A long list of actions, in order. */
static void test_many_actions(void)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, i ? 100 + i - 1 : 1, 100 + i),
			 0);
	for (int i = 0; i < 199; i++)
		CHECK_EQ(posix_spawn_file_actions_addclose(&actions, 100 + i), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", "299"), 0);
	CHECK_EQ(spawn_self(&actions, NULL, "--fd", "298"), 1);
	posix_spawn_file_actions_destroy(&actions);
}

/* From several threads, while memory is large and changing. */
static void *thread_run(void *argument)
{
	for (int i = 0; i < 15; i++) {
		char code[8];
		snprintf(code, sizeof(code), "%d", i + (int)(long)argument);
		CHECK_EQ(spawn_self(NULL, NULL, "--exit", code), i + (long)argument);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[4];
	for (long i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, thread_run, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static const struct check_case spawn_cases[] = {
	{ "simple", test_simple },
	{ "errors", test_errors },
	{ "own-program", test_own_program },
	{ "failures", test_failures },
	{ "search", test_search },
	{ "descriptors", test_descriptors },
	{ "open-order", test_open_order },
	{ "close-from", test_close_from },
	{ "action-errors", test_action_errors },
	{ "directory", test_directory },
	{ "groups", test_groups },
	{ "ids", test_ids },
	{ "scheduling", test_scheduling },
	{ "foreground", test_foreground },
	{ "signals", test_signals },
	{ "many-actions", test_many_actions },
	{ "threads", test_threads },
};

/* @more: a case of the program's own. */
static int spawn_main_with(int argc, char **argv, const char *name, void (*more)(void))
{
	static struct check_case all[ARRAY_SIZE(spawn_cases) + 1];
	memcpy(all, spawn_cases, sizeof(spawn_cases));
	all[ARRAY_SIZE(spawn_cases)] = (struct check_case){ name, more };
	if (argc == 3 && !strncmp(argv[1], "--", 2))
		return mode_run(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	return check_main(all, ARRAY_SIZE(spawn_cases) + (more != NULL), argc, argv);
}
