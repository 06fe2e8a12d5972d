/* Inodes to the disk. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

static void set_time(u32 *seconds, u32 *extra, s64 time)
{
	s64 whole = time / 1000000000, rest = time % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		whole--;
	}
	if (extra)
		*extra = (u32)((whole - (s32)whole) >> 32 & 3) | (u32)rest << 2;
	else
		whole = CLAMP(whole, (s64)INT32_MIN, (s64)INT32_MAX);
	*seconds = (u32)whole;
}

static void set_times(const struct ext4_inode *inode, struct ext4_raw_inode *raw)
{
	const struct vnode_times *times = &inode->vnode.times;
	bool extra = inode->extra_size >=
		     offsetof(struct ext4_raw_inode, creation) - EXT4_OLD_INODE_SIZE;

	set_time(&raw->access, extra ? &raw->access_extra : NULL, times->access);
	set_time(&raw->modify, extra ? &raw->modify_extra : NULL, times->modify);
	set_time(&raw->change, extra ? &raw->change_extra : NULL, times->change);
	if (inode->extra_size >=
	    offsetof(struct ext4_raw_inode, version_high) - EXT4_OLD_INODE_SIZE)
		set_time(&raw->creation, &raw->creation_extra, inode->vnode.birth);
}

static void set_blocks(struct ext4_inode *inode, struct ext4_raw_inode *raw)
{
	const struct ext4 *ext4 = ext4_of_inode(inode);
	u64 blocks = inode->vnode.blocks;

	inode->flags &= ~(u32)EXT4_HUGE_FILE;
	if (blocks >> 48 && ext4_has_ro_compat(ext4, EXT4_RO_HUGE_FILE)) {
		inode->flags |= EXT4_HUGE_FILE;
		blocks /= ext4->block_size / 512;
	}
	raw->blocks_low = (u32)blocks;
	if (ext4_has_ro_compat(ext4, EXT4_RO_HUGE_FILE))
		raw->blocks_high = (u16)(blocks >> 32);
}

static void fill(struct ext4_inode *inode, struct ext4_raw_inode *raw)
{
	const struct ext4 *ext4 = ext4_of_inode(inode);
	const struct vnode *vnode = &inode->vnode;

	if (inode->fresh)
		memset(raw, 0, ext4->inode_size);
	inode->fresh = false;
	raw->mode = (u16)vnode->mode;
	raw->uid = (u16)vnode->uid;
	raw->uid_high = (u16)(vnode->uid >> 16);
	raw->gid = (u16)vnode->gid;
	raw->gid_high = (u16)(vnode->gid >> 16);
	/* A directory with more links than fit says 1 (dir_nlink). */
	raw->links = vnode->links > EXT4_LINK_MAX && S_ISDIR(vnode->mode) ? 1 : (u16)vnode->links;
	raw->size_low = (u32)inode->disk_size;
	if (S_ISREG(vnode->mode) || ext4_has_incompat(ext4, EXT4_INCOMPAT_LARGEDIR))
		raw->size_high = (u32)(inode->disk_size >> 32);
	set_blocks(inode, raw);
	raw->flags = inode->flags;
	raw->generation = inode->vnode.generation;
	raw->deletion = inode->deleted_at ? inode->deleted_at : inode->orphan_next;
	raw->acl_low = (u32)inode->xattr_block;
	raw->acl_high = (u16)(inode->xattr_block >> 32);
	memcpy(raw->block, inode->block, sizeof(raw->block));
	if (ext4->inode_size > EXT4_OLD_INODE_SIZE)
		raw->extra_size = (u16)inode->extra_size;
	set_times(inode, raw);
	if (ext4->checksums) {
		u32 sum = ext4_inode_checksum(inode, raw);

		raw->checksum_low = (u16)sum;
		if (inode->extra_size >= 4)
			raw->checksum_high = (u16)(sum >> 16);
	}
	inode->stored = (struct ext4_stored){ vnode->mode, vnode->links,  vnode->uid,
					      vnode->gid,  vnode->blocks, vnode->times };
}

/* Files above 2 GiB must be announced. */
static int announce_large(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);

	if (inode->disk_size <= 0x7fffffff || !S_ISREG(inode->vnode.mode) ||
	    ext4_has_ro_compat(ext4, EXT4_RO_LARGE_FILE) || !ext4->super->revision)
		return 0;
	ext4->super->ro_compat |= EXT4_RO_LARGE_FILE;
	return ext4_block_changed(ext4, handle, ext4->super_buffer, EXT4_PLAIN, 0);
}

int ext4_inode_store(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct buffer *buffer;
	int error = ext4_raw_read(inode, &buffer);

	if (error)
		return error;
	error = announce_large(handle, inode);
	if (!error)
		error = ext4_block_changed(ext4, handle, buffer, EXT4_PLAIN, 0);
	if (!error) {
		spin_lock(&inode->cache);
		fill(inode, ext4_raw_of(inode, buffer));
		spin_unlock(&inode->cache);
		WRITE_ONCE(inode->transaction, handle->transaction);
	}
	buffer_put(buffer);
	return error;
}

static bool is_changed(const struct ext4_inode *inode, bool times)
{
	const struct ext4_stored *stored = &inode->stored;
	const struct vnode *vnode = &inode->vnode;

	return stored->mode != vnode->mode || stored->links != vnode->links ||
	       stored->uid != vnode->uid || stored->gid != vnode->gid ||
	       stored->blocks != vnode->blocks || stored->times.modify != vnode->times.modify ||
	       stored->times.change != vnode->times.change ||
	       (times && stored->times.access != vnode->times.access);
}

int ext4_inode_store_if_changed(struct ext4_inode *inode, bool times)
{
	struct journal_handle handle;
	int error;

	if (!is_changed(inode, times))
		return 0;
	error = journal_begin(ext4_of_inode(inode), EXT4_CREDITS_INODE, &handle);
	if (error)
		return error;
	error = ext4_inode_store(&handle, inode);
	journal_end(&handle);
	return error;
}

static bool is_to_be_stored(const struct vnode *vnode)
{
	return is_changed(ext4_inode_of(vnode), true);
}

int ext4_inodes_store_all(struct ext4 *ext4)
{
	struct vnode *vnode;
	u64 ino = 0;
	int result = 0;

	while ((vnode = vnode_table_next(&ext4->inodes, &ext4->inodes.vnodes, &ino,
					 is_to_be_stored))) {
		int error = ext4_inode_store_if_changed(ext4_inode_of(vnode), true);

		result = result ? result : error;
		vnode_put(vnode);
		ino++;
	}
	return result;
}
