/* POSIX message queues: mq_overview(7) and the manual pages of the calls. */
#include "check.h"
#include <mqueue.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/resource.h>

static char name[40];

/* A new queue that nobody else has. */
static mqd_t queue_make(int flags, long count, long size)
{
	struct mq_attr attr = { .mq_maxmsg = count, .mq_msgsize = size };
	static int number;
	snprintf(name, sizeof(name), "/check-%d-%d", getpid(), number++);
	mqd_t queue = CHECK_OK(mq_open(name, O_CREAT | O_EXCL | flags, 0600, &attr));
	return queue;
}

static void queue_end(mqd_t queue)
{
	CHECK_OK(mq_close(queue));
	CHECK_OK(mq_unlink(name));
}

static void receives(mqd_t queue, const char *expected, unsigned priority)
{
	char data[8192] = "";
	unsigned came = 0;
	CHECK_EQ(mq_receive(queue, data, sizeof(data), &came), strlen(expected));
	CHECK_STR(data, expected);
	CHECK_EQ(came, priority);
}

static long pending(mqd_t queue)
{
	struct mq_attr attr;
	CHECK_OK(mq_getattr(queue, &attr));
	return attr.mq_curmsgs;
}

static void test_order(void)
{
	mqd_t queue = queue_make(O_RDWR, 10, 16);
	CHECK_OK(mq_send(queue, "low", 3, 1));
	CHECK_OK(mq_send(queue, "high", 4, 9));
	CHECK_OK(mq_send(queue, "low2", 4, 1));
	CHECK_OK(mq_send(queue, "top", 3, 32767));
	CHECK_OK(mq_send(queue, "high2", 5, 9));
	CHECK_OK(mq_send(queue, "", 0, 0));
	CHECK_EQ(pending(queue), 6);
	receives(queue, "top", 32767);
	receives(queue, "high", 9);
	receives(queue, "high2", 9);
	CHECK_OK(mq_send(queue, "high3", 5, 9));
	receives(queue, "high3", 9);
	receives(queue, "low", 1);
	receives(queue, "low2", 1);
	receives(queue, "", 0);
	CHECK_EQ(pending(queue), 0);
	queue_end(queue);
}

static void test_open_errors(void)
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 8 };
	struct stat status;
	mqd_t queue = queue_make(O_RDWR, 2, 8);
	CHECK_OK(fstat(queue, &status));
	CHECK(S_ISREG(status.st_mode));
	CHECK_EQ(status.st_mode & 0777, 0600);
	CHECK_EQ(fcntl(queue, F_GETFD), FD_CLOEXEC);
	CHECK_ERRNO(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr), EEXIST);
	CHECK_ERRNO(syscall(SYS_mq_open, name + 1, 3, 0, NULL), EINVAL);
	mqd_t second = CHECK_OK(mq_open(name, O_RDONLY | O_CREAT, 0600, NULL));
	CHECK_ERRNO(mq_send(second, "x", 1, 0), EBADF);
	CHECK_OK(mq_close(second));
	second = CHECK_OK(mq_open(name, O_WRONLY));
	char data[16];
	CHECK_ERRNO(mq_receive(second, data, 16, NULL), EBADF);
	CHECK_OK(mq_close(second));
	queue_end(queue);
	CHECK_ERRNO(mq_open(name, O_RDWR), ENOENT);
	CHECK_ERRNO(mq_unlink(name), ENOENT);
	CHECK_ERRNO(mq_open("no-slash", O_RDWR), EINVAL); /* the library's */
	CHECK_ERRNO(syscall(SYS_mq_open, "", O_RDWR, 0, NULL), ENOENT);
	CHECK_ERRNO(syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, 0600, NULL), EACCES);
	CHECK_ERRNO(syscall(SYS_mq_open, "..", O_RDWR, 0, NULL), EACCES);
	CHECK_ERRNO(syscall(SYS_mq_unlink, "a/b"), EACCES);
	char longest[300];
	memset(longest, 'n', sizeof(longest));
	longest[0] = '/', longest[257] = 0;
	CHECK_ERRNO(mq_open(longest, O_RDWR | O_CREAT, 0600, NULL), ENAMETOOLONG);
	longest[256] = 0;
	queue = CHECK_OK(mq_open(longest, O_RDWR | O_CREAT, 0600, NULL));
	CHECK_OK(mq_close(queue));
	CHECK_OK(mq_unlink(longest));
	CHECK_ERRNO(syscall(SYS_mq_open, (char *)8, O_RDWR, 0, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, (void *)8), EFAULT);
	attr.mq_maxmsg = 0;
	CHECK_ERRNO(mq_open("/zero", O_RDWR | O_CREAT, 0600, &attr), EINVAL);
	attr = (struct mq_attr){ .mq_maxmsg = 1, .mq_msgsize = -1 };
	CHECK_ERRNO(mq_open("/zero", O_RDWR | O_CREAT, 0600, &attr), EINVAL);
	attr = (struct mq_attr){ .mq_maxmsg = 70000, .mq_msgsize = 1 };
	CHECK_ERRNO(mq_open("/zero", O_RDWR | O_CREAT, 0600, &attr), EINVAL);
}

