#pragma once
/*
 * What random calls are about (callgrammar.c): a descriptor of each kind at a fixed number, names
 * of each kind, and structures in memory that other processes and threads change meanwhile.
 */
#include "check.h"
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>

enum {
	FD_NULL,
	FD_FILE = 3,
	FD_APPEND,
	FD_DIRECTORY,
	FD_PIPE_READ,
	FD_PIPE_WRITE,
	FD_STREAM,
	FD_STREAM_PEER,
	FD_DATAGRAM,
	FD_DATAGRAM_PEER,
	FD_PACKET,
	FD_PACKET_PEER,
	FD_LISTEN,
	FD_EPOLL,
	FD_EPOLL_OUTER,
	FD_EVENT,
	FD_TIMER,
	FD_SIGNAL,
	FD_INOTIFY,
	FD_MEMORY,
	FD_PROCESS,
	FD_MASTER,
	FD_SLAVE,
	FD_INTERNET,
	FD_QUEUE,
	FD_UNNAMED,
	FD_FIRST_NAMED, /* one of each of named[] from here */
};

/* clang-format off */
static const struct { const char *path; int flags; } named[] = {
	{ "/dev/zero", O_RDWR }, { "/dev/full", O_RDWR }, { "/dev/urandom", O_RDWR },
	{ "/dev/fb0", O_RDWR }, { "/dev/input/event0", O_RDWR }, { "/dev/kmsg", O_RDONLY },
	{ "/proc/self/maps", O_RDONLY }, { "/proc/self/mem", O_RDWR }, { "/proc", O_RDONLY },
	{ "/proc/self/status", O_RDONLY }, { "/proc/self/fd", O_RDONLY }, { "/sys", O_RDONLY },
	{ "/proc/self/pagemap", O_RDONLY }, { "file", O_PATH }, { "dir", O_PATH | O_DIRECTORY },
	{ "/proc/self/oom_score_adj", O_RDWR }, { "/proc/stat", O_RDONLY },
	{ "fifo", O_RDWR | O_NONBLOCK }, { "dir", O_RDONLY | O_DIRECTORY }, { "big", O_RDWR },
};

static const char *const names[] = {
	"file", "file", "big", "dir", "dir/inside", "link", "loop", "fifo", "socket", "missing",
	"missing/x", "", ".", "..", "/", "dir/", "file/", "///", "./././file", "dir/../file",
	"\xff\xfe", "new", "dir/new", "new/", "/proc/self/fd/3", "/proc/self/fd", "/proc/self/exe",
	"/proc/self/status", "/proc/self/cwd/file", "/proc/self/root", "/proc/1/maps", "/proc",
	"/proc/self/task", "/proc/self/ns/mnt", "/proc/sys/kernel/pid_max", "/dev/null", "/dev/zero",
	"/dev/ptmx", "/dev/pts/0", "/dev", "/sys", "/sys/devices/system/cpu", "/bin/sh",
	"user.name", "user.", "security.x", "trusted.y", "tmpfs", "proc",
};
/* clang-format on */

/* Queues outlive processes as well: these few are removed after each round. */
static const char *const queue_names[] = { "random-1", "random-2", "random-3" };

enum { AREA_PAGES = 4, FDS = 56, NAME_MOST = 4200 };

struct things {
	unsigned char *area, *edge; /* edge: the first byte after the area, unmapped */
	char *long_name;	    /* NAME_MOST letters */
	long mappings[16];	    /* results of earlier calls */
	long ids[16];
	pid_t pids[8];
	unsigned mapping_next, id_next, pid_next;
};

static struct things things;

CHECK_HELPER void fd_place(int from, int to)
{
	if (from < 0 || from == to)
		return;
	dup2(from, to);
	close(from);
}

CHECK_HELPER void pair_place(const int *pair, int first)
{
	/* Two steps: what is placed first must not stand where the other still is. */
	int high[2] = { fcntl(pair[0], F_DUPFD, 100), fcntl(pair[1], F_DUPFD, 100) };
	close(pair[0]), close(pair[1]);
	fd_place(high[0], first);
	fd_place(high[1], first + 1);
}

