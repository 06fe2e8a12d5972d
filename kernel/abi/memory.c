/* Address spaces: mmap(2) and its kin. */
#include <abi/handler.h>
#include <arch/cache.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/path.h>
#include <fs/seal.h>
#include <lib/errno.h>
#include <mm/space.h>
#include <proc/credentials.h>

enum {
	PROT_SEM = 8,
	PROT_ALL = PAGE_READ | PAGE_WRITE | PAGE_EXEC,
	MAP_SHARED = 1,
	MAP_PRIVATE = 2,
	MAP_SHARED_VALIDATE = 3,
	MAP_TYPE = 15,
	MAP_FIXED = 0x10,
	MAP_ANONYMOUS = 0x20,
	MAP_GROWSDOWN = 0x100,
	MAP_DENYWRITE = 0x800,
	MAP_EXECUTABLE = 0x1000,
	MAP_LOCKED = 0x2000,
	MAP_NORESERVE = 0x4000,
	MAP_POPULATE = 0x8000,
	MAP_NONBLOCK = 0x10000,
	MAP_STACK = 0x20000,
	MAP_HUGETLB = 0x40000,
	MAP_FIXED_NOREPLACE = 0x100000,
	MAP_KNOWN = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE |
		    MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK |
		    MAP_STACK | MAP_FIXED_NOREPLACE,
	MLOCK_ONFAULT = 1,
	MCL_CURRENT = 1,
	MCL_FUTURE = 2,
	MCL_ONFAULT = 4,
	FLUSH_ICACHE_LOCAL = 1,
};

static u64 limit_pages(void)
{
	return process_limit(RLIMIT_AS) / PAGE_SIZE;
}

/* Bytes of RLIMIT_MEMLOCK, in pages; for those who may lock what they like there is no limit. */
static u64 lock_limit_pages(void)
{
	return credentials_capable(CAP_IPC_LOCK) ? ~0ull
						 : process_limit(RLIMIT_MEMLOCK) / PAGE_SIZE;
}

/* mmap(2), EACCES and EPERM: what the file's open mode and its mount allow. */
static int check_file(const struct file *file, struct map_request *request)
{
	u32 mode = file->flags & O_ACCMODE;
	bool shared = request->flags & MAPPING_SHARED;

	if (file->flags & O_PATH)
		return -EBADF;
	if (mode == O_WRONLY)
		return -EACCES;
	request->prot_max = PROT_ALL;
	if (shared && mode == O_RDONLY) {
		if (request->prot & PAGE_WRITE)
			return -EACCES;
		request->prot_max &= ~(unsigned)PAGE_WRITE;
	}
	if (file->path.mount && file->path.mount->flags & MS_NOEXEC) {
		if (request->prot & PAGE_EXEC)
			return -EPERM;
		request->prot_max &= ~(unsigned)PAGE_EXEC;
	}
	return file->operations->map ? 0 : -ENODEV;
}

static s64 map_file(struct map_request *request, int fd)
{
	struct file *file = fd_get(fd);
	bool sealable;
	s64 result;

	if (!file)
		return -EBADF;
	request->file = file;
	result = check_file(file, request);
	if (!result && file->vnode && S_ISREG(file->vnode->mode) &&
	    request->offset > ((u64)INT64_MAX - request->length) / PAGE_SIZE)
		result = -EOVERFLOW;
	/* A seal against writing comes before the mapping, or finds it (fs/seal.h). */
	sealable = !result && file->vnode && file->vnode->seals & SEALABLE &&
		   request->flags & MAPPING_SHARED;
	if (sealable)
		read_lock(&file->vnode->lock);
	if (!result)
		result = file->operations->map(file, request);
	if (!result)
		result = space_map(space_current(), request);
	if (sealable)
		read_unlock(&file->vnode->lock);
	file_put(file);
	return result;
}

static s64 map_anonymous(struct map_request *request)
{
	struct memory_object *object;
	s64 result;

	request->offset = 0;
	if (!(request->flags & MAPPING_SHARED))
		return space_map(space_current(), request);
	object = object_create_anonymous(ALIGN_UP(request->length, PAGE_SIZE));
	if (!object)
		return -ENOMEM;
	request->object = object;
	result = space_map(space_current(), request);
	object_put(object);
	return result;
}

