/* What a file is: stat(2), statx(2), statfs(2), access(2), readlink(2). */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { NS_PER_SECOND = 1000000000, ANONYMOUS_INO = 1024 };

struct user_stat { /* asm-generic/stat.h */
	u64 dev, ino;
	u32 mode, nlink, uid, gid;
	u64 rdev, padding1;
	s64 size;
	s32 block_size, padding2;
	s64 blocks;
	s64 access, access_ns, modify, modify_ns, change, change_ns;
	u32 unused[2];
};
static_assert(sizeof(struct user_stat) == 128, "struct stat of riscv64");

struct user_statx_time {
	s64 seconds;
	u32 nanoseconds;
	s32 padding;
};
struct user_statx {
	u32 mask, block_size;
	u64 attributes;
	u32 nlink, uid, gid;
	u16 mode, padding1;
	u64 ino, size, blocks, attributes_mask;
	struct user_statx_time access, birth, change, modify;
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 mount_id;
	u32 dio_memory_align, dio_offset_align;
	u64 spare[12];
};
static_assert(sizeof(struct user_statx) == 256, "struct statx");
enum {
	STATX_BASIC_STATS = 0x7ff,
	STATX_BTIME = 0x800,
	STATX_MNT_ID = 0x1000,
	STATX_MNT_ID_UNIQUE = 0x4000,
	STATX_RESERVED = 1u << 31
};
enum {
	STATX_ATTR_FLAGS = VNODE_IMMUTABLE | VNODE_APPEND | VNODE_NODUMP,
	STATX_ATTR_MOUNT_ROOT = 0x2000
};

struct user_statfs { /* asm-generic/statfs.h, 64 bits */
	u64 type, block_size, blocks, blocks_free, blocks_available, files, files_free;
	u32 id[2];
	u64 name_length, fragment_size, flags, spare[4];
};

/* What the three layouts have in common. */
struct facts {
	u64 device, ino, rdev, size, blocks;
	u32 mode, nlink, uid, gid, mount_id, flags, flags_known;
	s64 birth;
	struct vnode_times times;
};

/* A vnode, or NULL for files that have none. */
static void facts_of(struct vnode *vnode, const struct mount *mount, struct facts *facts)
{
	*facts = (struct facts){ .mode = 0600, .nlink = 1, .ino = ANONYMOUS_INO };
	if (!vnode)
		return;
	if (vnode->operations->refresh)
		vnode->operations->refresh(vnode);
	facts->device = vnode->system->device;
	facts->ino = vnode->ino;
	facts->rdev = vnode->device;
	facts->size = READ_ONCE(vnode->size);
	facts->blocks = READ_ONCE(vnode->blocks);
	facts->mode = READ_ONCE(vnode->mode);
	facts->nlink = READ_ONCE(vnode->links);
	facts->uid = READ_ONCE(vnode->uid);
	facts->gid = READ_ONCE(vnode->gid);
	facts->times = vnode->times;
	facts->birth = vnode->birth;
	facts->mount_id = mount ? mount->id : 0;
	/* The numbers of statx(2) are those of chattr(1). */
	facts->flags = READ_ONCE(vnode->flags) & STATX_ATTR_FLAGS;
	facts->flags_known = vnode->operations->flags_get ? STATX_ATTR_FLAGS : 0;
	/* Pipes and their like lie in a mount without a root. */
	if (mount && mount->root && mount->root->vnode == vnode)
		facts->flags |= STATX_ATTR_MOUNT_ROOT;
	facts->flags_known |= STATX_ATTR_MOUNT_ROOT;
}

/* Times before 1970 have negative seconds and positive nanoseconds. */
static void split_time(s64 ns, s64 *seconds, s64 *rest)
{
	*seconds = ns / NS_PER_SECOND;
	*rest = ns % NS_PER_SECOND;
	if (*rest < 0) {
		*rest += NS_PER_SECOND;
		--*seconds;
	}
}

static long stat_out(const struct facts *facts, vaddr_t to)
{
	struct user_stat stat = {
		.dev = facts->device,
		.ino = facts->ino,
		.mode = facts->mode,
		.nlink = facts->nlink,
		.uid = facts->uid,
		.gid = facts->gid,
		.rdev = facts->rdev,
		.size = facts->size,
		.block_size = PAGE_SIZE,
		.blocks = facts->blocks,
	};

	split_time(facts->times.access, &stat.access, &stat.access_ns);
	split_time(facts->times.modify, &stat.modify, &stat.modify_ns);
	split_time(facts->times.change, &stat.change, &stat.change_ns);
	return copy_out(to, &stat, sizeof(stat)) ? -EFAULT : 0;
}

