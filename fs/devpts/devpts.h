#pragma once
/*
 * devpts: the names of pseudo-terminals, /dev/pts/N; pts(4). Whoever makes pseudo-terminals adds
 * and removes the names. There is one instance, wherever it is mounted.
 */
#include <fs/file.h>

enum { DEVPTS_MAX = 4096 };

void devpts_init(void);
/*
 * A node for a character device of major MAJOR_PTS, owned by the current process, whose files get
 * @operations; its minor is the lowest that is free, and vnode->private is @private. The vnode with
 * a reference, or ERR_PTR(-ENOSPC, -ENOMEM). The name appears with devpts_show().
 */
struct vnode *devpts_add(const struct file_operations *operations, void *private);
void devpts_show(struct vnode *vnode);
unsigned devpts_number(struct vnode *vnode); /* N of /dev/pts/N */
/* The name is gone and its number free, shown or not; open files keep the vnode. Drops the reference. */
void devpts_remove(struct vnode *vnode);
/* Open @vnode where devpts is mounted. ERR_PTR: -ENODEV when it is not, and as open(2). */
struct file *devpts_open(struct vnode *vnode, u32 flags);
