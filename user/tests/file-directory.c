/* getdents64 also while the directory changes; getcwd, chdir, fchdir. */
#include "check.h"

struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

enum { FILES = 300 };

static bool enter(const char *name)
{
	return scratch_enter() && CHECK(mkdir(name, 0755) == 0) && CHECK(chdir(name) == 0);
}

static bool files_make(int count)
{
	char name[32];
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			return false;
		close(fd);
	}
	return true;
}

static long entries_read(int fd, void *buffer, size_t size)
{
	return syscall(SYS_getdents64, fd, buffer, size);
}

/* Count how often each file appears; `step` is called after each block. */
static int seen[FILES + 100], dots;

static long entries_count(int fd, size_t block, void (*step)(int))
{
	static char buffer[65536] __attribute__((aligned(8)));
	long total = 0, length;
	int round = 0;
	memset(seen, 0, sizeof(seen));
	dots = 0;
	while ((length = entries_read(fd, buffer, block)) > 0) {
		for (long at = 0; at < length;) {
			struct entry *entry = (void *)(buffer + at);
			CHECK(entry->length % 8 == 0 && entry->length >= 24);
			CHECK(entry->inode != 0);
			if (entry->name[0] == '.') {
				dots++;
				CHECK_EQ(entry->type, DT_DIR);
			} else if (!strncmp(entry->name, "file", 4)) {
				CHECK_EQ(entry->type, DT_REG);
				seen[atoi(entry->name + 4)]++;
			}
			at += entry->length;
			total++;
		}
		if (step)
			step(round++);
	}
	CHECK_EQ(length, 0);
	return total;
}

static void test_all(void)
{
	REQUIRE(enter("all") && files_make(FILES));
	int fd = CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
	CHECK_EQ(entries_count(fd, 65536, NULL), FILES + 2);
	CHECK_EQ(dots, 2);
	CHECK_EQ(entries_count(fd, 65536, NULL), 0); /* at the end */
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(entries_count(fd, 280, NULL), FILES + 2); /* in small blocks */
	for (int i = 0; i < FILES; i++)
		CHECK_EQ(seen[i], 1);
	close(fd);
}

static void remove_all_but_last(int round)
{
	char name[32];
	if (round)
		return;
	for (int i = 0; i < FILES - 1; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		unlink(name);
	}
}

static void test_removing(void)
{
	struct stat st;
	REQUIRE(enter("removing") && files_make(FILES));
	int fd = CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
	entries_count(fd, 1024, remove_all_but_last);
	for (int i = 0; i < FILES - 1; i++)
		CHECK(seen[i] <= 1);
	/* What stays is always seen (tmpfs of Linux 6.12 shows it twice here). */
	CHECK_RANGE(seen[FILES - 1], 1, 2);
	CHECK_OK(stat("file299", &st));
	close(fd);
}

static void remove_some(int round)
{
	char name[32];
	for (int i = round * 7; i < FILES; i += 50) {
		if (i % 3 == 0)
			continue;
		snprintf(name, sizeof(name), "file%d", i);
		unlink(name);
	}
	snprintf(name, sizeof(name), "file%d", FILES + round % 100);
	close(open(name, O_WRONLY | O_CREAT, 0644));
}

static void test_changing(void)
{
	REQUIRE(enter("changing") && files_make(FILES));
	int fd = CHECK_OK(open(".", O_RDONLY | O_DIRECTORY));
	entries_count(fd, 512, remove_some);
	for (int i = 0; i < FILES; i++) {
		if (i % 3 == 0)
			CHECK_EQ(seen[i], 1);
		else
			CHECK(seen[i] <= 1);
	}
	close(fd);
}

/* rm -r reads and removes in turn: in the end nothing is left. */
static void test_remove_loop(void)
{
	REQUIRE(enter("loop") && files_make(FILES));
	DIR *list = opendir(".");
	struct dirent *entry;
	int count = 0;
	REQUIRE(list);
	while ((entry = readdir(list))) {
		if (entry->d_name[0] != '.') {
			CHECK_OK(unlink(entry->d_name));
			count++;
		}
	}
	CHECK_EQ(count, FILES);
	closedir(list);
	CHECK_OK(chdir(".."));
	CHECK_OK(rmdir("loop"));
}

static void test_seek(void)
{
	char name[256] = "";
	REQUIRE(enter("seek") && files_make(50));
	DIR *list = opendir(".");
	struct dirent *entry;
	REQUIRE(list);
	for (int i = 0; i < 20; i++)
		readdir(list);
	long place = telldir(list);
	entry = readdir(list);
	REQUIRE(entry);
	strcpy(name, entry->d_name);
	while (readdir(list))
		;
	seekdir(list, place);
	entry = readdir(list);
	CHECK_STR(entry ? entry->d_name : NULL, name);
	closedir(list);
}

