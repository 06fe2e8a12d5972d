#pragma once
/*
 * Vnodes: files as a file system knows them, whatever their names. Lock order: directory before child
 * (rename: ancestors first, then by address), all RANK_INODE; the user copy of read and write may
 * happen under it. A vnode lives as long as a dentry, a file or a mapping's object refers to it.
 */
#include <lib/types.h>
#include <mm/object.h>
#include <sched/lock.h>
#include <sched/wait.h>

struct vnode;
struct file;
struct file_operations;
struct file_system; /* a mounted instance */
struct path;
struct watch;
struct text;

enum { /* st_mode */
       S_IFMT = 0170000,
       S_IFSOCK = 0140000,
       S_IFLNK = 0120000,
       S_IFREG = 0100000,
       S_IFBLK = 0060000,
       S_IFDIR = 0040000,
       S_IFCHR = 0020000,
       S_IFIFO = 0010000,
       S_ISUID = 04000,
       S_ISGID = 02000,
       S_ISVTX = 01000,
};
#define S_ISREG(mode)  (((mode)&S_IFMT) == S_IFREG)
#define S_ISDIR(mode)  (((mode)&S_IFMT) == S_IFDIR)
#define S_ISLNK(mode)  (((mode)&S_IFMT) == S_IFLNK)
#define S_ISCHR(mode)  (((mode)&S_IFMT) == S_IFCHR)
#define S_ISBLK(mode)  (((mode)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(mode) (((mode)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(mode) (((mode)&S_IFMT) == S_IFSOCK)

#define DEVICE_NUMBER(major, minor)                                                                \
	((u64)((minor)&0xff) | ((u64)(major)&0xfff) << 8 | ((u64)(minor) & ~0xffull) << 12)

/* chattr(1)'s flags that the VFS obeys, with FS_IOC_SETFLAGS's numbers; file systems know more. */
enum vnode_flags {
	VNODE_SYNC = 0x8,
	VNODE_IMMUTABLE = 0x10,
	VNODE_APPEND = 0x20, /* may only grow; of a directory: no name goes */
	VNODE_NODUMP = 0x40, /* for backup programs to see */
	VNODE_NOATIME = 0x80,
	VNODE_OBEYED = VNODE_SYNC | VNODE_IMMUTABLE | VNODE_APPEND | VNODE_NODUMP | VNODE_NOATIME,
};

struct vnode_times {
	s64 access, modify, change; /* ns since the epoch */
};

enum {
	ATTR_MODE = 1,
	ATTR_UID = 2,
	ATTR_GID = 4,
	ATTR_ATIME = 8,
	ATTR_MTIME = 16,
	ATTR_SIZE = 32,
	ATTR_NOW = 64, /* the times are the present, which whoever may write may set */
};
struct vnode_change {
	u32 which; /* ATTR_* */
	u32 mode, uid, gid;
	s64 access, modify;
	u64 size;
};

struct file_extent {		 /* of FIEMAP */
	u64 offset, place, size; /* bytes, in the file and on the device */
	u32 flags;		 /* FIEMAP_EXTENT_* */
};

/*
 * Called for each entry, @type as in getdents64(2) (S_IFMT >> 12); false: no room, stop and keep the
 * position at this entry.
 */
struct directory_sink {
	bool (*emit)(struct directory_sink *sink, const char *name, size_t length, u64 ino,
		     u32 type, s64 next_position);
};

/*
 * All names are @length bytes without NUL or '/', at most 255. Directory operations: the directory's lock
 * is held exclusively (lookup: at least shared). The VFS has checked permissions, types and mounts.
 * A missing operation means -EPERM (changes), -ENOTDIR (lookup) or -EINVAL (readlink).
 */
