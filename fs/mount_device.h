#pragma once
/* File systems on block devices: their instances, from the first mount to the last unmount. */
#include <fs/vnode.h>

/*
 * An instance of @type on the device that @source names: a path, or LABEL=, UUID=, PARTUUID=, PARTLABEL=.
 * One that is mounted already is shared. @flags: MS_RDONLY. With a reference. -ENOTBLK, -ENXIO, -EACCES
 * (write-protected), -EBUSY (claimed, or mounted in the other mode), and the type's errors.
 */
int device_system_make(struct file_system_type *type, const char *source, const char *data,
		       unsigned flags, struct file_system **made);
/* Everything to the device; before the last names and the instance go. */
void device_system_finish(struct file_system *system);
/* Its device is free again; @device was system->block. */
void device_system_gone(struct block_device *device);
/* The instance after @previous (NULL: the first), counted, mounted or only in use; @previous is put. */
struct file_system *device_system_next(struct file_system *previous);
/* mount(2) MS_REMOUNT: MS_RDONLY in @flags. -EBUSY: files are open for writing; -EACCES. */
int device_system_remount(struct file_system *system, unsigned flags, const char *data);
/* The device that "LABEL=x" and its like mean, or a path: 0, -ENODEV (none is there), as above. */
int device_by_name(const char *name, struct block_device **device);
