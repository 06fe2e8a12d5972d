/* What chattr(1) and filefrag(8) see and change of a file. */
#include <fs/ext4/ext4.h>
#include <fs/file_ioctl.h>
#include <lib/errno.h>

u32 ext4_flags_get(struct vnode *vnode)
{
	return ext4_inode_of(vnode)->flags & EXT4_VISIBLE;
}

static int check_flags(u32 old, u32 flags)
{
	u32 changed = old ^ flags;

	if (flags & ~(u32)EXT4_VISIBLE)
		return -EOPNOTSUPP;
	/* Whoever gives back what he read may not know that the rest cannot be changed. */
	if (changed & (EXT4_JOURNAL_DATA | EXT4_CASEFOLD | EXT4_PROJECT_INHERIT | EXT4_EXTENTS))
		return -EOPNOTSUPP;
	return 0;
}

int ext4_flags_set(struct vnode *vnode, u32 flags)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);
	u32 changeable = EXT4_CHANGEABLE;
	struct journal_handle handle;
	int error = ext4_writable(ext4_of(vnode));

	if (!error)
		error = check_flags(inode->flags & EXT4_VISIBLE, flags);
	if (!error)
		error = journal_begin(ext4_of(vnode), EXT4_CREDITS_INODE, &handle);
	if (error)
		return error;
	if (!S_ISDIR(vnode->mode))
		changeable &= ~(u32)EXT4_FOR_DIRECTORIES;
	inode->flags = (inode->flags & ~changeable) | (flags & changeable);
	WRITE_ONCE(vnode->flags, inode->flags & VNODE_OBEYED);
	vnode_touch(vnode, false, false, true);
	error = ext4_inode_store(&handle, inode);
	journal_end(&handle);
	return error;
}

int ext4_directory_settle(struct vnode *directory)
{
	struct ext4 *ext4 = ext4_of(directory);

	if (!READ_ONCE(ext4->system.synchronous) &&
	    !(ext4_inode_of(directory)->flags & (EXT4_SYNC | EXT4_DIRSYNC)))
		return 0;
	if (ext4->journal)
		return journal_commit(ext4);
	return buffer_sync(ext4->device);
}

/* [map] A page that waits for its blocks, in front of @run if need be. */
static bool delayed_before(struct ext4_inode *inode, u64 offset, u64 next,
			   struct file_extent *extent)
{
	u64 page = ext4_delayed_next(inode, offset / PAGE_SIZE);

	if (page == ~0ull || page * PAGE_SIZE >= next)
		return false;
	*extent = (struct file_extent){
		.offset = MAX(page * PAGE_SIZE, offset),
		.flags = FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNKNOWN,
	};
	extent->size = MIN(next, (page + 1) * PAGE_SIZE) - extent->offset;
	return true;
}

int ext4_extent_next(struct vnode *vnode, u64 offset, struct file_extent *extent)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);
	u32 shift = ext4_of(vnode)->block_shift;
	u64 block = offset >> shift, limit = ext4_map_limit(inode);
	struct ext4_run run;
	int result = 0;

	if (inode->flags & EXT4_INLINE_DATA)
		return -EOPNOTSUPP;
	read_lock(&inode->map);
	while (block < limit && !result) {
		result = ext4_map_lookup(inode, (u32)block, &run);
		if (result)
			break;
		/* What is neither written nor waiting ends with the last extent: a hole up to the limit. */
		if (delayed_before(inode, block << shift,
				   run.start ? block << shift
					     : ((u64)run.block + run.count) << shift,
				   extent))
			result = 1;
		else if (run.start)
			result = 2;
		else
			block = (u64)run.block + run.count;
	}
	read_unlock(&inode->map);
	if (result < 2)
		return result;
	*extent = (struct file_extent){ (u64)run.block << shift, run.start << shift,
					(u64)run.count << shift,
					run.unwritten ? FIEMAP_EXTENT_UNWRITTEN : 0 };
	return 1;
}
