/*
 * Pseudo-terminals seen from the master: opening, locks, packet mode, flow control, hang-up both ways,
 * readiness, sessions. user/tests/terminal.c has the line discipline. pty(7), ioctl_tty(2).
 */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <termios.h>

static int master_open(void)
{
	return CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
}

static int number(int master)
{
	unsigned n = ~0u;
	CHECK_OK(ioctl(master, TIOCGPTN, &n));
	return n;
}

static void slave_path(int master, char path[32])
{
	snprintf(path, 32, "/dev/pts/%d", number(master));
}

static void unlock(int master)
{
	int off = 0;
	CHECK_OK(ioctl(master, TIOCSPTLCK, &off));
}

/* Both ends; the slave raw. */
static int pair_open(int *master)
{
	char path[32];
	struct termios raw;
	*master = master_open();
	unlock(*master);
	slave_path(*master, path);
	int slave = CHECK_OK(open(path, O_RDWR | O_NOCTTY));
	CHECK_OK(tcgetattr(slave, &raw));
	cfmakeraw(&raw);
	CHECK_OK(tcsetattr(slave, TCSANOW, &raw));
	return slave;
}

static int events(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };
	CHECK_OK(poll(&entry, 1, 0));
	return entry.revents;
}

static void test_open(void)
{
	char path[32], link[64], target[64] = "";
	struct stat status;
	struct statfs system;
	int master = master_open(), other = master_open(), locked = -1;
	CHECK(number(master) != number(other));
	slave_path(master, path);
	CHECK_OK(stat(path, &status));
	CHECK_EQ(status.st_mode & S_IFMT, S_IFCHR);
	CHECK_EQ(status.st_uid, geteuid());
	CHECK_EQ(status.st_rdev >> 8 & 0xfff, 136);
	CHECK_OK(ioctl(master, TIOCGPTLCK, &locked));
	CHECK_EQ(locked, 1);
	CHECK_ERRNO(open(path, O_RDWR | O_NOCTTY), EIO);
	unlock(master);
	CHECK_OK(ioctl(master, TIOCGPTLCK, &locked));
	CHECK_EQ(locked, 0);
	int slave = CHECK_OK(open(path, O_RDWR | O_NOCTTY));
	CHECK_EQ(isatty(slave), 1);
	CHECK_EQ(isatty(master), 1);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", slave);
	CHECK_OK(readlink(link, target, sizeof(target) - 1));
	CHECK_STR(target, path);
	int peer = CHECK_OK(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
	CHECK_EQ(fcntl(peer, F_GETFD), FD_CLOEXEC);
	CHECK_OK(fstat(peer, &status));
	CHECK_EQ(status.st_rdev & 0xff, number(master) & 0xff);
	CHECK_OK(fstatfs(peer, &system));
	CHECK_EQ(system.f_type, 0x1cd1);
	CHECK_ERRNO(lseek(master, 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(ioctl(slave, TIOCGPTN, &locked), ENOTTY);
	close(peer);
	close(master);
	CHECK_ERRNO(stat(path, &status), ENOENT);
	CHECK_ERRNO(open(path, O_RDWR | O_NOCTTY), ENOENT);
	close(slave);
	close(other);
}

static void test_numbers(void)
{
	int masters[40], again;
	for (int i = 0; i < 40; i++)
		masters[i] = master_open();
	int middle = number(masters[20]);
	close(masters[20]);
	again = master_open();
	CHECK_EQ(number(again), middle); /* the lowest that is free */
	close(again);
	for (int i = 0; i < 40; i++)
		if (i != 20)
			close(masters[i]);
}

static void test_data(void)
{
	int master, slave = pair_open(&master), count;
	char data[64] = "";
	CHECK_EQ(events(master), POLLOUT);
	CHECK_EQ(events(slave), POLLOUT);
	CHECK_EQ(write(master, "keys", 4), 4);
	for (int i = 0; i < 1000 && !(events(slave) & POLLIN); i++)
		sleep_ms(1);
	CHECK_EQ(events(slave), POLLIN | POLLOUT);
	CHECK_OK(ioctl(slave, FIONREAD, &count));
	CHECK_EQ(count, 4);
	CHECK_EQ(read(slave, data, sizeof(data)), 4);
	CHECK_EQ(memcmp(data, "keys", 4), 0);
	CHECK_EQ(write(slave, "screen", 6), 6);
	for (int i = 0; i < 1000 && !(events(master) & POLLIN); i++)
		sleep_ms(1);
	CHECK_EQ(events(master), POLLIN | POLLOUT);
	CHECK_EQ(read(master, data, 3), 3);
	CHECK_EQ(read(master, data, sizeof(data)), 3);
	fcntl(master, F_SETFL, O_NONBLOCK);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	CHECK_ERRNO(read(master, data, 1), EAGAIN);
	CHECK_ERRNO(read(slave, data, 1), EAGAIN);
	CHECK_ERRNO(write(master, (void *)8, 5), EFAULT);
	CHECK_ERRNO(write(slave, (void *)8, 5), EFAULT);
	close(master);
	close(slave);
}

/* Nobody reads: both directions take a few kilobytes, then no more; and go on when somebody does. */
static void test_full(void)
{
	static char data[4096];
	int master, slave = pair_open(&master);
	for (int side = 0; side < 2; side++) {
		int from = side ? master : slave, to = side ? slave : master;
		ssize_t sent = 0, got = 0, part;
		fcntl(from, F_SETFL, O_NONBLOCK);
		fcntl(to, F_SETFL, O_NONBLOCK);
		for (int quiet = 0; quiet < 20 && sent < 1 << 20; quiet++) {
			while ((part = write(from, data, sizeof(data))) > 0) {
				sent += part;
				quiet = 0;
			}
			sleep_ms(1);
		}
		CHECK_RANGE(sent, 2000, 200000);
		CHECK_EQ(events(from) & POLLOUT, 0);
		for (int quiet = 0; quiet < 20; quiet++) {
			while ((part = read(to, data, sizeof(data))) > 0) {
				got += part;
				quiet = 0;
			}
			sleep_ms(1);
		}
		CHECK_EQ(got, sent);
		CHECK_EQ(events(from) & POLLOUT, POLLOUT);
	}
	close(master);
	close(slave);
}

/* The slave closed: EIO on the master, once all is read; until it is opened again. */
static void test_slave_closed(void)
{
	int master = master_open();
	char data[64], path[32];
	struct pollfd entry = { .fd = master, .events = POLLIN };
	unlock(master);
	slave_path(master, path);
	/* Never open: nothing is wrong. */
	CHECK_EQ(poll(&entry, 1, 0), 0);
	int slave = CHECK_OK(open(path, O_RDWR | O_NOCTTY));
	int second = CHECK_OK(open(path, O_RDWR | O_NOCTTY));
	CHECK_EQ(write(slave, "last", 4), 4);
	close(slave);
	CHECK_EQ(read(master, data, sizeof(data)), 4);
	CHECK_EQ(poll(&entry, 1, 0), 0);
	CHECK_EQ(write(second, "words", 5), 5);
	close(second);
	sleep_ms(20);
	CHECK_EQ(events(master), POLLIN | POLLOUT | POLLHUP);
	CHECK_EQ(read(master, data, sizeof(data)), 5);
	CHECK_ERRNO(read(master, data, sizeof(data)), EIO);
	CHECK_EQ(events(master) & POLLHUP, POLLHUP);
	slave = CHECK_OK(open(path, O_RDWR | O_NOCTTY));
	CHECK_EQ(poll(&entry, 1, 0), 0);
	CHECK_EQ(write(slave, "anew", 4), 4);
	CHECK_EQ(read(master, data, sizeof(data)), 4);
	pid_t pid = fork_child();
	if (pid == 0) {
		close(slave);
		CHECK_ERRNO(read(master, data, 1), EIO); /* who sleeps is woken */
		child_exit();
	}
	sleep_ms(30);
	close(slave);
	CHECK_EQ(wait_status(pid), 0);
	close(master);
}

/* The master closed: the slave's files are dead. */
static void test_master_closed(void)
{
	int master, slave = pair_open(&master), size;
	struct pollfd entry = { .events = POLLIN | POLLOUT };
	struct termios termios;
	char byte;
	pid_t pid = fork_child();
	if (pid == 0) {
		close(master);
		CHECK_EQ(read(slave, &byte, 1) <= 0, 1);
		child_exit();
	}
	sleep_ms(30);
	close(master);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(read(slave, &byte, 1), 0);
	CHECK_ERRNO(write(slave, "x", 1), EIO);
	CHECK_ERRNO(tcgetattr(slave, &termios), EIO);
	CHECK_ERRNO(ioctl(slave, FIONREAD, &size), EIO);
	entry.fd = slave;
	CHECK_EQ(poll(&entry, 1, 0), 1);
	CHECK_EQ(entry.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
	close(slave);
}

static void test_packet(void)
{
	int master, slave = pair_open(&master), on = 1, value = 0;
	struct termios termios;
	char data[64];
	CHECK_OK(ioctl(master, TIOCGPKT, &value));
	CHECK_EQ(value, 0);
	CHECK_OK(ioctl(master, TIOCPKT, &on));
	CHECK_OK(ioctl(master, TIOCGPKT, &value));
	CHECK_EQ(value, 1);
	CHECK_EQ(write(slave, "data", 4), 4);
	CHECK_EQ(read(master, data, sizeof(data)), 5);
	CHECK_EQ(memcmp(data, "\0data", 5), 0);
	CHECK_OK(tcflow(slave, TCOOFF));
	CHECK_EQ(events(master) & (POLLPRI | POLLIN), POLLPRI | POLLIN);
	CHECK_EQ(read(master, data, sizeof(data)), 1);
	CHECK_EQ(data[0], TIOCPKT_STOP);
	CHECK_OK(tcflow(slave, TCOON));
	CHECK_EQ(read(master, data, sizeof(data)), 1);
	CHECK_EQ(data[0], TIOCPKT_START);
	CHECK_OK(tcflush(slave, TCIFLUSH));
	CHECK_EQ(read(master, data, sizeof(data)), 1);
	CHECK_EQ(data[0], TIOCPKT_FLUSHREAD);
	CHECK_OK(tcgetattr(slave, &termios));
	termios.c_iflag |= IXON;
	CHECK_OK(tcsetattr(slave, TCSANOW, &termios));
	CHECK_EQ(read(master, data, sizeof(data)), 1);
	CHECK_EQ(data[0], TIOCPKT_DOSTOP);
	termios.c_iflag &= ~IXON;
	CHECK_OK(tcsetattr(slave, TCSANOW, &termios));
	CHECK_EQ(read(master, data, sizeof(data)), 1);
	CHECK_EQ(data[0], TIOCPKT_NOSTOP);
	close(master);
	close(slave);
}

/* Settings and sizes are the slave's, from whichever end; TIOCEXCL. */
static void test_settings(void)
{
	int master, slave = pair_open(&master);
	struct termios termios;
	struct winsize size = { .ws_row = 11, .ws_col = 22 }, back;
	char path[32];
	CHECK_OK(ioctl(slave, TIOCSWINSZ, &size));
	CHECK_OK(ioctl(master, TIOCGWINSZ, &back));
	CHECK_EQ(back.ws_row, 11);
	CHECK_OK(tcgetattr(master, &termios));
	CHECK_EQ(termios.c_lflag & ECHO, 0);
	termios.c_lflag |= ECHO;
	CHECK_OK(tcsetattr(master, TCSANOW, &termios));
	CHECK_OK(tcgetattr(slave, &termios));
	CHECK_EQ(termios.c_lflag & ECHO, ECHO);
	CHECK_ERRNO(tcgetpgrp(slave), ENOTTY);
	CHECK_OK(ioctl(slave, TIOCEXCL));
	slave_path(master, path);
	if (getuid() == 0) {
		pid_t pid = fork_child();
		if (pid == 0) {
			CHECK_OK(chmod(path, 0666));
			CHECK_OK(setuid(1000));
			CHECK_ERRNO(open(path, O_RDWR | O_NOCTTY), EBUSY);
			child_exit();
		}
		CHECK_EQ(wait_status(pid), 0);
	}
	CHECK_OK(ioctl(slave, TIOCNXCL));
	close(master);
	close(slave);
}

static void test_epoll(void)
{
	int master, slave = pair_open(&master);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET }, got;
	char data[16];
	int epoll = CHECK_OK(epoll_create1(0));
	CHECK_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, master, &event));
	CHECK_EQ(epoll_wait(epoll, &got, 1, 0), 0);
	CHECK_EQ(write(slave, "a", 1), 1);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 2000), 1);
	CHECK_EQ(got.events, EPOLLIN);
	CHECK_EQ(read(master, data, 16), 1);
	CHECK_EQ(write(slave, "b", 1), 1);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 2000), 1);
	close(slave);
	CHECK_EQ(epoll_wait(epoll, &got, 1, 2000), 1);
	CHECK_EQ(got.events & EPOLLHUP, EPOLLHUP);
	close(master);
	close(epoll);
}

