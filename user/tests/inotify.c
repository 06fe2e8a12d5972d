/* inotify(7): each event, its order, masks, cookies, overflow, and the end of watches. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/xattr.h>

static int fd, directory;
static uint32_t cookies[64];

/* Everything queued as text: "EVENT[/dir] [name]" joined by "; ", watch numbers relative to `directory`. */
static const char *drain(void)
{
	static const char *const names[] = { "ACCESS", "MODIFY",  "ATTRIB",	 "CLOSE_WRITE",
					     "CLOSE",  "OPEN",	  "FROM",	 "TO",
					     "CREATE", "DELETE",  "DELETE_SELF", "MOVE_SELF",
					     "?",      "UNMOUNT", "OVERFLOW",	 "IGNORED" };
	static char text[4096];
	char buffer[8192] __attribute__((aligned(8)));
	size_t used = 0, count = 0;
	ssize_t size;
	text[0] = 0;
	while ((size = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + size;) {
			struct inotify_event *event = (struct inotify_event *)at;
			if (count < ARRAY_SIZE(cookies))
				cookies[count] = event->cookie;
			if (used < sizeof(text) - 300)
				used += sprintf(
					text + used, "%s%s%s%s%s%s", count++ ? "; " : "",
					event->wd == directory || event->wd == -1 ? "" : "self ",
					names[__builtin_ctz(event->mask & 0xffff)],
					event->mask & IN_ISDIR ? "/dir" : "", event->len ? " " : "",
					event->len ? event->name : "");
			CHECK_EQ(event->len % sizeof(*event), 0);
			at += sizeof(*event) + event->len;
		}
	}
	return text;
}

#define EXPECT(text) check_string(drain(), (text), "events", __LINE__)

static bool start(uint32_t mask)
{
	if (!scratch_enter() || mkdir(check_case_name, 0755) || chdir(check_case_name))
		return false;
	fd = CHECK_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	directory = mask ? CHECK_OK(inotify_add_watch(fd, ".", mask)) : 0;
	return fd >= 0;
}

static void test_file(void)
{
	char byte;
	REQUIRE(start(IN_ALL_EVENTS));
	int file = open("f", O_CREAT | O_RDWR, 0644);
	EXPECT("CREATE f; OPEN f");
	CHECK_EQ(write(file, "hello", 5), 5);
	CHECK_EQ(pread(file, &byte, 1, 0), 1);
	CHECK_EQ(pread(file, &byte, 1, 100), 0);
	EXPECT("MODIFY f; ACCESS f");
	fchmod(file, 0600);
	fchown(file, 0, 0);
	EXPECT("ATTRIB f");
	ftruncate(file, 2);
	futimens(file, NULL);
	EXPECT("MODIFY f; ATTRIB f");
	close(file);
	EXPECT("CLOSE_WRITE f");
	file = open("f", O_RDONLY);
	close(file);
	EXPECT("OPEN f; CLOSE f");
	file = open("f", O_PATH);
	close(file);
	EXPECT("");
	unlink("f");
	EXPECT("DELETE f");
	close(fd);
}

static void test_names(void)
{
	REQUIRE(start(IN_ALL_EVENTS & ~(IN_OPEN | IN_CLOSE | IN_ACCESS)));
	mkdir("d", 0755);
	symlink("x", "l");
	mkfifo("p", 0600);
	CHECK(file_write("a", "", 0));
	link("a", "b");
	EXPECT("CREATE/dir d; CREATE l; CREATE p; CREATE a; CREATE b");
	rename("a", "c");
	CHECK(cookies[0] == 0);
	EXPECT("FROM a; TO c");
	CHECK(cookies[0] && cookies[0] == cookies[1]);
	uint32_t former = cookies[0];
	rename("c", "d/c");
	EXPECT("FROM c");
	CHECK(cookies[0] && cookies[0] != former);
	rename("d/c", "c");
	EXPECT("TO c");
	/* Two names of one file: nothing is done. */
	rename("c", "b");
	EXPECT("");
	rename("c", "l");
	EXPECT("FROM c; TO l");
	CHECK_OK(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "l", 2));
	EXPECT("FROM/dir d; TO/dir l; FROM l; TO d");
	CHECK(cookies[0] == cookies[1] && cookies[2] == cookies[3]);
	unlink("p");
	rmdir("l");
	EXPECT("DELETE p; DELETE/dir l");
	close(fd);
}