CHECK_HELPER void sockets_place(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int pair[2];
	for (int i = 0; i < 3; i++) {
		if (socketpair(AF_UNIX, types[i], 0, pair) == 0)
			pair_place(pair, FD_STREAM + 2 * i);
	}
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	unlink("socket");
	bind(listener, (struct sockaddr *)&address, sizeof(address));
	listen(listener, 4);
	fd_place(listener, FD_LISTEN);
	fd_place(socket(AF_INET, SOCK_DGRAM, 0), FD_INTERNET);
}

CHECK_HELPER void terminal_place(void)
{
	char path[32];
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), number = 0, unlock = 0;
	ioctl(master, TIOCSPTLCK, &unlock);
	if (ioctl(master, TIOCGPTN, &number) == 0) {
		snprintf(path, sizeof(path), "/dev/pts/%d", number);
		fd_place(open(path, O_RDWR | O_NOCTTY), FD_SLAVE);
	}
	fd_place(master, FD_MASTER);
}

/* Each kind of descriptor, at its number. */
CHECK_HELPER void descriptors_place(void)
{
	sigset_t signals;
	int pair[2];
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	for (int fd = 0; fd < 3; fd++)
		fd_place(open("/dev/null", O_RDWR), fd);
	fd_place(open("file", O_RDWR | O_CREAT, 0666), FD_FILE);
	fd_place(open("file", O_RDWR | O_APPEND), FD_APPEND);
	fd_place(open(".", O_RDONLY), FD_DIRECTORY);
	if (pipe(pair) == 0)
		pair_place(pair, FD_PIPE_READ);
	sockets_place();
	fd_place(epoll_create1(0), FD_EPOLL);
	fd_place(epoll_create1(0), FD_EPOLL_OUTER);
	fd_place(eventfd(0, 0), FD_EVENT);
	fd_place(timerfd_create(CLOCK_MONOTONIC, 0), FD_TIMER);
	fd_place(signalfd(-1, &signals, 0), FD_SIGNAL);
	fd_place(inotify_init1(0), FD_INOTIFY);
	fd_place(memfd_create("random", MFD_ALLOW_SEALING), FD_MEMORY);
	fd_place(syscall(SYS_pidfd_open, getpid(), 0), FD_PROCESS);
	fd_place(syscall(SYS_mq_open, queue_names[0], O_RDWR | O_CREAT, 0666, NULL), FD_QUEUE);
	fd_place(open(".", O_TMPFILE | O_RDWR, 0600), FD_UNNAMED);
	terminal_place();
	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		fd_place(open(named[i].path, named[i].flags | O_NOCTTY), FD_FIRST_NAMED + i);
}

/* The names that the calls know, in the directory that is the current one; anybody may write them. */
CHECK_HELPER void names_make(void)
{
	char page[PAGE];
	memset(page, 'x', sizeof(page));
	bool good = file_write("file", "some text\n", 10) &&
		    file_write("big", page, sizeof(page)) && truncate("big", 300000) == 0;
	good = mkdir("dir", 0777) == 0 && good;
	good = file_write("dir/inside", page, 100) && good;
	good = mkfifo("fifo", 0666) == 0 && good;
	good = symlink("file", "link") == 0 && symlink("loop", "loop") == 0 && good;
	chmod("file", 0666), chmod("big", 0666), chmod("dir", 0777), chmod("fifo", 0666);
	if (!good)
		errno = 0; /* calls of earlier rounds took the names: that is as good */
}

CHECK_HELPER bool memory_make(void)
{
	size_t size = AREA_PAGES * PAGE;
	things.area =
		mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (things.area == MAP_FAILED)
		return false;
	things.edge = things.area + size;
	munmap(things.edge, PAGE);
	things.long_name = malloc(NAME_MOST + 1);
	if (!things.long_name)
		return false;
	memset(things.long_name, 'n', NAME_MOST);
	things.long_name[NAME_MOST] = 0;
	return true;
}
