/* stat fields, chmod, chown, umask, utimensat, access; times that calls change. */
#include "check.h"
#include <sys/sysmacros.h>

static bool file_make(const char *name)
{
	return scratch_enter() && file_write(name, "12345", 5) && chmod(name, 0644) == 0;
}

static void test_stat(void)
{
	struct stat st, other;
	REQUIRE(file_make("stat"));
	CHECK_OK(stat("stat", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_blksize, 4096);
	CHECK_EQ(st.st_uid, 0);
	CHECK(st.st_ino != 0);
	CHECK_OK(stat(".", &other));
	CHECK(S_ISDIR(other.st_mode));
	CHECK_EQ(other.st_dev, st.st_dev);
	CHECK(other.st_ino != st.st_ino);
	CHECK_OK(stat("/dev/null", &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	int ends[2];
	REQUIRE(pipe(ends) == 0);
	CHECK_OK(fstat(ends[0], &st));
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0600);
	close(ends[0]), close(ends[1]);
	CHECK_ERRNO(fstat(999, &st), EBADF);
	CHECK_ERRNO(syscall(SYS_fstat, 0, 8), EFAULT);
}

static void test_chmod(void)
{
	struct stat st;
	REQUIRE(file_make("chmod"));
	CHECK_OK(chmod("chmod", 07777));
	CHECK_OK(stat("chmod", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 07777);
	int fd = open("chmod", O_RDONLY);
	CHECK_OK(fchmod(fd, 0123));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0123);
	CHECK_OK(chmod("chmod", S_IFDIR | 0600)); /* only the permission bits count */
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	close(fd);
	CHECK_ERRNO(chmod("none", 0600), ENOENT);
	CHECK_ERRNO(fchmod(999, 0600), EBADF);
}

static void test_chown(void)
{
	struct stat st;
	REQUIRE(file_make("chown"));
	CHECK_OK(chmod("chown", 06755));
	CHECK_OK(chown("chown", 7, 8));
	CHECK_OK(stat("chown", &st));
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(st.st_gid, 8);
	CHECK_EQ(st.st_mode & 07777, 0755); /* set-id bits go */
	CHECK_OK(chown("chown", -1, 9));
	CHECK_OK(stat("chown", &st));
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(st.st_gid, 9);
	CHECK_OK(symlink("chown", "chown-link"));
	CHECK_OK(lchown("chown-link", 5, 6));
	CHECK_OK(lstat("chown-link", &st));
	CHECK_EQ(st.st_uid, 5);
	CHECK_OK(stat("chown", &st));
	CHECK_EQ(st.st_uid, 7);
}

static void not_owner(void *unused)
{
	(void)unused;
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	CHECK_ERRNO(chmod("theirs", 0777), EPERM);
	CHECK_ERRNO(chown("theirs", 1000, 1000), EPERM);
	CHECK_ERRNO(chown("mine", 0, -1), EPERM);
	CHECK_ERRNO(chown("mine", -1, 0), EPERM);
	CHECK_OK(chown("mine", -1, 1000));
	CHECK_OK(chmod("mine", 0700));
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	CHECK_ERRNO(utimensat(AT_FDCWD, "theirs", times, 0), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "theirs", NULL, 0), EACCES);
	CHECK_OK(utimensat(AT_FDCWD, "mine", times, 0));
}

static void test_not_owner(void)
{
	REQUIRE(file_make("theirs") && file_make("mine"));
	CHECK_OK(chown("mine", 1000, 1000));
	CHECK_OK(chmod(".", 0755));
	CHECK_EQ(run_child(not_owner, NULL), 0);
}

/* In a sticky directory only the owners may remove. */
static void sticky(void *unused)
{
	(void)unused;
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	CHECK_ERRNO(unlink("sticky/theirs"), EPERM);
	CHECK_ERRNO(rename("sticky/theirs", "sticky/x"), EPERM);
	CHECK_OK(unlink("sticky/mine"));
}

static void test_sticky(void)
{
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("sticky", 0755));
	CHECK_OK(chmod("sticky", 01777));
	REQUIRE(file_write("sticky/theirs", "1", 1) && file_write("sticky/mine", "1", 1));
	CHECK_OK(chown("sticky/mine", 1000, 1000));
	CHECK_OK(chmod(".", 0755));
	CHECK_EQ(run_child(sticky, NULL), 0);
}

/* A set-group-id directory hands its group on. */
static void test_group_inherited(void)
{
	struct stat st;
	REQUIRE(scratch_enter());
	CHECK_OK(mkdir("setgid", 0755));
	CHECK_OK(chown("setgid", 0, 77));
	CHECK_OK(chmod("setgid", 02755));
	REQUIRE(file_write("setgid/f", "1", 1));
	CHECK_OK(mkdir("setgid/d", 0755));
	CHECK_OK(stat("setgid/f", &st));
	CHECK_EQ(st.st_gid, 77);
	CHECK_OK(stat("setgid/d", &st));
	CHECK_EQ(st.st_gid, 77);
	CHECK_EQ(st.st_mode & 02000, 02000);
}

