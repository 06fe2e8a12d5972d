#pragma once
/* The cases of posix-spawn.c (the C library's functions) and spawn-library.c (user/lib's). */
#include "check.h"
#include <pthread.h>
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
	{ "search", test_search },
	{ "descriptors", test_descriptors },
	{ "close-from", test_close_from },
	{ "action-errors", test_action_errors },
	{ "directory", test_directory },
	{ "groups", test_groups },
	{ "ids", test_ids },
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
