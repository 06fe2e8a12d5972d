#pragma once
/* Open files and file descriptors; reading and writing through an iterator of user or kernel memory. */
#include <fs/path.h>
#include <fs/poll.h>
#include <lib/types.h>

struct file_table;
struct map_request;
struct process;
struct text;

enum { /* open(2), riscv64 = asm-generic */
       O_ACCMODE = 3,
       O_RDONLY = 0,
       O_WRONLY = 1,
       O_RDWR = 2,
       O_CREAT = 0100,
       O_EXCL = 0200,
       O_NOCTTY = 0400,
       O_TRUNC = 01000,
       O_APPEND = 02000,
       O_NONBLOCK = 04000,
       O_DSYNC = 010000,
       O_ASYNC = 020000,
       O_DIRECT = 040000,
       O_LARGEFILE = 0100000,
       O_DIRECTORY = 0200000,
       O_NOFOLLOW = 0400000,
       O_NOATIME = 01000000,
       O_CLOEXEC = 02000000,
       O_PATH = 010000000,
       O_TMPFILE = 020200000,
};

/* Where bytes go or come from: a list of segments, consumed as they are copied. */
struct io_segment {
	u64 base, size; /* struct iovec's layout */
};
enum io_call { /* what preadv2(2) and pwritev2(2) ask for one call; never without `call_flags` */
	       IO_NO_WAIT = 1,
	       IO_APPEND = 2,
	       IO_NO_APPEND = 4,
};
struct io_iterator {
	bool kernel;	/* segments are kernel pointers */
	bool to_memory; /* read(2): bytes go to the segments */
	u8 call;	/* enum io_call */
	unsigned count;
	struct io_segment *segments;
	size_t offset;	       /* in segments[0] */
	size_t left;	       /* bytes in all */
	struct io_segment one; /* for the single-segment case */
};
static inline void io_user(struct io_iterator *iterator, vaddr_t base, size_t size, bool to_memory)
{
	iterator->kernel = false;
	iterator->to_memory = to_memory;
	iterator->call = 0;
	iterator->count = 1;
	iterator->segments = &iterator->one;
	iterator->offset = 0;
	iterator->left = size;
	iterator->one = (struct io_segment){ base, size };
}
static inline void io_kernel(struct io_iterator *iterator, void *base, size_t size, bool to_memory)
{
	io_user(iterator, (uintptr_t)base, size, to_memory);
	iterator->kernel = true;
}
/* Copy up to @size bytes and advance: bytes copied (less than asked only at a fault or the end). */
size_t io_copy(struct io_iterator *iterator, void *data, size_t size);
size_t io_zero(struct io_iterator *iterator, size_t size);
/* Make the next page of user memory accessible, after io_copy() came back short: 0 or -EFAULT. */
int io_fault_in(struct io_iterator *iterator);

struct file;

/* A missing operation: read, write -EINVAL; ioctl -ENOTTY; map -ENODEV; poll: always ready. */
struct file_operations {
	int (*open)(struct vnode *vnode, struct file *file);
	/* The last reference is gone. May sleep. */
	void (*release)(struct file *file);
	/* close(2) of one descriptor (POSIX locks, ttys). */
	void (*flush)(struct file *file, struct file_table *table);
	/* At *@position, which they advance; files without positions get NULL. Bytes or -errno. */
	ssize_t (*read)(struct file *file, struct io_iterator *iterator, s64 *position);
	ssize_t (*write)(struct file *file, struct io_iterator *iterator, s64 *position);
	s64 (*seek)(struct file *file, s64 offset, int whence); /* NULL: by file->vnode->size */
	long (*ioctl)(struct file *file, unsigned command, unsigned long argument);
	/* Ready events now; registers on its wait queues with poll_wait(). */
	u32 (*poll)(struct file *file, struct poll_table *table);
	/* Fill in object/offset/frame_base/flags of @request for mmap(2). */
	int (*map)(struct file *file, struct map_request *request);
	int (*sync)(struct file *file, bool data_only);
	int (*readdir)(struct file *file, struct directory_sink *sink); /* NULL: the vnode's */
	/* Lines of its own in /proc/PID/fdinfo (fs/text.h). May sleep. */
	void (*describe)(struct file *file, struct text *text);
	bool seekable; /* has a position: pread works, else ESPIPE */
	/*
	 * preadv2(2) and pwritev2(2), each else -EOPNOTSUPP: read and write know flags (Linux: read_iter,
	 * write_iter), and RWF_NOWAIT (FMODE_NOWAIT).
	 */
	bool read_flags, write_flags, no_wait;
};