static void test_umask(void)
{
	CHECK_OK(umask(0));
	CHECK_EQ(umask(0123), 0);
	CHECK_EQ(umask(07777), 0123);
	CHECK_EQ(umask(022), 0777); /* only nine bits */
}

static void test_utimens(void)
{
	struct stat st, before;
	struct timespec times[2] = { { 123456789, 987654321 }, { 5000000000, 1 } };
	REQUIRE(file_make("times"));
	CHECK_OK(utimensat(AT_FDCWD, "times", times, 0));
	CHECK_OK(stat("times", &st));
	CHECK_EQ(st.st_atim.tv_sec, 123456789);
	CHECK_EQ(st.st_atim.tv_nsec, 987654321);
	CHECK_EQ(st.st_mtim.tv_sec, 5000000000);
	CHECK_EQ(st.st_mtim.tv_nsec, 1);
	before = st;
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	CHECK_OK(utimensat(AT_FDCWD, "times", times, 0));
	CHECK_OK(stat("times", &st));
	CHECK_EQ(st.st_atim.tv_sec, before.st_atim.tv_sec);
	CHECK_RANGE(st.st_mtim.tv_sec, time(NULL) - 5, time(NULL) + 1);
	times[0].tv_nsec = 1000000000;
	CHECK_ERRNO(utimensat(AT_FDCWD, "times", times, 0), EINVAL);
	CHECK_ERRNO(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
	CHECK_ERRNO(utimensat(AT_FDCWD, "times", (void *)8, 0), EFAULT);
	int fd = open("times", O_RDONLY);
	times[0] = times[1] = (struct timespec){ 42, 0 };
	CHECK_OK(futimens(fd, times));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_atim.tv_sec, 42);
	close(fd);
	CHECK_OK(symlink("times", "times-link"));
	CHECK_OK(utimensat(AT_FDCWD, "times-link", times, AT_SYMLINK_NOFOLLOW));
	CHECK_OK(lstat("times-link", &st));
	CHECK_EQ(st.st_mtim.tv_sec, 42);
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* Which calls change which times. */
static void test_times_change(void)
{
	struct stat before, after;
	REQUIRE(file_make("change"));
	CHECK_OK(stat("change", &before));
	sleep_ms(20);
	CHECK_OK(chmod("change", 0600));
	CHECK_OK(stat("change", &after));
	CHECK(later(&after.st_ctim, &before.st_ctim));
	CHECK(!later(&after.st_mtim, &before.st_mtim));
	before = after;
	sleep_ms(20);
	int fd = open("change", O_WRONLY);
	CHECK_EQ(write(fd, "x", 1), 1);
	close(fd);
	CHECK_OK(stat("change", &after));
	CHECK(later(&after.st_mtim, &before.st_mtim));
	CHECK(later(&after.st_ctim, &before.st_ctim));
	before = after;
	sleep_ms(20);
	CHECK_OK(link("change", "change2"));
	CHECK_OK(stat("change", &after));
	CHECK(later(&after.st_ctim, &before.st_ctim));
	CHECK(!later(&after.st_mtim, &before.st_mtim));
	CHECK_OK(stat(".", &before));
	sleep_ms(20);
	CHECK_OK(unlink("change2"));
	CHECK_OK(stat(".", &after));
	CHECK(later(&after.st_mtim, &before.st_mtim));
}

static void access_user(void *unused)
{
	(void)unused;
	CHECK_OK(setresgid(1000, 1000, -1));
	CHECK_OK(setresuid(1000, 0, 0));
	/* The real ids count, not the effective ones. */
	CHECK_ERRNO(access("access", R_OK), EACCES);
	CHECK_OK(access("access", F_OK));
	if (faccessat(AT_FDCWD, "access", R_OK, AT_EACCESS) < 0)
		CHECK_EQ(errno, ENOSYS);
	int fd = CHECK_OK(open("access", O_RDONLY));
	close(fd);
}

static void test_access(void)
{
	REQUIRE(file_make("access"));
	CHECK_OK(chmod("access", 0600));
	CHECK_OK(chmod(".", 0755));
	CHECK_OK(access("access", R_OK | W_OK));
	CHECK_ERRNO(access("access", X_OK), EACCES);
	CHECK_ERRNO(access("none", F_OK), ENOENT);
	CHECK_ERRNO(access("access", 8), EINVAL);
	CHECK_ERRNO(access("access/x", F_OK), ENOTDIR);
	CHECK_EQ(run_child(access_user, NULL), 0);
}

static const struct check_case cases[] = {
	{ "stat", test_stat },
	{ "chmod", test_chmod },
	{ "chown", test_chown },
	{ "not-owner", test_not_owner },
	{ "sticky", test_sticky },
	{ "group-inherited", test_group_inherited },
	{ "umask", test_umask },
	{ "utimens", test_utimens },
	{ "times-change", test_times_change },
	{ "access", test_access },
};

CHECK_MAIN(cases)
