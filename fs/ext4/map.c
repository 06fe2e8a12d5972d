/* Where a file's blocks are: extents or block maps, and the last stretch that was found. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

static bool has_extents(const struct ext4_inode *inode)
{
	return inode->flags & EXT4_EXTENTS;
}

void ext4_map_init(struct ext4_inode *inode)
{
	struct ext4_extent_header *header = (struct ext4_extent_header *)inode->block;

	memset(inode->block, 0, sizeof(inode->block));
	if (!ext4_of_inode(inode)->extents)
		return;
	inode->flags |= EXT4_EXTENTS;
	header->magic = EXT4_EXTENT_MAGIC;
	header->max = (sizeof(inode->block) - sizeof(*header)) / sizeof(struct ext4_extent);
}

u64 ext4_map_limit(const struct ext4_inode *inode)
{
	return has_extents(inode) ? 0xffffffff : ext4_indirect_limit(ext4_of_inode(inode));
}

void ext4_map_forget(struct ext4_inode *inode)
{
	spin_lock(&inode->cache);
	inode->last.count = 0;
	spin_unlock(&inode->cache);
}

static bool cached(struct ext4_inode *inode, u32 block, struct ext4_run *run)
{
	u32 skip;

	spin_lock(&inode->cache);
	*run = inode->last;
	spin_unlock(&inode->cache);
	skip = block - run->block;
	if (block < run->block || skip >= run->count)
		return false;
	run->block += skip;
	run->count -= skip;
	if (run->start)
		run->start += skip;
	return true;
}

int ext4_map_lookup(struct ext4_inode *inode, u32 block, struct ext4_run *run)
{
	int error;

	if (cached(inode, block, run))
		return 0;
	error = has_extents(inode) ? ext4_extent_lookup(inode, block, run)
				   : ext4_indirect_lookup(inode, block, run);
	if (error)
		return error;
	spin_lock(&inode->cache);
	inode->last = *run;
	spin_unlock(&inode->cache);
	return 0;
}

int ext4_map_insert(struct journal_handle *handle, struct ext4_inode *inode,
		    const struct ext4_run *run)
{
	struct ext4_run piece = *run;
	u32 left = run->count, max = EXT4_EXTENT_WRITTEN_MAX - run->unwritten;
	int error = 0;

	ext4_map_forget(inode);
	if (!has_extents(inode))
		return ext4_indirect_insert(handle, inode, run);
	while (left && !error) {
		piece.count = MIN(left, max);
		error = ext4_extent_insert(handle, inode, &piece);
		piece.block += piece.count;
		piece.start += piece.count;
		left -= piece.count;
	}
	return error;
}

int ext4_map_remove(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 last,
		    bool *again)
{
	ext4_map_forget(inode);
	return has_extents(inode) ? ext4_extent_cut(handle, inode, first, last, true, again)
				  : ext4_indirect_cut(handle, inode, first, last, again);
}

int ext4_map_convert(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 count)
{
	struct ext4_run run;
	bool again;
	int error = ext4_map_lookup(inode, first, &run);

	if (error)
		return error;
	ext4_map_forget(inode);
	run.count = count;
	run.unwritten = false;
	error = ext4_extent_cut(handle, inode, first, first + count - 1, false, &again);
	return error ? error : ext4_extent_insert(handle, inode, &run);
}

int ext4_map_move(struct journal_handle *handle, struct ext4_inode *inode,
		  const struct ext4_run *run, u32 to)
{
	struct ext4_run moved = *run;
	bool again;
	int error;

	ext4_map_forget(inode);
	error = ext4_extent_cut(handle, inode, run->block, run->block + run->count - 1, false,
				&again);
	if (error)
		return error;
	moved.block = to;
	error = ext4_map_insert(handle, inode, &moved);
	/* There was room for it in its old place. */
	if (error)
		(void)ext4_map_insert(handle, inode, run);
	return error;
}

/* Where the next block should go: behind the one before it, else where its group was used last. */
u64 ext4_map_goal(struct ext4_inode *inode, u32 block)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u32 group = (u32)((inode->vnode.ino - 1) / ext4->inodes_per_group);
	struct ext4_run run;

	if (block && !ext4_map_lookup(inode, block - 1, &run) && run.start)
		return run.start + 1;
	return ext4_group_start(ext4, group) + READ_ONCE(ext4->groups[group].hint);
}
