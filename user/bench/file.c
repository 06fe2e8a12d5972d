/* Rows of files and directories, on tmpfs (/tmp). */
#define _GNU_SOURCE
#include "bench.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SIZE = 1 << 20, ENTRIES = 1000, POLLED = 100, WATCHED = 1000 };

static char buffer[65536];
static int data_fd, epoll_fd, watched[WATCHED][2];
static struct pollfd polled[POLLED];
static int write_ends[POLLED];

static void make_file(void)
{
	MUST(data_fd = open("/tmp/bench-file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (int i = 0; i < FILE_SIZE / (int)sizeof(buffer); i++)
		MUST(write(data_fd, buffer, sizeof(buffer)));
}

static void remove_file(void)
{
	close(data_fd);
	unlink("/tmp/bench-file");
}

static void run_open(unsigned count)
{
	while (count--)
		close(MUST(open("/tmp/bench-file", O_RDONLY)));
}

static void run_stat(unsigned count)
{
	struct stat status;

	while (count--)
		MUST(stat("/tmp/bench-file", &status));
}

static void run_create(unsigned count)
{
	while (count--) {
		close(MUST(open("/tmp/bench-new", O_WRONLY | O_CREAT | O_EXCL, 0600)));
		MUST(unlink("/tmp/bench-new"));
	}
}

static void transfer(unsigned count, size_t size, int writing)
{
	for (unsigned i = 0; i < count; i++) {
		off_t offset = (i * size) % FILE_SIZE;

		if (writing)
			MUST(pwrite(data_fd, buffer, size, offset));
		else
			MUST(pread(data_fd, buffer, size, offset));
	}
}

static void run_pread_4k(unsigned count)
{
	transfer(count, 4096, 0);
}

static void run_pwrite_4k(unsigned count)
{
	transfer(count, 4096, 1);
}

static void run_pread_64k(unsigned count)
{
	transfer(count, 65536, 0);
}

static void run_pwrite_64k(unsigned count)
{
	transfer(count, 65536, 1);
}

static void make_directory(void)
{
	char name[64];

	MUST(mkdir("/tmp/bench-dir", 0700));
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "/tmp/bench-dir/entry-%d", i);
		close(MUST(open(name, O_WRONLY | O_CREAT, 0600)));
	}
}

static void remove_directory(void)
{
	char name[64];

	for (int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "/tmp/bench-dir/entry-%d", i);
		unlink(name);
	}
	rmdir("/tmp/bench-dir");
}

static void run_list(unsigned count)
{
	while (count--) {
		DIR *directory = opendir("/tmp/bench-dir");
		int entries = 0;

		while (readdir(directory))
			entries++;
		closedir(directory);
		if (entries != ENTRIES + 2)
			abort();
	}
}

static void open_polled(void)
{
	for (int i = 0; i < POLLED; i++) {
		int ends[2];

		MUST(pipe(ends));
		write_ends[i] = ends[1];
		polled[i] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	}
}

static void close_polled(void)
{
	for (int i = 0; i < POLLED; i++) {
		close(polled[i].fd);
		close(write_ends[i]);
	}
}

static void run_poll(unsigned count)
{
	while (count--)
		MUST(poll(polled, POLLED, 0));
}

static void open_watched(void)
{
	struct rlimit files = { 2 * WATCHED + 100, 2 * WATCHED + 100 };

	setrlimit(RLIMIT_NOFILE, &files);
	epoll_fd = epoll_create1(0);
	if (epoll_fd < 0) {
		row_missing = strerror(errno);
		return;
	}
	for (int i = 0; i < WATCHED; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = i };

		MUST(pipe(watched[i]));
		MUST(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watched[i][0], &event));
	}
	MUST(write(watched[WATCHED / 2][1], "", 1));
}

static void close_watched(void)
{
	for (int i = 0; i < WATCHED; i++) {
		close(watched[i][0]);
		close(watched[i][1]);
	}
	close(epoll_fd);
}

static void run_epoll(unsigned count)
{
	struct epoll_event event;

	while (count--)
		if (MUST(epoll_wait(epoll_fd, &event, 1, -1)) != 1)
			abort();
}

const struct row file_rows[] = {
	{ "open_close", NULL, 2000, run_open, make_file, remove_file },
	{ "stat", NULL, 2000, run_stat, make_file, remove_file },
	{ "create_unlink", NULL, 1000, run_create, NULL, NULL },
	{ "pread_4k", NULL, 2000, run_pread_4k, make_file, remove_file },
	{ "pwrite_4k", NULL, 2000, run_pwrite_4k, make_file, remove_file },
	{ "pread_64k", NULL, 200, run_pread_64k, make_file, remove_file },
	{ "pwrite_64k", NULL, 200, run_pwrite_64k, make_file, remove_file },
	{ "list_1000", "listing", 20, run_list, make_directory, remove_directory },
	{ "poll_100", NULL, 500, run_poll, open_polled, close_polled },
	{ "epoll_1000", NULL, 2000, run_epoll, open_watched, close_watched },
	{ 0 },
};