static void test_self(void)
{
	REQUIRE(start(0));
	CHECK(file_write("f", "x", 1));
	CHECK_OK(inotify_add_watch(fd, "f", IN_ALL_EVENTS));
	chmod("f", 0600);
	link("f", "g");
	EXPECT("self ATTRIB");
	rename("f", "h");
	EXPECT("self MOVE_SELF");
	unlink("g");
	EXPECT("self ATTRIB");
	unlink("h");
	EXPECT("self ATTRIB; self DELETE_SELF; self IGNORED");
	/* It lasts as long as someone has it open. */
	CHECK(file_write("f", "x", 1));
	CHECK_OK(inotify_add_watch(fd, "f", IN_ALL_EVENTS));
	int file = open("f", O_RDONLY);
	unlink("f");
	EXPECT("self OPEN; self ATTRIB");
	close(file);
	EXPECT("self CLOSE; self DELETE_SELF; self IGNORED");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(inotify_add_watch(fd, "d", IN_ALL_EVENTS));
	rename("d", "e");
	rmdir("e");
	EXPECT("self MOVE_SELF; self DELETE_SELF; self IGNORED");
	/* One replaced by a rename. */
	CHECK(file_write("f", "x", 1));
	CHECK(file_write("g", "x", 1));
	CHECK_OK(inotify_add_watch(fd, "g", IN_ALL_EVENTS));
	rename("f", "g");
	EXPECT("self ATTRIB; self DELETE_SELF; self IGNORED");
	close(fd);
}

static void test_both(void)
{
	REQUIRE(start(IN_ALL_EVENTS));
	CHECK(file_write("f", "x", 1));
	EXPECT("CREATE f; OPEN f; MODIFY f; CLOSE_WRITE f");
	CHECK_OK(inotify_add_watch(fd, "f", IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF));
	chmod("f", 0644);
	EXPECT("ATTRIB f; self ATTRIB");
	unlink("f");
	EXPECT("self ATTRIB; self DELETE_SELF; self IGNORED; DELETE f");
	setxattr(".", "user.a", "1", 1, 0);
	drain();
	mkdir("d", 0755);
	DIR *list = opendir("d");
	readdir(list);
	closedir(list);
	rmdir("d");
	EXPECT("CREATE/dir d; OPEN/dir d; ACCESS/dir d; CLOSE/dir d; DELETE/dir d");
	close(fd);
}

static void test_masks(void)
{
	REQUIRE(start(IN_CREATE));
	CHECK(file_write("a", "x", 1));
	EXPECT("CREATE a");
	CHECK_EQ(inotify_add_watch(fd, ".", IN_DELETE), directory);
	CHECK(file_write("b", "x", 1));
	unlink("b");
	EXPECT("DELETE b");
	CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_MASK_ADD), directory);
	CHECK(file_write("b", "x", 1));
	unlink("b");
	EXPECT("CREATE b; DELETE b");
	CHECK_ERRNO(inotify_add_watch(fd, ".", IN_CREATE | IN_MASK_CREATE), EEXIST);
	CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_ONESHOT), directory);
	CHECK(file_write("c", "x", 1));
	CHECK(file_write("d", "x", 1));
	EXPECT("CREATE c; IGNORED");
	CHECK_ERRNO(inotify_rm_watch(fd, directory), EINVAL);
	directory = CHECK_OK(inotify_add_watch(fd, ".", IN_MODIFY | IN_EXCL_UNLINK));
	int file = open("d", O_WRONLY);
	CHECK_EQ(write(file, "x", 1), 1);
	unlink("d");
	CHECK_EQ(write(file, "x", 1), 1);
	EXPECT("MODIFY d");
	CHECK_OK(inotify_rm_watch(fd, directory));
	EXPECT("IGNORED");
	directory = CHECK_OK(inotify_add_watch(fd, ".", IN_MODIFY));
	CHECK_EQ(write(file, "x", 1), 1);
	EXPECT("MODIFY d");
	close(file);
	close(fd);
}