static void test_errors(void)
{
	struct timespec bad = { 0, 1000000000 }, past = { 1, 0 };
	char data[16];
	mqd_t queue = queue_make(O_RDWR | O_NONBLOCK, 1, 8);
	CHECK_ERRNO(mq_receive(queue, data, 8, NULL), EAGAIN);
	CHECK_ERRNO(mq_receive(queue, data, 7, NULL), EMSGSIZE);
	CHECK_ERRNO(mq_send(queue, data, 9, 0), EMSGSIZE);
	CHECK_ERRNO(mq_send(queue, data, 1, 32768), EINVAL);
	CHECK_ERRNO(mq_send(queue, (char *)8, 4, 0), EFAULT);
	CHECK_ERRNO(mq_timedsend(queue, data, 1, 0, &bad), EINVAL);
	CHECK_ERRNO(mq_timedreceive(queue, data, 8, NULL, &bad), EINVAL);
	CHECK_OK(mq_timedsend(queue, "x", 1, 7, &past)); /* there is room */
	CHECK_ERRNO(mq_send(queue, "y", 1, 0), EAGAIN);
	CHECK_ERRNO(mq_receive(queue, (char *)8, 8, NULL), EFAULT);
	CHECK_EQ(pending(queue), 0); /* and it is lost */
	CHECK_ERRNO(mq_send(99, data, 1, 0), EBADF);
	int fd = open("/dev/null", O_RDWR);
	CHECK_ERRNO(mq_send(fd, data, 1, 0), EBADF);
	CHECK_ERRNO(mq_receive(fd, data, 8, NULL), EBADF);
	CHECK_ERRNO(mq_notify(fd, NULL), EBADF);
	struct mq_attr attr;
	CHECK_ERRNO(mq_getattr(fd, &attr), EBADF);
	CHECK_ERRNO(write(queue, data, 1), EINVAL);
	close(fd);
	queue_end(queue);
}

