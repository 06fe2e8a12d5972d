#pragma once
/* Mounts, for those parts of fs/ that look at the list themselves. */
#include <fs/path.h>

/* A spinlock: the list, parents and mount points. Outside of the dentries' tree lock. */
extern struct spinlock mount_lock;
extern struct path system_root; /* [const after boot] */
/* What unnamed files (pipes, memfd) lie in: one mount that is nowhere. */
extern struct mount anonymous_mount;
extern struct file_system anonymous_system;

void mount_put(struct mount *mount); /* may sleep */
extern struct list_node mounts;	     /* [mount_lock] in order of mounting */
/* A copy of @mount that shows @root and is nowhere yet; NULL: no memory. */
struct mount *mount_copy(struct mount *mount, struct dentry *root);
/* It appears at @where, which it counts. */
void mount_attach(struct mount *mount, const struct path *where);
/* [mount_lock] Is anything mounted on @dentry? */
bool mount_is_place(const struct dentry *dentry);
