/* /sys: CPUs, classes, device numbers and the links between them. */
#include "check.h"
#include <sys/vfs.h>

static const char *read_file(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void test_cpus(void)
{
	char expected[32];
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	snprintf(expected, sizeof(expected), count > 1 ? "0-%ld\n" : "0\n", count - 1);
	CHECK(!strcmp(read_file("/sys/devices/system/cpu/online"), expected));
	CHECK(!strcmp(read_file("/sys/devices/system/cpu/possible"), expected));
	CHECK(!strcmp(read_file("/sys/devices/system/cpu/cpu0/topology/core_id"), "0\n"));
	CHECK(access("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", R_OK) == 0);
}

static void test_device(void)
{
	char target[256];
	ssize_t length;
	struct stat status;

	CHECK_STR(read_file("/sys/class/mem/null/dev"), "1:3\n");
	CHECK(strstr(read_file("/sys/class/mem/null/uevent"), "MAJOR=1\nMINOR=3\nDEVNAME=null\n"));
	length = readlink("/sys/class/mem/null", target, sizeof(target) - 1);
	CHECK(length > 0);
	target[length > 0 ? length : 0] = '\0';
	CHECK(!strcmp(target, "../../devices/virtual/mem/null"));
	length = readlink("/sys/dev/char/1:3", target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	CHECK(!strcmp(target, "../../devices/virtual/mem/null"));
	CHECK(!strcmp(realpath("/sys/class/mem/null/subsystem", target) ?: "", "/sys/class/mem"));
	CHECK(stat("/sys/class/mem/null/dev", &status) == 0 && status.st_size == 4096 &&
	      status.st_mode == (S_IFREG | 0444));
}

static void test_tree(void)
{
	struct statfs system;
	DIR *directory = opendir("/sys/class");
	struct dirent *entry;
	int seen = 0, fd;
	char byte;

	CHECK(statfs("/sys", &system) == 0 && system.f_type == 0x62656572);
	CHECK(directory);
	while (directory && (entry = readdir(directory)))
		seen += !strcmp(entry->d_name, "mem") || !strcmp(entry->d_name, "tty");
	CHECK(seen == 2);
	if (directory)
		closedir(directory);
	CHECK_ERRNO(open("/sys/class/nothing", O_RDONLY), ENOENT);
	CHECK(open("/sys/new", O_WRONLY | O_CREAT, 0644) < 0);
	CHECK(mkdir("/sys/class/new", 0755) < 0);
	fd = open("/sys/class/mem/null/dev", O_RDONLY);
	CHECK(pread(fd, &byte, 1, 2) == 1 && byte == '3');
	CHECK(pread(fd, &byte, 1, 4) == 0);
	close(fd);
}

static const struct check_case cases[] = {
	{ "cpus", test_cpus },
	{ "device", test_device },
	{ "tree", test_tree },
};

CHECK_MAIN(cases)