struct file {
	struct atomic32 references;
	u32 flags;				  /* [atomic] O_*; access mode const */
	const struct file_operations *operations; /* [const] */
	struct path path;    /* [const] counted; pipes and sockets: an anonymous dentry or NULL */
	struct vnode *vnode; /* [const] counted; NULL for anonymous files */
	struct mutex position_lock; /* RANK_MOUNT: taken before the vnode's lock */
	s64 position;		    /* [position_lock] */
	void *private;		    /* [const after open] */
	s32 owner;		    /* [atomic] F_SETOWN */
	int owner_signal;
	/* [atomic] failed write-backs that it has been told of: its pages, metadata, all files (fs/writeback.h) */
	u32 errors_seen, metadata_errors_seen, system_errors_seen;
	bool announced;		     /* [const after open] IN_OPEN was told, so IN_CLOSE will be */
	struct epoll_item *watchers; /* [epoll's lock] epoll instances that watch it */
};

/* A file that is not open in any table yet; ERR_PTR(-ENFILE, -ENOMEM). */
struct file *file_create(const struct file_operations *operations, u32 flags, void *private);
/* open(2) without a descriptor: kernel string. ERR_PTR. May sleep. */
struct file *file_open(int dirfd, const char *name, u32 flags, u32 mode);
/* For exec: open for execution (permission x, regular, not noexec; ETXTBSY accounting). */
struct file *file_open_exec(int dirfd, const char *name, unsigned lookup_flags);
static inline void file_get(struct file *file)
{
	atomic32_inc(&file->references);
}
void file_put(struct file *file); /* may sleep */
ssize_t file_read(struct file *file, struct io_iterator *iterator, s64 *position);
ssize_t file_write(struct file *file, struct io_iterator *iterator, s64 *position);
/* Read exactly into kernel memory (loader): bytes, short at the end of the file, or -errno. */
ssize_t file_read_kernel(struct file *file, void *to, size_t size, s64 position);

/* The descriptors of a process; CLONE_FILES shares them. */
struct file_table *file_table_create(void);
struct file_table *file_table_copy(struct file_table *from); /* fork */
struct file_table *file_table_empty(void);
void file_table_get(struct file_table *table);
void file_table_put(struct file_table *table); /* last: closes all */
/* No descriptor is at this number or above. Only a moment's truth. */
unsigned file_table_size(const struct file_table *table);
bool file_table_is_shared(const struct file_table *table);
void file_table_close_on_exec(struct file_table *table);
/* @fd's file with a reference, or NULL (EBADF). O_PATH files only with @path_too. */
struct file *fd_get(int fd);
struct file *fd_get_path(int fd);
struct file *fd_get_from(struct file_table *table, int fd);
/* The lowest free descriptor ≥ @from, reserved; -EMFILE, -ENOMEM. */
int fd_reserve(struct file_table *table, int from, bool close_on_exec);
/* Give a reserved descriptor its file (takes over the reference); or give the number back. */
void fd_install(struct file_table *table, int fd, struct file *file);
void fd_cancel(struct file_table *table, int fd);
/*
 * The current process's lowest free descriptor for @file, whose reference it takes over in any case; @file may be
 * an ERR_PTR, whose error is passed on. -EMFILE, -ENOMEM.
 */
long fd_give(struct file *file, bool close_on_exec);
/* close(2), dup3(2) in any table: used by spawn as well. */
int fd_close(struct file_table *table, int fd);
int fd_duplicate(struct file_table *table, int from, int to, bool close_on_exec);
int fd_close_range(struct file_table *table, unsigned first, unsigned last, bool only_mark);
int fd_set_close_on_exec(struct file_table *table, int fd, bool value);
int fd_get_close_on_exec(struct file_table *table, int fd); /* 0, 1 or -EBADF */
/* The next open descriptor ≥ @from, or -1: for /proc/PID/fd. */
int fd_next(struct file_table *table, int from);

/* Bits of struct file.flags that no program sees. */
enum { FILE_EXECUTED = 040, FILE_WRITER = 010 };
static inline bool file_readable(const struct file *file)
{
	return !(file->flags & O_PATH) && (file->flags + 1) & 1;
}
static inline bool file_writable(const struct file *file)
{
	return !(file->flags & O_PATH) && (file->flags + 1) & 2;
}

/* Shall this transfer fail with -EAGAIN rather than wait? */
static inline bool io_must_not_wait(const struct file *file, const struct io_iterator *iterator)
{
	return file->flags & O_NONBLOCK || iterator->call & IO_NO_WAIT;
}

/*
 * A descriptor's file for the duration of a system call. No reference is counted when nobody else can
 * close the descriptor: the table is not shared and the process has one thread.
 */
