#pragma once
/*
 * The cache of dentries: fs/dentry.c and those that change names.
 *
 * Locks, all spinlocks: tree lock (names and parents) → bucket (the hash chain, `unhashed`,
 * dropping the last reference) → LRU. A dentry found in its bucket gets its reference under the
 * bucket's lock, so that one without references can be freed under it. Dentries come into a bucket,
 * and change their name, only while their directory's vnode is locked exclusively: one name has one
 * dentry.
 */
#include <fs/path.h>

void dentry_cache_init(void);
/*
 * A dentry outside of the cache, with a reference; @parent (NULL: a root) is counted by it,
 * @vnode's reference (NULL: negative) becomes its own. NULL: no memory, @vnode is still the
 * caller's.
 */
struct dentry *dentry_create(struct dentry *parent, const char *name, size_t length,
			     struct vnode *vnode);
static inline void dentry_get(struct dentry *dentry)
{
	atomic32_inc(&dentry->references);
}
void dentry_put(struct dentry *dentry); /* may sleep */
/* From the cache, with a reference; or NULL. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length);
/*
 * From the cache or the file system, perhaps negative, with a reference; @parent's vnode is locked
 * exclusively. ERR_PTR(-ENOMEM, …).
 */
struct dentry *dentry_lookup_locked(struct dentry *parent, const char *name, size_t length);
/* A cached dentry whose vnode says that it is out of date leaves the cache: false. */
bool dentry_is_current(struct dentry *dentry);
/* The file exists now: @vnode's reference becomes the dentry's. */
void dentry_set_vnode(struct dentry *dentry, struct vnode *vnode);
/* The name is gone. */
void dentry_unhash(struct dentry *dentry);
/*
 * @moved takes the name and place of @target, which leaves the cache, or with @exchange takes
 * @moved's. -ENOMEM: nothing was done. Both directories are locked.
 */
int dentry_move(struct dentry *moved, struct dentry *target, bool exchange);
/* Its parent, with a reference. */
struct dentry *dentry_parent(struct dentry *dentry);
/* Is @dentry @ancestor or below it? */
bool dentry_is_below(struct dentry *dentry, struct dentry *ancestor);

/* Guards names and parents for readers that hold no directory's lock. */
extern struct spinlock dentry_tree_lock;
