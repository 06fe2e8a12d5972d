/*
 * Every allocation fails once: /proc/selene/fail makes the n-th one of this process fail, and each
 * operation is tried with n = 1, 2, 3, … until nothing fails any more. It must end with an errno or
 * succeed all the same, leave nothing behind, and work afterwards. Selene only.
 */
#include "check.h"
#include <grp.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <selene_spawn.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
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

#define KNOB  "/proc/selene/fail"
#define AUDIT "/proc/selene/audit"

enum { TRIES_MAX = 3000, MIB = 1 << 20, REPORT_MAX = 1 << 14, KILLED = 1000 };

static int knob = -1;
static unsigned long arm_at; /* which allocation fails between fail_begin() and fail_end() */
static int failed;	     /* it did */
static char report_before[REPORT_MAX], report_after[REPORT_MAX];
static char text[256 * 1024];

static void fail_begin(void)
{
	char number[24];
	int length = snprintf(number, sizeof(number), "%lu", arm_at);
	if (pwrite(knob, number, length, 0) != length)
		check_fail(__LINE__, "the knob can be set", check_errno_name(errno));
}

/* Keeps errno. The knob's own calls may be what fails: then it is off as well. */
static void fail_end(void)
{
	char digit = '0';
	int saved = errno;
	(void)!pwrite(knob, "0", 1, 0);
	for (int i = 0; i < 2 && pread(knob, &digit, 1, 0) != 1; i++)
		;
	failed = digit == '1';
	errno = saved;
}

/* A call with the knob armed; its result, and errno as it left it. */
#define FAILING(call)                                                                              \
	({                                                                                         \
		fail_begin();                                                                      \
		long failing_result_ = (long)(call);                                               \
		fail_end();                                                                        \
		failing_result_;                                                                   \
	})

static int result_of(long result)
{
	return result == -1 ? errno : 0;
}

/* ---- what is tried: each gives 0 or the errno, with everything undone ---- */

static int wait_all(pid_t pid)
{
	int status = wait_status(pid);
	return WIFSIGNALED(status) ? KILLED : WEXITSTATUS(status);
}

static int try_fork(void)
{
	pid_t pid = FAILING(fork());
	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : wait_all(pid);
}

static int try_vfork(void)
{
	fail_begin();
	pid_t pid = vfork();
	if (pid == 0)
		_exit(0);
	fail_end();
	return pid < 0 ? errno : wait_all(pid);
}

static void *thread_nothing(void *argument)
{
	return argument;
}

static int try_thread(void)
{
	pthread_t thread;
	int error = FAILING(pthread_create(&thread, NULL, thread_nothing, NULL));
	if (!error)
		pthread_join(thread, NULL);
	return error;
}

/* The child sets the knob and becomes this program again, which says whether it failed. */
static int exec_status(pid_t pid)
{
	int status = wait_all(pid);
	failed = status != 0;
	/* 2: the allocation failed, but the program runs; 127: its start in the C library gave up. */
	return status == 2 || status == 127 ? 0 : status;
}

static int try_exec(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		fail_begin();
		execl("/proc/self/exe", "fail-memory", "--executed", NULL);
		int error = errno;
		fail_end();
		_exit(error);
	}
	return pid < 0 ? errno : exec_status(pid);
}

static int try_exec_script(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		fail_begin();
		execl("./script", "script", NULL);
		int error = errno;
		fail_end();
		_exit(error);
	}
	return pid < 0 ? errno : exec_status(pid);
}

static int try_spawn(void)
{
	char *argv[] = { "true", NULL }, *envp[] = { "A=B", NULL };
	struct selene_spawn_action actions[] = {
		{ .kind = SELENE_SPAWN_OPEN,
		  .fd = 70,
		  .oflag = O_RDWR | O_CREAT,
		  .mode = 0600,
		  .path = (uintptr_t) "spawned" },
		{ .kind = SELENE_SPAWN_DUP2, .fd = 70, .newfd = 300 },
		{ .kind = SELENE_SPAWN_CHDIR, .path = (uintptr_t) "/tmp" },
	};
	struct selene_spawn_args args = { .path = (uintptr_t) "/bin/true",
					  .path_fd = -1,
					  .argv = (uintptr_t)argv,
					  .envp = (uintptr_t)envp,
					  .actions = (uintptr_t)actions,
					  .action_count = ARRAY_SIZE(actions),
					  .flags = SELENE_SPAWN_SETSIGDEF,
					  .sigdefault = 1 };
	pid_t pid = FAILING(syscall(SELENE_SYS_spawn, &args, sizeof(args)));
	int error = pid < 0 ? errno : wait_all(pid);
	unlink("spawned");
	return error;
}

static int try_posix_spawn(void)
{
	char *argv[] = { "true", NULL };
	pid_t pid;
	int error = FAILING(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL));
	return error ? error : wait_all(pid);
}

