/* /proc of the system as busybox and procps read it; uname, sysinfo, sched_getaffinity, times. */
#include "check.h"
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

static char text[65536];

static long field_of(const char *name)
{
	char *line = strstr(text, name);
	return line ? atol(line + strlen(name)) : -1;
}

/* Use the 4 MiB at @p for the first time: is MemFree lower by then? */
static bool memory_falls(char *p)
{
	if (file_read("/proc/meminfo", text, sizeof(text)) <= 0)
		return false;
	long before = field_of("MemFree:");
	memset(p, 1, 4 << 20);
	return file_read("/proc/meminfo", text, sizeof(text)) > 0 &&
	       field_of("MemFree:") <= before - 3000;
}

static void test_meminfo(void)
{
	REQUIRE(file_read("/proc/meminfo", text, sizeof(text)) > 0);
	long total = field_of("MemTotal:"), available = field_of("MemAvailable:");
	long unused = field_of("MemFree:");
	CHECK_RANGE(total, 8 << 10, 1L << 34);
	CHECK_RANGE(unused, 1, total);
	CHECK_RANGE(available, 1, total);
	CHECK_RANGE(field_of("Buffers:"), 0, total);
	CHECK_RANGE(field_of("\nCached:"), 0, total);
	CHECK_EQ(field_of("SwapTotal:"), 0);
	CHECK_EQ(field_of("SwapFree:"), 0);
	/*
	 * Memory in use is seen in it. Others may give some back meanwhile, and Linux does not count what a CPU keeps at
	 * hand, up to an eighth of all: so what was taken is kept until it shows.
	 */
	long room = 128L << 20;
	char *p = mmap(NULL, room, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(p != MAP_FAILED);
	bool falls = false;
	for (long at = 0; at < room && !falls; at += 4 << 20)
		falls = memory_falls(p + at);
	CHECK(falls);
	CHECK_OK(munmap(p, room));
	REQUIRE(file_read("/proc/meminfo", text, sizeof(text)) > 0);
	CHECK_EQ(field_of("MemTotal:"), total);
}

static void test_stat(void)
{
	long user;
	REQUIRE(file_read("/proc/stat", text, sizeof(text)) > 0);
	CHECK_EQ(strncmp(text, "cpu ", 4), 0);
	CHECK(sscanf(text, "cpu %ld", &user) == 1);
	CHECK(strstr(text, "\ncpu0 ") != NULL);
	CHECK_RANGE(field_of("\nbtime "), 0, 1L << 34);
	CHECK_RANGE(field_of("\nprocesses "), 1, 1L << 40);
	CHECK_RANGE(field_of("\nctxt "), 1, 1L << 50);
	int cpus = 0;
	for (char *line = text; (line = strstr(line, "\ncpu")); line++)
		cpus++;
	CHECK_EQ(cpus, get_nprocs());
}

static void test_uptime(void)
{
	double first, idle, second;
	REQUIRE(file_read("/proc/uptime", text, sizeof(text)) > 0);
	REQUIRE(sscanf(text, "%lf %lf", &first, &idle) == 2);
	sleep_ms(50);
	REQUIRE(file_read("/proc/uptime", text, sizeof(text)) > 0);
	REQUIRE(sscanf(text, "%lf", &second) == 1);
	CHECK_RANGE((second - first) * 1000, 30, 10000);
	REQUIRE(file_read("/proc/loadavg", text, sizeof(text)) > 0);
	float one, five, fifteen;
	int running, threads, last;
	CHECK_EQ(
		sscanf(text, "%f %f %f %d/%d %d", &one, &five, &fifteen, &running, &threads, &last),
		6);
	CHECK(running >= 1 && threads >= running && last > 1);
}

static void test_others(void)
{
	REQUIRE(file_read("/proc/mounts", text, sizeof(text)) > 0);
	CHECK(strstr(text, " /proc proc ") != NULL);
	REQUIRE(file_read("/proc/version", text, sizeof(text)) > 0);
	CHECK_EQ(strncmp(text, "Linux version ", 14), 0);
	REQUIRE(file_read("/proc/cpuinfo", text, sizeof(text)) > 0);
	CHECK(strstr(text, "hart\t") && strstr(text, "isa\t") && strstr(text, "mmu\t"));
	REQUIRE(file_read("/proc/filesystems", text, sizeof(text)) > 0);
	CHECK(strstr(text, "\tproc\n") && strstr(text, "\ttmpfs\n"));
	CHECK_ERRNO(open("/proc/none", O_RDONLY), ENOENT);
}

/* All process directories are numbers of living processes, this one among them. */
static void test_list(void)
{
	struct dirent *entry;
	bool self = false, init = false;
	DIR *list = opendir("/proc");
	REQUIRE(list);
	while ((entry = readdir(list))) {
		int pid = atoi(entry->d_name);
		self |= pid == getpid();
		init |= pid == 1;
	}
	CHECK(self && init);
	closedir(list);
}

static void test_uname(void)
{
	struct utsname name;
	int major = 0, minor = 0;
	REQUIRE(uname(&name) == 0);
	CHECK_STR(name.sysname, "Linux");
	CHECK_STR(name.machine, "riscv64");
	CHECK_EQ(sscanf(name.release, "%d.%d", &major, &minor), 2);
	CHECK_EQ(major, 6);
	CHECK_EQ(minor, 12);
	CHECK(name.nodename[0] && name.version[0]);
	CHECK_ERRNO(syscall(SYS_uname, 8), EFAULT);
}

static void test_sysinfo(void)
{
	struct sysinfo info;
	REQUIRE(sysinfo(&info) == 0);
	CHECK_RANGE(info.totalram * info.mem_unit, 8 << 20, 1L << 44);
	CHECK_RANGE(info.freeram, 1, info.totalram);
	CHECK_RANGE(info.procs, 1, 60000);
	CHECK_EQ(info.totalswap, 0);
	CHECK_RANGE(info.uptime, 0, 1 << 20);
	CHECK_ERRNO(syscall(SYS_sysinfo, 8), EFAULT);
}

static void test_affinity(void)
{
	unsigned long mask[16] = { 0 };
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	CHECK_RANGE(size, 8, 128);
	CHECK(mask[0] != 0);
	CHECK_EQ(__builtin_popcountl(mask[0]), get_nprocs());
	CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 7, mask), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_getaffinity, 999999, sizeof(mask), mask), ESRCH);
	CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, sizeof(mask), 8), EFAULT);
	unsigned cpu = 9999;
	CHECK_OK(syscall(SYS_getcpu, &cpu, NULL, NULL));
	CHECK(cpu < 64 && (mask[0] & 1UL << cpu));
}

static void burn(int milliseconds)
{
	for (int64_t end = now_ms() + milliseconds; now_ms() < end;)
		getppid();
}

static void test_times(void)
{
	struct tms before, after;
	clock_t from = times(&before);
	burn(120);
	pid_t pid = fork_child();
	if (pid == 0) {
		burn(60);
		_exit(0);
	}
	CHECK_EQ(wait_status(pid), 0);
	clock_t to = times(&after);
	CHECK_RANGE(to - from, 15, 3000);
	CHECK_RANGE(after.tms_utime + after.tms_stime - before.tms_utime - before.tms_stime, 1,
		    3000);
	CHECK_RANGE(after.tms_cutime + after.tms_cstime - before.tms_cutime - before.tms_cstime, 1,
		    3000);
	CHECK_ERRNO(syscall(SYS_times, 8), EFAULT);
}

static const struct check_case cases[] = {
	{ "meminfo", test_meminfo }, { "stat", test_stat },	    { "uptime", test_uptime },
	{ "others", test_others },   { "list", test_list },	    { "uname", test_uname },
	{ "sysinfo", test_sysinfo }, { "affinity", test_affinity }, { "times", test_times },
};

CHECK_MAIN(cases)
