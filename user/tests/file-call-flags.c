/* Flags of single calls: preadv2(2), pwritev2(2), openat2(2), statx(2). */
#include "check.h"
#include <linux/fs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

static ssize_t read_at(int fd, void *data, size_t size, off_t at, int flags)
{
	struct iovec part = { data, size };
	return preadv2(fd, &part, 1, at, flags);
}

static ssize_t write_at(int fd, const void *data, size_t size, off_t at, int flags)
{
	struct iovec part = { (void *)data, size };
	return pwritev2(fd, &part, 1, at, flags);
}

static void test_append(void)
{
	char data[16] = "";
	REQUIRE(scratch_enter() && file_write("a", "one", 3));
	int fd = open("a", O_RDWR);
	CHECK_EQ(write_at(fd, "two", 3, 0, RWF_APPEND), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(write_at(fd, "3", 1, -1, RWF_APPEND), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	CHECK_EQ(pread(fd, data, 15, 0), 7);
	CHECK_STR(data, "onetwo3");
	CHECK_ERRNO(write_at(fd, "x", 1, 0, RWF_APPEND | RWF_NOAPPEND), EINVAL);
	close(fd);
	fd = open("a", O_RDWR | O_APPEND);
	CHECK_EQ(write_at(fd, "O", 1, 0, 0), 1);
	CHECK_EQ(write_at(fd, "N", 1, 1, RWF_NOAPPEND), 1);
	memset(data, 0, sizeof(data));
	CHECK_EQ(read_at(fd, data, 15, 0, RWF_APPEND), 8);
	CHECK_STR(data, "oNetwo3O");
	close(fd);
}

static void test_sync(void)
{
	char data[4];
	REQUIRE(scratch_enter() && file_write("s", "one", 3));
	int fd = open("s", O_RDWR);
	CHECK_EQ(write_at(fd, "two", 3, 0, RWF_SYNC), 3);
	CHECK_EQ(write_at(fd, "two", 3, 0, RWF_DSYNC | RWF_HIPRI), 3);
	CHECK_EQ(read_at(fd, data, 3, 0, RWF_DSYNC | RWF_SYNC | RWF_HIPRI), 3);
	CHECK_ERRNO(read_at(fd, data, 3, 0, 1 << 20), EOPNOTSUPP);
	CHECK_ERRNO(write_at(fd, data, 3, 0, 1 << 20), EOPNOTSUPP);
	CHECK_EQ(read_at(fd, data, 0, 0, 1 << 20), 0); /* nothing to read comes first */
	CHECK_ERRNO(read_at(fd, data, 3, -2, 0), EINVAL);
	close(fd);
	CHECK_ERRNO(read_at(fd, data, 3, 0, 0), EBADF);
	fd = open("s", O_RDONLY);
	CHECK_ERRNO(write_at(fd, data, 3, 0, 1 << 20), EBADF);
	close(fd);
}

static void test_no_wait(void)
{
	uint64_t word = 3;
	int ends[2];
	char data[8];
	CHECK_OK(pipe(ends));
	CHECK_ERRNO(read_at(ends[0], data, 8, -1, RWF_NOWAIT), EAGAIN);
	CHECK_ERRNO(read_at(ends[0], data, 8, 0, RWF_NOWAIT), ESPIPE);
	CHECK_EQ(write_at(ends[1], "abc", 3, -1, RWF_NOWAIT), 3);
	CHECK_EQ(read_at(ends[0], data, 8, -1, RWF_NOWAIT), 3);
	long size = fcntl(ends[1], F_GETPIPE_SZ);
	for (long done = 0; done < size; done += 4096) {
		static char page[4096];
		CHECK_EQ(write_at(ends[1], page, 4096, -1, RWF_NOWAIT), 4096);
	}
	CHECK_ERRNO(write_at(ends[1], data, 1, -1, RWF_NOWAIT), EAGAIN);
	close(ends[0]), close(ends[1]);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	CHECK_ERRNO(read_at(ends[0], data, 8, -1, RWF_NOWAIT), EAGAIN);
	CHECK_EQ(write_at(ends[1], "abc", 3, -1, RWF_NOWAIT), 3);
	CHECK_EQ(read_at(ends[0], data, 8, -1, RWF_NOWAIT), 3);
	close(ends[0]), close(ends[1]);
	int fd = eventfd(0, 0);
	CHECK_ERRNO(read_at(fd, &word, 8, -1, RWF_NOWAIT), EAGAIN);
	CHECK_ERRNO(write_at(fd, &word, 8, -1, RWF_NOWAIT), EOPNOTSUPP);
	CHECK_EQ(write_at(fd, &word, 8, -1, RWF_HIPRI), 8);
	CHECK_EQ(read_at(fd, &word, 8, -1, RWF_NOWAIT), 8);
	close(fd);
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	CHECK_ERRNO(read_at(fd, &word, 8, -1, RWF_NOWAIT), EAGAIN);
	close(fd);
	sigset_t set;
	char info[128];
	sigemptyset(&set);
	fd = signalfd(-1, &set, 0);
	CHECK_ERRNO(read_at(fd, info, sizeof(info), -1, RWF_NOWAIT), EAGAIN);
	close(fd);
}

/* What cannot say whether it would wait. */
static void test_no_wait_refused(void)
{
	char data[32];
	REQUIRE(scratch_enter() && file_write("n", "one", 3));
	int fd = open("n", O_RDWR); /* on a tmpfs */
	CHECK_ERRNO(read_at(fd, data, 3, 0, RWF_NOWAIT), EOPNOTSUPP);
	CHECK_ERRNO(write_at(fd, data, 3, 0, RWF_NOWAIT), EOPNOTSUPP);
	close(fd);
	fd = inotify_init1(IN_NONBLOCK);
	CHECK_ERRNO(read_at(fd, data, 32, -1, RWF_NOWAIT), EOPNOTSUPP);
	CHECK_ERRNO(read_at(fd, data, 32, -1, RWF_SYNC), EOPNOTSUPP);
	CHECK_ERRNO(read_at(fd, data, 32, -1, RWF_HIPRI), EAGAIN);
	close(fd);
	fd = open("/proc/self/maps", O_RDONLY);
	CHECK_ERRNO(read_at(fd, data, 32, 0, RWF_NOWAIT), EOPNOTSUPP);
	CHECK_EQ(read_at(fd, data, 32, 0, RWF_HIPRI), 32);
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	CHECK_EQ(read_at(fd, data, 32, 0, RWF_NOWAIT), 32);
	CHECK_EQ(write_at(fd, data, 32, 0, RWF_NOWAIT), 32);
	close(fd);
	fd = open("/dev/full", O_RDWR);
	CHECK_ERRNO(write_at(fd, data, 32, 0, RWF_SYNC), EOPNOTSUPP);
	CHECK_ERRNO(write_at(fd, data, 32, 0, RWF_HIPRI), ENOSPC);
	close(fd);
}

static int open_how(int dir, const char *name, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };
	return syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static void resolves(int dir, const char *name, uint64_t resolve, int expected)
{
	int fd = open_how(dir, name, O_RDONLY, resolve);
	int came = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (came != expected)
		check_print("# %s with %#lx", name, (unsigned long)resolve);
	CHECK_EQ(came, expected);
}

static void test_resolve(void)
{
	char self[64];
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("in", 0755));
	CHECK_OK(mkdir("in/sub", 0755));
	REQUIRE(file_write("out", "x", 1) && file_write("in/file", "x", 1) &&
		file_write("in/sub/file", "x", 1));
	CHECK_OK(symlink("file", "in/near"));
	CHECK_OK(symlink("../out", "in/up"));
	CHECK_OK(symlink("/proc/version", "in/far"));
	CHECK_OK(symlink("/sub/file", "in/rooted"));
	CHECK_OK(symlink("sub/../file", "in/back"));
	int dir = open("in", O_PATH | O_DIRECTORY);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", open("out", O_RDONLY));
	resolves(dir, "near", RESOLVE_NO_SYMLINKS, ELOOP);
	resolves(dir, "file", RESOLVE_NO_SYMLINKS, 0);
	resolves(AT_FDCWD, self, 0, 0);
	resolves(AT_FDCWD, self, RESOLVE_NO_MAGICLINKS, ELOOP);
	resolves(dir, "near", RESOLVE_NO_MAGICLINKS, 0);
	resolves(dir, "near", RESOLVE_BENEATH, 0);
	resolves(dir, "back", RESOLVE_BENEATH, 0);
	resolves(dir, "up", RESOLVE_BENEATH, EXDEV);
	resolves(dir, "../out", RESOLVE_BENEATH, EXDEV);
	resolves(dir, "sub/../../out", RESOLVE_BENEATH, EXDEV);
	resolves(dir, "/proc/version", RESOLVE_BENEATH, EXDEV);
	resolves(dir, "far", RESOLVE_BENEATH, EXDEV);
	resolves(dir, "rooted", RESOLVE_IN_ROOT, 0);
	resolves(dir, "/sub/file", RESOLVE_IN_ROOT, 0);
	resolves(dir, "../../file", RESOLVE_IN_ROOT, 0);
	resolves(dir, "up", RESOLVE_IN_ROOT, ENOENT);
	resolves(dir, "far", RESOLVE_IN_ROOT, ENOENT);
	resolves(dir, "file", RESOLVE_IN_ROOT | RESOLVE_BENEATH, EINVAL);
	resolves(dir, "file", 1UL << 40, EINVAL);
	close(dir);
}

static void test_resolve_mounts(void)
{
	REQUIRE(scratch_enter());
	CHECK_OK(symlink("/proc/version", "far"));
	CHECK_OK(symlink("/", "root"));
	int root = open("/", O_PATH | O_DIRECTORY);
	struct statfs here, top;
	CHECK_OK(statfs(".", &here));
	CHECK_OK(statfs("/", &top));
	resolves(root, "proc/version", RESOLVE_NO_XDEV, EXDEV);
	resolves(AT_FDCWD, "/proc/version", RESOLVE_NO_XDEV, EXDEV);
	resolves(AT_FDCWD, "far", RESOLVE_NO_XDEV, EXDEV);
	int proc = open("/proc", O_PATH | O_DIRECTORY);
	resolves(proc, "version", RESOLVE_NO_XDEV, 0);
	resolves(proc, "self/status", RESOLVE_NO_XDEV, 0);
	resolves(proc, "..", RESOLVE_NO_XDEV, EXDEV);
	resolves(proc, "self/root", RESOLVE_NO_XDEV, EXDEV); /* a magic link elsewhere */
	resolves(proc, "/etc", RESOLVE_NO_XDEV, access("/etc", F_OK) ? ENOENT : 0);
	close(proc);
	close(root);
}

static void test_resolve_cached(void)
{
	char name[32];
	REQUIRE(scratch_enter() && file_write("known", "x", 1));
	snprintf(name, sizeof(name), "/proc/%d/nothing", getpid());
	resolves(AT_FDCWD, "known", RESOLVE_CACHED, 0);
	resolves(AT_FDCWD, "known", RESOLVE_CACHED | RESOLVE_NO_SYMLINKS, 0);
	resolves(AT_FDCWD, name, RESOLVE_CACHED, EAGAIN);
	CHECK_ERRNO(open_how(AT_FDCWD, "known", O_RDWR | O_TRUNC, RESOLVE_CACHED), EAGAIN);
}

static void test_statx(void)
{
	struct statx one, other;
	REQUIRE(scratch_enter() && file_write("x", "12345", 5));
	CHECK_OK(statx(AT_FDCWD, "x", 0, STATX_BASIC_STATS | STATX_MNT_ID, &one));
	CHECK_EQ(one.stx_mask & (STATX_BASIC_STATS | STATX_BTIME), STATX_BASIC_STATS);
	CHECK(one.stx_mask & 0x1000);
	CHECK_EQ(one.stx_size, 5);
	CHECK_OK(statx(AT_FDCWD, "x", 0, STATX_BTIME, &other));
	CHECK(other.stx_mask & STATX_BTIME);
	CHECK_EQ(other.stx_size, 5);
	CHECK(other.stx_btime.tv_sec > 0 || other.stx_btime.tv_nsec > 0);
	CHECK_OK(statx(AT_FDCWD, "x", 0, 0x4000, &other)); /* STATX_MNT_ID_UNIQUE */
	CHECK_EQ(other.stx_mask & 0x5000, 0x4000);
	CHECK(other.stx_mnt_id >= 1UL << 31);
	CHECK(other.stx_mnt_id != one.stx_mnt_id);
	CHECK_ERRNO(statx(AT_FDCWD, "x", 0, 1U << 31, &other), EINVAL);
	CHECK_ERRNO(statx(AT_FDCWD, "x", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &other),
		    EINVAL);
	CHECK_OK(statx(AT_FDCWD, "x", AT_STATX_FORCE_SYNC, 0, &other));
	int fd = open("x", O_RDONLY);
	CHECK_OK(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &other));
	CHECK_EQ(other.stx_ino, one.stx_ino);
	CHECK_OK(syscall(SYS_statx, fd, NULL, AT_EMPTY_PATH, STATX_ALL, &other));
	CHECK_ERRNO(statx(fd, "", 0, STATX_ALL, &other), ENOENT);
	CHECK_ERRNO(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, (void *)8), EFAULT);
	close(fd);
	int ends[2];
	CHECK_OK(pipe(ends));
	CHECK_OK(statx(ends[0], "", AT_EMPTY_PATH, STATX_ALL, &other));
	CHECK(S_ISFIFO(other.stx_mode));
	close(ends[0]), close(ends[1]);
}

static const struct check_case cases[] = {
	{ "append", test_append },
	{ "sync", test_sync },
	{ "no-wait", test_no_wait },
	{ "no-wait-refused", test_no_wait_refused },
	{ "resolve", test_resolve },
	{ "resolve-mounts", test_resolve_mounts },
	{ "resolve-cached", test_resolve_cached },
	{ "statx", test_statx },
};

CHECK_MAIN(cases)
