/* Every call with bad descriptors, pointers, sizes and flags: a table of calls and their errno. */
#include "check.h"
#include <grp.h>

#define BAD    ((long)8)	    /* an address with nothing there */
#define KERNEL ((long)(~0UL << 30)) /* an address of the kernel's half */
#define NO_FD  12345

struct bad_call {
	const char *text;
	long number;
	long args[6];
	int expected, alternative;
};

static char text[4096];
static long good_file, good_dir, good_pipe;

/* clang-format off */
#define CALL(name, expected, ...) \
	{ #name "(" #__VA_ARGS__ ")", SYS_##name, { __VA_ARGS__ }, (expected), 0 }
#define EITHER(name, expected, other, ...) \
	{ #name "(" #__VA_ARGS__ ")", SYS_##name, { __VA_ARGS__ }, (expected), (other) }
/* clang-format on */

static void calls_check(const struct bad_call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const long *a = calls[i].args;
		errno = 0;
		long result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (result == -1 && calls[i].alternative && errno == calls[i].alternative)
			continue;
		check_errno(result, errno, calls[i].expected, calls[i].text, (int)i);
	}
}

static void test_descriptors(void)
{
	static const long fds[] = { NO_FD, -1, INT_MAX, INT_MIN, -100, 1L << 32 };
	for (size_t i = 0; i < ARRAY_SIZE(fds) - 1; i++) {
		long fd = fds[i];
		const struct bad_call calls[] = {
			CALL(read, EBADF, fd, (long)text, 1),
			CALL(write, EBADF, fd, (long)text, 1),
			CALL(close, EBADF, fd),
			CALL(fstat, EBADF, fd, (long)text),
			CALL(lseek, EBADF, fd, 0, SEEK_SET),
			CALL(ioctl, EBADF, fd, 0x5401, (long)text),
			CALL(fcntl, EBADF, fd, F_GETFD),
			CALL(dup, EBADF, fd),
			CALL(dup3, EBADF, fd, 100, 0),
			CALL(getdents64, EBADF, fd, (long)text, 1000),
			CALL(fchmod, EBADF, fd, 0600),
			CALL(fchown, EBADF, fd, 0, 0),
			CALL(ftruncate, EBADF, fd, 0),
			CALL(fchdir, EBADF, fd),
			CALL(fstatfs, EBADF, fd, (long)text),
			CALL(pread64, EBADF, fd, (long)text, 1, 0),
			CALL(pwrite64, EBADF, fd, (long)text, 1, 0),
			CALL(readv, EBADF, fd, (long)text, 0),
			CALL(writev, EBADF, fd, (long)text, 0),
			CALL(fsync, EBADF, fd),
			CALL(fdatasync, EBADF, fd),
			CALL(sendfile, EBADF, fd, good_file, 0, 1),
			CALL(sendfile, EBADF, good_file, fd, 0, 1),
		};
		calls_check(calls, ARRAY_SIZE(calls));
	}
	/* Only the low 32 bits are the descriptor. */
	CHECK_OK(syscall(SYS_fcntl, (1L << 32) | good_file, F_GETFD));
}

static void test_directories(void)
{
	long name = (long)"name";
	const struct bad_call calls[] = {
		CALL(openat, EBADF, NO_FD, name, O_RDONLY),
		CALL(openat, ENOTDIR, good_file, name, O_RDONLY),
		CALL(openat, ENOTDIR, good_pipe, name, O_RDONLY),
		CALL(newfstatat, EBADF, NO_FD, name, (long)text, 0),
		CALL(faccessat, EBADF, NO_FD, name, 0),
		CALL(readlinkat, EBADF, NO_FD, name, (long)text, 100),
		CALL(unlinkat, EBADF, NO_FD, name, 0),
		CALL(mkdirat, EBADF, NO_FD, name, 0755),
		CALL(symlinkat, EBADF, (long)"target", NO_FD, name),
		CALL(fchmodat, EBADF, NO_FD, name, 0600),
		CALL(fchownat, EBADF, NO_FD, name, 0, 0, 0),
		CALL(utimensat, EBADF, NO_FD, name, 0, 0),
		CALL(renameat2, EBADF, NO_FD, name, AT_FDCWD, name, 0),
		CALL(linkat, EBADF, NO_FD, name, AT_FDCWD, name, 0),
		CALL(mkdirat, ENOTDIR, good_file, name, 0755),
		CALL(unlinkat, ENOTDIR, good_file, name, 0),
	};
	calls_check(calls, ARRAY_SIZE(calls));
}

static void paths_check(long path)
{
	long name = (long)"name";
	const struct bad_call calls[] = {
		CALL(openat, EFAULT, AT_FDCWD, path, O_RDONLY),
		CALL(openat, EFAULT, AT_FDCWD, path, O_RDWR | O_CREAT, 0600),
		CALL(newfstatat, EFAULT, AT_FDCWD, path, (long)text, 0),
		CALL(faccessat, EFAULT, AT_FDCWD, path, 0),
		CALL(readlinkat, EFAULT, AT_FDCWD, path, (long)text, 100),
		CALL(unlinkat, EFAULT, AT_FDCWD, path, 0),
		CALL(unlinkat, EFAULT, AT_FDCWD, path, AT_REMOVEDIR),
		CALL(mkdirat, EFAULT, AT_FDCWD, path, 0755),
		CALL(symlinkat, EFAULT, path, AT_FDCWD, name),
		CALL(symlinkat, EFAULT, name, AT_FDCWD, path),
		CALL(linkat, EFAULT, AT_FDCWD, path, AT_FDCWD, name, 0),
		CALL(renameat2, EFAULT, AT_FDCWD, path, AT_FDCWD, name, 0),
		CALL(fchmodat, EFAULT, AT_FDCWD, path, 0600),
		CALL(fchownat, EFAULT, AT_FDCWD, path, 0, 0, 0),
		CALL(truncate, EFAULT, path, 0),
		CALL(statfs, EFAULT, path, (long)text),
		CALL(chdir, EFAULT, path),
		CALL(execve, EFAULT, path, 0, 0),
	};
	calls_check(calls, ARRAY_SIZE(calls));
}

/* A string that has no end before its memory ends. */
static void test_paths(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(p != MAP_FAILED);
	munmap(p + PAGE, PAGE);
	p[PAGE - 2] = p[PAGE - 1] = 'n';
	paths_check(BAD);
	paths_check(KERNEL);
	paths_check(-1);
	paths_check((long)p + PAGE - 2);
	paths_check((long)p + PAGE);
	strcpy(p + PAGE - 3, "nn"); /* this one just fits */
	CHECK_ERRNO(open(p + PAGE - 3, O_RDONLY), ENOENT);
	munmap(p, PAGE);
}

static void outputs_check(long out)
{
	static const char file[] = "/dev/null";
	const struct bad_call calls[] = {
		CALL(fstat, EFAULT, good_file, out),
		CALL(newfstatat, EFAULT, AT_FDCWD, (long)file, out, 0),
		CALL(statfs, EFAULT, (long)"/", out),
		CALL(fstatfs, EFAULT, good_file, out),
		CALL(read, EFAULT, good_file, out, 10),
		CALL(pread64, EFAULT, good_file, out, 10, 0),
		CALL(write, EFAULT, good_file, out, 10),
		CALL(pwrite64, EFAULT, good_file, out, 10, 0),
		CALL(readv, EFAULT, good_file, out, 1),
		CALL(writev, EFAULT, good_file, out, 1),
		CALL(getdents64, EFAULT, good_dir, out, 1000),
		CALL(getcwd, EFAULT, out, 1000),
		CALL(readlinkat, EFAULT, AT_FDCWD, (long)"/proc/self/exe", out, 1000),
		CALL(uname, EFAULT, out),
		CALL(sysinfo, EFAULT, out),
		CALL(times, EFAULT, out),
		CALL(getrusage, EFAULT, 0, out),
		CALL(clock_gettime, EFAULT, CLOCK_MONOTONIC, out),
		CALL(clock_getres, EFAULT, CLOCK_MONOTONIC, out),
		CALL(gettimeofday, EFAULT, out, 0),
		CALL(getrandom, EFAULT, out, 10, 0),
		CALL(pipe2, EFAULT, out, 0),
		CALL(prlimit64, EFAULT, 0, 7, 0, out),
		CALL(prlimit64, EFAULT, 0, 7, out, 0),
		CALL(rt_sigaction, EFAULT, SIGUSR1, 0, out, 8),
		CALL(rt_sigaction, EFAULT, SIGUSR1, out, 0, 8),
		CALL(rt_sigprocmask, EFAULT, SIG_BLOCK, out, 0, 8),
		CALL(rt_sigprocmask, EFAULT, SIG_BLOCK, 0, out, 8),
		CALL(rt_sigpending, EFAULT, out, 8),
		CALL(rt_sigsuspend, EFAULT, out, 8),
		CALL(sigaltstack, EFAULT, out, 0),
		CALL(sigaltstack, EFAULT, 0, out),
		CALL(nanosleep, EFAULT, out, 0),
		CALL(clock_nanosleep, EFAULT, CLOCK_MONOTONIC, 0, out, 0),
		CALL(ppoll, EFAULT, out, 1, 0, 0, 8),
		CALL(pselect6, EFAULT, 1, out, 0, 0, 0, 0),
		CALL(futex, EFAULT, out, 0, 0, 0, 0, 0),
		CALL(getresuid, EFAULT, out, (long)text, (long)text),
		CALL(getgroups, EFAULT, 100, out),
		CALL(sched_getaffinity, EFAULT, 0, 128, out),
		CALL(utimensat, EFAULT, AT_FDCWD, (long)"perm", out, 0),
		CALL(prctl, EFAULT, 16, out), /* PR_GET_NAME */
		CALL(execve, EFAULT, (long)"/bin/sh", out, 0),
	};
	calls_check(calls, ARRAY_SIZE(calls));
}

static void test_outputs(void)
{
	CHECK_OK(setgroups(1, (gid_t[]){ 5 }));
	outputs_check(BAD);
	outputs_check(KERNEL);
	outputs_check(1L << 62);
	CHECK_OK(setgroups(0, NULL));
}

static void test_sizes(void)
{
	const struct bad_call calls[] = {
		CALL(mmap, EINVAL, 0, 0, 1, 0x22, -1, 0),
		CALL(mmap, ENOMEM, 0, -1, 1, 0x22, -1, 0),
		CALL(munmap, EINVAL, 0x10000, 0),
		CALL(munmap, EINVAL, 0x10000, -1),
		CALL(munmap, EINVAL, 1, 4096),
		CALL(mprotect, EINVAL, 1, 4096, 1),
		CALL(mprotect, ENOMEM, 0x10000, -8192, 1),
		CALL(madvise, EINVAL, 1, 4096, 4),
		CALL(msync, EINVAL, 1, 4096, 4),
		CALL(rt_sigaction, EINVAL, SIGUSR1, 0, 0, 7),
		CALL(rt_sigprocmask, EINVAL, 0, 0, 0, 128),
		CALL(rt_sigpending, EINVAL, (long)text, 128),
		CALL(getdents64, EINVAL, good_dir, (long)text, 1),
		CALL(getcwd, ERANGE, (long)text, 1),
		CALL(readlinkat, EINVAL, AT_FDCWD, (long)"/proc/self/exe", (long)text, 0),
		CALL(readlinkat, EINVAL, AT_FDCWD, (long)"/proc/self/exe", (long)text, -1),
		CALL(writev, EINVAL, good_file, (long)text, 1025),
		CALL(writev, EINVAL, good_file, (long)text, -1),
		CALL(ppoll, EINVAL, (long)text, 1 << 30, 0, 0, 8),
		CALL(pselect6, EINVAL, -1, 0, 0, 0, 0, 0),
		CALL(pread64, EINVAL, good_file, (long)text, 1, -1),
		CALL(lseek, EINVAL, good_file, -1, SEEK_SET),
		CALL(lseek, EINVAL, good_file, 0, 100),
		CALL(ftruncate, EINVAL, good_file, -1),
		CALL(truncate, EINVAL, (long)"perm", -1),
		EITHER(ftruncate, EFBIG, EINVAL, good_pipe, LONG_MAX),
		CALL(setgroups, EINVAL, 65537, (long)text),
		CALL(sched_getaffinity, EINVAL, 0, 4, (long)text),
		CALL(set_robust_list, EINVAL, (long)text, 1),
		CALL(sethostname, EINVAL, (long)text, 1000),
	};
	calls_check(calls, ARRAY_SIZE(calls));
}

static void test_flags(void)
{
	const struct bad_call calls[] = {
		CALL(mmap, EINVAL, 0, 4096, 1, 0x20, -1, 0),
		CALL(mprotect, EINVAL, 0x10000, 4096, 0x100),
		CALL(dup3, EINVAL, good_file, 100, 1),
		CALL(pipe2, EINVAL, (long)text, 1),
		CALL(unlinkat, EINVAL, AT_FDCWD, (long)"perm", 1),
		CALL(linkat, EINVAL, AT_FDCWD, (long)"perm", AT_FDCWD, (long)"x", 1),
		CALL(fchownat, EINVAL, AT_FDCWD, (long)"perm", 0, 0, 1),
		CALL(newfstatat, EINVAL, AT_FDCWD, (long)"perm", (long)text, 1),
		CALL(utimensat, EINVAL, AT_FDCWD, (long)"perm", 0, 1),
		CALL(renameat2, EINVAL, AT_FDCWD, (long)"perm", AT_FDCWD, (long)"x", 64),
		CALL(faccessat, EINVAL, AT_FDCWD, (long)"perm", 16),
		CALL(wait4, EINVAL, -1, 0, 0x10, 0),
		CALL(waitid, EINVAL, 0, 0, 0, 0, 0),
		CALL(waitid, EINVAL, 9, 0, 0, 4, 0),
		CALL(getrandom, EINVAL, (long)text, 10, 0x10),
		CALL(clock_gettime, EINVAL, 1000, (long)text),
		CALL(clock_nanosleep, EINVAL, 1000, 0, (long)text, 0),
		CALL(getrusage, EINVAL, 5, (long)text),
		CALL(prlimit64, EINVAL, 0, 100, 0, (long)text),
		CALL(rt_sigaction, EINVAL, 65, 0, 0, 8),
		CALL(kill, EINVAL, 0, 65),
		CALL(tgkill, EINVAL, 0, 0, 0),
		CALL(prctl, EINVAL, 123456, 0, 0, 0, 0),
		CALL(futex, ENOSYS, (long)text, 77, 0, 0, 0, 0),
		CALL(syslog, EINVAL, 100, (long)text, 10),
		CALL(setpgid, EINVAL, 0, -1),
		CALL(fcntl, EINVAL, good_file, 12345, 0),
		CALL(ioctl, ENOTTY, good_file, 0x5401, (long)text),
		CALL(ioctl, ENOTTY, good_pipe, 0x5413, (long)text),
		CALL(ioctl, ENOTTY, good_dir, 0x12345678, 0),
	};
	calls_check(calls, ARRAY_SIZE(calls));
}

static void test_unknown(void)
{
	CHECK_ERRNO(syscall(9999), ENOSYS);
	CHECK_ERRNO(syscall(-1), ENOSYS);
	CHECK_ERRNO(syscall(LONG_MAX), ENOSYS);
	CHECK_ERRNO(syscall(LONG_MIN), ENOSYS);
	CHECK_ERRNO(syscall(1L << 32), ENOSYS);
	CHECK_ERRNO(syscall(600), ENOSYS);
}

/* Unprivileged calls that change the whole system. */
static void unprivileged(void *unused)
{
	(void)unused;
	const struct bad_call calls[] = {
		CALL(reboot, EPERM, 0xfee1dead, 672274793, 0x4321fedc, 0),
		CALL(sethostname, EPERM, (long)"x", 1),
		CALL(mount, EPERM, (long)"none", (long)"/tmp", (long)"tmpfs", 0, 0),
		CALL(umount2, EPERM, (long)"/proc", 0),
		CALL(chroot, EPERM, (long)"/"),
		CALL(clock_settime, EPERM, CLOCK_REALTIME, (long)text),
		CALL(setgroups, EPERM, 0, 0),
	};
	CHECK_OK(setuid(1000));
	calls_check(calls, ARRAY_SIZE(calls));
}

static void test_unprivileged(void)
{
	CHECK_EQ(run_child(unprivileged, NULL), 0);
}

static const struct check_case cases[] = {
	{ "descriptors", test_descriptors },
	{ "directories", test_directories },
	{ "paths", test_paths },
	{ "outputs", test_outputs },
	{ "sizes", test_sizes },
	{ "flags", test_flags },
	{ "unknown", test_unknown },
	{ "unprivileged", test_unprivileged },
};

int main(int argc, char **argv)
{
	int ends[2];
	check_main_pid = getpid();
	if (!scratch_enter() || !file_write("perm", "0123456789", 10) || pipe(ends) < 0)
		return 2;
	good_file = open("perm", O_RDWR);
	good_dir = open(".", O_RDONLY);
	good_pipe = ends[0];
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
