/* Files, descriptors and waiting when an allocation fails: fail.h. */
#include "fail.h"
#include <grp.h>
#include <mqueue.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

/* ---- files ---- */

static int try_open(void)
{
	int fd = FAILING(open("data", O_RDONLY));
	int error = result_of(fd);
	close(fd);
	return error;
}

static int try_create(void)
{
	int fd = FAILING(open("new", O_RDWR | O_CREAT | O_EXCL, 0600));
	int error = result_of(fd);
	close(fd);
	if (error)
		CHECK_ERRNO(access("new", F_OK), ENOENT);
	unlink("new");
	return error;
}

static int try_write(void)
{
	int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0600);
	memset(text, 'x', sizeof(text));
	long done = FAILING(write(fd, text, sizeof(text)));
	int error = done == sizeof(text) ? 0 : done < 0 ? errno : ENOMEM;
	struct stat st;
	CHECK(fstat(fd, &st) == 0 && st.st_size == (done < 0 ? 0 : done));
	close(fd);
	unlink("new");
	return error;
}

static int try_allocate(void)
{
	int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0600);
	int error = FAILING(posix_fallocate(fd, 0, 64 * PAGE));
	close(fd);
	unlink("new");
	return error;
}

static int try_directory(void)
{
	int error = result_of(FAILING(mkdir("folder", 0700)));
	if (!error)
		CHECK_OK(rmdir("folder"));
	return error;
}

static int try_symlink(void)
{
	int error = result_of(FAILING(symlink("a-long-name-that-is-not-there", "sym")));
	if (!error)
		CHECK_OK(unlink("sym"));
	return error;
}

static int try_link(void)
{
	int error = result_of(FAILING(link("data", "another")));
	if (!error)
		CHECK_OK(unlink("another"));
	return error;
}

static int try_rename(void)
{
	int error = result_of(FAILING(rename("data", "moved")));
	CHECK_OK(rename(error ? "data" : "moved", "data"));
	return error;
}

static int try_list(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY);
	long done = FAILING(syscall(SYS_getdents64, fd, text, sizeof(text)));
	int error = result_of(done);
	close(fd);
	return error;
}

static int try_proc(void)
{
	int fd = FAILING(open("/proc/self/maps", O_RDONLY));
	int error = result_of(fd);
	if (error)
		return error;
	int first_failed = failed;
	error = result_of(FAILING(read(fd, text, sizeof(text))));
	failed |= first_failed;
	close(fd);
	return error;
}

static int try_status(void)
{
	struct stat st;
	return result_of(FAILING(stat("/proc/self/fd/0", &st)));
}

static int try_mount(void)
{
	int error = result_of(FAILING(mount("none", "mounted", "tmpfs", 0, "size=1m,mode=700")));
	if (!error)
		CHECK_OK(umount("mounted"));
	return error;
}

static int try_lock_file(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };
	int fd = open("data", O_RDWR);
	int error = result_of(FAILING(fcntl(fd, F_SETLK, &lock)));
	int first_failed = failed;
	lock.l_start = 14;
	lock.l_len = 2;
	lock.l_type = F_UNLCK;
	if (!error)
		error = result_of(FAILING(fcntl(fd, F_SETLK, &lock)));
	failed |= first_failed;
	close(fd);
	return error;
}

static int try_flock(void)
{
	int fd = open("data", O_RDWR);
	int error = result_of(FAILING(flock(fd, LOCK_EX)));
	close(fd);
	return error;
}

static int try_sendfile(void)
{
	int from = open("large", O_RDONLY), to = open("new", O_RDWR | O_CREAT, 0600);
	long done = FAILING(sendfile(to, from, NULL, 16 * PAGE));
	close(from);
	close(to);
	unlink("new");
	return done == 16 * (long)PAGE ? 0 : done < 0 ? errno : ENOMEM;
}

/* ---- descriptors and waiting ---- */

static int try_pipe(void)
{
	int ends[2];
	int error = result_of(FAILING(pipe(ends)));
	if (error)
		return error;
	int first_failed = failed;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	long done = FAILING(write(ends[1], text, 30000));
	if (done != 30000)
		error = done < 0 ? errno : ENOMEM;
	CHECK(done < 0 || read(ends[0], text, 30000) == done);
	failed |= first_failed;
	close(ends[0]);
	close(ends[1]);
	return error;
}

static int try_descriptor(int fd)
{
	int error = result_of(fd);
	close(fd);
	return error;
}