struct vnode_operations {
	/* The vnode with a reference; -ENOENT. */
	int (*lookup)(struct vnode *directory, const char *name, size_t length,
		      struct vnode **found);
	/* Any type by @mode; @device for nodes. The new vnode with a reference. */
	int (*create)(struct vnode *directory, const char *name, size_t length, u32 mode,
		      u64 device, struct vnode **created);
	int (*symlink)(struct vnode *directory, const char *name, size_t length, const char *target,
		       struct vnode **created);
	int (*link)(struct vnode *directory, const char *name, size_t length, struct vnode *target);
	/* Files and (empty: -ENOTEMPTY) directories. */
	int (*unlink)(struct vnode *directory, const char *name, size_t length,
		      struct vnode *victim);
	/* Replaces @victim when not NULL; @exchange: swaps the two. Both directories locked. */
	int (*rename)(struct vnode *from, const char *from_name, size_t from_length,
		      struct vnode *moved, struct vnode *to, const char *to_name, size_t to_length,
		      struct vnode *victim, bool exchange);
	/* The target into @buffer; its length. */
	ssize_t (*readlink)(struct vnode *vnode, char *buffer, size_t size);
	/*
	 * Links that are not text (/proc/PID/exe, fd): the place itself, with references. Optional.
	 * struct path is fs/path.h's.
	 */
	int (*follow)(struct vnode *vnode, struct path *target);
	/* Entries from @position on ("." and ".." included); positions are stable cookies. */
	int (*readdir)(struct vnode *directory, s64 position, struct directory_sink *sink);
	/* Refresh the fields of a vnode whose size or owner is computed (procfs). Optional. */
	void (*refresh)(struct vnode *vnode);
	/* Apply @change (size: also frees blocks). Optional: the VFS then changes the fields. */
	int (*change)(struct vnode *vnode, const struct vnode_change *change);
	/* A cached name must be looked up again (procfs: the process is gone). Optional. */
	bool (*revalidate)(struct vnode *vnode);
	/*
	 * Bytes of [position, position + size) that there is room for, or -ENOSPC. Optional; a file
	 * system that has it is also asked to refresh() after a write. The vnode's lock is held exclusively.
	 */
	s64 (*reserve)(struct vnode *vnode, u64 position, u64 size);
	/*
	 * A regular file without a name: links 0, counted; link() may give it one. The directory is locked
	 * exclusively. Optional: -EOPNOTSUPP.
	 */
	int (*tmpfile)(struct vnode *directory, u32 mode, struct vnode **created);
	/*
	 * xattr(7), all optional. @name is whole ("user.x"); kernel memory. The value's length (@size 0: that
	 * alone), -ENODATA, -ERANGE. The vnode is locked at least shared.
	 */
	ssize_t (*xattr_get)(struct vnode *vnode, const char *name, void *value, size_t size);
	/* @value NULL: remove. @flags: XATTR_*. -EEXIST, -ENODATA, -ENOSPC. Locked exclusively. */
	int (*xattr_set)(struct vnode *vnode, const char *name, const void *value, size_t size,
			 int flags);
	/* The names, each ended by NUL: their length in all. -ERANGE. At least shared. */
	ssize_t (*xattr_list)(struct vnode *vnode, char *names, size_t size);
	/*
	 * fsync(2), after the VFS wrote the pages back and waited: make the file's metadata (@data_only:
	 * what is needed to find its data) and all that was written to the device safe. Optional. The
	 * vnode is not locked.
	 */
	int (*sync)(struct vnode *vnode, bool data_only);
	/*
	 * fallocate(2) of file systems with blocks; see fallocate(2) for @mode. Checks of types and limits
	 * are the VFS's. It sets the size unless told to keep it. -ENOSPC, -EFBIG, -EOPNOTSUPP (@mode).
	 * The vnode is locked exclusively. Optional.
	 */
	int (*allocate)(struct vnode *vnode, int mode, u64 start, u64 size);
	/* lseek(2) with SEEK_DATA or (@hole) SEEK_HOLE: the position, or -ENXIO. Optional. */
	s64 (*seek_data)(struct vnode *vnode, u64 offset, bool hole);
	/*
	 * FS_IOC_GETFLAGS, FS_IOC_SETFLAGS: all of a file's flags. set: who may is the VFS's to check, and VNODE_OBEYED
	 * of them are put into vnode->flags; -EOPNOTSUPP: one that is not kept here. get: at least shared; set:
	 * exclusively locked. Both or none.
	 */
	u32 (*flags_get)(struct vnode *vnode);
	int (*flags_set)(struct vnode *vnode, u32 flags);
	/*
	 * FIEMAP: the stretch with data at or behind *@extent's offset: 1, 0: there is none. Bytes in whole blocks.
	 * The vnode is locked at least shared. Optional.
	 */
	int (*extent_next)(struct vnode *vnode, u64 offset, struct file_extent *extent);
	/* The last reference is gone: free the data when links are 0, then the vnode. May sleep. */
	void (*release)(struct vnode *vnode);
};

