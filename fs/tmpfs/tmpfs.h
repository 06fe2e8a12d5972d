#pragma once
/*
 * tmpfs: files, directories and links that live in memory; tmpfs(5). Also under devtmpfs, memfd and
 * the root.
 */
#include <fs/vnode.h>
#include <lib/rbtree.h>

struct tmpfs {
	struct file_system system;
	struct atomic64 last_ino;
	u64 pages_max; /* [const after boot] of file contents; 0: no limit */
	struct atomic64
		pages_used; /* as far as is known: mapped files are counted at their next use */
	u64 nodes_max;	    /* [const] 0: no limit */
	struct atomic64 nodes;
};

/* A name in a directory; it counts its vnode. */
struct tmpfs_entry {
	struct rb_node by_name;	  /* [directory] */
	struct rb_node by_cookie; /* [directory] */
	s64 cookie;		  /* [directory] position for readdir, never used again */
	struct tmpfs_node *node;  /* [directory] */
	u32 hash;		  /* [const] */
	u8 length;		  /* [const] */
	char name[];
};

struct tmpfs_directory {
	struct rb_root by_name; /* hash, then name */
	struct rb_root by_cookie;
	s64 next_cookie;
	struct tmpfs_node *parent; /* not counted: a directory that is gone has itself */
};

struct tmpfs_node {
	struct vnode vnode;
	struct attribute *attributes; /* [vnode] fs/tmpfs/xattr.c */
	u64 pages_counted;	      /* [object] how much of pages_used is this file's */
	union {
		struct memory_object object;	  /* regular file */
		struct tmpfs_directory directory; /* [vnode] */
		char *target;			  /* [const] symbolic link */
	};
};

static inline struct tmpfs_node *tmpfs_node_of(struct vnode *vnode)
{
	return container_of(vnode, struct tmpfs_node, vnode);
}
static inline struct tmpfs *tmpfs_of(const struct vnode *vnode)
{
	return container_of(vnode->system, struct tmpfs, system);
}

/* A new node without a name, links 1 (a directory: 2); NULL with *@error: -ENOSPC, -ENOMEM. */
struct tmpfs_node *tmpfs_node_create(struct tmpfs *tmpfs, u32 mode, int *error);
/* A mounted instance. @data: mount options, tmpfs(5). */
int tmpfs_mount(const char *source, const char *data, struct file_system **made);
/* An instance of type @type without limits, for the kernel's own use; NULL: no memory. */
struct tmpfs *tmpfs_create(const struct file_system_type *type);
/* Half of what memory is left may become files: for the root, once the kernel has filled it. */
void tmpfs_limit(struct tmpfs *tmpfs);
/* The memfd files' instance. */
void tmpfs_memfd_init(void);

/* tmpfs/directory.c */
/* struct vnode_operations */
u32 tmpfs_flags_get(struct vnode *vnode);
int tmpfs_flags_set(struct vnode *vnode, u32 flags);
extern const struct vnode_operations tmpfs_directory_operations;
/* Take every name out of the tree below @root, which nobody uses any more. */
void tmpfs_empty_tree(struct tmpfs_node *root);
/* tmpfs/node.c */
extern const struct vnode_operations tmpfs_file_operations, tmpfs_link_operations,
	tmpfs_special_operations;
void tmpfs_vnode_release(struct vnode *vnode);
int tmpfs_change(struct vnode *vnode, const struct vnode_change *change);
/* tmpfs/xattr.c: vnode_operations.xattr_*, and their end. */
int tmpfs_xattr_set(struct vnode *vnode, const char *name, const void *value, size_t size,
		    int flags);
ssize_t tmpfs_xattr_get(struct vnode *vnode, const char *name, void *value, size_t size);
ssize_t tmpfs_xattr_list(struct vnode *vnode, char *names, size_t size);
void tmpfs_xattr_free(struct tmpfs_node *node);
