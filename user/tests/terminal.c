/*
 * Terminals: termios, line editing, signals of keys, job control, window size, hang-up. Most cases
 * need a pseudo-terminal and skip without one; the rest uses /dev/console.
 */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master; /* of the running case */

static bool pty_open(char *name, size_t size)
{
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || unlockpt(master) < 0)
		return false;
	return ptsname_r(master, name, size) == 0;
}

/* A child that leads a session with the pty as its terminal; it runs `run` on it. */
static pid_t session_start(const char *name, void (*run)(int))
{
	pid_t pid = fork_child();
	if (pid)
		return pid;
	close(master);
	if (setsid() < 0)
		_exit(90);
	int fd = open(name, O_RDWR);
	if (fd < 0)
		_exit(91);
	if (tcgetpgrp(fd) != getpid() && ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(92);
	run(fd);
	child_exit();
}

static void keys(const char *text)
{
	CHECK_EQ(write(master, text, strlen(text)), strlen(text));
}

/* What the terminal shows, until the text appears or 5 s have passed. */
static bool shows(const char *text)
{
	static char seen[4096];
	size_t length = 0;
	struct pollfd entry = { .fd = master, .events = POLLIN };
	memset(seen, 0, sizeof(seen));
	while (length < sizeof(seen) - 1 && poll(&entry, 1, 5000) > 0) {
		ssize_t part = read(master, seen + length, 1);
		if (part <= 0)
			break;
		length += part;
		if (strstr(seen, text))
			return true;
	}
	check_fail(0, text, seen);
	return false;
}

static void say(int fd, const char *text)
{
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
}

#define PTY_OR_SKIP(name)                                                                          \
	char name[64];                                                                             \
	if (!pty_open(name, sizeof(name)))                                                         \
	SKIP("no pseudo-terminals")

/* ---- the console ---- */

static void test_console(void)
{
	struct termios termios, changed, back;
	struct winsize size;
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd < 0 || !isatty(fd))
		SKIP("no console terminal");
	CHECK_OK(tcgetattr(fd, &termios));
	changed = termios;
	changed.c_lflag ^= ECHO;
	changed.c_cc[VERASE] = 'x';
	CHECK_OK(tcsetattr(fd, TCSANOW, &changed));
	CHECK_OK(tcgetattr(fd, &back));
	CHECK_EQ(back.c_lflag & ECHO, changed.c_lflag & ECHO);
	CHECK_EQ(back.c_cc[VERASE], 'x');
	CHECK_OK(tcsetattr(fd, TCSADRAIN, &termios));
	CHECK_OK(tcgetattr(fd, &back));
	CHECK_EQ(back.c_lflag, termios.c_lflag);
	CHECK_OK(ioctl(fd, TIOCGWINSZ, &size));
	CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, 8), EFAULT);
	CHECK_ERRNO(ioctl(fd, TCSETS, 8), EFAULT);
	CHECK_ERRNO(tcgetpgrp(fd), ENOTTY); /* not our controlling terminal */
	CHECK_ERRNO(tcsetpgrp(fd, getpgrp()), ENOTTY);
	close(fd);
}

static void test_not_terminal(void)
{
	struct termios termios;
	int fd = open("/dev/null", O_RDWR);
	CHECK_ERRNO(tcgetattr(fd, &termios), ENOTTY);
	CHECK_ERRNO(tcgetpgrp(fd), ENOTTY);
	CHECK_ERRNO(tcsetpgrp(fd, getpgrp()), ENOTTY);
	CHECK_EQ(isatty(fd), 0);
	CHECK_ERRNO(tcgetattr(999, &termios), EBADF);
	close(fd);
}

/* ---- pseudo-terminals ---- */

static void edit_run(int fd)
{
	char line[64];
	say(fd, "ready\n");
	ssize_t length = read(fd, line, sizeof(line));
	CHECK_EQ(length, 4);
	CHECK_EQ(memcmp(line, "abd\n", 4), 0);
	length = read(fd, line, sizeof(line));
	CHECK_EQ(length, 4);
	CHECK_EQ(memcmp(line, "new\n", 4), 0);
	length = read(fd, line, sizeof(line));
	CHECK_EQ(memcmp(line, "one \n", 5), 0);
	CHECK_EQ(read(fd, line, 2), 2); /* a line in pieces */
	CHECK_EQ(read(fd, line + 2, 10), 3);
	CHECK_EQ(memcmp(line, "1234\n", 5), 0);
	CHECK_EQ(read(fd, line, sizeof(line)), 3); /* Ctrl-D behind text: no newline */
	CHECK_EQ(memcmp(line, "eof", 3), 0);
	CHECK_EQ(read(fd, line, sizeof(line)), 0); /* Ctrl-D alone: end of file */
	say(fd, "done\n");
}

