#pragma once
/*
 * Names: the cache of dentries, mounts, and path resolution (path_resolution(7)).
 * A dentry is a name in a directory; without a vnode it is a remembered absence. Dentries are counted; those
 * with no references stay cached (LRU, shrunk when memory is short) while their file system does.
 */
#include <fs/vnode.h>
#include <lib/list.h>

struct dentry {
	struct atomic32 references;
	struct dentry *parent;	    /* [tree lock] counted; the root's is itself, not counted */
	struct vnode *vnode;	    /* [atomic] counted, or NULL: negative; set once */
	struct list_node hash_link; /* [bucket] */
	struct list_node lru_link;  /* [bucket and lru] */
	u32 hash;		    /* [bucket] of parent and name */
	bool used;		    /* [bucket] looked up since the last shrinking came by */
	bool unhashed;		    /* [bucket] removed; its path ends in " (deleted)" */
	bool mounted;		    /* [mount] something is mounted on it */
	u16 name_length;
	char *name; /* [tree lock] points to inline_name or to kmalloc'ed memory */
	char inline_name[32];
};

struct mount {
	struct atomic32 references;
	struct file_system *system; /* [const] counted */
	struct dentry *root;	    /* [const] counted */
	struct mount *parent;	    /* [mount] */
	struct dentry *mountpoint;  /* [mount] counted, in parent */
	struct list_node link;	    /* [mount] all mounts, in order */
	char *source;		    /* for /proc/mounts */
	u32 flags;		    /* [mount] MS_* (read-only, nosuid, noexec…) */
	u32 id;
};

struct path {
	struct mount *mount;
	struct dentry *dentry;
};

struct directory_context { /* CLONE_FS shares it */
	struct atomic32 references;
	struct spinlock lock;  /* RANK_PROCESS */
	struct path cwd, root; /* [lock] counted */
	u32 umask;	       /* [lock] */
};
struct directory_context *directory_context_create(void); /* at the root; NULL: no memory */
struct directory_context *directory_context_copy(struct directory_context *from);
void directory_context_get(struct directory_context *context);
void directory_context_put(struct directory_context *context);
/* Where it has @old as root or working directory, it gets @new. */
void directory_context_replace(struct directory_context *context, const struct path *old,
			       const struct path *new);

void path_get(const struct path *path);
void path_put(const struct path *path); /* may sleep */
static inline struct vnode *path_vnode(const struct path *path)
{
	return path->dentry->vnode;
}

enum {
	LOOKUP_FOLLOW = 1,    /* the last component, when a symbolic link */
	LOOKUP_DIRECTORY = 2, /* -ENOTDIR otherwise; also set by a trailing slash */
	LOOKUP_EMPTY = 4,     /* "" names dirfd itself (AT_EMPTY_PATH) */
	LOOKUP_NO_MAGIC = 8,
	LOOKUP_BENEATH = 16,
	LOOKUP_IN_ROOT = 32,
	LOOKUP_NO_SYMLINKS = 64,
	LOOKUP_NO_XDEV = 128,  /* openat2(2) RESOLVE_* */
	LOOKUP_CACHED = 256,   /* -EAGAIN where a name is not known already */
	LOOKUP_REAL_IDS = 512, /* access(2): checked with the real instead of the effective ids */
};
#define AT_FDCWD (-100)
enum { PATH_MAX = 4096, NAME_MAX = 255, SYMLINK_DEPTH_MAX = 40 };

/* Copy a path in: kmalloc'ed (kfree it), ERR_PTR(-EFAULT, -ENAMETOOLONG, -ENOENT when empty and !@empty). */
char *path_copy_in(vaddr_t user, bool empty);
/* Resolve @name from @dirfd: *@found counted. -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EBADF. */
int path_lookup(int dirfd, const char *name, unsigned flags, struct path *found);
/* The same with a user string. */
int path_lookup_user(int dirfd, vaddr_t name, unsigned flags, struct path *found);
/* The path as text from the current root into @buffer (end-aligned): pointer in it, or ERR_PTR. */
char *path_text(const struct path *path, char *buffer, size_t size);

