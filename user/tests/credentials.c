/* setuid and its family, groups, what changes of them mean for files and exec. */
#include "check.h"
#include <grp.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static void check_user(uid_t real, uid_t effective, uid_t saved, int line)
{
	uid_t r, e, s;
	getresuid(&r, &e, &s);
	check_equal(r, real, "real uid", line);
	check_equal(e, effective, "effective uid", line);
	check_equal(s, saved, "saved uid", line);
	check_equal(getuid(), real, "getuid()", line);
	check_equal(geteuid(), effective, "geteuid()", line);
}

static void check_group(gid_t real, gid_t effective, gid_t saved, int line)
{
	gid_t r, e, s;
	getresgid(&r, &e, &s);
	check_equal(r, real, "real gid", line);
	check_equal(e, effective, "effective gid", line);
	check_equal(s, saved, "saved gid", line);
}

#define CHECK_USER(r, e, s)  check_user((r), (e), (s), __LINE__)
#define CHECK_GROUP(r, e, s) check_group((r), (e), (s), __LINE__)

static void set_user(void *unused)
{
	(void)unused;
	CHECK_USER(0, 0, 0);
	CHECK_OK(setuid(1000)); /* root: all three, for good */
	CHECK_USER(1000, 1000, 1000);
	CHECK_ERRNO(setuid(0), EPERM);
	CHECK_ERRNO(setuid(1001), EPERM);
	CHECK_OK(setuid(1000));
	CHECK_ERRNO(setgid(5), EPERM);
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
	CHECK_ERRNO(setresuid(-1, 0, -1), EPERM);
	CHECK_ERRNO(setreuid(0, -1), EPERM);
}

static void test_setuid(void)
{
	CHECK_EQ(run_child(set_user, NULL), 0);
}

static void effective_user(void *unused)
{
	(void)unused;
	CHECK_OK(seteuid(1000));
	CHECK_USER(0, 1000, 0);
	CHECK_OK(setuid(0)); /* the saved one is allowed */
	CHECK_USER(0, 0, 0);
	CHECK_OK(setresuid(1, 2, 3));
	CHECK_USER(1, 2, 3);
	CHECK_OK(setresuid(3, 1, 2)); /* any of the three */
	CHECK_USER(3, 1, 2);
	CHECK_ERRNO(setresuid(4, -1, -1), EPERM);
	CHECK_ERRNO(setresuid(-1, -1, 0), EPERM);
	CHECK_USER(3, 1, 2);
	CHECK_OK(setresuid(-1, 3, -1));
	CHECK_USER(3, 3, 2);
}

static void test_setresuid(void)
{
	CHECK_EQ(run_child(effective_user, NULL), 0);
}

static void real_effective(void *unused)
{
	(void)unused;
	CHECK_OK(setreuid(1000, 2000));
	CHECK_USER(1000, 2000, 2000);	/* the real one was set: saved follows */
	CHECK_OK(setreuid(2000, 1000)); /* they may change places */
	CHECK_USER(2000, 1000, 1000);
	CHECK_ERRNO(setreuid(0, -1), EPERM);
	CHECK_ERRNO(setreuid(-1, 3000), EPERM);
}

static void test_setreuid(void)
{
	CHECK_EQ(run_child(real_effective, NULL), 0);
}

static void groups(void *unused)
{
	gid_t list[40], set[33];
	(void)unused;
	for (int i = 0; i < 33; i++)
		set[i] = 100 + i;
	CHECK_OK(setgroups(33, set));
	CHECK_EQ(getgroups(0, NULL), 33);
	CHECK_EQ(getgroups(40, list), 33);
	CHECK_EQ(list[0], 100);
	CHECK_EQ(list[32], 132);
	CHECK_ERRNO(getgroups(10, list), EINVAL);
	CHECK_ERRNO(getgroups(-1, list), EINVAL);
	CHECK_ERRNO(getgroups(40, (gid_t *)8), EFAULT);
	CHECK_ERRNO(setgroups(100000, set), EINVAL);
	CHECK_ERRNO(setgroups(3, (gid_t *)8), EFAULT);
	CHECK_OK(setresgid(10, 20, 30));
	CHECK_GROUP(10, 20, 30);
	CHECK_OK(setgid(40));
	CHECK_GROUP(40, 40, 40);
	CHECK_OK(setregid(50, 60));
	CHECK_GROUP(50, 60, 60);
	CHECK_OK(setuid(1000));
	CHECK_ERRNO(setgid(70), EPERM);
	CHECK_OK(setgid(50)); /* the real one: only the effective changes */
	CHECK_GROUP(50, 50, 60);
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
}

