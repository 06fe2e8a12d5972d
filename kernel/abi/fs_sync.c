/* Writing back, and hints about what will be read. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { FADVISE_DONT_NEED = 4, FADVISE_LAST = 5 };
enum { SYNC_WAIT = 1 | 4 }; /* SYNC_FILE_RANGE_WAIT_BEFORE, _AFTER */

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
	if (system)
		error = file_system_sync(system);
	if (system && system->block) {
		int earlier = writeback_system_error(hold.file);

		error = error ? error : earlier;
	}
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
	else if (flags)
		error = file_write_back(hold.file, offset / PAGE_SIZE,
					size ? (offset + size - 1) / PAGE_SIZE : ~(u64)0,
					flags & SYNC_WAIT);
	file_release(hold);
	return error;
}

/* Whole pages, of which a write-back is started first; @size 0: to the end. */
static void file_forget_pages(struct file *file, u64 offset, u64 size)
{
	struct memory_object *object = file->vnode->object;
	u64 first = offset / PAGE_SIZE + (offset % PAGE_SIZE != 0);
	u64 end = size ? (offset + size) / PAGE_SIZE : ~(u64)0;

	if (!object || !object->operations->read_pages || first >= end)
		return;
	object_write_back(object, first, end - 1, OBJECT_START);
	object_drop_clean(object, first, end - 1);
}

/* Advice about pages to be read or written later: what will not be needed leaves memory if it is clean. */
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
	else if (hold.file->vnode && advice == FADVISE_DONT_NEED)
		file_forget_pages(hold.file, offset, size);
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