static int try_map(void)
{
	void *p = (void *)FAILING(
		mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (p == MAP_FAILED)
		return errno;
	munmap(p, MIB);
	return 0;
}

static int try_map_populate(void)
{
	void *p = (void *)FAILING(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
	if (p == MAP_FAILED)
		return errno;
	munmap(p, 64 * PAGE);
	return 0;
}

static int try_map_file(void)
{
	int fd = open("data", O_RDWR);
	char *p = (char *)FAILING(mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	int error = p == MAP_FAILED ? errno : 0;
	if (!error)
		munmap(p, 16 * PAGE);
	close(fd);
	return error;
}

/* Three mappings of one: pieces that need structures of their own. */
static int try_split(int how)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 64 * PAGE);
	fail_begin();
	long result = how == 0	 ? munmap(p + 8 * PAGE, 8 * PAGE)
		      : how == 1 ? mprotect(p + 8 * PAGE, 8 * PAGE, PROT_READ)
		      : how == 2 ? madvise(p + 8 * PAGE, 8 * PAGE, MADV_DONTFORK)
		      : how == 3 ? (long)mremap(p + 8 * PAGE, 8 * PAGE, 4096 * PAGE, MREMAP_MAYMOVE)
		      : how == 4 ? mlock(p + 8 * PAGE, 8 * PAGE)
				 : (long)mmap(p + 8 * PAGE, 8 * PAGE, PROT_READ,
					      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	fail_end();
	int error = result_of(result);
	if (error && how != 5) {
		CHECK_EQ(p[9 * PAGE], 1);
		p[9 * PAGE] = 2;
	}
	if (!error && how == 3)
		munmap((void *)result, 4096 * PAGE);
	munmap(p, 64 * PAGE);
	return error;
}

static int try_unmap(void)
{
	return try_split(0);
}

static int try_protect(void)
{
	return try_split(1);
}

static int try_advise(void)
{
	return try_split(2);
}

static int try_remap(void)
{
	return try_split(3);
}

static int try_lock(void)
{
	return try_split(4);
}

static int try_map_fixed(void)
{
	return try_split(5);
}

static int try_brk(void)
{
	char *end = sbrk(0);
	fail_begin();
	char *now = (char *)syscall(SYS_brk, end + 64 * PAGE);
	if (now != end)
		memset(end, 1, 64 * PAGE);
	fail_end();
	syscall(SYS_brk, end);
	return now == end ? ENOMEM : 0;
}

/* A fault tries again: memory is there, only this allocation was refused. */
static int try_fault(int flags, int fd)
{
	char *p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		return errno;
	char seen = FAILING(((volatile char *)p)[5 * PAGE]);
	int first_failed = failed;
	FAILING((p[5 * PAGE] = 7, p[4 * MIB] = 8));
	failed |= first_failed;
	CHECK_EQ(p[5 * PAGE], 7);
	CHECK_EQ(seen, fd < 0 ? 0 : 'd');
	munmap(p, 8 * MIB);
	return 0;
}

static int try_fault_anonymous(void)
{
	return try_fault(MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int try_fault_shared(void)
{
	return try_fault(MAP_SHARED | MAP_ANONYMOUS, -1);
}

static int try_fault_file(void)
{
	int fd = open("large", O_RDWR);
	int error = try_fault(MAP_PRIVATE, fd);
	close(fd);
	return error;
}

/* Copy-on-write: the parent's write to what a child shows too. */
static int try_fault_cow(void)
{
	static char *p;
	int ends[2];
	char byte;
	p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 16 * PAGE);
	if (pipe(ends) < 0)
		return errno;
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		_exit(p[0] == 1 && p[3 * PAGE] == 1 ? 0 : 1);
	}
	FAILING((p[0] = 2, p[3 * PAGE] = 2));
	close(ends[0]);
	close(ends[1]);
	CHECK_EQ(wait_all(pid), 0);
	CHECK_EQ(p[0], 2);
	munmap(p, 16 * PAGE);
	return 0;
}

/* The kernel's own access to missing pages. */
static int try_fault_kernel(void)
{
	int fd = open("large", O_RDONLY);
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long done = FAILING(read(fd, p + 100 * PAGE, 3 * PAGE));
	int error = done == 3 * (long)PAGE ? 0 : done < 0 ? errno : ENOMEM;
	CHECK(done < 0 || p[100 * PAGE] == 'd');
	munmap(p, MIB);
	close(fd);
	return error;
}

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

static const struct
try {
	const char *name;
	int (*run)(void);
	bool optional; /* a kernel may not have it */
}
tries[] = {
	{ "fork", try_fork, false },
	{ "vfork", try_vfork, false },
	{ "thread", try_thread, false },
	{ "exec", try_exec, false },
	{ "exec-script", try_exec_script, false },
	{ "spawn", try_spawn, false },
	{ "posix-spawn", try_posix_spawn, false },
	{ "map", try_map, false },
	{ "map-populate", try_map_populate, false },
	{ "map-file", try_map_file, false },
	{ "map-fixed", try_map_fixed, false },
	{ "unmap", try_unmap, false },
	{ "protect", try_protect, false },
	{ "advise", try_advise, false },
	{ "remap", try_remap, false },
	{ "mlock", try_lock, false },
	{ "brk", try_brk, false },
	{ "fault-anonymous", try_fault_anonymous, false },
	{ "fault-shared", try_fault_shared, false },
	{ "fault-file", try_fault_file, false },
	{ "fault-cow", try_fault_cow, false },
	{ "fault-kernel", try_fault_kernel, false },
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
};

/* ---- the sweep ---- */

static long report_value(const char *report, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = report; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ' ')
			return atol(line + length);
	}
	return 0;
}

