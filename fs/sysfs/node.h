#pragma once
/* The tree of /sys, for the files of this folder. */
#include <fs/sysfs/sysfs.h>
#include <lib/list.h>
#include <sched/lock.h>

enum sysfs_kind { SYSFS_DIRECTORY, SYSFS_FILE, SYSFS_LINK };

struct sysfs_node {
	struct atomic32 references; /* one by the tree until it is removed, one by each vnode */
	enum sysfs_kind kind;	    /* [const] */
	u32 mode;		    /* [const] permission bits */
	u64 ino;		    /* [const] */
	char *name;		    /* [const] */
	struct sysfs_node *parent;  /* [const] counted; NULL: the root */
	struct list_node sibling;   /* [tree] */
	struct list_node children;  /* [tree] in the order of their numbers */
	struct sysfs_node *target;  /* [const] of a link, counted */
	struct rwlock use;	    /* not ranked: show and store run under it */
	bool removed;		    /* [use] */
	sysfs_show *show;	    /* [const] */
	sysfs_store *store;	    /* [const] */
	void *context;		    /* [const] */
	char *fixed;		    /* [const] sysfs_text() */
	const char *class;	    /* [const] of a device */
	u32 type;		    /* [const] of a device: S_IFCHR, S_IFBLK or 0 */
	u64 number;		    /* [const] of a device */
	const char *device_name;    /* [const] of a device: in /dev */
};

extern struct sysfs_node sysfs_root;

/* The child @name, counted, or NULL. */
struct sysfs_node *sysfs_find(struct sysfs_node *parent, const char *name, size_t length);
/* The first child whose number is at least @ino, counted, or NULL. */
struct sysfs_node *sysfs_next(struct sysfs_node *parent, u64 ino);
static inline void sysfs_get(struct sysfs_node *node)
{
	atomic32_inc(&node->references);
}
void sysfs_put(struct sysfs_node *node);
/* "../../devices/…" of a link into @buffer: its length, or -ENAMETOOLONG. */
ssize_t sysfs_link_text(const struct sysfs_node *link, char *buffer, size_t size);
/* A new node in the tree; it takes over @fixed and a reference to @target. ERR_PTR(-EEXIST, -ENOMEM). */
struct sysfs_node *sysfs_add(struct sysfs_node *parent, const char *name, size_t length,
			     const struct sysfs_node *like);
