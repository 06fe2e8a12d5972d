/* Descriptors: opening, closing, duplicating. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/seal.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };
enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_NOEXEC_SEAL = 8, MFD_EXEC = 16 };
enum { MEMFD_NAME_MAX = 249 };

static struct file_table *table_current(void)
{
	return process_current()->files;
}

/* A descriptor for @file, whose reference goes into it, or is dropped. */
static long install(struct file *file, bool close_on_exec)
{
	int fd;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = fd_reserve(table_current(), 0, close_on_exec);
	if (fd < 0)
		file_put(file);
	else
		fd_install(table_current(), fd, file);
	return fd;
}

/* The number is taken first: a full table must not leave a new file behind. */
static long open_user(int dirfd, vaddr_t name, u32 flags, u32 mode, unsigned lookup)
{
	struct path_buffer path;
	struct file *file;
	int error = path_buffer_fill(&path, name, false), fd;

	if (error)
		return error;
	fd = fd_reserve(table_current(), 0, flags & O_CLOEXEC);
	if (fd >= 0) {
		file = file_open_how(dirfd, path.text, flags, mode, lookup);
		if (IS_ERR(file)) {
			fd_cancel(table_current(), fd);
			fd = PTR_ERR(file);
		} else {
			fd_install(table_current(), fd, file);
		}
	}
	path_buffer_free(&path);
	return fd;
}

SYSCALL_4(sys_openat, dirfd, name, open_flags, open_mode)
{
	u32 flags = open_flags, mode = open_mode;
	int error = open_flags_check(&flags, &mode);

	return error ? error : open_user((int)dirfd, name, flags, mode, 0);
}

struct open_how {
	u64 flags, mode, resolve;
};

static int how_in(struct open_how *how, vaddr_t from, u64 size)
{
	if (size < sizeof(*how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_in(how, from, sizeof(*how)))
		return -EFAULT;
	/* A later version's fields must be 0. */
	for (u64 at = sizeof(*how); at < size; at++) {
		u8 byte;

		if (copy_in(&byte, from + at, 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return 0;
}

/*
 * openat2(2): RESOLVE_NO_XDEV 1, NO_MAGICLINKS 2, NO_SYMLINKS 4, BENEATH 8, IN_ROOT 16, CACHED 32.
 */
static int resolve_flags(u64 resolve, unsigned *lookup)
{
	static const unsigned by_bit[] = {
		LOOKUP_NO_XDEV, LOOKUP_NO_MAGIC, LOOKUP_NO_SYMLINKS | LOOKUP_NO_MAGIC,
		LOOKUP_BENEATH, LOOKUP_IN_ROOT,	 LOOKUP_CACHED
	};

	*lookup = 0;
	if (resolve >> 6 || (resolve & 24) == 24)
		return -EINVAL;
	for (unsigned bit = 0; bit < ARRAY_SIZE(by_bit); bit++)
		if (resolve >> bit & 1)
			*lookup |= by_bit[bit];
	return 0;
}

SYSCALL_4(sys_openat2, dirfd, name, how_address, size)
{
	struct open_how how;
	unsigned lookup;
	u32 flags, mode, asked;
	int error = how_in(&how, how_address, size);

	if (error)
		return error;
	flags = asked = how.flags;
	mode = how.mode;
	if (how.flags >> 32 || how.mode & ~07777ull ||
	    (how.mode && !(how.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))))
		return -EINVAL;
	error = resolve_flags(how.resolve, &lookup);
	if (!error)
		error = open_flags_check(&flags, &mode);
	/* What makes or cuts files may have to wait. */
	if (!error && lookup & LOOKUP_CACHED &&
	    flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY)))
		error = -EAGAIN;
	/* Unlike openat(2), what is not known or has no meaning is refused. */
	if (!error && (flags | O_LARGEFILE) != (asked | O_LARGEFILE))
		error = -EINVAL;
	return error ? error : open_user((int)dirfd, name, flags, mode, lookup);
}

SYSCALL_1(sys_close, fd)
{
	return fd_close(table_current(), (int)fd);
}

/* CLOSE_RANGE_UNSHARE: a table of one's own first. */
static int unshare_table(void)
{
	struct process *process = process_current();
	struct file_table *old = process->files, *copy;
	unsigned long state;

	if (!file_table_is_shared(old))
		return 0;
	copy = file_table_copy(old);
	if (!copy)
		return -ENOMEM;
	state = spin_lock_irqsave(&process_tree_lock);
	process->files = copy;
	spin_unlock_irqrestore(&process_tree_lock, state);
	file_table_put(old);
	return 0;
}

SYSCALL_3(sys_close_range, first, last, flags)
{
	int error = 0;

	if ((u32)flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || (u32)first > (u32)last)
		return -EINVAL;
	/* Other threads of the process would keep a table that is gone. */
	if (flags & CLOSE_RANGE_UNSHARE && file_table_is_shared(table_current())) {
		if (READ_ONCE(process_current()->thread_count) > 1)
			return -EINVAL;
		error = unshare_table();
	}
	return error ? error
		     : fd_close_range(table_current(), first, last, flags & CLOSE_RANGE_CLOEXEC);
}

SYSCALL_1(sys_dup, from)
{
	struct file *file = fd_get_path((int)from);

	return file ? install(file, false) : -EBADF;
}

SYSCALL_3(sys_dup3, from, to, flags)
{
	if ((u32)flags & ~O_CLOEXEC || (u32)from == (u32)to)
		return -EINVAL;
	return fd_duplicate(table_current(), (int)from, (int)to, flags & O_CLOEXEC);
}

static long pipe_install(struct file *ends[2], vaddr_t address, bool close_on_exec)
{
	struct file_table *table = table_current();
	s32 fds[2] = { -1, -1 };
	int error = 0;

	for (int i = 0; i < 2 && !error; i++) {
		fds[i] = fd_reserve(table, 0, close_on_exec);
		error = fds[i] < 0 ? fds[i] : 0;
	}
	if (!error && copy_out(address, fds, sizeof(fds)))
		error = -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (!error) {
			fd_install(table, fds[i], ends[i]);
			continue;
		}
		if (fds[i] >= 0)
			fd_cancel(table, fds[i]);
		file_put(ends[i]);
	}
	return error;
}

SYSCALL_2(sys_pipe2, address, flags)
{
	struct file *ends[2];
	int error;

	if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	error = pipe_create(&ends[0], &ends[1], flags);
	return error ? error : pipe_install(ends, address, flags & O_CLOEXEC);
}

SYSCALL_2(sys_memfd_create, name, flags)
{
	u32 known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
	bool no_exec = flags & MFD_NOEXEC_SEAL;
	u32 seals = no_exec ? F_SEAL_EXEC : flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
	char text[MEMFD_NAME_MAX + 1];
	ssize_t length;

	if ((u32)flags & ~known ||
	    (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	length = string_in(text, name, sizeof(text));
	if (length < 0)
		return length == -ENAMETOOLONG ? -EINVAL : length;
	return install(tmpfs_create_memfd(text, O_RDWR | O_LARGEFILE, no_exec ? 0666 : 0777, seals),
		       flags & MFD_CLOEXEC);
}
