#include <arch/user.h>
#include <fs/file_ioctl.h>
#include <fs/writeback.h>
#include <lib/errno.h>

enum { FIGETBSZ = 2 };
/* linux/fs.h, linux/fiemap.h: _IOR('f', 1, long) and so on. The flags are an int for all that. */
#define FS_IOC_GETFLAGS	  0x80086601u
#define FS_IOC_SETFLAGS	  0x40086602u
#define FS_IOC_GETVERSION 0x80087601u
#define FS_IOC_FSGETXATTR 0x801c581fu
#define FS_IOC_FSSETXATTR 0x401c5820u
#define FS_IOC_FIEMAP	  0xc020660bu
#define FITRIM		  0xc0185879u

struct user_fsxattr {
	u32 flags, extent_size, extents, project, cow_extent_size;
	u8 padding[8];
};
static_assert(sizeof(struct user_fsxattr) == 28, "struct fsxattr");

/* The same flags under struct fsxattr's numbers. */
static const struct {
	u32 flag, xflag;
} extended_flags[] = {
	{ VNODE_SYNC, 0x20 },	{ VNODE_IMMUTABLE, 0x8 }, { VNODE_APPEND, 0x10 },
	{ VNODE_NODUMP, 0x80 }, { VNODE_NOATIME, 0x40 },
};

struct user_trim {
	u64 start, size, minimum;
};

struct user_fiemap {
	u64 start, length;
	u32 flags, mapped, count, reserved;
};
struct user_fiemap_extent {
	u64 logical, physical, length, reserved[2];
	u32 flags, reserved2[3];
};
enum { FIEMAP_FLAG_SYNC = 1, FIEMAP_EXTENTS_MOST = 1 << 20 };

static u32 flags_read(struct vnode *vnode)
{
	u32 flags;

	read_lock(&vnode->lock);
	flags = vnode->operations->flags_get(vnode);
	read_unlock(&vnode->lock);
	return flags;
}

/* Those of @mask become those of @flags. */
static int flags_write(struct file *file, u32 mask, u32 flags)
{
	struct vnode *vnode = file->vnode;
	u32 old;
	int error = 0;

	if (mount_is_read_only(file->path.mount))
		return -EROFS;
	if (!vnode_is_owner(vnode))
		return -EPERM;
	write_lock(&vnode->lock);
	old = vnode->operations->flags_get(vnode);
	flags = (old & ~mask) | (flags & mask);
	if ((old ^ flags) & (VNODE_IMMUTABLE | VNODE_APPEND) && !fs_is_privileged())
		error = -EPERM;
	if (!error)
		error = vnode->operations->flags_set(vnode, flags);
	write_unlock(&vnode->lock);
	return error;
}

static long flags_in(struct file *file, vaddr_t address)
{
	u32 flags;

	if (copy_in(&flags, address, sizeof(flags)))
		return -EFAULT;
	return flags_write(file, ~0u, flags);
}

static long extended_out(struct vnode *vnode, vaddr_t address)
{
	struct user_fsxattr attributes = { 0 };
	u32 flags = flags_read(vnode);

	for (size_t i = 0; i < ARRAY_SIZE(extended_flags); i++)
		if (flags & extended_flags[i].flag)
			attributes.flags |= extended_flags[i].xflag;
	return copy_out(address, &attributes, sizeof(attributes)) ? -EFAULT : 0;
}

static long extended_in(struct file *file, vaddr_t address)
{
	struct user_fsxattr attributes;
	u32 flags = 0;

	if (copy_in(&attributes, address, sizeof(attributes)))
		return -EFAULT;
	for (size_t i = 0; i < ARRAY_SIZE(extended_flags); i++) {
		if (!(attributes.flags & extended_flags[i].xflag))
			continue;
		flags |= extended_flags[i].flag;
		attributes.flags &= ~extended_flags[i].xflag;
	}
	if (attributes.flags || attributes.extent_size || attributes.cow_extent_size ||
	    attributes.project)
		return -EOPNOTSUPP;
	return flags_write(file, VNODE_OBEYED, flags);
}

