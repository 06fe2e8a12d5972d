#pragma once
/* Block devices as files: /dev/vda and its like, and what mount(2) needs of them. */
#include <dev/block.h>
#include <fs/file.h>

/* The device that @path (a user's or "LABEL=…" less) names: -ENOTBLK, -ENXIO, -EACCES (nodev). */
int block_device_by_path(const char *path, struct block_device **device);
/* Its pages are written back and leave memory: before a file system uses it, and after. 0 or -EIO. */
int block_file_flush(struct block_device *device);
/* [offset, offset + size) will change behind the cache's back: nothing of it stays. */
void block_file_forget(struct block_device *device, u64 offset, u64 size);
/* struct file_operations.ioctl: block_ioctl.c */
long block_ioctl(struct file *file, unsigned command, unsigned long argument);