static int try_eventfd(void)
{
	return try_descriptor(FAILING(eventfd(0, 0)));
}

static int try_timerfd(void)
{
	return try_descriptor(FAILING(timerfd_create(CLOCK_MONOTONIC, 0)));
}

static int try_memfd(void)
{
	return try_descriptor(FAILING(memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
}

static int try_terminal(void)
{
	return try_descriptor(FAILING(open("/dev/ptmx", O_RDWR | O_NOCTTY)));
}

static int try_socket(void)
{
	return try_descriptor(FAILING(socket(AF_UNIX, SOCK_STREAM, 0)));
}

static int try_socket_pair(void)
{
	int ends[2];
	int error = result_of(FAILING(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)));
	if (error)
		return error;
	int first_failed = failed;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	long done = FAILING(write(ends[1], text, 30000));
	failed |= first_failed;
	close(ends[0]);
	close(ends[1]);
	return done == 30000 ? 0 : done < 0 ? errno : ENOMEM;
}

/* A name, a connection to it, and the other end of that. */
static int try_socket_connect(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "failing-socket" };
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	int first_failed = 0, side = -1;
	int error = result_of(FAILING(bind(server, (struct sockaddr *)&name, sizeof(name))));
	first_failed |= failed;
	listen(server, 1);
	if (!error)
		error = result_of(FAILING(connect(client, (struct sockaddr *)&name, sizeof(name))));
	first_failed |= failed;
	if (!error) {
		side = FAILING(accept(server, NULL, NULL));
		error = result_of(side);
		first_failed |= failed;
	}
	failed = first_failed;
	close(server);
	close(client);
	if (side >= 0)
		close(side);
	unlink("failing-socket");
	return error;
}

/* Descriptors in a message, sent, looked at and received. */
static int try_socket_rights(void)
{
	_Alignas(16) char control[CMSG_SPACE(2 * sizeof(int))] = "";
	struct cmsghdr *rights = (struct cmsghdr *)control;
	struct iovec part = { text, 1 };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	int ends[2], fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return errno;
	*rights = (struct cmsghdr){ CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(rights), ends, sizeof(fds));
	int error = result_of(FAILING(sendmsg(ends[0], &header, MSG_DONTWAIT)));
	int first_failed = failed;
	for (int flags = MSG_PEEK; !error && flags >= 0; flags -= MSG_PEEK) {
		header.msg_controllen = sizeof(control);
		long done = FAILING(recvmsg(ends[1], &header, flags | MSG_DONTWAIT));
		first_failed |= failed;
		error = result_of(done);
		if (done == 1 && header.msg_controllen) {
			memcpy(fds, CMSG_DATA(rights), sizeof(fds));
			close(fds[0]);
			close(fds[1]);
		}
	}
	failed = first_failed;
	close(ends[0]);
	close(ends[1]);
	return error;
}

/* Both ends of a pseudo-terminal. */
static int try_terminal_pair(void)
{
	int off = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(master, TIOCSPTLCK, &off);
	int slave = FAILING(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	int error = result_of(slave);
	if (slave >= 0)
		close(slave);
	close(master);
	return error;
}

static int try_duplicate(void)
{
	return try_descriptor(FAILING(dup2(0, 900)));
}

static int try_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = FAILING(epoll_create1(0)), error = result_of(epoll), first_failed = failed;
	if (error)
		return error;
	int fd = eventfd(1, 0);
	error = result_of(FAILING(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)));
	first_failed |= failed;
	if (!error)
		error = result_of(FAILING(epoll_wait(epoll, &event, 1, 0)));
	failed |= first_failed;
	close(fd);
	close(epoll);
	return error;
}

static int try_poll(void)
{
	static struct pollfd polled[400];
	for (size_t i = 0; i < ARRAY_SIZE(polled); i++)
		polled[i] = (struct pollfd){ .fd = i % 2, .events = POLLIN };
	return result_of(FAILING(poll(polled, ARRAY_SIZE(polled), 0)));
}

static int try_vectors(void)
{
	static struct iovec vectors[500];
	int fd = open("/dev/null", O_WRONLY);
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		vectors[i] = (struct iovec){ text, 1 };
	long done = FAILING(writev(fd, vectors, ARRAY_SIZE(vectors)));
	close(fd);
	return result_of(done);
}