struct vnode {
	struct atomic32 references;
	struct rwlock lock;			   /* RANK_INODE */
	struct file_system *system;		   /* [const] */
	const struct vnode_operations *operations; /* [const] */
	const struct file_operations
		*file_operations; /* [const] for open(); devices: fs/device_node.h */
	u64 ino;		  /* [const] */
	u32 mode;		  /* [vnode] type never changes */
	u32 links;		  /* [vnode] */
	bool linkable;		  /* [vnode] without links by O_TMPFILE: link() may give one */
	u32 uid, gid;		  /* [vnode] */
	u64 device;		  /* [const] for nodes: DEVICE_NUMBER */
	u64 blocks;		  /* [vnode] of 512 bytes */
	struct vnode_times times; /* [vnode] */
	s64 birth;		  /* [const] ns since the epoch; 0: not kept */
	u32 flags;		  /* [vnode; atomic read] enum vnode_flags */
	u32 generation;		  /* [const] tells it from others that had its number */
	u64 size; /* [vnode; atomic read] bytes (regular: object->size is its twin) */
	struct memory_object *object; /* [const] page cache, regular files; else NULL */
	void *private;		      /* the file system's */
	void *pipe;		      /* [vnode] fs/pipe.c: open FIFO */
	void *locks;		      /* [vnode] fs/lock.c: flock and POSIX locks */
	u32 seals;		      /* [vnode] fs/seal.h; 0: the file knows none */
	struct list_node dirty_link;  /* [writeback] fs/writeback.c: has dirty pages; counted */
	u64 dirty_since;	      /* [writeback] ns */
	bool dirty_in_hand;	      /* [writeback] being written */
	struct watch *watches;	      /* [inotify; atomic read] fs/inotify.c */
	u32 write_count; /* [atomic] files open for writing; as negative number: for execution */
};

/* Set up the common fields; references 1. */
void vnode_init(struct vnode *vnode, struct file_system *system, u32 mode);
static inline void vnode_get(struct vnode *vnode)
{
	atomic32_inc(&vnode->references);
}
void vnode_put(struct vnode *vnode);
/* rwx bits 4, 2, 1 for the current credentials: 0, -EACCES, or -EPERM (chattr +i). */
int vnode_permission(struct vnode *vnode, unsigned access);
void vnode_touch(struct vnode *vnode, bool access, bool modify, bool change);

/* Page-cache reads and writes for regular files whose vnode has an object: fs/page_cache.c. */
struct io_iterator;
ssize_t page_cache_read(struct vnode *vnode, struct io_iterator *iterator, s64 position);
/* The vnode's lock is held exclusively; grows the size. */
ssize_t page_cache_write(struct vnode *vnode, struct io_iterator *iterator, s64 position);

/* A file-system type, and its mounted instances. */
struct block_device;

/* What a file system on a device calls itself, for root=LABEL= and root=UUID=. */
struct file_system_identity {
	char label[128]; /* "": none */
	char uuid[40];	 /* as blkid(8) prints it; "": none */
};

struct file_system_type {
	const char *name;
	bool needs_device; /* mount_device() instead of mount() */
	/* Make an instance with a root vnode. @source: user's string or ""; @data: options. */
	int (*mount)(const char *source, const char *data, struct file_system **made);
	/*
	 * The same from @device, claimed for the new instance and released by the VFS after unmount().
	 * @flags: MS_RDONLY; else the device can be written. -EINVAL: not this type; -EUCLEAN, -EIO,
	 * -EOPNOTSUPP (features), each with a line in the log that says why.
	 */
	int (*mount_device)(struct block_device *device, const char *data, unsigned flags,
			    struct file_system **made);
	/* Can @data be its options? For another mount of an instance. -EINVAL, with a line in the log. Optional. */
	int (*check_options)(struct block_device *device, const char *data);
	/* Is it one of mine? 0 with *@identity filled in, or -EINVAL, -EIO. */
	int (*identify)(struct block_device *device, struct file_system_identity *identity);
	struct file_system_type *next;
};