struct file_hold {
	struct file *file; /* NULL: EBADF */
	u64 counted;	   /* a bool, of a register's size */
};
struct file_hold file_hold(int fd);	 /* not O_PATH */
struct file_hold file_hold_path(int fd); /* O_PATH too */
/*
 * For calls that hold many: whether they need be counted is looked at once. Valid for one system call that
 * closes nothing.
 */
struct file_holder {
	struct file **files; /* NULL: they must be counted */
	unsigned size;
};
struct file_holder file_holder(void);
static inline struct file_hold file_hold_by(const struct file_holder *holder, int fd)
{
	if (likely(holder->files && (unsigned)fd < holder->size)) {
		struct file *file = holder->files[fd];

		if (likely(file && !(file->flags & O_PATH)))
			return (struct file_hold){ file, false };
	}
	return file_hold(fd);
}
static inline void file_release(struct file_hold hold)
{
	if (hold.counted)
		file_put(hold.file);
}

/*
 * Opens what @path names, without looking up: for open() and magic links. @flags as open(2), already checked;
 * @created: no permission check. ERR_PTR.
 */
struct file *file_open_path(const struct path *path, u32 flags, bool created);
/* open(2) flags: -EINVAL for combinations that are not allowed; cleaned of what has no meaning. */
int open_flags_check(u32 *flags, u32 *mode);
/* The same as file_open() with flags of the lookup (openat2). */
struct file *file_open_how(int dirfd, const char *name, u32 flags, u32 mode, unsigned lookup_flags);
/* A file of an unnamed vnode (pipe, memfd) under its own name; takes over @vnode. ERR_PTR. */
struct file *file_create_anonymous(struct vnode *vnode, const char *name,
				   const struct file_operations *operations, u32 flags,
				   void *private);
/* lseek(2). */
s64 file_seek(struct file *file, s64 offset, int whence);
/* The next directory entries to @sink, from file->position, which the caller's sink moves. */
int file_readdir(struct file *file, struct directory_sink *sink);
/* read(2) and write(2) at the file's own position, with its lock where it is shared. */
ssize_t file_read_here(struct file *file, struct io_iterator *iterator);
ssize_t file_write_here(struct file *file, struct io_iterator *iterator);
/* sync_file_range(2): start writing the pages of [first, last], and wait for them. */
int file_write_back(struct file *file, u64 first, u64 last, bool wait);
/* fsync(2). */
int file_sync(struct file *file, bool data_only);

/* pipe(2): both ends; O_NONBLOCK, O_DIRECT in @flags. 0, -ENOMEM, -ENFILE. */
int pipe_create(struct file **read_end, struct file **write_end, u32 flags);
extern const struct file_operations fifo_file_operations;
/* F_GETPIPE_SZ, F_SETPIPE_SZ in bytes: the size, or -EBADF, -EPERM, -EBUSY, -EINVAL. */
long pipe_get_size(struct file *file);
long pipe_set_size(struct file *file, u64 size);
enum { PIPE_SIZE_MAX = 1 << 20 };

/* flock(2) and fcntl(2) locks: fs/lock.c. @block: wait. 0, -EAGAIN, -ENOLCK, -ERESTARTSYS. */
enum lock_type { LOCK_READ, LOCK_WRITE, LOCK_NONE };
struct file_range_lock { /* fcntl: bytes [start, end] */
	enum lock_type type;
	u64 start, end;
	s32 pid; /* of the holder, from lock_test(); -1: an open file's */
};
int lock_flock(struct file *file, enum lock_type type, bool block);
/* @owner: the file table (F_SETLK) or the file (F_OFD_SETLK). */
int lock_range(struct file *file, void *owner, const struct file_range_lock *wanted, bool block);
/* The first lock that conflicts with *@wanted, which it becomes; else type LOCK_NONE. */
void lock_test(struct file *file, void *owner, struct file_range_lock *wanted);
/* Drop all of @owner's locks: at close(2) and at the last put. */
void lock_drop_owner(struct vnode *vnode, void *owner);
void lock_free(struct vnode *vnode);

/* A file of a new unnamed tmpfs vnode: memfd_create(2), with these permissions and seals. ERR_PTR. */
struct file *tmpfs_create_memfd(const char *name, u32 flags, u32 mode, u32 seals);
/* fallocate(2): @mode 0, KEEP_SIZE, PUNCH_HOLE; others -EOPNOTSUPP. */
int file_allocate(struct file *file, int mode, s64 offset, s64 size);

/* A file of no file system with a vnode of its own; @name as /proc shows it. ERR_PTR. */
struct file *file_create_unnamed(const char *name, const struct file_operations *operations,
				 u32 flags, void *private);
/* eventfd2(2): O_NONBLOCK in @flags. ERR_PTR. */
struct file *eventfd_create(u32 count, bool semaphore, u32 flags);
