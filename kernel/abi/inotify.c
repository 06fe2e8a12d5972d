/* inotify_init1(2), inotify_add_watch(2), inotify_rm_watch(2). */
#include <abi/handler.h>
#include <fs/file.h>
#include <fs/inotify.h>
#include <lib/errno.h>

enum { MAY_READ = 4 };

SYSCALL_1(sys_inotify_init1, flags)
{
	if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return fd_give(inotify_create(flags & O_NONBLOCK), flags & O_CLOEXEC);
}

static long add(struct file *file, vaddr_t name, u32 mask)
{
	unsigned lookup = mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path path;
	long result;

	if (!inotify_is(file))
		return -EINVAL;
	if (mask & IN_ONLYDIR)
		lookup |= LOOKUP_DIRECTORY;
	result = path_lookup_user(AT_FDCWD, name, lookup, &path);
	if (result)
		return result;
	result = vnode_permission(path_vnode(&path), MAY_READ);
	if (!result)
		result = inotify_add(file, path_vnode(&path), mask);
	path_put(&path);
	return result;
}

SYSCALL_3(sys_inotify_add_watch, fd, name, mask_argument)
{
	const u32 known = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR |
			  IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE |
			  IN_ISDIR | IN_ONESHOT;
	u32 mask = (u32)mask_argument;
	struct file_hold hold;
	long result;

	if (!(mask & known))
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	if (mask & IN_MASK_ADD && mask & IN_MASK_CREATE)
		result = -EINVAL;
	else
		result = add(hold.file, name, mask);
	file_release(hold);
	return result;
}

SYSCALL_2(sys_inotify_rm_watch, fd, number)
{
	struct file_hold hold = file_hold((int)fd);
	long result = -EINVAL;

	if (!hold.file)
		return -EBADF;
	if (inotify_is(hold.file))
		result = inotify_remove(hold.file, (s32)number);
	file_release(hold);
	return result;
}
