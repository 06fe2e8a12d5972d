#pragma once
/*
 * Path resolution in steps, for those that need the directory and the last name:
 * path_resolution(7).
 *
 *	error = walk_start(&walk, dirfd, name, flags);
 *	while (!error) {
 *		error = walk_to_parent(&walk);		walk.path: the directory, walk.name: the last name
 *		…						or: walk_last()
 *	}
 *	walk_end(&walk);
 *
 * All of it may sleep and wants no lock held.
 */
#include <fs/dentry.h>

enum walk_kind { WALK_NORMAL, WALK_DOT, WALK_DOTDOT, WALK_ROOT };

struct walk {
	struct path path; /* where it is; counted */
	struct path root; /* counted when has_root */
	bool has_root;
	unsigned flags;	  /* LOOKUP_* */
	unsigned links;	  /* symbolic links followed */
	const char *rest; /* what is still to be resolved */
	char *text;	  /* kmalloc'ed: rest after a symbolic link, or NULL */
	const char *name; /* the last name, not terminated */
	size_t length;
	bool slash; /* it is followed by one */
	enum walk_kind kind;
};

/* 0 or as path_lookup(); walk_end() in either case. @name lives as long as the walk. */
int walk_start(struct walk *walk, int dirfd, const char *name, unsigned flags);
/* All but the last name: walk->path is a directory that may be searched. */
int walk_to_parent(struct walk *walk);
/*
 * The last name. 0: walk->path is it; 1: it was a symbolic link that is to be followed:
 * walk_to_parent() again. Without @follow, a link is the result, unless a slash follows.
 */
int walk_last(struct walk *walk, bool follow);
/* The same for a dentry that the caller looked up, whose reference it takes over. */
int walk_into(struct walk *walk, struct dentry *dentry, bool follow);
void walk_end(struct walk *walk);

/* While something is mounted on @path, go to its root. */
void path_cross_mounts(struct path *path);
/* From the root of a mount to where it is mounted; false: it is nowhere. */
bool path_leave_mount(struct path *path);
/* The root of the whole tree: counted. */
void path_get_system_root(struct path *path);
