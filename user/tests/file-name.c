/* link, unlink, rename and renameat2, mkdir, rmdir, symlink, readlink; long and looping names. */
#include "check.h"
#include <linux/fs.h>
#include <sys/vfs.h>

static long rename_flags(const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static ino_t inode_of(const char *path)
{
	struct stat st;
	return lstat(path, &st) < 0 ? 0 : st.st_ino;
}

static nlink_t links_of(const char *path)
{
	struct stat st;
	return lstat(path, &st) < 0 ? 0 : st.st_nlink;
}

/* Each case works in a directory of its own. */
static bool enter(const char *name)
{
	return scratch_enter() && CHECK(mkdir(name, 0755) == 0) && CHECK(chdir(name) == 0);
}

static void test_link(void)
{
	REQUIRE(enter("link"));
	REQUIRE(file_write("a", "1", 1));
	CHECK_OK(link("a", "b"));
	CHECK_EQ(inode_of("a"), inode_of("b"));
	CHECK_EQ(links_of("a"), 2);
	CHECK_ERRNO(link("a", "b"), EEXIST);
	CHECK_ERRNO(link("none", "c"), ENOENT);
	CHECK_ERRNO(link("a", "no/c"), ENOENT);
	CHECK_ERRNO(link("a", "a/c"), ENOTDIR);
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERRNO(link("d", "e"), EPERM);
	CHECK_OK(unlink("a"));
	CHECK_EQ(links_of("b"), 1);
	CHECK(link("b", "/proc/x") == -1 && (errno == EXDEV || errno == ENOENT));
}

static void test_unlink(void)
{
	REQUIRE(enter("unlink"));
	CHECK_ERRNO(unlink("none"), ENOENT);
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERRNO(unlink("d"), EISDIR);
	REQUIRE(file_write("f", "1", 1));
	CHECK_ERRNO(unlink("f/"), ENOTDIR);
	CHECK_ERRNO(unlink("f/g"), ENOTDIR);
	CHECK_OK(symlink("f", "s"));
	CHECK_OK(unlink("s")); /* the link, not its target */
	CHECK(inode_of("f") != 0);
	CHECK_ERRNO(unlink(""), ENOENT);
}

static void test_rename(void)
{
	char text[8];
	REQUIRE(enter("rename"));
	REQUIRE(file_write("a", "A", 1) && file_write("b", "B", 1));
	ino_t inode = inode_of("a");
	CHECK_OK(rename("a", "b")); /* replaces */
	CHECK_EQ(inode_of("b"), inode);
	CHECK_EQ(inode_of("a"), 0);
	CHECK_EQ(file_read("b", text, sizeof(text)), 1);
	CHECK_STR(text, "A");
	CHECK_ERRNO(rename("none", "c"), ENOENT);
	CHECK_ERRNO(rename("b", "no/c"), ENOENT);
	CHECK_OK(rename("b", "b"));
	CHECK_OK(link("b", "b2"));
	CHECK_OK(rename("b", "b2")); /* the same file: nothing happens */
	CHECK_EQ(links_of("b"), 2);
	CHECK_ERRNO(rename("b", "/proc/b"), EXDEV);
	CHECK_ERRNO(rename("b", "b/c"), ENOTDIR);
	CHECK_ERRNO(rename("b/", "c"), ENOTDIR);
	CHECK_ERRNO(rename("b", "c/"), ENOTDIR);
}

static void test_rename_directories(void)
{
	REQUIRE(enter("rename-dir"));
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/e", 0755));
	CHECK_OK(mkdir("full", 0755));
	REQUIRE(file_write("full/f", "1", 1) && file_write("file", "1", 1));
	CHECK_OK(mkdir("empty", 0755));
	CHECK_EQ(links_of("d"), 3);
	CHECK_ERRNO(rename("d", "full"), ENOTEMPTY);
	CHECK_ERRNO(rename("d", "file"), ENOTDIR);
	CHECK_ERRNO(rename("file", "d"), EISDIR);
	CHECK_ERRNO(rename("d", "d/e/inside"), EINVAL); /* below itself */
	CHECK_ERRNO(rename("d", "d/e"), EINVAL);
	CHECK_ERRNO(rename("d/e", "d"), ENOTEMPTY);
	CHECK_ERRNO(rename(".", "x"), EBUSY);
	CHECK_ERRNO(rename("d/..", "x"), EBUSY);
	CHECK_OK(rename("d", "empty"));
	CHECK_EQ(inode_of("d"), 0);
	CHECK(inode_of("empty/e") != 0);
	ino_t parent = inode_of("full");
	CHECK_OK(rename("empty/e", "full/e"));
	CHECK_EQ(inode_of("full/e/.."), parent); /* its ".." has changed */
	CHECK_EQ(links_of("full"), 3);
	CHECK_EQ(links_of("empty"), 2);
	CHECK_OK(rename("full/", "fuller/"));
}

static void test_rename_flags(void)
{
	char text[8];
	REQUIRE(enter("rename-flags"));
	REQUIRE(file_write("a", "A", 1) && file_write("b", "BB", 2));
	CHECK_ERRNO(rename_flags("a", "b", RENAME_NOREPLACE), EEXIST);
	CHECK_OK(rename_flags("a", "c", RENAME_NOREPLACE));
	CHECK_OK(rename_flags("c", "b", RENAME_EXCHANGE));
	CHECK_EQ(file_read("b", text, sizeof(text)), 1);
	CHECK_EQ(file_read("c", text, sizeof(text)), 2);
	CHECK_ERRNO(rename_flags("b", "none", RENAME_EXCHANGE), ENOENT);
	CHECK_ERRNO(rename_flags("b", "c", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	CHECK_ERRNO(rename_flags("b", "c", 0x100), EINVAL);
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/sub", 0755));
	CHECK_OK(rename_flags("d", "b", RENAME_EXCHANGE)); /* of different kinds, too */
	CHECK(inode_of("b/sub") != 0);
	CHECK_ERRNO(rename_flags("b", "b/sub", RENAME_EXCHANGE), EINVAL);
}

static void test_directories(void)
{
	struct stat st;
	REQUIRE(enter("directories"));
	umask(027);
	CHECK_OK(mkdir("d", 0777));
	umask(022);
	CHECK_OK(stat("d", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0750);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_ERRNO(mkdir("d", 0777), EEXIST);
	CHECK_ERRNO(mkdir("no/d", 0777), ENOENT);
	REQUIRE(file_write("f", "1", 1));
	CHECK_ERRNO(mkdir("f", 0777), EEXIST);
	CHECK_ERRNO(mkdir("f/d", 0777), ENOTDIR);
	CHECK_ERRNO(mkdir("", 0777), ENOENT);
	CHECK_ERRNO(mkdir("/", 0777), EEXIST);
	CHECK_OK(symlink("nothing", "dangling"));
	CHECK_ERRNO(mkdir("dangling", 0777), EEXIST);
	CHECK_OK(mkdir("d/e/", 0777));
	CHECK_EQ(links_of("d"), 3);
	CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
	CHECK_ERRNO(rmdir("f"), ENOTDIR);
	CHECK_ERRNO(rmdir("none"), ENOENT);
	CHECK_ERRNO(rmdir("d/."), EINVAL);
	CHECK_ERRNO(rmdir("d/e/.."), ENOTEMPTY);
	CHECK_OK(rmdir("d/e"));
	CHECK_OK(rmdir("d/"));
	CHECK_ERRNO(rmdir("/"), EBUSY);
	CHECK_ERRNO(rmdir("/proc"), EBUSY);
}

static void test_symbolic(void)
{
	char text[PATH_MAX + 1], target[PATH_MAX + 1];
	REQUIRE(enter("symbolic"));
	CHECK_OK(symlink("anything at all", "s"));
	CHECK_EQ(readlink("s", text, sizeof(text)), 15);
	CHECK_ERRNO(symlink("x", "s"), EEXIST);
	CHECK_ERRNO(symlink("", "e"), ENOENT);
	CHECK_ERRNO(symlink("x", ""), ENOENT);
	CHECK_ERRNO(symlink("x", "no/e"), ENOENT);
	memset(target, 't', sizeof(target));
	target[PATH_MAX] = 0;
	CHECK_ERRNO(symlink(target, "long"), ENAMETOOLONG);
	target[PATH_MAX - 1] = 0;
	CHECK_OK(symlink(target, "long"));
	CHECK_EQ(readlink("long", text, sizeof(text)), PATH_MAX - 1);
	struct stat st;
	CHECK_OK(lstat("long", &st));
	CHECK_EQ(st.st_size, PATH_MAX - 1);
	CHECK_ERRNO(readlink(".", text, sizeof(text)), EINVAL);
	CHECK_ERRNO(readlink("none", text, sizeof(text)), ENOENT);
	CHECK_ERRNO(readlink("s", (void *)8, 10), EFAULT);
	CHECK_ERRNO(readlink("s", text, -1), EINVAL);
}

static void test_many_links(void)
{
	char name[16], target[16];
	struct stat st;
	REQUIRE(enter("many-links"));
	REQUIRE(file_write("l0", "1", 1));
	for (int i = 1; i <= 45; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		CHECK_OK(symlink(target, name));
	}
	CHECK_OK(stat("l40", &st)); /* 40 links are followed, no more */
	CHECK_ERRNO(stat("l41", &st), ELOOP);
	CHECK_OK(mkdir("d", 0755));
	REQUIRE(file_write("d/f", "12", 2));
	CHECK_OK(symlink("d", "dl"));
	CHECK_OK(stat("dl/../dl/f", &st));
	CHECK_EQ(st.st_size, 2);
	CHECK_OK(lstat("dl/", &st)); /* a slash at the end follows */
	CHECK(S_ISDIR(st.st_mode));
}

static void test_lengths(void)
{
	char name[PATH_MAX + 10];
	struct stat st;
	REQUIRE(enter("lengths"));
	memset(name, 'n', sizeof(name));
	name[255] = 0;
	CHECK(file_write(name, "1", 1));
	CHECK_OK(stat(name, &st));
	name[255] = 'n', name[256] = 0;
	CHECK_ERRNO(stat(name, &st), ENAMETOOLONG);
	CHECK_ERRNO(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
	CHECK_ERRNO(mkdir(name, 0755), ENAMETOOLONG);
	for (int i = 0; i < PATH_MAX + 9; i++)
		name[i] = i % 2 ? '/' : '.';
	name[PATH_MAX - 1] = 0;
	CHECK_OK(stat(name, &st)); /* 4095 bytes are allowed */
	name[PATH_MAX - 1] = '/', name[PATH_MAX] = 0;
	CHECK_ERRNO(stat(name, &st), ENAMETOOLONG);
}

/* Dots and slashes. */
static void test_walk(void)
{
	struct stat a, b;
	REQUIRE(enter("walk"));
	CHECK_OK(mkdir("d", 0755));
	REQUIRE(file_write("d/f", "1", 1));
	CHECK_OK(stat("d/f", &a));
	static const char *const same[] = {
		"./d/f", "d//f", "d/./f", "d/../d/f", ".//d///.//f", "d/../../walk/d/f",
	};
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		CHECK_OK(stat(same[i], &b));
		CHECK_EQ(a.st_ino, b.st_ino);
	}
	CHECK_OK(stat("/", &a));
	CHECK_OK(stat("/..", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_OK(stat("/../../..//tmp", &b));
	CHECK_ERRNO(stat("d/none/../f", &b), ENOENT);
	CHECK_ERRNO(stat("d/f/../f", &b), ENOTDIR);
}

static void test_statfs(void)
{
	struct statfs fs;
	REQUIRE(enter("statfs"));
	CHECK_OK(statfs(".", &fs));
	CHECK_EQ(fs.f_namelen, 255);
	CHECK_EQ(fs.f_bsize, 4096);
	CHECK(fs.f_type == 0x01021994 || fs.f_type == 0x858458f6 ||
	      fs.f_type == 0xef53); /* tmpfs, ramfs */
	CHECK_OK(statfs("/proc", &fs));
	CHECK_EQ(fs.f_type, 0x9fa0);
	CHECK_ERRNO(statfs("none", &fs), ENOENT);
	CHECK_ERRNO(statfs(".", (void *)8), EFAULT);
	CHECK_ERRNO(fstatfs(999, &fs), EBADF);
}

static const struct check_case cases[] = {
	{ "link", test_link },
	{ "unlink", test_unlink },
	{ "rename", test_rename },
	{ "rename-directories", test_rename_directories },
	{ "rename-flags", test_rename_flags },
	{ "directories", test_directories },
	{ "symbolic", test_symbolic },
	{ "many-links", test_many_links },
	{ "lengths", test_lengths },
	{ "walk", test_walk },
	{ "statfs", test_statfs },
};

CHECK_MAIN(cases)
