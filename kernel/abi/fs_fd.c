/* What is done to open files other than reading and writing: fcntl(2), ioctl(2), flock(2). */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/seal.h>
#include <lib/errno.h>
#include <proc/process.h>

enum { /* fcntl(2), asm-generic */
       F_DUPFD,
       F_GETFD,
       F_SETFD,
       F_GETFL,
       F_SETFL,
       F_GETLK,
       F_SETLK,
       F_SETLKW,
       F_SETOWN,
       F_GETOWN,
       F_SETSIG,
       F_GETSIG,
       F_SETOWN_EX = 15,
       F_GETOWN_EX,
       F_OFD_GETLK = 36,
       F_OFD_SETLK,
       F_OFD_SETLKW,
       F_DUPFD_CLOEXEC = 1030,
       F_SETPIPE_SZ,
       F_GETPIPE_SZ,
       F_ADD_SEALS,
       F_GET_SEALS,
       FD_CLOEXEC = 1,
       SETFL_MASK = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME,
       F_OWNER_TID = 0,
       F_OWNER_PID,
       F_OWNER_PGRP,
};
enum { F_RDLCK, F_WRLCK, F_UNLCK };
enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
enum { FIONREAD = 0x541b, FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX, FIOASYNC };

struct user_lock { /* struct flock */
	s16 type, whence;
	s32 padding;
	s64 start, length;
	s32 pid, padding2;
};

struct user_owner { /* struct f_owner_ex */
	s32 type, pid;
};

static long set_flags(struct file *file, u32 flags)
{
	u32 kept = file->flags & ~SETFL_MASK;

	if (flags & O_NOATIME && !(file->flags & O_NOATIME) && file->vnode &&
	    !vnode_is_owner(file->vnode))
		return -EPERM;
	WRITE_ONCE(file->flags, kept | (flags & SETFL_MASK));
	return 0;
}

/* l_start and l_len of any sign to the bytes [start, end]. */
static int range_from_user(struct file *file, const struct user_lock *user,
			   struct file_range_lock *range)
{
	s64 start = 0, end;

	if (user->whence < 0 || user->whence > 2)
		return -EINVAL;
	if (user->whence == 1)
		start = file->position;
	else if (user->whence == 2)
		start = file->vnode ? (s64)READ_ONCE(file->vnode->size) : 0;
	if (__builtin_add_overflow(start, user->start, &start))
		return -EOVERFLOW;
	end = INT64_MAX;
	if (user->length > 0 && __builtin_add_overflow(start, user->length - 1, &end))
		return -EOVERFLOW;
	if (user->length < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, user->length, &start))
			return -EINVAL;
	}
	if (start < 0)
		return -EINVAL;
	range->start = start;
	range->end = end;
	return 0;
}

static int type_from_user(s16 type, enum lock_type *result)
{
	switch (type) {
	case F_RDLCK:
		*result = LOCK_READ;
		return 0;
	case F_WRLCK:
		*result = LOCK_WRITE;
		return 0;
	case F_UNLCK:
		*result = LOCK_NONE;
		return 0;
	default:
		return -EINVAL;
	}
}

static int lock_in(struct file *file, vaddr_t address, struct user_lock *user,
		   struct file_range_lock *range)
{
	int error = copy_in(user, address, sizeof(*user));

	if (!error)
		error = type_from_user(user->type, &range->type);
	return error ? error : range_from_user(file, user, range);
}

static long get_lock(struct file *file, vaddr_t address, void *owner)
{
	static const s16 types[] = { [LOCK_READ] = F_RDLCK, [LOCK_WRITE] = F_WRLCK };
	struct file_range_lock range;
	struct user_lock user;
	int error = lock_in(file, address, &user, &range);

	if (error)
		return error;
	if (range.type == LOCK_NONE || (owner == file && user.pid))
		return -EINVAL;
	lock_test(file, owner, &range);
	if (range.type == LOCK_NONE) {
		user.type = F_UNLCK;
	} else {
		user.type = types[range.type];
		user.whence = 0;
		user.start = range.start;
		user.length = range.end >= INT64_MAX ? 0 : (s64)(range.end - range.start) + 1;
		user.pid = range.pid;
	}
	return copy_out(address, &user, sizeof(user));
}

static long set_lock(struct file *file, vaddr_t address, void *owner, bool block)
{
	struct file_range_lock range;
	struct user_lock user;
	int error = lock_in(file, address, &user, &range);

	if (error)
		return error;
	if (owner == file && user.pid)
		return -EINVAL;
	if ((range.type == LOCK_READ && !file_readable(file)) ||
	    (range.type == LOCK_WRITE && !file_writable(file)))
		return -EBADF;
	return lock_range(file, owner, &range, block);
}

static long set_owner(struct file *file, vaddr_t address)
{
	struct user_owner owner;

	if (copy_in(&owner, address, sizeof(owner)))
		return -EFAULT;
	if (owner.type < F_OWNER_TID || owner.type > F_OWNER_PGRP)
		return -EINVAL;
	WRITE_ONCE(file->owner, owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid);
	return 0;
}

static long get_owner(struct file *file, vaddr_t address)
{
	s32 pid = READ_ONCE(file->owner);
	struct user_owner owner = { pid < 0 ? F_OWNER_PGRP : F_OWNER_PID, pid < 0 ? -pid : pid };

	return copy_out(address, &owner, sizeof(owner));
}

