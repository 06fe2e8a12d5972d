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

static void terminal_take(const char *winsize)
{
	char path[64];
	struct winsize size = { 0 };
	setsid();
	console_path(path, sizeof(path));
	int terminal = open(path, O_RDWR);
	if (terminal < 0)
		terminal = open("/dev/console", O_RDWR);
	if (terminal < 0)
		return;
	ioctl(terminal, TIOCSCTTY, 0);
	tcsetpgrp(terminal, getpid());
	if (winsize && sscanf(winsize, "%hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(terminal, TIOCSWINSZ, &size);
	for (int fd = 0; fd < 3; fd++)
		dup2(terminal, fd);
	if (terminal > 2)
		close(terminal);
}

static void banner_print(void)
{
	struct utsname name;
	if (uname(&name) == 0)
		init_say("\n%s %s, %s\nThe shell's end (exit) powers the machine off.\n",
			 name.sysname, name.release, name.version);
}

static void shell_start(const char *winsize)
{
	static char *const argv[] = { "-sh", "-l", NULL };
	const char *terminal = getenv("TERM");
	char *env[] = { "HOME=/root",
			"USER=root",
			"LOGNAME=root",
			"SHELL=/bin/sh",
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			NULL,
			NULL };
	static char term[64] = "TERM=vt102";
	if (terminal)
		snprintf(term, sizeof(term), "TERM=%s", terminal);
	env[5] = term;
	terminal_take(winsize);
	banner_print();
	if (chdir("/root") < 0)
		init_say("init: /root: %s", strerror(errno));
	execve("/bin/sh", argv, env);
	init_say("init: /bin/sh: %s", strerror(errno));
	_exit(127);
}

void shell_run(const char *winsize)
{
	pid_t ended, shell = fork();
	if (shell == 0)
		shell_start(winsize);
	if (shell < 0) {
		init_say("init: fork: %s", strerror(errno));
		return;
	}
	do {
		ended = wait(NULL);
	} while (ended != shell && (ended > 0 || errno == EINTR));
}
