/* Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their kin. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/xattr.h>
#include <lib/errno.h>
#include <mm/slab.h>

/* What a call is about; removing is setting no value. */
struct request {
	char name[XATTR_NAME_MAX + 1];
	void *value; /* kernel memory, or NULL */
	vaddr_t user;
	size_t size;
	int flags;
};

typedef long apply(const struct path *path, struct request *request);

static int name_in(struct request *request, vaddr_t name)
{
	ssize_t length = string_in(request->name, name, sizeof(request->name));

	if (length < 0)
		return length == -ENAMETOOLONG ? -ERANGE : (int)length;
	return length ? 0 : -ERANGE;
}

static long with_path(vaddr_t name, bool follow, apply *function, struct request *request)
{
	struct path path;
	long result = path_lookup_user(AT_FDCWD, name, follow ? LOOKUP_FOLLOW : 0, &path);

	if (result)
		return result;
	result = function(&path, request);
	path_put(&path);
	return result;
}

static long with_fd(unsigned long fd, apply *function, struct request *request)
{
	struct file_hold hold = file_hold((int)fd);
	long result = -EOPNOTSUPP;

	if (!hold.file)
		return -EBADF;
	if (hold.file->path.dentry)
		result = function(&hold.file->path, request);
	file_release(hold);
	return result;
}

static long apply_set(const struct path *path, struct request *request)
{
	return xattr_set(path, request->name, request->value, request->size, request->flags);
}

/* @fd where @path is 0. */
static long set(vaddr_t path, bool follow, unsigned long fd, vaddr_t name, vaddr_t value, u64 size,
		u32 flags)
{
	struct request request = { .size = size, .flags = (int)flags };
	long result = flags & ~(u32)(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL
								   : name_in(&request, name);

	if (result)
		return result;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	/* One byte more: an empty value is a value. */
	request.value = kmalloc(size + 1);
	if (!request.value)
		return -ENOMEM;
	if (copy_in(request.value, value, size))
		result = -EFAULT;
	else
		result = path ? with_path(path, follow, apply_set, &request)
			      : with_fd(fd, apply_set, &request);
	kfree(request.value);
	return result;
}

static long apply_get(const struct path *path, struct request *request)
{
	ssize_t length = xattr_get(path, request->name, request->value, request->size);

	if (length > 0 && request->size && copy_out(request->user, request->value, (size_t)length))
		return -EFAULT;
	return length == -ERANGE && request->size == XATTR_SIZE_MAX ? -E2BIG : length;
}

static long apply_list(const struct path *path, struct request *request)
{
	ssize_t length = xattr_list(path, request->value, request->size);

	if (length > 0 && request->size && copy_out(request->user, request->value, (size_t)length))
		return -EFAULT;
	return length;
}

/* For those that fill a buffer. @name 0: all names are wanted. */
static long get(vaddr_t path, bool follow, unsigned long fd, vaddr_t name, bool list, vaddr_t to,
		u64 size)
{
	struct request request = { .user = to, .size = MIN(size, (u64)XATTR_SIZE_MAX) };
	apply *function = list ? apply_list : apply_get;
	long result = list ? 0 : name_in(&request, name);

	if (result)
		return result;
	if (request.size) {
		request.value = kmalloc(request.size);
		if (!request.value)
			return -ENOMEM;
	}
	result = path ? with_path(path, follow, function, &request)
		      : with_fd(fd, function, &request);
	kfree(request.value);
	return result;
}

static long take(vaddr_t path, bool follow, unsigned long fd, vaddr_t name)
{
	struct request request = { 0 };
	long result = name_in(&request, name);

	if (result)
		return result;
	return path ? with_path(path, follow, apply_set, &request)
		    : with_fd(fd, apply_set, &request);
}

/* A NULL path must fail as one, not become a descriptor. */
static vaddr_t path_or_bad(unsigned long path)
{
	return path ? path : ~0ul;
}

SYSCALL_5(sys_setxattr, path, name, value, size, flags)
{
	return set(path_or_bad(path), true, 0, name, value, size, (u32)flags);
}

SYSCALL_5(sys_lsetxattr, path, name, value, size, flags)
{
	return set(path_or_bad(path), false, 0, name, value, size, (u32)flags);
}

SYSCALL_5(sys_fsetxattr, fd, name, value, size, flags)
{
	return set(0, false, fd, name, value, size, (u32)flags);
}

SYSCALL_4(sys_getxattr, path, name, to, size)
{
	return get(path_or_bad(path), true, 0, name, false, to, size);
}

SYSCALL_4(sys_lgetxattr, path, name, to, size)
{
	return get(path_or_bad(path), false, 0, name, false, to, size);
}

SYSCALL_4(sys_fgetxattr, fd, name, to, size)
{
	return get(0, false, fd, name, false, to, size);
}

SYSCALL_3(sys_listxattr, path, to, size)
{
	return get(path_or_bad(path), true, 0, 0, true, to, size);
}

SYSCALL_3(sys_llistxattr, path, to, size)
{
	return get(path_or_bad(path), false, 0, 0, true, to, size);
}

SYSCALL_3(sys_flistxattr, fd, to, size)
{
	return get(0, false, fd, 0, true, to, size);
}

SYSCALL_2(sys_removexattr, path, name)
{
	return take(path_or_bad(path), true, 0, name);
}

SYSCALL_2(sys_lremovexattr, path, name)
{
	return take(path_or_bad(path), false, 0, name);
}

SYSCALL_2(sys_fremovexattr, fd, name)
{
	return take(0, false, fd, name);
}
