#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void module_load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		init_say("init: module %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void modules_load(const char *list)
{
	char path[256];
	while (*list) {
		size_t length = strcspn(list, "\n");
		if (length && length < sizeof(path)) {
			memcpy(path, list, length);
			path[length] = 0;
			module_load(path);
		}
		list += length + (list[length] == '\n');
	}
}
