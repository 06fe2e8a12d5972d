#pragma once
/* What creating, removing and renaming share. Directories are locked exclusively throughout. */
#include <fs/file.h>
#include <fs/walk.h>

/* 0, -ENOENT (the directory is gone), -EACCES. */
int names_may_create(struct vnode *directory);
/* 0, -EACCES, -EPERM (sticky), -ENOTDIR, -EISDIR, -EBUSY. */
int names_may_remove(struct vnode *directory, struct dentry *dentry, bool is_directory);
/* @mode without the bits of the process's umask. */
u32 names_umask(u32 mode);
/* @dentry is negative, in @parent. */
int names_create_locked(struct dentry *parent, struct dentry *dentry, u32 mode, u64 device);
int names_remove_locked(struct dentry *parent, struct dentry *dentry);

/* fs/rename.c: once at boot. */
void rename_init(void);
