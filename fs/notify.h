#pragma once
/*
 * What happens to files, for those who watch them: inotify(7). The VFS calls these where something
 * happened; they cost one test of a global count while nobody watches anything. Vnode locks may be held;
 * no spinlock. None of them fails.
 */
#include <fs/path.h>

struct file;

enum {
	IN_ACCESS = 1,
	IN_MODIFY = 2,
	IN_ATTRIB = 4,
	IN_CLOSE_WRITE = 8,
	IN_CLOSE_NOWRITE = 0x10,
	IN_OPEN = 0x20,
	IN_MOVED_FROM = 0x40,
	IN_MOVED_TO = 0x80,
	IN_CREATE = 0x100,
	IN_DELETE = 0x200,
	IN_DELETE_SELF = 0x400,
	IN_MOVE_SELF = 0x800,
	IN_ALL_EVENTS = 0xfff,
	IN_UNMOUNT = 0x2000,
	IN_Q_OVERFLOW = 0x4000,
	IN_IGNORED = 0x8000,
	IN_ISDIR = 0x40000000,
};

/* Watches that exist. [atomic] */
extern u32 notify_watch_count;
static inline bool notify_wanted(void)
{
	return unlikely(READ_ONCE(notify_watch_count));
}

void notify_dentry_slow(struct dentry *dentry, u32 event);
void notify_file_slow(struct file *file, u32 event);
void notify_change_slow(struct dentry *dentry, const struct vnode_change *change);
void notify_name_slow(struct dentry *directory, struct dentry *dentry, u32 event);
void notify_removed_slow(struct dentry *directory, struct dentry *dentry);
void notify_gone_slow(struct vnode *vnode);

/* @event happened to the file @dentry names: tells its watchers and its directory's. */
static inline void notify_dentry(struct dentry *dentry, u32 event)
{
	if (notify_wanted())
		notify_dentry_slow(dentry, event);
}
/* The same for an open file, which may be in no directory. */
static inline void notify_file(struct file *file, u32 event)
{
	if (notify_wanted())
		notify_file_slow(file, event);
}
/* Attributes or the size were changed. */
static inline void notify_change(struct dentry *dentry, const struct vnode_change *change)
{
	if (notify_wanted())
		notify_change_slow(dentry, change);
}
/* @directory, which is locked, has the new name @dentry; @event is IN_CREATE. */
static inline void notify_created(struct dentry *directory, struct dentry *dentry)
{
	if (notify_wanted())
		notify_name_slow(directory, dentry, IN_CREATE);
}
/* It has lost the name @dentry, which is out of the cache. */
static inline void notify_removed(struct dentry *directory, struct dentry *dentry)
{
	if (notify_wanted())
		notify_removed_slow(directory, dentry);
}
/* The number of names of @vnode changed. */
void notify_links(struct vnode *vnode);
/* The last name that anyone used of a file without links goes: its watches end. */
static inline void notify_gone(struct vnode *vnode)
{
	if (notify_wanted())
		notify_gone_slow(vnode);
}
/*
 * rename(2): @moved, a directory or not, was @name in @from and is @dentry in @to; @victim (or NULL) lost that
 * name to it.
 */
void notify_moved(struct dentry *from, const char *name, size_t length, struct dentry *to,
		  struct dentry *dentry, struct vnode *victim);
/* @system is about to be unmounted: its watches end. */
void notify_unmounted(struct file_system *system);