struct statfs_result {
	u64 type, block_size, blocks, blocks_free, files, files_free, name_length;
	u64 blocks_kept; /* of the free ones: for root, and against running out unseen */
	u64 id;		 /* 0: the device's number will do */
};

struct file_system {
	const struct file_system_type *type;
	struct vnode *root;
	struct dentry *root_dentry; /* [const once mounted] counted; all mounts share it */
	u64 device;		    /* st_dev */
	bool read_only;		    /* [atomic] by remount, by the medium, or after an error */
	bool synchronous;	    /* [atomic] mount -o sync: what is written is safe at once */
	struct block_device *block; /* [const] claimed, or NULL */
	struct list_node instance_link; /* [instances] fs/mount_device.c */
	struct atomic32 writers;	/* regular files open for writing */
	struct atomic32 write_errors;	/* write-backs of its files that failed */
	void *private;
	struct atomic32 references;
	/* Change between read-only and not; @flags MS_RDONLY. Open files are the VFS's concern. */
	int (*remount)(struct file_system *system, unsigned flags, const char *data);
	void (*statfs)(struct file_system *system, struct statfs_result *result);
	/* For /proc/mounts: ",name=value" for each option. A spinlock is held. Optional. */
	void (*show_options)(struct file_system *system, struct text *text);
	int (*sync)(struct file_system *system);
	/*
	 * FITRIM: tell the device of free stretches of at least @minimum bytes in [@start, @start + @size): *@trimmed
	 * bytes. -EINVAL (range), -EOPNOTSUPP. Optional.
	 */
	int (*trim)(struct file_system *system, u64 start, u64 size, u64 minimum, u64 *trimmed);
	void (*unmount)(struct file_system *system); /* frees it */
};

void file_system_register(struct file_system_type *type);
struct file_system_type *file_system_find(const char *name);
/* For /proc/filesystems. */
struct file_system_type *file_system_first(void);

/* A device number for a file system without a device. */
u64 file_system_device(void);
/*
 * The metadata of @system is not to be trusted: log why, and from now on nothing is written. Any
 * context that may sleep; every call after the first only logs.
 */
void file_system_corrupt(struct file_system *system, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void file_system_put(struct file_system *system); /* the last: unmount(); may sleep */

/* Owner and mode of a new file in @directory: fsuid, fsgid, and what a set-gid directory passes on. */
void vnode_set_owner(struct vnode *vnode, const struct vnode *directory);
/* Set the fields that @change names, and the change time; for a file system's change(). */
void vnode_change_fields(struct vnode *vnode, const struct vnode_change *change);
/* vnode_permission() with other ids than the current fsuid and fsgid. */
int vnode_permission_as(struct vnode *vnode, unsigned access, u32 uid, u32 gid);
/* The current thread may do what only the owner may (chmod, utimes). Kernel threads may. */
bool vnode_is_owner(const struct vnode *vnode);
/* fsuid 0, or a kernel thread. */
bool fs_is_privileged(void);
/* Does the current thread belong to @gid? */
bool fs_in_group(u32 gid);
/* Now, as file times count: ns since the epoch. */
s64 vnode_time_now(void);
/* Without set-user-id and set-group-id, as after a write by someone else. */
void vnode_drop_privileges(struct vnode *vnode);
/* Open for writing, or for execution: 0 or -ETXTBSY; and the end of it. */
int vnode_writer_get(struct vnode *vnode);
void vnode_writer_put(struct vnode *vnode);
int vnode_execution_get(struct vnode *vnode);
void vnode_execution_put(struct vnode *vnode);
/* Directory vnodes without operations on names of their own use these to refuse. */
extern const struct file_operations directory_file_operations;
extern const struct file_operations regular_file_operations;
