/* The kernel's messages: /dev/kmsg and syslog(2). */
#include "check.h"
#include <poll.h>
#include <sys/klog.h>

enum { READ = 2, READ_ALL, READ_CLEAR, CLEAR, SIZE_UNREAD = 9, SIZE_BUFFER };

struct record {
	unsigned priority;
	unsigned long number, microseconds;
	char text[2048];
};

/* The next record, or false: none there (or one that was lost). */
static bool record_read(int fd, struct record *record)
{
	char line[8192];
	ssize_t size;
	do {
		size = read(fd, line, sizeof(line) - 1);
	} while (size < 0 && errno == EPIPE);
	if (size <= 0)
		return false;
	line[size] = 0;
	char *text = strchr(line, ';');
	if (!CHECK(text && sscanf(line, "%u,%lu,%lu,-;", &record->priority, &record->number,
				  &record->microseconds) == 3))
		return false;
	*strchrnul(text, '\n') = 0;
	snprintf(record->text, sizeof(record->text), "%s", text + 1);
	return true;
}

/* With a line end, without which Linux waits for more; dprintf(3) asks for a position, of which there is none. */
__attribute__((format(printf, 2, 3))) static ssize_t say(int fd, const char *format, ...)
{
	char line[256];
	va_list args;
	va_start(args, format);
	int size = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return write(fd, line, size);
}

/* Writers are heard, all of them, on Linux too. */
static void hear_all(void)
{
	file_write("/proc/sys/kernel/printk_devkmsg", "on", 2);
}

/* From here on, until one with that text; false: there is none. */
static bool record_find(int fd, const char *text, struct record *record)
{
	while (record_read(fd, record)) {
		if (!strcmp(record->text, text))
			return true;
	}
	return false;
}

static void test_records(void)
{
	struct record one, other;
	char text[64];
	int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK);
	REQUIRE(fd >= 0);
	hear_all();
	unsigned long before = 0;
	for (bool first = true; record_read(fd, &one); first = false) {
		if (!first && one.number <= before)
			CHECK(one.number > before);
		before = one.number;
	}
	CHECK_EQ(errno, EAGAIN);
	struct pollfd entry = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&entry, 1, 0), 0);
	snprintf(text, sizeof(text), "check-%d one", getpid());
	CHECK_EQ(say(fd, "%s\n", text), strlen(text) + 1);
	CHECK_EQ(poll(&entry, 1, 5000), 1);
	CHECK(entry.revents & POLLIN);
	REQUIRE(record_find(fd, text, &one));
	CHECK_EQ(one.priority, 12); /* user, warning */
	CHECK_OK(say(fd, "<3>check-%d two\\\t\n", getpid()));
	snprintf(text, sizeof(text), "check-%d two\\x5c\\x09", getpid());
	REQUIRE(record_find(fd, text, &other));
	CHECK_EQ(other.priority, 8 + 3);
	CHECK(other.number > one.number);
	CHECK(other.microseconds >= one.microseconds);
	CHECK_OK(say(fd, "<30>check-%d three\n", getpid())); /* a daemon */
	snprintf(text, sizeof(text), "check-%d three", getpid());
	REQUIRE(record_find(fd, text, &other));
	CHECK_EQ(other.priority, 30);
	close(fd);
}

static void test_seek(void)
{
	struct record record;
	char text[64], small[4];
	int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK);
	REQUIRE(fd >= 0);
	hear_all();
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	snprintf(text, sizeof(text), "check-%d seek", getpid());
	CHECK_EQ(say(fd, "%s\n", text), strlen(text) + 1);
	CHECK_ERRNO(read(fd, small, sizeof(small)), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK(record_find(fd, text, &record));
	unsigned long number = record.number;
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
	CHECK(record_find(fd, text, &record));
	CHECK_EQ(record.number, number);
	CHECK_ERRNO(lseek(fd, 1, SEEK_SET), ESPIPE);
	CHECK_ERRNO(lseek(fd, 0, SEEK_CUR), EINVAL);
	CHECK_EQ(klogctl(CLEAR, NULL, 0), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
	CHECK(!record_find(fd, text, &record));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0); /* cleared is not gone */
	CHECK(record_find(fd, text, &record));
	close(fd);
}

static void test_take(void)
{
	static char data[300000];
	char text[64];
	int fd = open("/dev/kmsg", O_WRONLY);
	hear_all();
	long unread = CHECK_OK(klogctl(SIZE_UNREAD, NULL, 0));
	CHECK(klogctl(SIZE_BUFFER, NULL, 0) >= 4096);
	while (klogctl(SIZE_UNREAD, NULL, 0) > 0)
		CHECK(klogctl(READ, data, sizeof(data) - 1) > 0);
	CHECK(unread >= 0);
	CHECK_EQ(klogctl(READ, data, 0), 0);
	CHECK_ERRNO(klogctl(READ, data, -1), EINVAL);
	CHECK_ERRNO(klogctl(READ, NULL, 10), EINVAL);
	snprintf(text, sizeof(text), "] check-%d take\n", getpid());
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		_exit(say(fd, "%s", text + 2) > 0 ? 0 : 1);
	}
	memset(data, 0, sizeof(data));
	long got = CHECK_OK(klogctl(READ, data, sizeof(data) - 1)); /* waits */
	CHECK(got > 0 && strstr(data, text) != NULL);
	CHECK(!strncmp(data, "<12>[", 5));
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(say(fd, "%s", text + 2), strlen(text) - 2);
	CHECK(klogctl(SIZE_UNREAD, NULL, 0) >= (long)strlen(text));
	CHECK_EQ(klogctl(READ, data, 3), 3); /* a record in pieces */
	CHECK(!strncmp(data, "<12", 3));
	memset(data, 0, sizeof(data));
	CHECK(klogctl(READ, data, sizeof(data) - 1) > 0);
	CHECK(data[0] == '>' && strstr(data, text) != NULL);
	memset(data, 0, sizeof(data));
	CHECK(klogctl(READ_ALL, data, sizeof(data) - 1) > 0); /* that sees all the same */
	CHECK(strstr(data, text) != NULL);
	CHECK(klogctl(READ_CLEAR, data, sizeof(data) - 1) > 0);
	memset(data, 0, sizeof(data));
	CHECK_OK(klogctl(READ_ALL, data, sizeof(data) - 1));
	CHECK(strstr(data, text) == NULL);
	CHECK_ERRNO(klogctl(READ_ALL, NULL, 100), EINVAL);
	CHECK_ERRNO(klogctl(8, NULL, 0), EINVAL);
	CHECK_ERRNO(klogctl(8, NULL, 9), EINVAL);
	CHECK_ERRNO(klogctl(77, NULL, 9), EINVAL);
	close(fd);
}

static void ignore(int sig)
{
	(void)sig;
}

static void test_interrupt(void)
{
	static char data[300000];
	while (klogctl(SIZE_UNREAD, NULL, 0) > 0)
		CHECK(klogctl(READ, data, sizeof(data) - 1) > 0);
	signal_set(SIGUSR1, ignore, 0);
	pid_t pid = signal_after(SIGUSR1, 50);
	CHECK_ERRNO(klogctl(READ, data, sizeof(data)), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(klogctl(READ, data, 100), EPERM);
		CHECK_ERRNO(klogctl(CLEAR, NULL, 0), EPERM);
		CHECK_ERRNO(klogctl(SIZE_UNREAD, NULL, 0), EPERM);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
}

static const struct check_case cases[] = {
	{ "records", test_records },
	{ "seek", test_seek },
	{ "take", test_take },
	{ "interrupt", test_interrupt },
};

CHECK_MAIN(cases)