static void test_errors(void)
{
	struct {
		struct inotify_event event;
		char name[8];
	} small;
	int bytes, ends[2];
	REQUIRE(start(IN_CREATE));
	CHECK_ERRNO(inotify_init1(1), EINVAL);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERRNO(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
	CHECK_ERRNO(inotify_add_watch(fd, ".", 0), EINVAL);
	CHECK_ERRNO(inotify_add_watch(fd, ".", 0x10000), EINVAL);
	CHECK_ERRNO(inotify_add_watch(fd, ".", IN_CREATE | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	CHECK_ERRNO(inotify_add_watch(-1, ".", IN_CREATE), EBADF);
	CHECK_OK(pipe(ends));
	CHECK_ERRNO(inotify_add_watch(ends[0], ".", IN_CREATE), EINVAL);
	CHECK_ERRNO(inotify_rm_watch(ends[0], 1), EINVAL);
	CHECK_ERRNO(inotify_rm_watch(fd, 77), EINVAL);
	CHECK(file_write("f", "x", 1));
	CHECK_ERRNO(inotify_add_watch(fd, "f", IN_MODIFY | IN_ONLYDIR), ENOTDIR);
	symlink("none", "l");
	CHECK_ERRNO(inotify_add_watch(fd, "l", IN_MODIFY), ENOENT);
	CHECK_OK(inotify_add_watch(fd, "l", IN_MODIFY | IN_DONT_FOLLOW));
	CHECK_OK(ioctl(fd, FIONREAD, &bytes));
	CHECK_EQ(bytes, 64); /* two names of one block each */
	CHECK_ERRNO(read(fd, &small, sizeof(small)), EINVAL);
	EXPECT("CREATE f; CREATE l");
	CHECK_ERRNO(read(fd, &small, sizeof(small)), EAGAIN);
	chmod("f", 0);
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_ERRNO(inotify_add_watch(fd, "f", IN_MODIFY), EACCES);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

static void test_merge_and_overflow(void)
{
	char name[32];
	REQUIRE(start(IN_MODIFY | IN_CREATE));
	int file = open("f", O_CREAT | O_WRONLY, 0644);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(write(file, "x", 1), 1);
	EXPECT("CREATE f; MODIFY f");
	close(file);
	int limit = 0;
	if (file_read("/proc/sys/fs/inotify/max_queued_events", name, sizeof(name)) > 0)
		limit = atoi(name);
	limit = limit ? limit : 16384;
	int a = open("a", O_CREAT | O_WRONLY, 0644), b = open("b", O_CREAT | O_WRONLY, 0644);
	for (int i = 0; i < limit; i++) {
		write(a, "x", 1);
		write(b, "x", 1);
	}
	int count = 0, overflows = 0;
	char buffer[4096] __attribute__((aligned(8)));
	ssize_t size;
	while ((size = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + size;) {
			struct inotify_event *event = (struct inotify_event *)at;
			count++;
			if (event->mask == IN_Q_OVERFLOW) {
				overflows++;
				CHECK_EQ(event->wd, -1);
			}
			at += sizeof(*event) + event->len;
		}
	}
	CHECK_EQ(overflows, 1);
	CHECK_EQ(count, limit + 1);
	close(a);
	close(b);
	close(fd);
}

static void test_unmount(void)
{
	REQUIRE(start(0));
	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("none", "m", "tmpfs", 0, ""));
	CHECK(file_write("m/f", "x", 1));
	CHECK_OK(inotify_add_watch(fd, "m/f", IN_ALL_EVENTS));
	CHECK_OK(umount("m"));
	EXPECT("self UNMOUNT; self IGNORED");
	rmdir("m");
	close(fd);
}

static void test_wait(void)
{
	REQUIRE(start(IN_CREATE));
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	CHECK_EQ(poll(&entry, 1, 0), 0);
	pid_t pid = fork_child();
	if (!pid) {
		sleep_ms(30);
		_exit(file_write("late", "x", 1) ? 0 : 1);
	}
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	EXPECT("CREATE late");
	CHECK_EQ(wait_status(pid), 0);
	close(fd);
}

static volatile int stop;
static void *churn(void *number)
{
	char name[32];
	for (int i = 0; i < 300 && !stop; i++) {
		snprintf(name, sizeof(name), "%ld-%d", (long)number, i % 5);
		int file = open(name, O_CREAT | O_WRONLY, 0644);
		write(file, "x", 1);
		inotify_add_watch(fd, name, IN_ALL_EVENTS);
		close(file);
		if (i % 2)
			unlink(name);
		else
			rename(name, "target");
	}
	return NULL;
}

static void test_stress(void)
{
	pthread_t threads[4];
	REQUIRE(start(IN_ALL_EVENTS));
	for (long i = 0; i < 4; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, churn, (void *)i));
	for (int i = 0; i < 50; i++) {
		int other = inotify_init1(IN_NONBLOCK);
		inotify_add_watch(other, ".", IN_ALL_EVENTS);
		inotify_add_watch(other, "target", IN_ALL_EVENTS);
		drain();
		close(other);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	drain();
	close(fd);
}

static const struct check_case cases[] = {
	{ "file", test_file },
	{ "names", test_names },
	{ "self", test_self },
	{ "both", test_both },
	{ "masks", test_masks },
	{ "errors", test_errors },
	{ "merge-and-overflow", test_merge_and_overflow },
	{ "unmount", test_unmount },
	{ "wait", test_wait },
	{ "stress", test_stress },
};
CHECK_MAIN(cases)
