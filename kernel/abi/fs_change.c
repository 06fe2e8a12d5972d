/* Attributes and sizes: chmod(2), chown(2), utimensat(2), truncate(2), fallocate(2). */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <proc/process.h>

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe
#define ID_KEEP	   (~0u)
enum { NS_PER_SECOND = 1000000000 };

typedef int apply(const struct path *path, const void *argument);

/* For the file of a descriptor. */
static long with_fd(unsigned long fd, bool path_too, apply *function, const void *argument)
{
	struct file_hold hold = path_too ? file_hold_path((int)fd) : file_hold((int)fd);
	long result = -EINVAL;

	if (!hold.file)
		return -EBADF;
	if (hold.file->path.dentry)
		result = function(&hold.file->path, argument);
	file_release(hold);
	return result;
}

static long with_name(int dirfd, vaddr_t name, u32 flags, apply *function, const void *argument)
{
	unsigned lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path path;
	long result;

	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	result = path_lookup_user(dirfd, name, lookup, &path);
	if (result)
		return result;
	result = function(&path, argument);
	path_put(&path);
	return result;
}

static int apply_mode(const struct path *path, const void *argument)
{
	struct vnode_change change = { .which = ATTR_MODE, .mode = *(const u32 *)argument & 07777 };
	struct vnode *vnode = path_vnode(path);

	/* Linux keeps no permissions of links. */
	if (S_ISLNK(vnode->mode))
		return -EOPNOTSUPP;
	if (mount_is_read_only(path->mount))
		return -EROFS;
	if (!vnode_is_owner(vnode))
		return -EPERM;
	if (!fs_is_privileged() && !fs_in_group(vnode->gid))
		change.mode &= ~S_ISGID;
	return path_change(path, &change);
}

SYSCALL_2(sys_fchmod, fd, mode)
{
	u32 value = mode;

	return with_fd(fd, false, apply_mode, &value);
}

SYSCALL_3(sys_fchmodat, dirfd, name, mode)
{
	u32 value = mode;

	return with_name((int)dirfd, name, 0, apply_mode, &value);
}

SYSCALL_4(sys_fchmodat2, dirfd, name, mode, flags)
{
	u32 value = mode;

	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return with_name((int)dirfd, name, flags, apply_mode, &value);
}

struct owner {
	u32 uid, gid;
};

static int apply_owner(const struct path *path, const void *argument)
{
	const struct owner *owner = argument;
	struct vnode *vnode = path_vnode(path);
	struct vnode_change change = { .uid = owner->uid, .gid = owner->gid };

	if (mount_is_read_only(path->mount))
		return -EROFS;
	if (owner->uid != ID_KEEP)
		change.which |= ATTR_UID;
	if (owner->gid != ID_KEEP)
		change.which |= ATTR_GID;
	if (!fs_is_privileged()) {
		if (!vnode_is_owner(vnode) && change.which)
			return -EPERM;
		if ((change.which & ATTR_UID && owner->uid != vnode->uid) ||
		    (change.which & ATTR_GID && owner->gid != vnode->gid &&
		     !fs_in_group(owner->gid)))
			return -EPERM;
	}
	return path_change(path, &change);
}

SYSCALL_3(sys_fchown, fd, uid, gid)
{
	struct owner owner = { uid, gid };

	return with_fd(fd, false, apply_owner, &owner);
}

SYSCALL_5(sys_fchownat, dirfd, name, uid, gid, flags)
{
	struct owner owner = { uid, gid };

	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return with_name((int)dirfd, name, flags, apply_owner, &owner);
}

struct times {
	struct vnode_change change;
	bool now; /* both are the present: write permission is enough */
};

static int one_time(const struct time_spec *spec, u32 which, struct times *times, s64 *ns)
{
	if (spec->nanoseconds == UTIME_OMIT)
		return 0;
	times->change.which |= which;
	if (spec->nanoseconds == UTIME_NOW) {
		*ns = vnode_time_now();
		return 0;
	}
	if (spec->nanoseconds < 0 || spec->nanoseconds >= NS_PER_SECOND)
		return -EINVAL;
	/* What does not fit into the 292 years around 1970 is cut off there, as on Linux. */
	*ns = CLAMP(spec->seconds, INT64_MIN / NS_PER_SECOND + 1, INT64_MAX / NS_PER_SECOND - 1) *
		      NS_PER_SECOND +
	      spec->nanoseconds;
	return 0;
}

static int times_in(vaddr_t address, struct times *times)
{
	struct time_spec specs[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	int error;

	*times = (struct times){ 0 };
	if (address && copy_in(specs, address, sizeof(specs)))
		return -EFAULT;
	times->now = specs[0].nanoseconds == UTIME_NOW && specs[1].nanoseconds == UTIME_NOW;
	error = one_time(&specs[0], ATTR_ATIME, times, &times->change.access);
	return error ? error : one_time(&specs[1], ATTR_MTIME, times, &times->change.modify);
}

static int apply_times(const struct path *path, const void *argument)
{
	const struct times *times = argument;
	struct vnode *vnode = path_vnode(path);
	struct vnode_change change;

	if (!times->change.which)
		return 0;
	if (mount_is_read_only(path->mount))
		return -EROFS;
	if (!vnode_is_owner(vnode)) {
		if (!times->now)
			return -EPERM;
		if (vnode_permission(vnode, 2))
			return -EACCES;
	}
	change = times->change;
	change.which |= times->now ? ATTR_NOW : 0;
	return path_change(path, &change);
}

SYSCALL_4(sys_utimensat, dirfd, name, address, flags)
{
	struct times times;
	int error = times_in(address, &times);

	if (error)
		return error;
	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!name && (int)dirfd != AT_FDCWD)
		return flags ? -EINVAL : with_fd(dirfd, false, apply_times, &times);
	return with_name((int)dirfd, name, flags, apply_times, &times);
}

static int apply_size(const struct path *path, const void *argument)
{
	struct vnode_change change = { .which = ATTR_SIZE, .size = *(const u64 *)argument };
	struct vnode *vnode = path_vnode(path);
	int error;

	if (S_ISDIR(vnode->mode))
		return -EISDIR;
	if (!S_ISREG(vnode->mode))
		return -EINVAL;
	if (mount_is_read_only(path->mount))
		return -EROFS;
	error = vnode_permission(vnode, 2);
	if (!error)
		error = vnode_writer_get(vnode);
	if (error)
		return error;
	error = path_change(path, &change);
	vnode_writer_put(vnode);
	return error;
}

SYSCALL_2(sys_truncate, name, size)
{
	u64 value = size;

	if ((s64)size < 0)
		return -EINVAL;
	return with_name(AT_FDCWD, name, 0, apply_size, &value);
}

SYSCALL_2(sys_ftruncate, fd, size)
{
	struct vnode_change change = { .which = ATTR_SIZE, .size = size };
	struct file_hold hold;
	int error = -EINVAL;

	if ((s64)size < 0)
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	if (file_writable(hold.file) && hold.file->vnode && S_ISREG(hold.file->vnode->mode))
		error = path_change(&hold.file->path, &change);
	file_release(hold);
	return error;
}

SYSCALL_4(sys_fallocate, fd, mode, offset, size)
{
	struct file_hold hold = file_hold((int)fd);
	int error;

	if (!hold.file)
		return -EBADF;
	error = file_allocate(hold.file, (int)mode, (s64)offset, (s64)size);
	file_release(hold);
	return error;
}
