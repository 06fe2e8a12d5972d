#pragma once
/*
 * Character and block devices: drivers register a number, a name and operations; devtmpfs shows a node
 * /dev/NAME for each, and opening any node with that number gets these operations.
 */
#include <fs/file.h>

/* @name may hold slashes ("virtio-ports/selene.job"). @mode with S_IFCHR or S_IFBLK. -EBUSY, -ENOMEM. */
int device_node_register(const char *name, u32 mode, u64 number,
			 const struct file_operations *operations, void *private);
/* Take its name out of /dev (@named false), or make it again. Its name holds no slash. May sleep. */
void device_node_name(u32 type, u64 number, bool named);
/* Called by the VFS at open: operations and private of @number; -ENXIO. */
int device_node_find(u32 type, u64 number, const struct file_operations **operations,
		     void **private);
/* Major numbers of Linux (devices.txt). */
enum {
	MAJOR_MEM = 1,
	MAJOR_TTY = 4,
	MAJOR_CONSOLE = 5,
	MAJOR_MISC = 10,
	MAJOR_INPUT = 13,
	MAJOR_FB = 29,
	MAJOR_PTS = 136,
	MAJOR_MMC = 179,
	MAJOR_TTYSIF = 250,
	MAJOR_HVC = 229,
	MAJOR_VIRTIO_PORT = 248,
	MAJOR_VIRTIO_DISK = 254,
	MAJOR_BLOCK_EXTENDED = 259
};
