#include <fs/notify.h>
#include <fs/xattr.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/credentials.h>

enum { MAY_WRITE = 2, MAY_READ = 4 };

static bool has_prefix(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);

	return strlen(name) >= length && !memcmp(name, prefix, length);
}

/* Only what has contents of its own may carry names that any program invents. */
static int check_user(struct vnode *vnode, bool write)
{
	if (!S_ISREG(vnode->mode) && !S_ISDIR(vnode->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(vnode->mode) && vnode->mode & S_ISVTX && !vnode_is_owner(vnode))
		return -EPERM;
	return vnode_permission(vnode, write ? MAY_WRITE : MAY_READ);
}

static int check(struct vnode *vnode, const char *name, bool write)
{
	const char *rest = strchr(name, '.');

	if (has_prefix(name, "trusted.")) {
		if (!credentials_capable(CAP_SYS_ADMIN))
			return write ? -EPERM : -ENODATA;
	} else if (has_prefix(name, "security.")) {
		if (write && !credentials_capable(CAP_SYS_ADMIN))
			return -EPERM;
	} else if (has_prefix(name, "user.")) {
		int error = check_user(vnode, write);

		if (error)
			return error;
	} else {
		return -EOPNOTSUPP;
	}
	return rest[1] ? 0 : -EINVAL;
}

int xattr_set(const struct path *path, const char *name, const void *value, size_t size, int flags)
{
	struct vnode *vnode = path_vnode(path);
	int error;

	if (mount_is_read_only(path->mount))
		return -EROFS;
	if (vnode->flags & (VNODE_IMMUTABLE | VNODE_APPEND))
		return -EPERM;
	error = check(vnode, name, true);
	if (!error && !vnode->operations->xattr_set)
		error = -EOPNOTSUPP;
	if (error)
		return error;
	write_lock(&vnode->lock);
	error = vnode->operations->xattr_set(vnode, name, value, size, flags);
	if (!error)
		vnode_touch(vnode, false, false, true);
	write_unlock(&vnode->lock);
	if (!error)
		notify_dentry(path->dentry, IN_ATTRIB);
	return error;
}

ssize_t xattr_get(const struct path *path, const char *name, void *value, size_t size)
{
	struct vnode *vnode = path_vnode(path);
	ssize_t result = check(vnode, name, false);

	if (result)
		return result;
	if (!vnode->operations->xattr_get)
		return -EOPNOTSUPP;
	read_lock(&vnode->lock);
	result = vnode->operations->xattr_get(vnode, name, value, size);
	read_unlock(&vnode->lock);
	return result;
}

/* Without the names that only privileged programs may know of. */
static ssize_t filter(char *names, size_t size)
{
	size_t kept = 0, length;

	if (credentials_capable(CAP_SYS_ADMIN))
		return (ssize_t)size;
	for (size_t at = 0; at < size; at += length) {
		length = strlen(names + at) + 1;
		if (has_prefix(names + at, "trusted."))
			continue;
		memmove(names + kept, names + at, length);
		kept += length;
	}
	return (ssize_t)kept;
}

ssize_t xattr_list(const struct path *path, char *names, size_t size)
{
	struct vnode *vnode = path_vnode(path);
	ssize_t length, wanted;
	char *all;

	if (!vnode->operations->xattr_list)
		return 0;
	all = kmalloc(XATTR_LIST_MAX);
	if (!all)
		return -ENOMEM;
	read_lock(&vnode->lock);
	length = vnode->operations->xattr_list(vnode, all, XATTR_LIST_MAX);
	read_unlock(&vnode->lock);
	if (length == -ERANGE)
		length = -E2BIG;
	wanted = length < 0 ? length : filter(all, (size_t)length);
	if (wanted > 0 && size) {
		if ((size_t)wanted > size)
			wanted = -ERANGE;
		else
			memcpy(names, all, (size_t)wanted);
	}
	kfree(all);
	return wanted;
}
