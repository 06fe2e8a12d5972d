#include "init.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void mount_one(const char *type, const char *path, const char *options)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, options) == 0)
		return;
	/* Not in this kernel, or there already. */
	if (errno != ENODEV && errno != EBUSY && errno != ENOSYS)
		init_say("init: mount %s: %s", path, strerror(errno));
}

static void link_missing(const char *target, const char *path)
{
	if (access(path, F_OK) < 0)
		symlink(target, path);
}

void mounts_make(void)
{
	mount_one("proc", "/proc", NULL);
	mount_one("sysfs", "/sys", NULL);
	mount_one("devtmpfs", "/dev", NULL);
	mount_one("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666");
	mount_one("tmpfs", "/dev/shm", "mode=1777");
	link_missing("/proc/self/fd", "/dev/fd");
	link_missing("fd/0", "/dev/stdin");
	link_missing("fd/1", "/dev/stdout");
	link_missing("fd/2", "/dev/stderr");
	size_t size;
	char *name = file_read("/etc/hostname", &size);
	if (name)
		sethostname(name, strcspn(name, "\n"));
	free(name);
}
