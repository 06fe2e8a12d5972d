#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCREENS = 4 }; /* text consoles with a shell */

/*
 * /dev/console cannot be a controlling terminal, so the terminal behind it is wanted. A line of
 * /proc/consoles is "ttyS0  -W- (EC p a)  4:64"; C marks the one that is /dev/console.
 */
static void console_path(char *path, size_t size)
{
	char *list = file_read("/proc/consoles", NULL);
	char *chosen = list;
	snprintf(path, size, "/dev/console");
	for (char *line = list; line && *line;) {
		char *end = strchr(line, '\n');
		char *flags = strchr(line, '(');
		char *mark = flags ? strchr(flags, 'C') : NULL;
		if (mark && mark < strchr(flags, ')') && (!end || mark < end))
			chosen = line;
		line = end ? end + 1 : NULL;
	}
	if (chosen && *chosen)
		snprintf(path, size, "/dev/%.*s", (int)strcspn(chosen, " \n"), chosen);
	free(list);
}

/* Make the terminal that is open as @terminal the standard files and the controlling terminal. */
static void terminal_use(int terminal, const char *winsize)
{
	struct winsize size = { 0 };
	setsid();
	ioctl(terminal, TIOCSCTTY, 0);
	tcsetpgrp(terminal, getpid());
	if (winsize && sscanf(winsize, "%hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(terminal, TIOCSWINSZ, &size);
	for (int fd = 0; fd < 3; fd++)
		dup2(terminal, fd);
	if (terminal > 2)
		close(terminal);
}

static int console_open(void)
{
	char path[64];
	console_path(path, sizeof(path));
	int terminal = open(path, O_RDWR | O_NOCTTY);
	return terminal >= 0 ? terminal : open("/dev/console", O_RDWR | O_NOCTTY);
}

static void banner_print(void)
{
	struct utsname name;
	if (uname(&name) == 0)
		init_say("\n%s %s, %s\nThe shell's end (exit) powers the machine off.\n",
			 name.sysname, name.release, name.version);
}

/* The shell of one terminal, in its own process. @type: its TERM. */
static void shell_start(int terminal, const char *type, const char *winsize)
{
	static char *const argv[] = { "-sh", "-l", NULL };
	char *env[] = { "HOME=/root",
			"USER=root",
			"LOGNAME=root",
			"SHELL=/bin/sh",
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			NULL,
			NULL };
	static char term[64];
	snprintf(term, sizeof(term), "TERM=%s", type);
	env[5] = term;
	if (terminal >= 0)
		terminal_use(terminal, winsize);
	banner_print();
	if (chdir("/root") < 0)
		init_say("init: /root: %s", strerror(errno));
	execve("/bin/sh", argv, env);
	init_say("init: /bin/sh: %s", strerror(errno));
	_exit(127);
}

static bool has_screen(void)
{
	return access("/dev/fb0", F_OK) == 0;
}

/* The shell of text console @number on the screen; -1: there is none, or the console has it already. */
static pid_t screen_shell(int number)
{
	char path[16], console[64];
	snprintf(path, sizeof(path), "/dev/tty%d", number);
	console_path(console, sizeof(console));
	if (!has_screen() || !strcmp(console, path))
		return -1;
	int terminal = open(path, O_RDWR | O_NOCTTY);
	if (terminal < 0)
		return -1;
	pid_t shell = fork();
	if (shell == 0)
		shell_start(terminal, "linux", NULL);
	close(terminal);
	return shell;
}

void shell_run(const char *winsize)
{
	const char *type = getenv("TERM");
	pid_t ended, shell = fork(), others[SCREENS];
	if (shell == 0)
		shell_start(console_open(), type ? type : "vt102", winsize);
	if (shell < 0) {
		init_say("init: fork: %s", strerror(errno));
		return;
	}
	for (int i = 0; i < SCREENS; i++)
		others[i] = screen_shell(i + 1);
	while ((ended = wait(NULL)) != shell && (ended > 0 || errno == EINTR)) {
		for (int i = 0; i < SCREENS; i++) {
			/* One that ends is followed by the next. */
			if (ended > 0 && ended == others[i]) {
				sleep(1);
				others[i] = screen_shell(i + 1);
			}
		}
	}
}