static const char *const counts[] = { "kernel", "table", "user", "object", "slab_objects" };

static bool reports_equal(void)
{
	bool same = true;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		same = same && report_value(report_after, counts[i]) ==
				       report_value(report_before, counts[i]);
	return same;
}

/* report_before, once what the last sweep ended has gone: the same twice. */
static void report_settle(void)
{
	file_read(AUDIT, report_after, sizeof(report_after));
	for (int attempt = 0; attempt < 50; attempt++) {
		file_read(AUDIT, report_before, sizeof(report_before));
		if (attempt && reports_equal())
			return;
		memcpy(report_after, report_before, sizeof(report_after));
		sleep_ms(20);
	}
}

/* The kernel's counts, once all that ended has gone. */
static void report_compare(const char *name)
{
	bool same = false;
	for (int attempt = 0; attempt < 20 && !same; attempt++) {
		if (attempt)
			sleep_ms(20);
		same = file_read(AUDIT, report_after, sizeof(report_after)) > 0 &&
		       !strncmp(report_after, "audit: clean", 12) && reports_equal();
	}
	if (same)
		return;
	for (char *line = strtok(report_after, "\n"); line; line = strtok(NULL, "\n")) {
		char key[64] = "";
		const char *space = strrchr(line, ' ');
		if (space)
			snprintf(key, sizeof(key), "%.*s", (int)(space - line), line);
		if (!space || report_value(report_before, key) != atol(space + 1))
			check_print("  %s: %ld before; now: %s", name,
				    report_value(report_before, key), line);
	}
	check_fail(__LINE__, "nothing lost, audit clean", name);
}

static bool result_expected(int error)
{
	return error == 0 || error == ENOMEM || error == EAGAIN || error == ENFILE ||
	       error == ENOBUFS || error == ENOSPC || error == ENOLCK || error == KILLED;
}

static void sweep(const struct try *try)
{
	int error = 0;
	for (arm_at = 1; arm_at < TRIES_MAX; arm_at++) {
		failed = 0;
		error = try->run();
		if (!failed)
			break;
		if (!result_expected(error)) {
			check_print("  %s, allocation %lu: %s", try->name, arm_at,
				    check_errno_name(error));
			check_fail(__LINE__, "ENOMEM or another shortage", check_errno_name(error));
		}
	}
	if (error) {
		check_print("  %s without a failure: %s", try->name, check_errno_name(error));
		check_fail(__LINE__, "success when nothing fails", check_errno_name(error));
	}
	CHECK(arm_at < TRIES_MAX);
}

static bool try_exists(const struct try *try)
{
	arm_at = 1000000;
	int error = try->run();
	return !try->optional || error == 0;
}

static bool prepare(void)
{
	static const char script[] = "#!/proc/self/exe --executed\n";
	if (knob < 0)
		knob = open(KNOB, O_RDWR | O_CLOEXEC);
	if (knob < 0 || !scratch_enter())
		return false;
	/* What the dynamic linker says of a failure must not fill a pipe's page. */
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	memset(text, 'd', sizeof(text));
	memset(report_before, ' ', sizeof(report_before));
	memset(report_after, ' ', sizeof(report_after));
	file_write("data", text, 16 * PAGE);
	file_write("large", text, sizeof(text));
	(void)!truncate("large", 8 * MIB);
	file_write("script", script, sizeof(script) - 1);
	chmod("script", 0755);
	mkdir("mounted", 0700);
	return true;
}

static void run_all(void)
{
	if (access(KNOB, W_OK) != 0)
		SKIP("no " KNOB);
	REQUIRE(prepare());
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		if (!try_exists(&tries[i]))
			continue;
		int failures = check_failures;
		sweep(&tries[i]);
		/* Once more, now that this program has touched all that it will touch. */
		report_settle();
		sweep(&tries[i]);
		report_compare(tries[i].name);
		if (getenv("VERBOSE") || failures != check_failures)
			check_print("# %s: %lu allocations", tries[i].name, arm_at - 1);
	}
}

/* The program after an exec: 2 when the allocation failed. */
static int executed(void)
{
	failed = 0;
	knob = open(KNOB, O_RDWR);
	if (knob < 0 && errno == ENOMEM)
		return 2;
	fail_end();
	return failed ? 2 : 0;
}

static const struct check_case cases[] = { { "sweep", run_all } };

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--executed"))
		return executed();
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
