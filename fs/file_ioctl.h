#pragma once
/* ioctl(2) of regular files and directories: flags (chattr(1)), extents (filefrag(8)), discarding (fstrim(8)). */
#include <fs/file.h>

enum { /* linux/fiemap.h: struct file_extent.flags */
       FIEMAP_EXTENT_LAST = 1,
       FIEMAP_EXTENT_UNKNOWN = 2,
       FIEMAP_EXTENT_DELALLOC = 4,
       FIEMAP_EXTENT_UNWRITTEN = 0x800,
};

/* struct file_operations.ioctl. -ENOTTY: unknown, or its file system does not know of it. May sleep. */
long vnode_ioctl(struct file *file, unsigned command, unsigned long argument);
