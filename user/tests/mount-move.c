/* Bind mounts with and without what is below, MS_MOVE, propagation, pivot_root(2), unshare(2), setns(2). */
#include "check.h"
#include <sched.h>
#include <sys/mount.h>

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool start(void)
{
	if (!scratch_enter())
		return false;
	mkdir(check_case_name, 0755);
	if (chdir(check_case_name))
		return false;
	mkdir("a", 0755);
	mkdir("b", 0755);
	if (CHECK_OK(mount("none", "a", "tmpfs", 0, "")))
		return false;
	mount(NULL, "a", NULL, MS_PRIVATE, NULL);
	return CHECK_OK(mkdir("a/sub", 0755)) == 0;
}

static void test_bind(void)
{
	REQUIRE(start());
	CHECK_OK(mount("none", "a/sub", "tmpfs", 0, ""));
	CHECK(file_write("a/sub/f", "x", 1));
	CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
	CHECK(exists("b/sub"));
	CHECK(!exists("b/sub/f"));
	CHECK_OK(umount("b"));
	CHECK_OK(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
	CHECK(exists("b/sub/f"));
	CHECK_ERRNO(umount("b"), EBUSY);
	CHECK_OK(umount2("b", MNT_DETACH));
	CHECK(!exists("b/sub"));
	CHECK(exists("a/sub/f"));
	/* From below the root of a mount. */
	CHECK_OK(mount("a/sub", "b", NULL, MS_BIND | MS_REC, NULL));
	CHECK(exists("b/f"));
	CHECK_OK(umount("b"));
	CHECK_ERRNO(mount("none-such", "b", NULL, MS_BIND, NULL), ENOENT);
	CHECK_ERRNO(mount("", "b", NULL, MS_BIND, NULL), EINVAL);
	CHECK_OK(umount2("a", MNT_DETACH));
}

static void test_move(void)
{
	REQUIRE(start());
	CHECK(file_write("a/f", "x", 1));
	CHECK_OK(mount("a", "b", NULL, MS_MOVE, NULL));
	CHECK(!exists("a/f"));
	CHECK(exists("b/f"));
	CHECK_ERRNO(mount("b", "b/sub", NULL, MS_MOVE, NULL), ELOOP);
	CHECK_ERRNO(mount("a", "b", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERRNO(mount("b", "b/f", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_OK(umount("b"));
}

static void test_propagation(void)
{
	REQUIRE(start());
	CHECK_OK(mount(NULL, "a", NULL, MS_PRIVATE | MS_REC, NULL));
	CHECK_OK(mount(NULL, "a", NULL, MS_SLAVE, NULL));
	CHECK_ERRNO(mount(NULL, "a", NULL, MS_PRIVATE | MS_SLAVE, NULL), EINVAL);
	CHECK_ERRNO(mount(NULL, "a/sub", NULL, MS_PRIVATE, NULL), EINVAL);
	CHECK_OK(mount(NULL, "a", NULL, MS_UNBINDABLE, NULL));
	CHECK_ERRNO(mount("a", "b", NULL, MS_BIND, NULL), EINVAL);
	CHECK_OK(mount(NULL, "a", NULL, MS_PRIVATE, NULL));
	CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
	CHECK_OK(umount("b"));
	CHECK_OK(umount("a"));
}

/* In a child whose root is a mount of its own. */
static void test_pivot(void)
{
	REQUIRE(start());
	CHECK_ERRNO(syscall(SYS_pivot_root, "b", "b"), EINVAL);
	pid_t pid = fork_child();
	if (!pid) {
		CHECK_OK(mkdir("a/new", 0755));
		CHECK_OK(chroot("a"));
		CHECK_OK(chdir("/"));
		CHECK_OK(mount("none", "/new", "tmpfs", 0, ""));
		mount(NULL, "/new", NULL, MS_PRIVATE, NULL);
		CHECK_OK(mkdir("/new/old", 0755));
		CHECK(file_write("/new/here", "x", 1));
		CHECK_ERRNO(syscall(SYS_pivot_root, "/new", "/sub"), EBUSY);
		CHECK_ERRNO(syscall(SYS_pivot_root, "/new", "/none"), ENOENT);
		CHECK_ERRNO(syscall(SYS_pivot_root, "/", "/new/old"), EBUSY);
		CHECK_OK(syscall(SYS_pivot_root, "/new", "/new/old"));
		CHECK(exists("/here"));
		CHECK(exists("/old/sub"));
		CHECK_OK(umount2("/old", MNT_DETACH));
		CHECK(!exists("/old/sub"));
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(exists("a/here"));
	CHECK_OK(umount2("a", MNT_DETACH));
}

static int child_of_files(void *unused)
{
	(void)unused;
	return 0;
}

static void test_unshare(void)
{
	(void)child_of_files;
	CHECK_OK(unshare(0));
	CHECK_OK(unshare(CLONE_FS));
	CHECK_OK(unshare(CLONE_FILES));
	CHECK_OK(unshare(CLONE_SYSVSEM));
	CHECK_ERRNO(unshare(1), EINVAL);
	CHECK_ERRNO(syscall(SYS_setns, -1, 0), EBADF);
	int fd = open("/dev/null", O_RDONLY);
	CHECK_ERRNO(syscall(SYS_setns, fd, 0), EINVAL);
	close(fd);
	/* A child that shares its parent's directories and files, and then does not. */
	REQUIRE(scratch_enter());
	char before[256], after[256];
	CHECK(getcwd(before, sizeof(before)) != NULL);
	pid_t pid = syscall(SYS_clone, CLONE_FS | CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		CHECK_OK(unshare(CLONE_FS | CLONE_FILES));
		CHECK_OK(chdir("/"));
		close(STDIN_FILENO);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(getcwd(after, sizeof(after)) != NULL);
	CHECK_STR(after, before);
	CHECK_OK(fcntl(STDIN_FILENO, F_GETFD));
}

static const struct check_case cases[] = {
	{ "bind", test_bind },	 { "move", test_move },	      { "propagation", test_propagation },
	{ "pivot", test_pivot }, { "unshare", test_unshare },
};
CHECK_MAIN(cases)