static int fd_facts(int fd, struct facts *facts)
{
	struct file_hold hold = file_hold_path(fd);

	if (!hold.file)
		return -EBADF;
	facts_of(hold.file->vnode, hold.file->path.mount, facts);
	file_release(hold);
	return 0;
}

static int is_empty_string(vaddr_t name, bool *empty)
{
	u8 first = 0;

	if (name && copy_in(&first, name, 1))
		return -EFAULT;
	*empty = !first;
	return 0;
}

/*
 * The file that (dirfd, name, flags) names; an empty name with AT_EMPTY_PATH is the descriptor
 * itself.
 */
static int named_facts(int dirfd, vaddr_t name, u32 flags, struct facts *facts)
{
	unsigned lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path path;
	bool empty;
	int error;

	if (flags & AT_EMPTY_PATH) {
		error = is_empty_string(name, &empty);
		if (error)
			return error;
		if (empty && dirfd != AT_FDCWD)
			return fd_facts(dirfd, facts);
		if (!name)
			return -EFAULT;
		lookup |= LOOKUP_EMPTY;
	}
	error = path_lookup_user(dirfd, name, lookup, &path);
	if (error)
		return error;
	facts_of(path_vnode(&path), path.mount, facts);
	path_put(&path);
	return 0;
}

SYSCALL_2(sys_fstat, fd, to)
{
	struct facts facts;
	int error = fd_facts((int)fd, &facts);

	return error ? error : stat_out(&facts, to);
}

SYSCALL_4(sys_newfstatat, dirfd, name, to, flags)
{
	u32 known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
	struct facts facts;
	int error;

	if ((u32)flags & ~known)
		return -EINVAL;
	error = named_facts((int)dirfd, name, flags, &facts);
	return error ? error : stat_out(&facts, to);
}

static struct user_statx_time statx_time(s64 ns)
{
	struct user_statx_time time = { 0 };
	s64 rest;

	split_time(ns, &time.seconds, &rest);
	time.nanoseconds = rest;
	return time;
}

static u32 device_major(u64 device)
{
	return device >> 8 & 0xfff;
}

static u32 device_minor(u64 device)
{
	return (device & 0xff) | (device >> 12 & ~0xffull);
}

/* No mount's number is used again; those that are so on Linux begin here, so as not to look like the others. */
static const u64 unique_mounts = 1ull << 32;

static long statx_out(const struct facts *facts, u32 asked, vaddr_t to)
{
	struct user_statx *statx = kzalloc(sizeof(*statx));
	u32 mount = asked & STATX_MNT_ID_UNIQUE ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID;
	u32 birth = facts->birth ? asked & STATX_BTIME : 0;
	int error;

	if (!statx)
		return -ENOMEM;
	*statx = (struct user_statx){
		.mask = STATX_BASIC_STATS | mount | birth,
		.attributes = facts->flags,
		.attributes_mask = facts->flags_known,
		.birth = statx_time(birth ? facts->birth : 0),
		.block_size = PAGE_SIZE,
		.nlink = facts->nlink,
		.uid = facts->uid,
		.gid = facts->gid,
		.mode = facts->mode,
		.ino = facts->ino,
		.size = facts->size,
		.blocks = facts->blocks,
		.access = statx_time(facts->times.access),
		.change = statx_time(facts->times.change),
		.modify = statx_time(facts->times.modify),
		.rdev_major = device_major(facts->rdev),
		.rdev_minor = device_minor(facts->rdev),
		.dev_major = device_major(facts->device),
		.dev_minor = device_minor(facts->device),
		.mount_id = facts->mount_id,
	};
	if (mount == STATX_MNT_ID_UNIQUE)
		statx->mount_id += unique_mounts;
	error = copy_out(to, statx, sizeof(*statx));
	kfree(statx);
	return error ? -EFAULT : 0;
}

