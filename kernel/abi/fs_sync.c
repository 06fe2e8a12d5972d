/* Writing back, hints, and extended attributes, which no file system here has. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { XATTR_NAME_MAX = 255, XATTR_SIZE_MAX = 65536, FADVISE_LAST = 5 };

static long sync_fd(unsigned long fd, bool data_only)
{
	struct file_hold hold = file_hold((int)fd);
	int error;

	if (!hold.file)
		return -EBADF;
	error = file_sync(hold.file, data_only);
	file_release(hold);
	return error;
}

SYSCALL_0(sys_sync)
{
	file_systems_sync();
	return 0;
}

SYSCALL_1(sys_fsync, fd)
{
	return sync_fd(fd, false);
}

SYSCALL_1(sys_fdatasync, fd)
{
	return sync_fd(fd, true);
}

SYSCALL_1(sys_syncfs, fd)
{
	struct file_hold hold = file_hold((int)fd);
	struct file_system *system;
	int error = 0;

	if (!hold.file)
		return -EBADF;
	system = hold.file->path.mount ? hold.file->path.mount->system : NULL;
	if (system && system->sync)
		error = system->sync(system);
	file_release(hold);
	return error;
}

SYSCALL_4(sys_sync_file_range, fd, offset, size, flags)
{
	struct file_hold hold = file_hold((int)fd);
	int error = 0;

	if (!hold.file)
		return -EBADF;
	if ((u32)flags & ~7u || (s64)offset < 0 || (s64)size < 0 || (s64)(offset + size) < 0)
		error = -EINVAL;
	else if (!hold.file->vnode || S_ISCHR(hold.file->vnode->mode) ||
		 S_ISFIFO(hold.file->vnode->mode))
		error = -ESPIPE;
	else
		error = file_sync(hold.file, true);
	file_release(hold);
	return error;
}

/* Advice is about pages to be read or written later: all are in memory. */
SYSCALL_4(sys_fadvise64, fd, offset, size, advice)
{
	struct file_hold hold = file_hold((int)fd);
	int error = 0;

	if (!hold.file)
		return -EBADF;
	if (hold.file->vnode && S_ISFIFO(hold.file->vnode->mode))
		error = -ESPIPE;
	else if ((u32)advice > FADVISE_LAST || (s64)size < 0)
		error = -EINVAL;
	file_release(hold);
	return error;
}

SYSCALL_3(sys_readahead, fd, offset, size)
{
	struct file_hold hold = file_hold((int)fd);
	int error = 0;

	if (!hold.file)
		return -EBADF;
	if (!file_readable(hold.file))
		error = -EBADF;
	else if (!hold.file->vnode || !S_ISREG(hold.file->vnode->mode))
		error = -EINVAL;
	file_release(hold);
	return error;
}

/* xattr(7): the errors of a file system without them come after those of the arguments. */
static int name_check(vaddr_t name)
{
	char text[XATTR_NAME_MAX + 1];
	ssize_t length = string_in(text, name, sizeof(text));

	if (length < 0)
		return length == -ENAMETOOLONG ? -ERANGE : length;
	return length ? 0 : -ERANGE;
}

static long path_check(vaddr_t name, bool follow, long result)
{
	struct path path;
	int error = path_lookup_user(AT_FDCWD, name, follow ? LOOKUP_FOLLOW : 0, &path);

	if (error)
		return error;
	path_put(&path);
	return result;
}

static long fd_check(unsigned long fd, long result)
{
	struct file_hold hold = file_hold((int)fd);

	if (!hold.file)
		return -EBADF;
	file_release(hold);
	return result;
}

static int set_check(vaddr_t attribute, u64 size, u32 flags)
{
	int error = flags & ~3u ? -EINVAL : name_check(attribute);

	return error ? error : size > XATTR_SIZE_MAX ? -E2BIG : 0;
}

SYSCALL_5(sys_setxattr, name, attribute, value, size, flags)
{
	int error = set_check(attribute, size, flags);

	return error ? error : path_check(name, true, -EOPNOTSUPP);
}

SYSCALL_5(sys_lsetxattr, name, attribute, value, size, flags)
{
	int error = set_check(attribute, size, flags);

	return error ? error : path_check(name, false, -EOPNOTSUPP);
}

SYSCALL_5(sys_fsetxattr, fd, attribute, value, size, flags)
{
	int error = set_check(attribute, size, flags);

	return error ? error : fd_check(fd, -EOPNOTSUPP);
}

SYSCALL_4(sys_getxattr, name, attribute, value, size)
{
	int error = name_check(attribute);

	return error ? error : path_check(name, true, -EOPNOTSUPP);
}

SYSCALL_4(sys_lgetxattr, name, attribute, value, size)
{
	int error = name_check(attribute);

	return error ? error : path_check(name, false, -EOPNOTSUPP);
}

SYSCALL_4(sys_fgetxattr, fd, attribute, value, size)
{
	int error = name_check(attribute);

	return error ? error : fd_check(fd, -EOPNOTSUPP);
}

/* A list without names is a list. */
SYSCALL_3(sys_listxattr, name, to, size)
{
	return path_check(name, true, 0);
}

SYSCALL_3(sys_llistxattr, name, to, size)
{
	return path_check(name, false, 0);
}

SYSCALL_3(sys_flistxattr, fd, to, size)
{
	return fd_check(fd, 0);
}

SYSCALL_2(sys_removexattr, name, attribute)
{
	int error = name_check(attribute);

	return error ? error : path_check(name, true, -EOPNOTSUPP);
}

SYSCALL_2(sys_lremovexattr, name, attribute)
{
	int error = name_check(attribute);

	return error ? error : path_check(name, false, -EOPNOTSUPP);
}

SYSCALL_2(sys_fremovexattr, fd, attribute)
{
	int error = name_check(attribute);

	return error ? error : fd_check(fd, -EOPNOTSUPP);
}
