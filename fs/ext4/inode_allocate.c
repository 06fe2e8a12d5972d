/* Inode numbers: directories spread over the groups, files stay near their directory. */
#include <fs/ext4/ext4.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/hash.h>

static u32 group_of(const struct ext4 *ext4, u64 ino)
{
	return (u32)((ino - 1) / ext4->inodes_per_group);
}

static bool usable(struct ext4 *ext4, u32 group)
{
	return !ext4->groups[group].inodes_unusable &&
	       ext4_group_free_inodes(ext4, ext4_descriptor(ext4, group));
}

/* [allocation] The group with the fewest directories among those with space above the average. */
static u32 group_for_top(struct ext4 *ext4, u32 parent)
{
	u64 inodes = ext4->free_inodes / ext4->group_count;
	u64 blocks = ext4->free_blocks / ext4->group_count;
	u32 best = parent, fewest = ~0u;

	for (u32 i = 0; i < ext4->group_count; i++) {
		struct ext4_descriptor *descriptor = ext4_descriptor(ext4, i);
		u32 directories = ext4_group_directories(ext4, descriptor);

		if (ext4_group_free_inodes(ext4, descriptor) < inodes ||
		    ext4_group_free_blocks(ext4, descriptor) < blocks || directories >= fewest)
			continue;
		fewest = directories;
		best = i;
	}
	return best;
}

/* [allocation] Near the parent while it has room for what will be put there. */
static u32 choose_group(struct ext4 *ext4, struct vnode *directory, u32 mode)
{
	u32 parent = group_of(ext4, directory->ino);

	if (S_ISDIR(mode) && directory->ino == EXT4_ROOT_INO)
		return group_for_top(ext4, parent);
	for (u32 i = 0; i < ext4->group_count; i++) {
		u32 group = (parent + i) % ext4->group_count;
		struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
		u32 free = ext4_group_free_inodes(ext4, descriptor);
		u32 blocks = ext4_group_free_blocks(ext4, descriptor);

		if (!usable(ext4, group) || !blocks)
			continue;
		if (S_ISDIR(mode) &&
		    (free < ext4->inodes_per_group / 16 || blocks < ext4->blocks_per_group / 16))
			continue;
		return group;
	}
	return parent;
}

/* [allocation] */
static int take(struct ext4 *ext4, struct journal_handle *handle, u32 group, struct buffer *bitmap,
		u32 bit, u32 mode)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u32 free = ext4_group_free_inodes(ext4, descriptor);
	u32 used = ext4->inodes_per_group - ext4_group_unused(ext4, descriptor);
	int error = ext4_block_changed(ext4, handle, ext4_descriptor_buffer(ext4, group),
				       EXT4_DESCRIPTORS, 0);

	if (error)
		return error;
	bitmap_set(bitmap->data, bit);
	descriptor->flags &= (u16)~EXT4_GROUP_INODE_UNINIT;
	ext4_group_set_free_inodes(ext4, descriptor, free ? free - 1 : 0);
	if ((ext4->checksums || ext4->group_sums) && bit >= used)
		ext4_group_set_unused(ext4, descriptor, ext4->inodes_per_group - bit - 1);
	if (S_ISDIR(mode)) {
		ext4_group_set_directories(ext4, descriptor,
					   ext4_group_directories(ext4, descriptor) + 1);
		ext4->directories++;
	}
	ext4->free_inodes -= ext4->free_inodes != 0;
	ext4->counts_changed = true;
	return ext4_block_changed(ext4, handle, bitmap, EXT4_INODE_BITMAP, group);
}

/* [allocation] 1: taken, 0: the group has none after all. */
static int try_group(struct ext4 *ext4, struct journal_handle *handle, u32 group, u32 mode,
		     u32 *ino)
{
	u32 reserved = group == 0 ? MAX(ext4->super->first_ino, (u32)EXT4_OLD_FIRST_INO) - 1 : 0;
	struct buffer *bitmap;
	int error;
	u32 bit;

	if (!usable(ext4, group))
		return 0;
	error = ext4_inode_bitmap(ext4, group, &bitmap);
	if (error)
		return error == -EUCLEAN ? 0 : error;
	bit = (u32)bitmap_next_zero(bitmap->data, ext4->inodes_per_group, reserved);
	if (bit < ext4->inodes_per_group)
		error = take(ext4, handle, group, bitmap, bit, mode);
	buffer_put(bitmap);
	if (error || bit >= ext4->inodes_per_group)
		return error;
	*ino = group * ext4->inodes_per_group + bit + 1;
	return 1;
}

int ext4_inode_allocate(struct ext4 *ext4, struct journal_handle *handle, struct vnode *directory,
			u32 mode, u32 *ino)
{
	int result = 0;
	u32 first;

	mutex_lock(&ext4->allocation);
	first = choose_group(ext4, directory, mode);
	for (u32 i = 0; i < ext4->group_count && !result; i++)
		result = try_group(ext4, handle, (first + i) % ext4->group_count, mode, ino);
	mutex_unlock(&ext4->allocation);
	return result > 0 ? 0 : result ? result : -ENOSPC;
}

/* [allocation] */
static int free_locked(struct ext4 *ext4, struct journal_handle *handle, u32 ino, bool directory)
{
	u32 group = group_of(ext4, ino), bit = (ino - 1) % ext4->inodes_per_group;
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	struct buffer *bitmap;
	u32 directories = ext4_group_directories(ext4, descriptor);
	int error = ext4_inode_bitmap(ext4, group, &bitmap);

	if (error)
		return error;
	if (!bitmap_test(bitmap->data, bit)) {
		buffer_put(bitmap);
		return ext4_corrupt(ext4, "inode %u is freed twice", ino);
	}
	error = ext4_block_changed(ext4, handle, ext4_descriptor_buffer(ext4, group),
				   EXT4_DESCRIPTORS, 0);
	if (!error) {
		bitmap_clear(bitmap->data, bit);
		ext4_group_set_free_inodes(ext4, descriptor,
					   ext4_group_free_inodes(ext4, descriptor) + 1);
		if (directory && directories)
			ext4_group_set_directories(ext4, descriptor, directories - 1);
		ext4->free_inodes++;
		ext4->directories -= directory && ext4->directories;
		ext4->counts_changed = true;
		error = ext4_block_changed(ext4, handle, bitmap, EXT4_INODE_BITMAP, group);
	}
	buffer_put(bitmap);
	return error;
}

int ext4_inode_free(struct ext4 *ext4, struct journal_handle *handle, u32 ino, bool directory)
{
	int error;

	mutex_lock(&ext4->allocation);
	error = free_locked(ext4, handle, ino, directory);
	mutex_unlock(&ext4->allocation);
	return error;
}