SYSCALL_5(sys_statx, dirfd, name, flags, mask, to)
{
	u32 known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
	struct facts facts;
	int error;

	if ((u32)mask & STATX_RESERVED || (u32)flags & ~known ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	error = named_facts((int)dirfd, name, flags, &facts);
	return error ? error : statx_out(&facts, (u32)mask, to);
}

/* ST_VALID, and the mount's flags under statfs's numbers. */
static u64 statfs_flags(const struct mount *mount)
{
	u64 flags = 0x20 | (mount->flags &
			    (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME));

	if (mount_is_read_only(mount))
		flags |= 1;
	return mount->flags & (MS_NOATIME | MS_STRICTATIME) ? flags : flags | 4096;
}

static long statfs_out(const struct path *path, vaddr_t to)
{
	struct statfs_result result;
	struct user_statfs user;
	u64 id;

	path_statfs(path, &result);
	id = result.id ? result.id : path->mount->system->device;
	user = (struct user_statfs){
		.type = result.type,
		.block_size = result.block_size,
		.blocks = result.blocks,
		.blocks_free = result.blocks_free,
		.blocks_available =
			result.blocks_free - MIN(result.blocks_kept, result.blocks_free),
		.files = result.files,
		.files_free = result.files_free,
		.id = { (u32)id, (u32)(id >> 32) },
		.name_length = result.name_length,
		.fragment_size = result.block_size,
		.flags = statfs_flags(path->mount),
	};
	return copy_out(to, &user, sizeof(user)) ? -EFAULT : 0;
}

SYSCALL_2(sys_statfs, name, to)
{
	struct path path;
	long result = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &path);

	if (result)
		return result;
	result = statfs_out(&path, to);
	path_put(&path);
	return result;
}

SYSCALL_2(sys_fstatfs, fd, to)
{
	struct file_hold hold = file_hold_path((int)fd);
	long result = -EBADF;

	if (!hold.file)
		return -EBADF;
	if (hold.file->path.dentry)
		result = statfs_out(&hold.file->path, to);
	file_release(hold);
	return result;
}

/* access(2): the real ids ask, or with AT_EACCESS the effective ones. */
static int check_access(const struct path *path, u32 mode, bool effective)
{
	struct credentials *credentials = credentials_current();
	struct vnode *vnode = path_vnode(path);

	if (mode & 2 && mount_is_read_only(path->mount) &&
	    (S_ISREG(vnode->mode) || S_ISDIR(vnode->mode) || S_ISLNK(vnode->mode)))
		return -EROFS;
	if (mode & 1 && S_ISREG(vnode->mode) && path->mount->flags & MS_NOEXEC)
		return -EACCES;
	if (!mode)
		return 0;
	return effective ? vnode_permission(vnode, mode)
			 : vnode_permission_as(vnode, mode, credentials->uid, credentials->gid);
}

static long access_at(int dirfd, vaddr_t name, u32 mode, u32 flags)
{
	unsigned lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path path;
	long result;

	if (mode & ~7u || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!(flags & AT_EACCESS))
		lookup |= LOOKUP_REAL_IDS;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	result = path_lookup_user(dirfd, name, lookup, &path);
	if (result)
		return result;
	result = check_access(&path, mode, flags & AT_EACCESS);
	path_put(&path);
	return result;
}

SYSCALL_3(sys_faccessat, dirfd, name, mode)
{
	return access_at((int)dirfd, name, mode, 0);
}

SYSCALL_4(sys_faccessat2, dirfd, name, mode, flags)
{
	return access_at((int)dirfd, name, mode, flags);
}

static long read_link(struct vnode *vnode, vaddr_t to, size_t size, bool empty)
{
	char *text;
	ssize_t length;

	if (!S_ISLNK(vnode->mode) || !vnode->operations->readlink)
		return empty ? -ENOENT : -EINVAL;
	size = MIN(size, (size_t)PATH_MAX);
	text = kmalloc(size);
	if (!text)
		return -ENOMEM;
	length = vnode->operations->readlink(vnode, text, size);
	if (length > 0 && copy_out(to, text, length))
		length = -EFAULT;
	kfree(text);
	return length;
}

SYSCALL_4(sys_readlinkat, dirfd, name, to, size)
{
	struct path path;
	bool empty;
	long result;

	if ((s32)size <= 0)
		return -EINVAL;
	if (!name)
		return -EFAULT;
	result = is_empty_string(name, &empty);
	if (!result)
		result = path_lookup_user((int)dirfd, name, LOOKUP_EMPTY, &path);
	if (result)
		return result;
	result = read_link(path_vnode(&path), to, (u32)size, empty);
	path_put(&path);
	return result;
}
