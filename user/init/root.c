#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#define NEW_ROOT "/.root"

/* The value of @key on the command line (to be freed), "" for a bare word, or NULL. */
static char *command_line_value(const char *line, const char *key)
{
	size_t length = strlen(key);

	while (*line) {
		line += strspn(line, " \n");
		size_t word = strcspn(line, " \n");
		if (word >= length && !strncmp(line, key, length)) {
			if (word == length)
				return strdup("");
			if (line[length] == '=')
				return strndup(line + length + 1, word - length - 1);
		}
		if (word == 2 && !strncmp(line, "--", 2))
			break;
		line += word;
	}
	return NULL;
}

/* Each type that /proc/filesystems has for devices. */
static int mount_any(const char *device, unsigned long flags)
{
	char *types = file_read("/proc/filesystems", NULL);

	errno = ENODEV;
	for (char *type = types ? strtok(types, "\n") : NULL; type; type = strtok(NULL, "\n")) {
		if (type[0] != '\t')
			continue;
		if (!mount(device, NEW_ROOT, type + 1, flags, NULL)) {
			free(types);
			return 0;
		}
		if (errno != EINVAL)
			break;
	}
	int error = errno;
	free(types);
	errno = error;
	return -1;
}

static void move(const char *name)
{
	char to[64];

	snprintf(to, sizeof(to), NEW_ROOT "%s", name);
	mkdir(to, 0755);
	if (mount(name, to, NULL, MS_BIND | MS_REC, NULL) < 0)
		init_say("init: %s in the new root: %s", name, strerror(errno));
}

/* The kernel left it to us: the root is still the memory that the initramfs was unpacked to. */
static bool root_is_memory(void)
{
	struct statfs root;

	return !statfs("/", &root) && (root.f_type == TMPFS_MAGIC || root.f_type == RAMFS_MAGIC);
}

void root_change(void)
{
	if (!root_is_memory())
		return;
	char *line = file_read("/proc/cmdline", NULL);
	char *device = line ? command_line_value(line, "root") : NULL;
	if (!device) {
		free(line);
		return;
	}
	char *type = command_line_value(line, "rootfstype"),
	     *writable = command_line_value(line, "rw");
	bool wait = command_line_value(line, "rootwait");
	unsigned long flags = writable ? 0 : MS_RDONLY;
	const struct timespec second = { .tv_sec = 1 };

	mkdir(NEW_ROOT, 0755);
	for (;;) {
		int failed = type ? mount(device, NEW_ROOT, type, flags, NULL)
				  : mount_any(device, flags);
		if (!failed)
			break;
		if (!wait || (errno != ENOENT && errno != ENODEV && errno != ENXIO)) {
			init_say("init: root=%s cannot be mounted: %s; this is the initramfs",
				 device, strerror(errno));
			goto out;
		}
		nanosleep(&second, NULL);
	}
	move("/proc");
	move("/sys");
	move("/dev");
	if (chroot(NEW_ROOT) < 0 || chdir("/") < 0)
		init_say("init: chroot: %s", strerror(errno));
out:
	free(type);
	free(writable);
	free(device);
	free(line);
}
