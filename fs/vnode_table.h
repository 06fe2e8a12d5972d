#pragma once
/*
 * Which of a file system's files are in memory, by a number of its own choosing (an inode's, the place of a
 * directory entry): each is there once. A file whose last reference has gone stays in the table until release()
 * has written it; whoever looks for it meanwhile waits, and loads it anew.
 *
 * The lock is a mutex of RANK_INODES; with it held nothing is taken but what reading a block takes.
 */
#include <fs/vnode.h>
#include <lib/radix.h>

struct vnode_table {
	struct mutex lock;	/* RANK_INODES */
	struct radix vnodes;	/* [lock] key → struct vnode */
	struct wait_queue gone; /* one has left */
};

/* Nodes of trees that lie beside a table's own. */
extern const struct radix_allocator vnode_table_nodes;

void vnode_table_init(struct vnode_table *table);
/*
 * The vnode of @key with a reference. If it is not there, @load makes it out of @context and puts it into the table,
 * whose lock is held; its errors are this function's. Sleeps.
 */
int vnode_table_get(struct vnode_table *table, u64 key,
		    int (*load)(void *context, struct vnode **made), void *context,
		    struct vnode **found);
/*
 * @vnode leaves the table, if it is still in it under @key, and whoever waits for that wakes. From release(), at the latest
 * when its number may be another's.
 */
void vnode_table_remove(struct vnode_table *table, u64 key, const struct vnode *vnode);
/*
 * The first vnode of @tree (the table's own, or one beside it that its lock guards) from *@key on that @wanted() likes
 * and that has references: with one more, *@key being its number; NULL: no more.
 */
struct vnode *vnode_table_next(struct vnode_table *table, struct radix *tree, u64 *key,
			       bool (*wanted)(const struct vnode *vnode));