static void test_edit(void)
{
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, edit_run);
	CHECK(shows("ready\r\n"));
	keys("abc\177d\n"); /* erase a character */
	CHECK(shows("abc\b \bd\r\n"));
	keys("old\025new\n");  /* Ctrl-U: the line */
	keys("one two\027\n"); /* Ctrl-W: a word */
	keys("1234\n");
	keys("eof\004");
	sleep_ms(50);
	keys("\004");
	CHECK(shows("done"));
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

static void raw_run(int fd)
{
	struct termios termios;
	char text[16] = "";
	CHECK_OK(tcgetattr(fd, &termios));
	CHECK_EQ(termios.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
	cfmakeraw(&termios);
	CHECK_OK(tcsetattr(fd, TCSAFLUSH, &termios));
	say(fd, "raw\n");
	CHECK_EQ(read(fd, text, 1), 1); /* without a newline */
	CHECK_EQ(text[0], 3);		/* Ctrl-C is a character */
	CHECK_EQ(read(fd, text, 1), 1);
	CHECK_EQ(text[0], '\r'); /* as it came */
	termios.c_cc[VMIN] = 0;
	termios.c_cc[VTIME] = 1;
	CHECK_OK(tcsetattr(fd, TCSANOW, &termios));
	int64_t begin = now_ms();
	CHECK_EQ(read(fd, text, 1), 0); /* 0.1 s, then nothing */
	CHECK_RANGE(now_ms() - begin, 80, 2000);
	termios.c_cc[VTIME] = 0;
	CHECK_OK(tcsetattr(fd, TCSANOW, &termios));
	CHECK_EQ(read(fd, text, 1), 0);
	say(fd, "done");
}

static void test_raw(void)
{
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, raw_run);
	CHECK(shows("raw\n"));
	keys("\003\r");
	CHECK(shows("done"));
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

static volatile int caught[65];

static void note(int sig)
{
	caught[sig]++;
}

static void signals_run(int fd)
{
	struct winsize size;
	signal_set(SIGINT, note, 0);
	signal_set(SIGQUIT, note, 0);
	signal_set(SIGTSTP, note, 0);
	signal_set(SIGWINCH, note, 0);
	say(fd, "ready");
	while (!caught[SIGINT] || !caught[SIGQUIT] || !caught[SIGTSTP] || !caught[SIGWINCH])
		sleep_ms(1);
	CHECK_OK(ioctl(fd, TIOCGWINSZ, &size));
	CHECK_EQ(size.ws_row, 30);
	CHECK_EQ(size.ws_col, 90);
	say(fd, "done");
}

static void test_signals(void)
{
	struct winsize size = { .ws_row = 30, .ws_col = 90 };
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, signals_run);
	CHECK(shows("ready"));
	keys("\003");
	CHECK(shows("^C"));
	keys("\034\032");
	CHECK_OK(ioctl(master, TIOCSWINSZ, &size));
	CHECK(shows("done"));
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

static pid_t job_start(int fd, bool foreground, void (*run)(int))
{
	pid_t pid = fork_child();
	if (pid == 0) {
		setpgid(0, 0);
		if (foreground) {
			signal_set(SIGTTOU, SIG_IGN, 0);
			CHECK_OK(tcsetpgrp(fd, getpid()));
			signal_set(SIGTTOU, SIG_DFL, 0);
		}
		run(fd);
		child_exit();
	}
	setpgid(pid, pid);
	return pid;
}

static void read_job(int fd)
{
	char line[16];
	CHECK_EQ(read(fd, line, sizeof(line)), 3);
	CHECK_EQ(memcmp(line, "go\n", 3), 0);
}

static void write_job(int fd)
{
	say(fd, "background");
}

static void control_run(int fd)
{
	int status;
	struct termios termios;
	signal_set(SIGTTOU, SIG_IGN, 0);
	CHECK_EQ(tcgetpgrp(fd), getpgrp());
	CHECK_EQ(tcgetsid(fd), getpid());
	CHECK_ERRNO(tcsetpgrp(fd, -1), EINVAL);
	CHECK_ERRNO(tcsetpgrp(fd, 999999), ESRCH);
	CHECK_ERRNO(tcsetpgrp(fd, getppid()), EPERM); /* a group of another session */
	/* A background job that reads is stopped with SIGTTIN, then goes on in the foreground. */
	pid_t pid = job_start(fd, false, read_job);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	CHECK_OK(tcsetpgrp(fd, pid));
	CHECK_OK(kill(-pid, SIGCONT));
	say(fd, "reading");
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(tcsetpgrp(fd, getpgrp()));
	/* A background job may write, unless TOSTOP is set. */
	signal_set(SIGTTOU, SIG_DFL, 0);
	CHECK_EQ(wait_status(job_start(fd, false, write_job)), 0);
	CHECK_OK(tcgetattr(fd, &termios));
	termios.c_lflag |= TOSTOP;
	CHECK_OK(tcsetattr(fd, TCSANOW, &termios));
	pid = job_start(fd, false, write_job);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_status(pid), SIGKILL);
	say(fd, "done");
}