static int extent_out(vaddr_t *to, const struct file_extent *extent, bool last)
{
	struct user_fiemap_extent user = {
		.logical = extent->offset,
		.physical = extent->place,
		.length = extent->size,
		.flags = extent->flags | (last ? FIEMAP_EXTENT_LAST : 0),
	};
	int error = copy_out(*to, &user, sizeof(user));

	*to += sizeof(user);
	return error;
}

/* One extent behind what is given out, so that the last one is known. */
static long extents_out(struct vnode *vnode, struct user_fiemap *map, vaddr_t to)
{
	struct file_extent extent, next;
	u64 end = map->start + map->length;
	int more, error = 0;

	if (end < map->start)
		end = ~0ull;
	map->mapped = 0;
	read_lock(&vnode->lock);
	more = vnode->operations->extent_next(vnode, map->start, &extent);
	while (more > 0 && extent.offset < end && !error) {
		if (map->count && map->mapped == map->count)
			break;
		more = vnode->operations->extent_next(vnode, extent.offset + extent.size, &next);
		if (map->count)
			error = extent_out(&to, &extent, !more);
		map->mapped++;
		extent = next;
	}
	read_unlock(&vnode->lock);
	return error ? -EFAULT : MIN(more, 0);
}

static long show_extents(struct file *file, vaddr_t address)
{
	struct user_fiemap map;
	long error = 0;

	if (copy_in(&map, address, sizeof(map)))
		return -EFAULT;
	if (map.count > FIEMAP_EXTENTS_MOST || !map.length)
		return -EINVAL;
	if (map.flags & ~(u32)FIEMAP_FLAG_SYNC) {
		map.flags &= ~(u32)FIEMAP_FLAG_SYNC;
		return copy_out(address, &map, sizeof(map)) ? -EFAULT : -EBADR;
	}
	if (map.flags & FIEMAP_FLAG_SYNC)
		error = file_write_back(file, 0, ~(u64)0, true);
	if (!error)
		error = extents_out(file->vnode, &map, address + sizeof(map));
	if (!error && copy_out(address, &map, sizeof(map)))
		error = -EFAULT;
	return error;
}

static long trim(struct file *file, vaddr_t address)
{
	struct file_system *system = file->vnode->system;
	struct user_trim range;
	u64 trimmed = 0;
	int error;

	if (!fs_is_privileged())
		return -EPERM;
	if (!system->trim)
		return -ENOTTY;
	if (copy_in(&range, address, sizeof(range)))
		return -EFAULT;
	error = system->trim(system, range.start, range.size, range.minimum, &trimmed);
	range.size = trimmed;
	if (!error && copy_out(address, &range, sizeof(range)))
		error = -EFAULT;
	return error;
}

static long block_size_out(struct file *file, vaddr_t address)
{
	struct statfs_result result;
	u32 size;

	path_statfs(&file->path, &result);
	size = (u32)result.block_size;
	return copy_out(address, &size, sizeof(size)) ? -EFAULT : 0;
}

long vnode_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct vnode *vnode = file->vnode;
	const struct vnode_operations *operations = vnode->operations;
	u32 value;

	switch (command) {
	case FIGETBSZ:
		return block_size_out(file, argument);
	case FITRIM:
		return trim(file, argument);
	case FS_IOC_FIEMAP:
		return operations->extent_next ? show_extents(file, argument) : -EOPNOTSUPP;
	default:
		break;
	}
	if (!operations->flags_get)
		return -ENOTTY;
	switch (command) {
	case FS_IOC_GETFLAGS:
		value = flags_read(vnode);
		return copy_out(argument, &value, sizeof(value)) ? -EFAULT : 0;
	case FS_IOC_SETFLAGS:
		return flags_in(file, argument);
	case FS_IOC_FSGETXATTR:
		return extended_out(vnode, argument);
	case FS_IOC_FSSETXATTR:
		return extended_in(file, argument);
	case FS_IOC_GETVERSION:
		return copy_out(argument, &vnode->generation, sizeof(u32)) ? -EFAULT : 0;
	default:
		return -ENOTTY;
	}
}