/* Operations on names; 0 or -errno as the system calls of those names. Kernel strings. May sleep. */
int path_mknod(int dirfd, const char *name, u32 mode, u64 device);
/* A socket's name for bind(2); *@made is its place, counted. Errors as path_mknod(). */
int path_make_socket(const char *name, u32 mode, struct path *made);
int path_mkdir(int dirfd, const char *name, u32 mode);
int path_symlink(const char *target, int dirfd, const char *name);
int path_link(int from_fd, const char *from, int to_fd, const char *to, int flags);
int path_unlink(int dirfd, const char *name, bool directory);
int path_rename(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int path_change(const struct path *path, const struct vnode_change *change);

/* mount(2), umount2(2) and the root at boot. */
int mount_root(struct file_system_type *type);
int mount_at(const struct path *where, struct file_system_type *type, const char *source,
	     const char *data, unsigned flags);
int mount_remove(const struct path *where, int flags);
/* /proc/PID/mounts: call @visit with the mount list locked (may not sleep). */
void mount_for_each(bool (*visit)(struct mount *mount, void *context), void *context);

/* Drop unreferenced dentries (all of them for the audit); returns how many. */
u64 dentry_cache_shrink(u64 count);

/* Names copied in from a program: short ones need no memory. path_buffer_free() after success. */
struct path_buffer {
	char *text;
	char small[192];
};
/* 0, or as path_copy_in(). */
int path_buffer_fill(struct path_buffer *buffer, vaddr_t user, bool empty);
void path_buffer_free(struct path_buffer *buffer);

enum {
	MS_RDONLY = 1,
	MS_NOSUID = 2,
	MS_NODEV = 4,
	MS_NOEXEC = 8,
	MS_SYNCHRONOUS = 16,
	MS_REMOUNT = 32,
	MS_NOATIME = 1024,
	MS_NODIRATIME = 2048,
	MS_BIND = 4096,
	MS_MOVE = 8192,
	MS_UNBINDABLE = 1 << 17,
	MS_RELATIME = 1 << 21,
	MS_STRICTATIME = 1 << 24
};
/* mount(2)'s other forms: show @from at @to as well; change the flags of the mount @where is the root of. */
int mount_bind(const struct path *from, const struct path *to);
int mount_change_flags(const struct path *where, unsigned flags, const char *data);
/* At boot, over the initramfs: the root of all that comes. As mount_at(). */
int mount_new_root(struct file_system_type *type, const char *source, const char *data,
		   unsigned flags);
/* The same with all that is mounted below @from. */
int mount_bind_tree(const struct path *from, const struct path *to);
/* May the mount that @where is the root of be bound elsewhere? */
int mount_set_unbindable(const struct path *where, bool unbindable);
/* MS_MOVE: what is mounted at @from is mounted at @to instead. -EINVAL, -ELOOP. */
int mount_move(const struct path *from, const struct path *to);
/* pivot_root(2): -EBUSY, -EINVAL. */
int mount_pivot(const struct path *new, const struct path *put_old);
/* Its path as text from the current root. The mount list may be locked. */
char *mount_text(struct mount *mount, char *buffer, size_t size);
/* Where @dentry is in its file system: "/…", or an ERR_PTR. A spinlock may be held. */
char *dentry_text(struct dentry *dentry, char *buffer, size_t size);
static inline bool mount_is_read_only(const struct mount *mount)
{
	return mount->flags & MS_RDONLY || mount->system->read_only;
}

/* Working directory and root of the current process: counted. */
void path_get_cwd(struct path *path);
void path_get_root(struct path *path);
/* chdir, chroot: takes over the reference of @path. */
void path_set_cwd(const struct path *path);
void path_set_root(const struct path *path);
/* statfs(2) of what @path lies in. */
void path_statfs(const struct path *path, struct statfs_result *result);
/* Write back all file systems, or one. */
int file_systems_sync(void);