static int decode_flags(u64 flags, struct map_request *request)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & ~(u64)MAP_KNOWN)
			return -EOPNOTSUPP;
		__fallthrough;
	case MAP_SHARED:
		request->flags |= MAPPING_SHARED;
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (flags & MAP_HUGETLB)
		return -EINVAL;
	request->fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	request->no_replace = flags & MAP_FIXED_NOREPLACE;
	request->populate = flags & MAP_LOCKED ||
			    (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
	if (flags & MAP_GROWSDOWN && !(request->flags & MAPPING_SHARED))
		request->flags |= MAPPING_GROWS_DOWN;
	if (flags & MAP_NORESERVE)
		request->flags |= MAPPING_NO_RESERVE;
	if (flags & MAP_LOCKED || READ_ONCE(space_current()->lock_future))
		request->flags |= MAPPING_LOCKED;
	return request->fixed && !IS_ALIGNED(request->address, PAGE_SIZE) ? -EINVAL : 0;
}

static int check_lock_limit(const struct map_request *request)
{
	u64 pages = DIV_ROUND_UP(request->length, (u64)PAGE_SIZE), limit = lock_limit_pages();
	u64 locked = READ_ONCE(space_current()->pages_locked);

	if (!(request->flags & MAPPING_LOCKED))
		return 0;
	if (!limit)
		return -EPERM;
	return pages > limit || locked > limit - pages ? -EAGAIN : 0;
}

SYSCALL_6(sys_mmap, address, length, prot, flags, fd, offset)
{
	struct map_request request = {
		.address = address,
		.length = length,
		.prot = prot & PROT_ALL,
		.offset = offset / PAGE_SIZE,
		.limit_pages = limit_pages(),
	};
	int error;

	if (!IS_ALIGNED(offset, PAGE_SIZE) || !length)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		struct file *file = fd_get((int)fd);

		if (!file)
			return -EBADF;
		file_put(file);
	}
	error = decode_flags(flags, &request);
	if (error)
		return error;
	if (length > USER_END)
		return -ENOMEM;
	error = check_lock_limit(&request);
	if (error)
		return error;
	return flags & MAP_ANONYMOUS ? map_anonymous(&request) : map_file(&request, (int)fd);
}

SYSCALL_2(sys_munmap, address, length)
{
	return space_unmap(space_current(), address, length);
}

SYSCALL_3(sys_mprotect, address, length, prot)
{
	if (prot & ~(unsigned long)(PROT_ALL | PROT_SEM) || !IS_ALIGNED(address, PAGE_SIZE))
		return -EINVAL;
	if (!length)
		return 0;
	return space_protect(space_current(), address, length, prot & PROT_ALL);
}

SYSCALL_5(sys_mremap, address, old_length, new_length, flags, new_address)
{
	return space_remap(space_current(), address, old_length, new_length, (int)flags,
			   new_address, limit_pages());
}

SYSCALL_1(sys_brk, brk)
{
	return (long)space_set_brk(space_current(), brk, process_limit(RLIMIT_DATA));
}

SYSCALL_3(sys_madvise, address, length, advice)
{
	return space_advise(space_current(), address, length, (int)advice);
}

SYSCALL_3(sys_msync, address, length, flags)
{
	return space_sync(space_current(), address, length, (int)flags);
}

SYSCALL_3(sys_mincore, address, length, vector)
{
	return space_resident(space_current(), address, length, vector);
}

SYSCALL_2(sys_mlock, address, length)
{
	u64 limit = lock_limit_pages();

	return limit ? space_lock_pages(space_current(), address, length, true, limit) : -EPERM;
}

SYSCALL_3(sys_mlock2, address, length, flags)
{
	u64 limit = lock_limit_pages();

	/* MLOCK_ONFAULT asks for less; pages that are there at once are locked all the same. */
	if (flags & ~(unsigned long)MLOCK_ONFAULT)
		return -EINVAL;
	return limit ? space_lock_pages(space_current(), address, length, true, limit) : -EPERM;
}

SYSCALL_1(sys_mlockall, flags)
{
	u64 limit = lock_limit_pages();

	if (!flags || (int)flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
	    (int)flags == MCL_ONFAULT)
		return -EINVAL;
	return limit ? space_lock_all(space_current(), flags & MCL_CURRENT, flags & MCL_FUTURE,
				      limit)
		     : -EPERM;
}

SYSCALL_0(sys_munlockall)
{
	return space_lock_all(space_current(), false, false, ~0ull);
}

SYSCALL_2(sys_munlock, address, length)
{
	return space_lock_pages(space_current(), address, length, false, ~0ull);
}

/* Every thread may go on any CPU next, so that "only this thread" is no less work. */
SYSCALL_3(sys_flush_icache, start, end, flags)
{
	if (flags & ~(unsigned long)FLUSH_ICACHE_LOCAL)
		return -EINVAL;
	icache_sync_all();
	return 0;
}
