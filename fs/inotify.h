#pragma once
/*
 * inotify(7): instances with their watches and queues of events. A watch counts its vnode. One spinlock guards
 * all of it; it is taken only for files that are watched.
 */
#include <fs/notify.h>

struct watch;

enum { /* of inotify_add_watch(2), beside the events */
       IN_ONLYDIR = 0x01000000,
       IN_DONT_FOLLOW = 0x02000000,
       IN_EXCL_UNLINK = 0x04000000,
       IN_MASK_CREATE = 0x10000000,
       IN_MASK_ADD = 0x20000000,
};
#define IN_ONESHOT 0x80000000u

enum { INOTIFY_INSTANCES_MAX = 128, INOTIFY_WATCHES_MAX = 65536, INOTIFY_EVENTS_MAX = 16384 };

struct watched { /* what happened to whom */
	struct vnode *vnode;
	u32 event, cookie;
	const char *name; /* in the directory @vnode; NULL: to @vnode itself */
	size_t length;
	bool unlinked; /* the name is gone: not for IN_EXCL_UNLINK */
};

/* A file; O_NONBLOCK in @flags. ERR_PTR(-EMFILE: too many of this user's, -ENOMEM). */
struct file *inotify_create(u32 flags);
bool inotify_is(const struct file *file);
/* A watch's number, which stays when there is one already; -EEXIST, -ENOSPC, -ENOMEM. */
long inotify_add(struct file *file, struct vnode *vnode, u32 mask);
int inotify_remove(struct file *file, s32 number);

/* fs/notify.c: to all watches of a vnode that want it. */
void inotify_tell(const struct watched *what);
/* End all watches of @vnode, which the caller counts too, or of all vnodes of @system. */
void inotify_end(struct vnode *vnode);
void inotify_end_system(struct file_system *system);