static long duplicate(struct file *file, unsigned long from, bool close_on_exec)
{
	struct file_table *table = process_current()->files;
	int fd;

	if (from >= process_limit(RLIMIT_NOFILE))
		return -EINVAL;
	fd = fd_reserve(table, (int)from, close_on_exec);
	if (fd < 0)
		return fd;
	file_get(file);
	fd_install(table, fd, file);
	return fd;
}

/* Also for O_PATH files. -ENOSYS: not one of these. */
static long descriptor_command(struct file *file, int fd, int command, unsigned long argument)
{
	struct file_table *table = process_current()->files;

	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return duplicate(file, argument, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_get_close_on_exec(table, fd);
	case F_SETFD:
		return fd_set_close_on_exec(table, fd, argument & FD_CLOEXEC);
	case F_GETFL:
		return file->flags & ~(FILE_EXECUTED | FILE_WRITER);
	default:
		return -ENOSYS;
	}
}

static long file_command(struct file *file, int command, unsigned long argument)
{
	void *owner = process_current()->files;

	switch (command) {
	case F_SETFL:
		return set_flags(file, argument);
	case F_GETLK:
		return get_lock(file, argument, owner);
	case F_SETLK:
	case F_SETLKW:
		return set_lock(file, argument, owner, command == F_SETLKW);
	case F_OFD_GETLK:
		return get_lock(file, argument, file);
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return set_lock(file, argument, file, command == F_OFD_SETLKW);
	case F_SETOWN:
		if ((s32)argument == INT32_MIN)
			return -EINVAL;
		WRITE_ONCE(file->owner, (s32)argument);
		return 0;
	case F_GETOWN:
		return READ_ONCE(file->owner);
	case F_SETOWN_EX:
		return set_owner(file, argument);
	case F_GETOWN_EX:
		return get_owner(file, argument);
	case F_SETSIG:
		if (argument > SIGNAL_MAX)
			return -EINVAL;
		WRITE_ONCE(file->owner_signal, (int)argument);
		return 0;
	case F_GETSIG:
		return READ_ONCE(file->owner_signal);
	case F_SETPIPE_SZ:
		return pipe_set_size(file, argument & 0xffffffff);
	case F_GETPIPE_SZ:
		return pipe_get_size(file);
	case F_ADD_SEALS:
		return seal_add(file, (u32)argument);
	case F_GET_SEALS:
		return seal_get(file);
	default:
		return -EINVAL;
	}
}

SYSCALL_3(sys_fcntl, fd, command, argument)
{
	struct file_hold hold = file_hold_path((int)fd);
	long result;

	if (!hold.file)
		return -EBADF;
	result = descriptor_command(hold.file, (int)fd, (int)command, argument);
	if (result == -ENOSYS)
		result = hold.file->flags & O_PATH
				 ? -EBADF
				 : file_command(hold.file, (int)command, argument);
	file_release(hold);
	return result;
}

static long set_flag_from_user(struct file *file, u32 flag, vaddr_t address)
{
	s32 value;

	if (copy_in(&value, address, sizeof(value)))
		return -EFAULT;
	WRITE_ONCE(file->flags, value ? file->flags | flag : file->flags & ~flag);
	return 0;
}

static long bytes_ahead(struct file *file, vaddr_t address)
{
	s64 size = READ_ONCE(file->vnode->size) - file->position;
	s32 ahead = CLAMP(size, 0, (s64)INT32_MAX);

	return copy_out(address, &ahead, sizeof(ahead));
}

static long do_ioctl(struct file *file, int fd, u32 command, unsigned long argument)
{
	struct file_table *table = process_current()->files;

	switch (command) {
	case FIOCLEX:
	case FIONCLEX:
		return fd_set_close_on_exec(table, fd, command == FIOCLEX);
	case FIONBIO:
		return set_flag_from_user(file, O_NONBLOCK, argument);
	case FIOASYNC:
		/* No file sends SIGIO. */
		return -ENOTTY;
	case FIONREAD:
		if (file->vnode && S_ISREG(file->vnode->mode))
			return bytes_ahead(file, argument);
		break;
	default:
		break;
	}
	return file->operations->ioctl ? file->operations->ioctl(file, command, argument) : -ENOTTY;
}

SYSCALL_3(sys_ioctl, fd, command, argument)
{
	struct file_hold hold = file_hold((int)fd);
	long result;

	if (!hold.file)
		return -EBADF;
	result = do_ioctl(hold.file, (int)fd, (u32)command, argument);
	file_release(hold);
	return result;
}

static int flock_type(u32 operation, enum lock_type *type)
{
	switch (operation & ~(u32)LOCK_NB) {
	case LOCK_SH:
		*type = LOCK_READ;
		return 0;
	case LOCK_EX:
		*type = LOCK_WRITE;
		return 0;
	case LOCK_UN:
		*type = LOCK_NONE;
		return 0;
	default:
		return -EINVAL;
	}
}

SYSCALL_2(sys_flock, fd, operation)
{
	enum lock_type type;
	struct file_hold hold;
	long result = flock_type((u32)operation, &type);

	if (result)
		return result;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	result = lock_flock(hold.file, type, !(operation & LOCK_NB));
	file_release(hold);
	return result;
}