static void test_control(void)
{
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, control_run);
	CHECK(shows("reading"));
	keys("go\n");
	CHECK(shows("background"));
	CHECK(shows("done"));
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

static void pause_job(int fd)
{
	say(fd, "running");
	for (;;)
		pause();
}

/* Ctrl-C and Ctrl-Z reach the foreground job alone. */
static void foreground_run(int fd)
{
	int status;
	signal_set(SIGTTOU, SIG_IGN, 0);
	pid_t pid = job_start(fd, true, pause_job);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	say(fd, "stopped");
	CHECK_OK(kill(-pid, SIGCONT));
	CHECK_EQ(wait_status(pid), SIGINT);
	CHECK_OK(tcsetpgrp(fd, getpgrp()));
	say(fd, "done");
}

static void test_foreground(void)
{
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, foreground_run);
	CHECK(shows("running"));
	keys("\032");
	CHECK(shows("stopped"));
	keys("\003");
	CHECK(shows("done"));
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

static void hangup_run(int fd)
{
	char byte;
	signal_set(SIGHUP, note, 0);
	say(fd, "ready");
	while (!caught[SIGHUP])
		sleep_ms(1);
	CHECK_EQ(read(fd, &byte, 1), 0);
	CHECK_ERRNO(write(fd, "x", 1), EIO);
}

static void test_hangup(void)
{
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, hangup_run);
	CHECK(shows("ready"));
	close(master);
	CHECK_EQ(wait_status(pid), 0);
}

/* The session leader's end: the foreground group gets SIGHUP, the terminal is nobody's. */
static void leader_run(int fd)
{
	signal_set(SIGTTOU, SIG_IGN, 0);
	job_start(fd, true, pause_job);
	while (tcgetpgrp(fd) == getpgrp())
		sleep_ms(1);
}

static void test_leader_end(void)
{
	char byte;
	int ends[2];
	PTY_OR_SKIP(name);
	REQUIRE(pipe(ends) == 0);
	pid_t pid = session_start(name, leader_run);
	CHECK_EQ(wait_status(pid), 0);
	close(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 0); /* the job held the other end: it is dead */
	close(ends[0]);
	close(master);
}

/* /dev/tty is the controlling terminal; TIOCNOTTY gives it up. */
static void dev_tty_run(int fd)
{
	int tty = CHECK_OK(open("/dev/tty", O_RDWR));
	CHECK_EQ(tcgetpgrp(tty), getpgrp());
	say(tty, "through tty");
	CHECK_OK(ioctl(fd, TIOCSCTTY, 0)); /* ours already: no error */
	signal_set(SIGHUP, SIG_IGN, 0);
	CHECK_OK(ioctl(tty, TIOCNOTTY));
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	close(tty);
}

static void test_dev_tty(void)
{
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, dev_tty_run);
	CHECK(shows("through tty"));
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

/* Output: NL becomes CR NL with ONLCR; FIONREAD counts; TCFLSH throws away. */
static void output_run(int fd)
{
	struct termios termios;
	int ready = -1;
	say(fd, "a\nb\n");
	CHECK_OK(tcgetattr(fd, &termios));
	termios.c_oflag &= ~OPOST;
	CHECK_OK(tcsetattr(fd, TCSADRAIN, &termios));
	say(fd, "c\nd");
	for (int i = 0; i < 2000 && ready < 6; i++) {
		sleep_ms(1);
		CHECK_OK(ioctl(fd, FIONREAD, &ready));
	}
	CHECK_EQ(ready, 6);
	CHECK_OK(tcflush(fd, TCIFLUSH));
	CHECK_OK(ioctl(fd, FIONREAD, &ready));
	CHECK_EQ(ready, 0);
	say(fd, "end");
}

static void test_output(void)
{
	PTY_OR_SKIP(name);
	pid_t pid = session_start(name, output_run);
	CHECK(shows("a\r\nb\r\nc\nd"));
	keys("12345\n");
	CHECK(shows("end"));
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

static const struct check_case cases[] = {
	{ "console", test_console },
	{ "not-terminal", test_not_terminal },
	{ "edit", test_edit },
	{ "raw", test_raw },
	{ "signals", test_signals },
	{ "control", test_control },
	{ "foreground", test_foreground },
	{ "hangup", test_hangup },
	{ "leader-end", test_leader_end },
	{ "dev-tty", test_dev_tty },
	{ "output", test_output },
};

CHECK_MAIN(cases)