static void test_groups(void)
{
	CHECK_EQ(run_child(groups, NULL), 0);
}

/* A supplementary group opens a file. */
static void open_as_member(void *argument)
{
	gid_t set[] = { 5, 777 };
	CHECK_OK(setgroups(argument ? 2 : 1, set));
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	int fd = open("group-file", O_RDONLY);
	if (argument)
		CHECK(fd >= 0);
	else
		CHECK(fd == -1 && errno == EACCES);
}

static void test_supplementary(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(file_write("group-file", "x", 1));
	CHECK_OK(chown("group-file", 0, 777));
	CHECK_OK(chmod("group-file", 0040));
	CHECK_OK(chmod(".", 0755));
	CHECK_EQ(run_child(open_as_member, "yes"), 0);
	CHECK_EQ(run_child(open_as_member, NULL), 0);
}

/* setfsuid and setfsgid give back the previous value, and an impossible one changes nothing. */
static void file_ids(void *unused)
{
	(void)unused;
	CHECK_EQ(setfsuid(1000), 0);
	CHECK_EQ(setfsuid(-1), 1000);
	CHECK_ERRNO(open("fs-file", O_RDONLY), EACCES);
	CHECK_EQ(setfsuid(0), 1000);
	int fd = CHECK_OK(open("fs-file", O_RDONLY));
	close(fd);
	CHECK_EQ(setfsgid(5), 0);
	CHECK_EQ(setfsgid(-1), 5);
}

static void test_file_ids(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(file_write("fs-file", "x", 1) && chmod("fs-file", 0600) == 0);
	CHECK_OK(chmod(".", 0755));
	CHECK_EQ(run_child(file_ids, NULL), 0);
}

/* A set-user-id program: its owner becomes effective and saved; AT_SECURE says so. */
static void run_set_id(void *unused)
{
	char *argv[] = { "credentials", "--show", NULL };
	(void)unused;
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	execv("./set-id", argv);
	_exit(99);
}

static bool self_copy(const char *name)
{
	static char block[65536];
	ssize_t part;
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	while ((part = read(in, block, sizeof(block))) > 0) {
		if (write(out, block, part) != part)
			break;
	}
	close(in), close(out);
	return part == 0;
}

static void test_set_id(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(self_copy("set-id"));
	CHECK_OK(chown("set-id", 2222, 3333));
	CHECK_OK(chmod(".", 0755));
	CHECK_OK(chmod("set-id", 0755));
	CHECK_EQ(WEXITSTATUS(run_child(run_set_id, NULL)), 10);
	CHECK_OK(chmod("set-id", 04755));
	CHECK_EQ(WEXITSTATUS(run_child(run_set_id, NULL)), 20);
	CHECK_OK(chmod("set-id", 06755));
	CHECK_EQ(WEXITSTATUS(run_child(run_set_id, NULL)), 30);
}

static int show(void)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;
	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	bool secure = getauxval(AT_SECURE);
	if (r == 1000 && e == 1000 && s == 1000 && ge == 1000 && !secure)
		return 10;
	if (r == 1000 && e == 2222 && s == 2222 && ge == 1000 && secure)
		return 20;
	if (r == 1000 && e == 2222 && s == 2222 && gr == 1000 && ge == 3333 && gs == 3333 && secure)
		return 30;
	return 1;
}

static const struct check_case cases[] = {
	{ "setuid", test_setuid },
	{ "setresuid", test_setresuid },
	{ "setreuid", test_setreuid },
	{ "groups", test_groups },
	{ "supplementary", test_supplementary },
	{ "file-ids", test_file_ids },
	{ "set-id", test_set_id },
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--show"))
		return show();
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