static void test_types(void)
{
	struct dirent *entry;
	int types[16] = { 0 };
	REQUIRE(enter("types"));
	CHECK_OK(mkdir("x-dir", 0755));
	CHECK_OK(symlink("a", "x-link"));
	CHECK(file_write("x-file", "", 0));
	if (mkfifo("x-fifo", 0600) == 0)
		types[DT_FIFO] = -1;
	DIR *list = opendir(".");
	REQUIRE(list);
	while ((entry = readdir(list))) {
		struct stat st;
		CHECK_OK(lstat(entry->d_name, &st));
		CHECK_EQ(IFTODT(st.st_mode), entry->d_type);
		types[entry->d_type & 15]++;
		if (strcmp(entry->d_name, ".."))
			CHECK_EQ(st.st_ino, entry->d_ino);
	}
	CHECK_EQ(types[DT_DIR], 3);
	CHECK_EQ(types[DT_LNK], 1);
	CHECK_EQ(types[DT_REG], 1);
	CHECK_EQ(types[DT_FIFO], 0);
	closedir(list);
}

static void test_errors(void)
{
	char buffer[1024];
	REQUIRE(enter("errors") && files_make(3));
	int fd = open(".", O_RDONLY), file = open("file0", O_RDONLY);
	CHECK_ERRNO(entries_read(fd, buffer, 10), EINVAL); /* no room for one entry */
	CHECK_ERRNO(entries_read(file, buffer, 1024), ENOTDIR);
	CHECK_ERRNO(entries_read(999, buffer, 1024), EBADF);
	CHECK_ERRNO(entries_read(fd, (void *)8, 1024), EFAULT);
	CHECK(entries_read(fd, buffer, 1024) > 0); /* nothing was lost */
	close(fd), close(file);
	CHECK_OK(mkdir("gone", 0755));
	fd = open("gone", O_RDONLY);
	CHECK_OK(rmdir("gone"));
	CHECK_ERRNO(entries_read(fd, buffer, 1024), ENOENT);
	close(fd);
}

static void test_getcwd(void)
{
	char path[PATH_MAX], expected[PATH_MAX];
	REQUIRE(scratch_enter());
	CHECK(getcwd(path, sizeof(path)));
	CHECK_STR(path, check_scratch);
	CHECK_OK(mkdir("one", 0755));
	CHECK_OK(mkdir("one/two", 0755));
	CHECK_OK(chdir("one/two"));
	snprintf(expected, sizeof(expected), "%s/one/two", check_scratch);
	CHECK_STR(getcwd(path, sizeof(path)), expected);
	CHECK_EQ(syscall(SYS_getcwd, path, sizeof(path)), strlen(expected) + 1);
	CHECK_OK(rename("../../one", "../../uno"));
	snprintf(expected, sizeof(expected), "%s/uno/two", check_scratch);
	CHECK_STR(getcwd(path, sizeof(path)), expected);
	CHECK_ERRNO(syscall(SYS_getcwd, path, 5), ERANGE);
	CHECK_ERRNO(syscall(SYS_getcwd, path, 0), ERANGE);
	CHECK_ERRNO(syscall(SYS_getcwd, 8, 100), EFAULT);
	CHECK_OK(rmdir("../two"));
	CHECK_ERRNO(syscall(SYS_getcwd, path, sizeof(path)), ENOENT);
	CHECK_OK(chdir(".."));
	CHECK_OK(chdir("/"));
	CHECK_STR(getcwd(path, sizeof(path)), "/");
}

static void test_chdir(void)
{
	char path[PATH_MAX];
	REQUIRE(scratch_enter());
	REQUIRE(file_write("plain", "", 0));
	CHECK_ERRNO(chdir("none"), ENOENT);
	CHECK_ERRNO(chdir("plain"), ENOTDIR);
	CHECK_ERRNO(chdir(""), ENOENT);
	CHECK_ERRNO(chdir((void *)8), EFAULT);
	int fd = open("plain", O_RDONLY);
	CHECK_ERRNO(fchdir(fd), ENOTDIR);
	CHECK_ERRNO(fchdir(999), EBADF);
	close(fd);
	CHECK_OK(mkdir("inside", 0755));
	fd = open("inside", O_RDONLY);
	CHECK_OK(fchdir(fd));
	CHECK(getcwd(path, sizeof(path)) && strstr(path, "/inside"));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(chdir("/")); /* the child's alone */
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK(getcwd(path, sizeof(path)) && strstr(path, "/inside"));
	close(fd);
	CHECK_OK(mkdir("closed", 0600));
	CHECK_OK(chmod("..", 0755));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(chdir("closed"), EACCES);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static const struct check_case cases[] = {
	{ "all", test_all },	       { "removing", test_removing },
	{ "changing", test_changing }, { "remove-loop", test_remove_loop },
	{ "seek", test_seek },	       { "types", test_types },
	{ "errors", test_errors },     { "getcwd", test_getcwd },
	{ "chdir", test_chdir },
};

CHECK_MAIN(cases)