static volatile int caught[65];

static void note(int sig)
{
	caught[sig]++;
}

/* A session on a pty whose master is closed: SIGHUP to the leader; its job hears when the leader ends. */
static void test_hangup_job(void)
{
	int master, ends[2], slave = pair_open(&master);
	char data[8] = "";
	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		close(master);
		signal_set(SIGHUP, note, 0);
		signal_set(SIGTTOU, SIG_IGN, 0);
		CHECK_OK(setsid());
		CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
		CHECK_EQ(tcgetsid(slave), getpid());
		pid_t job = fork_child();
		if (job == 0) {
			setpgid(0, 0);
			caught[SIGHUP] = 0;
			CHECK_EQ(write(ends[1], "J", 1), 1);
			while (!caught[SIGHUP])
				sleep_ms(1);
			CHECK_EQ(write(ends[1], "H", 1), 1);
			_exit(0);
		}
		setpgid(job, job);
		CHECK_OK(tcsetpgrp(slave, job));
		while (!caught[SIGHUP])
			sleep_ms(1);
		sleep_ms(50); /* the job lives on until its leader ends */
		CHECK_EQ(write(ends[1], "L", 1), 1);
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		child_exit();
	}
	close(slave);
	CHECK_EQ(read(ends[0], data, 1), 1);
	CHECK_EQ(data[0], 'J');
	sleep_ms(50);
	close(master);
	close(ends[1]);
	CHECK_EQ(read(ends[0], data, 1), 1);
	CHECK_EQ(data[0], 'L');
	CHECK_EQ(read(ends[0], data, 1), 1);
	CHECK_EQ(data[0], 'H');
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]);
}