static int try_signal(void)
{
	sigset_t set, old;
	union sigval value = { .sival_int = 5 };
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &old);
	int error = result_of(FAILING(sigqueue(getpid(), SIGRTMIN, value)));
	if (!error)
		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return error;
}

static int try_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	timer_t timer;
	int error = result_of(FAILING(timer_create(CLOCK_MONOTONIC, &event, &timer)));
	if (!error)
		timer_delete(timer);
	return error;
}

static int try_groups(void)
{
	gid_t groups[40] = { 1, 2, 3 };
	int error = result_of(FAILING(setgroups(ARRAY_SIZE(groups), groups)));
	setgroups(0, NULL);
	return error;
}

static int try_unshare(void)
{
	return result_of(FAILING(unshare(CLONE_FILES | CLONE_FS)));
}

static int try_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 64 };
	mqd_t queue = FAILING(mq_open("/fail", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr));
	int error = result_of(queue);
	if (!error && !failed)
		error = result_of(FAILING(mq_send(queue, text, 64, 1)));
	int was_failed = failed;
	if (queue >= 0)
		mq_close(queue);
	mq_unlink("/fail");
	failed = was_failed;
	return error;
}

static int try_messages(void)
{
	struct {
		long type;
		char data[64];
	} message = { .type = 1 };
	int id = FAILING(msgget(IPC_PRIVATE, 0600)), error = result_of(id);
	if (!error && !failed)
		error = result_of(FAILING(msgsnd(id, &message, 64, IPC_NOWAIT)));
	if (!error && !failed)
		error = result_of(FAILING(msgrcv(id, &message, 64, 0, MSG_COPY | IPC_NOWAIT)));
	if (id >= 0)
		msgctl(id, IPC_RMID, NULL);
	return error;
}

static int try_kernel_log(void)
{
	return try_descriptor(FAILING(open("/dev/kmsg", O_RDONLY | O_NONBLOCK)));
}

static int try_page_map(void)
{
	uint64_t word;
	int fd = FAILING(open("/proc/self/pagemap", O_RDONLY)), error = result_of(fd);
	if (!error && !failed)
		error = result_of(FAILING(pread(fd, &word, 8, (uintptr_t)text / PAGE * 8)));
	int was_failed = failed;
	if (fd >= 0)
		close(fd);
	failed = was_failed;
	return error;
}

static int try_namespace(void)
{
	return try_descriptor(FAILING(open("/proc/self/ns/uts", O_RDONLY)));
}

static int try_peer(void)
{
	int ends[2], fd = -1;
	socklen_t size = sizeof(fd);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return errno;
	int error = result_of(FAILING(getsockopt(ends[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &size)));
	if (fd >= 0)
		close(fd);
	close(ends[0]);
	close(ends[1]);
	return error;
}

static const struct try all[] = {
	{ "open", try_open, false },
	{ "create", try_create, false },
	{ "write", try_write, false },
	{ "allocate", try_allocate, false },
	{ "directory", try_directory, false },
	{ "symlink", try_symlink, false },
	{ "link", try_link, false },
	{ "rename", try_rename, false },
	{ "list", try_list, false },
	{ "proc", try_proc, false },
	{ "status", try_status, false },
	{ "mount", try_mount, false },
	{ "lock", try_lock_file, false },
	{ "flock", try_flock, false },
	{ "sendfile", try_sendfile, false },
	{ "pipe", try_pipe, false },
	{ "eventfd", try_eventfd, false },
	{ "timerfd", try_timerfd, false },
	{ "memfd", try_memfd, false },
	{ "terminal", try_terminal, true },
	{ "socket", try_socket, true },
	{ "socket-pair", try_socket_pair, true },
	{ "socket-connect", try_socket_connect, true },
	{ "socket-rights", try_socket_rights, true },
	{ "terminal-pair", try_terminal_pair, true },
	{ "duplicate", try_duplicate, false },
	{ "epoll", try_epoll, false },
	{ "poll", try_poll, false },
	{ "vectors", try_vectors, false },
	{ "signal", try_signal, false },
	{ "timer", try_timer, true },
	{ "groups", try_groups, false },
	{ "unshare", try_unshare, true },
	{ "queue", try_queue, false },
	{ "messages", try_messages, false },
	{ "kernel-log", try_kernel_log, false },
	{ "page-map", try_page_map, false },
	{ "namespace", try_namespace, false },
	{ "peer", try_peer, false },
	{ NULL, NULL, false },
};

int main(int argc, char **argv)
{
	return fail_main(all, argc, argv);
}