static void test_attributes(void)
{
	struct mq_attr attr, old;
	mqd_t queue = queue_make(O_RDWR, 3, 100);
	CHECK_OK(mq_getattr(queue, &attr));
	CHECK_EQ(attr.mq_flags, 0);
	CHECK_EQ(attr.mq_maxmsg, 3);
	CHECK_EQ(attr.mq_msgsize, 100);
	CHECK_EQ(attr.mq_curmsgs, 0);
	attr = (struct mq_attr){ .mq_flags = O_NONBLOCK, .mq_maxmsg = 77 };
	CHECK_OK(mq_setattr(queue, &attr, &old));
	CHECK_EQ(old.mq_flags, 0);
	CHECK_EQ(fcntl(queue, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_OK(mq_getattr(queue, &attr));
	CHECK_EQ(attr.mq_flags, O_NONBLOCK);
	CHECK_EQ(attr.mq_maxmsg, 3);
	attr.mq_flags = O_APPEND;
	CHECK_ERRNO(mq_setattr(queue, &attr, NULL), EINVAL);
	attr.mq_flags = 0;
	CHECK_OK(mq_setattr(queue, &attr, NULL));
	CHECK_EQ(fcntl(queue, F_GETFL) & O_NONBLOCK, 0);
	queue_end(queue);
	snprintf(name, sizeof(name), "/check-%d-default", getpid());
	queue = CHECK_OK(mq_open(name, O_CREAT | O_RDWR, 0600, NULL));
	CHECK_OK(mq_getattr(queue, &attr));
	CHECK_EQ(attr.mq_maxmsg, 10);
	CHECK_EQ(attr.mq_msgsize, 8192);
	queue_end(queue);
}

static struct timespec in_milliseconds(int milliseconds)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += milliseconds * 1000000L;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

static void ignore(int sig)
{
	(void)sig;
}

static void test_waiting(void)
{
	char data[16];
	mqd_t queue = queue_make(O_RDWR, 1, 8);
	struct timespec soon = in_milliseconds(50);
	int64_t start = now_ms();
	CHECK_ERRNO(mq_timedreceive(queue, data, 8, NULL, &soon), ETIMEDOUT);
	CHECK_RANGE(now_ms() - start, 40, 3000);
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		CHECK_OK(mq_send(queue, "late", 4, 3));
		CHECK_OK(mq_send(queue, "more", 4, 4)); /* waits for room */
		child_exit();
	}
	receives(queue, "late", 3);
	receives(queue, "more", 4);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_OK(mq_send(queue, "full", 4, 0));
	soon = in_milliseconds(30);
	CHECK_ERRNO(mq_timedsend(queue, "x", 1, 0, &soon), ETIMEDOUT);
	signal_set(SIGUSR1, ignore, 0);
	pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(mq_send(queue, "x", 1, 0), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	receives(queue, "full", 0);
	pid = signal_after(SIGUSR1, 30);
	soon = in_milliseconds(5000);
	CHECK_ERRNO(mq_timedreceive(queue, data, 8, NULL, &soon), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	queue_end(queue);
}

static void test_poll(void)
{
	mqd_t queue = queue_make(O_RDWR, 1, 8);
	struct pollfd entry = { queue, POLLIN | POLLOUT, 0 };
	CHECK_EQ(poll(&entry, 1, 0), 1);
	CHECK_EQ(entry.revents, POLLOUT);
	CHECK_OK(mq_send(queue, "x", 1, 0));
	CHECK_EQ(poll(&entry, 1, 0), 1);
	CHECK_EQ(entry.revents, POLLIN);
	entry.events = POLLOUT;
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		receives(queue, "x", 0);
		child_exit();
	}
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	CHECK_EQ(wait_status(pid), 0);
	queue_end(queue);
}

static volatile int told;
static siginfo_t told_info;

static void tell(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	told_info = *info;
	told++;
}

static void test_notify(void)
{
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR2,
				  .sigev_value.sival_int = 1234 };
	mqd_t queue = queue_make(O_RDWR, 4, 8);
	char text[128];
	sigaction(SIGUSR2, &action, NULL);
	told = 0;
	CHECK_OK(mq_notify(queue, &event));
	CHECK_ERRNO(mq_notify(queue, &event), EBUSY);
	CHECK_OK(mq_notify(queue, NULL));
	CHECK_OK(mq_notify(queue, NULL)); /* none is no error */
	CHECK_OK(mq_notify(queue, &event));
	memset(text, 0, sizeof(text));
	CHECK(pread(queue, text, sizeof(text) - 1, 0) > 0);
	char expected[128];
	snprintf(expected, sizeof(expected), "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		 0, SIGEV_SIGNAL, SIGUSR2, getpid());
	CHECK_STR(text, expected);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_ERRNO(mq_notify(queue, &event), EBUSY);
		CHECK_OK(mq_notify(queue, NULL)); /* not the child's to take away */
		CHECK_OK(mq_send(queue, "one", 3, 0));
		CHECK_OK(mq_send(queue, "two", 3, 0));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(told, 1);
	CHECK_EQ(told_info.si_code, SI_MESGQ);
	CHECK_EQ(told_info.si_value.sival_int, 1234);
	CHECK_EQ(told_info.si_pid, pid);
	CHECK_OK(mq_notify(queue, &event)); /* it was for once; not empty, so nothing yet */
	CHECK_OK(mq_send(queue, "three", 5, 0));
	CHECK_EQ(told, 1);
	receives(queue, "one", 0), receives(queue, "two", 0), receives(queue, "three", 0);
	CHECK_OK(mq_send(queue, "four", 4, 0));
	CHECK_EQ(told, 2);
	receives(queue, "four", 0);
	queue_end(queue);
}

/* Who waits for a message gets it, and nobody is told; who closes the queue is not told either. */
static void test_notify_not(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO };
	mqd_t queue = queue_make(O_RDWR, 4, 8);
	sigaction(SIGUSR2, &action, NULL);
	told = 0;
	CHECK_OK(mq_notify(queue, &event));
	pid_t pid = fork_child();
	if (pid == 0) {
		receives(queue, "for-it", 0);
		child_exit();
	}
	while (process_state(pid) != 'S')
		sleep_ms(2);
	CHECK_OK(mq_send(queue, "for-it", 6, 0));
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(told, 0);
	mqd_t second = CHECK_OK(mq_open(name, O_RDWR));
	CHECK_ERRNO(mq_notify(second, &event), EBUSY);
	CHECK_OK(mq_close(second)); /* any descriptor of it */
	CHECK_OK(mq_notify(queue, &event));
	CHECK_OK(mq_notify(queue, NULL));
	event.sigev_notify = SIGEV_NONE;
	CHECK_OK(mq_notify(queue, &event));
	CHECK_OK(mq_send(queue, "x", 1, 0));
	CHECK_EQ(told, 0);
	CHECK_OK(mq_notify(queue, &event)); /* it was used up */
	event.sigev_notify = 77;
	CHECK_ERRNO(mq_notify(queue, &event), EINVAL);
	event = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
	CHECK_ERRNO(mq_notify(queue, &event), EINVAL);
	CHECK_ERRNO(syscall(SYS_mq_notify, queue, (void *)8), EFAULT);
	queue_end(queue);
}

static void test_unlinked(void)
{
	mqd_t queue = queue_make(O_RDWR, 2, 8);
	CHECK_OK(mq_send(queue, "stays", 5, 0));
	CHECK_OK(mq_unlink(name));
	CHECK_ERRNO(mq_open(name, O_RDWR), ENOENT);
	mqd_t second = CHECK_OK(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
	CHECK_EQ(pending(second), 0);
	receives(queue, "stays", 0);
	CHECK_OK(mq_close(queue));
	queue_end(second);
}

static void test_limits(void)
{
	struct mq_attr attr = { .mq_maxmsg = 11, .mq_msgsize = 8 };
	struct rlimit limit = { 100000, 100000 };
	mqd_t queue = queue_make(O_RDWR, 20, 8); /* root may */
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(mq_open(name, O_RDWR), EACCES);
		CHECK_ERRNO(syscall(SYS_mq_unlink, name + 1), EPERM);
		CHECK_ERRNO(mq_open("/check-many", O_RDWR | O_CREAT, 0600, &attr), EINVAL);
		attr = (struct mq_attr){ .mq_maxmsg = 10, .mq_msgsize = 8193 };
		CHECK_ERRNO(mq_open("/check-many", O_RDWR | O_CREAT, 0600, &attr), EINVAL);
		attr.mq_msgsize = 8192;
		CHECK_OK(setrlimit(RLIMIT_MSGQUEUE, &limit));
		mqd_t one = CHECK_OK(mq_open("/check-many", O_RDWR | O_CREAT, 0600, &attr));
		CHECK_ERRNO(mq_open("/check-more", O_RDWR | O_CREAT, 0600, &attr), EMFILE);
		CHECK_OK(mq_unlink("/check-many")); /* still open, still counted */
		CHECK_ERRNO(mq_open("/check-more", O_RDWR | O_CREAT, 0600, &attr), EMFILE);
		CHECK_OK(mq_close(one));
		one = CHECK_OK(mq_open("/check-more", O_RDWR | O_CREAT, 0600, &attr));
		CHECK_OK(mq_unlink("/check-more"));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	queue_end(queue);
}

/* The file system: names, sizes, permissions; what cat(1) shows. */
static void test_mounted(void)
{
	char path[80], text[200];
	struct stat status;
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("queues", 0755));
	REQUIRE(CHECK_OK(mount("none", "queues", "mqueue", 0, NULL)) == 0);
	mqd_t queue = queue_make(O_RDWR, 4, 8);
	CHECK_OK(mq_send(queue, "abc", 3, 0));
	CHECK_OK(mq_send(queue, "de", 2, 5));
	snprintf(path, sizeof(path), "queues%s", name);
	CHECK_OK(stat(path, &status));
	CHECK_EQ(status.st_size, 80);
	CHECK(file_read(path, text, sizeof(text)) > 0);
	CHECK(!strncmp(text, "QSIZE:5 ", 8));
	CHECK_OK(stat("queues", &status));
	CHECK_EQ(status.st_mode & 07777, 01777);
	DIR *list = opendir("queues");
	struct dirent *entry;
	int found = 0;
	while (list && (entry = readdir(list)))
		found += !strcmp(entry->d_name, name + 1);
	if (list)
		closedir(list);
	CHECK_EQ(found, 1);
	CHECK_OK(chmod(path, 0644));
	CHECK_ERRNO(mkdir("queues/directory", 0700), EPERM);
	int fd = open("queues/by-open", O_RDWR | O_CREAT | O_NONBLOCK, 0600);
	CHECK(fd >= 0);
	CHECK_OK(mq_send(fd, "x", 1, 0)); /* a queue like any other */
	close(fd);
	mqd_t same = CHECK_OK(mq_open("/by-open", O_RDWR));
	receives(same, "x", 0);
	mq_close(same);
	CHECK_OK(unlink("queues/by-open"));
	CHECK_OK(mq_close(queue));
	CHECK_OK(unlink(path));
	CHECK_ERRNO(mq_open(name, O_RDWR), ENOENT);
	CHECK_OK(umount("queues"));
}

enum { SENDERS = 3, RECEIVERS = 3, EACH = 200 };

/* Each message arrives once, and those of one sender in order. */
static void test_many(void)
{
	mqd_t queue = queue_make(O_RDWR, 5, 16), results = queue_make(O_RDWR, 10, 16);
	pid_t pids[SENDERS + RECEIVERS];
	for (int i = 0; i < SENDERS + RECEIVERS; i++) {
		pids[i] = fork_child();
		if (pids[i] != 0)
			continue;
		int last[SENDERS] = { 0 }, message[4], sum = 0;
		for (int n = 1; i < SENDERS && n <= EACH; n++) {
			message[0] = i, message[1] = n;
			CHECK_OK(mq_send(queue, (char *)message, 8, 0));
		}
		for (int n = 0; i >= SENDERS && n < SENDERS * EACH / RECEIVERS; n++) {
			CHECK_EQ(mq_receive(queue, (char *)message, 16, NULL), 8);
			CHECK(message[1] > last[message[0]]);
			last[message[0]] = message[1];
			sum += message[1];
		}
		if (i >= SENDERS)
			CHECK_OK(mq_send(results, (char *)&sum, sizeof(sum), 0));
		child_exit();
	}
	for (int i = 0; i < SENDERS + RECEIVERS; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	long total = 0;
	for (int i = 0; i < RECEIVERS; i++) {
		int part[4] = { 0 };
		CHECK_EQ(mq_receive(results, (char *)part, 16, NULL), sizeof(int));
		total += part[0];
	}
	CHECK_EQ(total, SENDERS * EACH * (EACH + 1) / 2);
	CHECK_EQ(pending(queue), 0);
	CHECK_OK(mq_close(queue));
	queue_end(results);
	*strrchr(name, '-') = 0; /* the one before */
	char first[60];
	for (int i = 0; i < 100; i++) {
		snprintf(first, sizeof(first), "%s-%d", name, i);
		mq_unlink(first);
	}
}

static const struct check_case cases[] = {
	{ "order", test_order },       { "open-errors", test_open_errors },
	{ "errors", test_errors },     { "attributes", test_attributes },
	{ "waiting", test_waiting },   { "poll", test_poll },
	{ "notify", test_notify },     { "notify-not", test_notify_not },
	{ "unlinked", test_unlinked }, { "limits", test_limits },
	{ "mounted", test_mounted },   { "many", test_many },
};

CHECK_MAIN(cases)
