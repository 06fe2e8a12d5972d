#pragma once
/*
 * Files with dirty pages, and when they are written: by the thread `writeback`, which looks every five
 * seconds and writes what was dirty then already, or at once when a tenth of memory is dirty; by
 * fsync(2) and its relatives. A vnode with dirty pages is kept; one without a name loses them unwritten.
 */
#include <fs/vnode.h>

struct file;

/* struct object_operations.first_dirty of files on disks; object->owner is the vnode. */
void writeback_object_dirty(struct memory_object *object);
/* @vnode is about to lose a reference of the caller's, and its last name is gone. */
void writeback_forget(struct vnode *vnode);
/*
 * Write all dirty pages of @system (NULL: of all) and wait. The first error. No locks.
 */
int writeback_system(struct file_system *system);
/* All of @system to its device: pages, metadata, the device's cache. 0 or the first error. */
int file_system_sync(struct file_system *system);
/* write(2), before it dirties a page: waits while too much is dirty. A vnode's lock may be held. */
void writeback_throttle(void);
/* fsync(2) of a vnode's pages in [first, last]; *@seen is the file's count of errors reported. */
int writeback_vnode(struct vnode *vnode, u64 first, u64 last, u32 *seen);
/*
 * What failed behind a program's back, when the thread or somebody else's sync wrote it, is told once to each file that
 * was open then. begin: at open(2). metadata_error: fsync(2), 0 or -EIO. system_error: syncfs(2), of pages of
 * any file as well.
 */
void writeback_errors_begin(struct file *file);
int writeback_metadata_error(struct file *file);
int writeback_system_error(struct file *file);
/* Before unmount: no vnode of @system is on the list any more. */
void writeback_drop_system(struct file_system *system);