/* TIOCSCTTY: only leaders without one; taking it from another session wants the super-user. */
static void test_steal(void)
{
	int master, slave = pair_open(&master), ends[2];
	char byte;
	REQUIRE(pipe(ends) == 0);
	pid_t first = fork_child();
	if (first == 0) {
		CHECK_ERRNO(ioctl(slave, TIOCSCTTY, 0), EPERM); /* it leads no session */
		child_exit();
	}
	CHECK_EQ(wait_status(first), 0);
	first = fork_child();
	if (first == 0) {
		CHECK_OK(setsid());
		CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
		CHECK_EQ(write(ends[1], "x", 1), 1);
		for (int i = 0; i < 3000 && tcgetpgrp(slave) == getpid(); i++)
			sleep_ms(1);
		CHECK_ERRNO(tcgetpgrp(slave), ENOTTY); /* it was taken */
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		child_exit();
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	pid_t second = fork_child();
	if (second == 0) {
		CHECK_OK(setsid());
		CHECK_ERRNO(ioctl(slave, TIOCSCTTY, 0), EPERM);
		pid_t user = fork_child();
		if (user == 0) {
			CHECK_OK(setuid(1000));
			CHECK_OK(setsid());
			CHECK_ERRNO(ioctl(slave, TIOCSCTTY, 1), EPERM);
			child_exit();
		}
		CHECK_EQ(wait_status(user), 0);
		CHECK_OK(ioctl(slave, TIOCSCTTY, 1));
		CHECK_EQ(tcgetpgrp(slave), getpid());
		signal_set(SIGHUP, SIG_IGN, 0);
		CHECK_OK(ioctl(slave, TIOCNOTTY));
		CHECK_ERRNO(tcgetpgrp(slave), ENOTTY);
		child_exit();
	}
	CHECK_EQ(wait_status(second), 0);
	CHECK_EQ(wait_status(first), 0);
	close(master);
	close(slave);
	close(ends[0]);
	close(ends[1]);
}

/* A job whose parent has left the session is orphaned: no stop by ^Z, EIO instead of SIGTTIN. */
static void test_orphan(void)
{
	int master, slave = pair_open(&master), ends[2];
	char data[8];
	struct termios termios;
	CHECK_OK(tcgetattr(slave, &termios));
	termios.c_lflag |= ISIG | ICANON;
	CHECK_OK(tcsetattr(slave, TCSANOW, &termios));
	REQUIRE(pipe(ends) == 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setsid());
		CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
		pid_t middle = fork_child();
		if (middle == 0) {
			pid_t job = fork_child();
			if (job == 0) {
				setpgid(0, 0);
				while (getppid() == middle)
					sleep_ms(1);
				sleep_ms(20);
				CHECK_ERRNO(read(slave, data, 1), EIO);
				raise(SIGTSTP); /* does not stop it */
				CHECK_EQ(write(ends[1], check_failures ? "F" : "G", 1), 1);
				_exit(0);
			}
			_exit(0);
		}
		CHECK_EQ(wait_status(middle), 0);
		CHECK_EQ(read(ends[0], data, 1), 1);
		CHECK_EQ(data[0], 'G');
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	close(master);
	close(slave);
	close(ends[0]);
	close(ends[1]);
}

/* ---- many come and go at once ---- */

static volatile int stop;

static void *churn(void *argument)
{
	uint64_t random = random_start((uintptr_t)argument);
	char data[256], path[32];
	while (!stop) {
		int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		if (master < 0) {
			check_fail(__LINE__, "open succeeds", strerror(errno));
			break;
		}
		unlock(master);
		slave_path(master, path);
		int slave = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		for (int i = random_next(&random) % 20; i > 0; i--) {
			int fd = random_next(&random) % 2 ? master : slave;
			if (random_next(&random) % 2)
				(void)!write(fd, data, random_next(&random) % sizeof(data));
			else
				(void)!read(fd, data, sizeof(data));
		}
		/* Someone else's, which may be gone. */
		snprintf(path, sizeof(path), "/dev/pts/%d", (int)(random_next(&random) % 5));
		int other = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		if (other >= 0) {
			(void)!write(other, data, random_next(&random) % sizeof(data));
			close(other);
		}
		if (random_next(&random) % 2) {
			close(master);
			close(slave);
		} else {
			close(slave);
			close(master);
		}
	}
	return NULL;
}

static void test_churn(void)
{
	pthread_t threads[4];
	stop = 0;
	for (uintptr_t i = 0; i < 4; i++)
		REQUIRE(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
	sleep_ms(1000);
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static const struct check_case cases[] = {
	{ "open", test_open },
	{ "numbers", test_numbers },
	{ "data", test_data },
	{ "full", test_full },
	{ "slave-closed", test_slave_closed },
	{ "master-closed", test_master_closed },
	{ "packet", test_packet },
	{ "settings", test_settings },
	{ "epoll", test_epoll },
	{ "hangup-job", test_hangup_job },
	{ "steal", test_steal },
	{ "orphan", test_orphan },
	{ "churn", test_churn },
};

int main(int argc, char **argv)
{
	if (argc < 2)
		check_seed = now_ns() & 0xffffff;
	check_print("# pty seed %llu", (unsigned long long)check_seed);
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
