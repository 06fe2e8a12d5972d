/* Attributes, sizes and space of files. */
#include <fs/ext4/ext4.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/object.h>

enum { CREDITS_CUT = 72 };
enum { KEEP_SIZE = 1, PUNCH_HOLE = 2, COLLAPSE_RANGE = 8, ZERO_RANGE = 16, INSERT_RANGE = 32 };

/* [map] One step, within one handle. The orphan list remembers what is left to do. */
static int truncate_step(struct journal_handle *handle, struct ext4_inode *inode, u64 size,
			 bool *again)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u64 first = (size + ext4->block_size - 1) >> ext4->block_shift;
	u64 last = ext4_map_limit(inode) - 1;
	int error = 0;

	*again = false;
	inode->disk_size = size;
	if (first <= last)
		error = ext4_map_remove(handle, inode, (u32)first, (u32)last, again);
	if (!error && *again)
		error = ext4_orphan_add(handle, inode);
	else if (!error && inode->vnode.links)
		error = ext4_orphan_remove(handle, inode);
	return error ? error : ext4_inode_store(handle, inode);
}

int ext4_truncate(struct ext4_inode *inode, u64 size)
{
	bool again = true;
	int error = 0;

	while (again && !error) {
		struct journal_handle handle;

		error = journal_begin(ext4_of_inode(inode), CREDITS_CUT, &handle);
		if (error)
			return error;
		write_lock(&inode->map);
		error = truncate_step(&handle, inode, size, &again);
		write_unlock(&inode->map);
		journal_end(&handle);
	}
	return error;
}

static int shrink(struct ext4_inode *inode, u64 size)
{
	WRITE_ONCE(inode->vnode.size, size);
	object_set_size(&inode->object, size);
	ext4_delayed_drop(inode, size / PAGE_SIZE + (size % PAGE_SIZE != 0), ~0ull);
	return ext4_truncate(inode, size);
}

static int set_size(struct ext4_inode *inode, u64 size)
{
	struct vnode *vnode = &inode->vnode;

	if (inode->flags & EXT4_INLINE_DATA)
		return -EOPNOTSUPP;
	if (size > ext4_map_limit(inode) << ext4_of_inode(inode)->block_shift)
		return -EFBIG;
	if (size < vnode->size)
		return shrink(inode, size);
	object_set_size(vnode->object, size);
	WRITE_ONCE(vnode->size, size);
	write_lock(&inode->map);
	inode->disk_size = size;
	write_unlock(&inode->map);
	/* Space beyond the end that was reserved is of no use after a truncation to the same size. */
	return size ? 0 : ext4_truncate(inode, 0);
}

int ext4_change(struct vnode *vnode, const struct vnode_change *change)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);
	struct journal_handle handle;
	int error = ext4_writable(ext4_of(vnode));

	if (!error && change->which & ATTR_SIZE)
		error = set_size(inode, change->size);
	if (!error)
		error = journal_begin(ext4_of(vnode), EXT4_CREDITS_INODE, &handle);
	if (error)
		return error;
	vnode_change_fields(vnode, change);
	error = ext4_inode_store(&handle, inode);
	journal_end(&handle);
	return error;
}

/* Holes of [block, end) get blocks that read as zeros. */
static int preallocate(struct ext4_inode *inode, u64 block, u64 end)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	int error = 0;

	for (unsigned tries = 0; block < end && !error;) {
		struct journal_handle handle;
		struct ext4_run run;

		error = journal_begin(ext4, EXT4_CREDITS_RUN, &handle);
		if (error)
			break;
		write_lock(&inode->map);
		error = ext4_map_lookup(inode, (u32)block, &run);
		run.count = (u32)MIN((u64)run.count, end - block);
		if (!error && !run.start) {
			run.unwritten = true;
			error = ext4_blocks_allocate(ext4, &handle, ext4_map_goal(inode, run.block),
						     &run.count, false, &run.start);
			if (!error) {
				inode->vnode.blocks += (u64)run.count * (ext4->block_size / 512);
				error = ext4_map_insert(&handle, inode, &run);
			}
			if (!error)
				error = ext4_inode_store(&handle, inode);
		}
		write_unlock(&inode->map);
		journal_end(&handle);
		if (error == -ENOSPC && tries++ < 2)
			error = journal_commit(ext4);
		else
			block += run.count;
	}
	return error;
}

static int zero_part(struct vnode *vnode, u64 start, u64 end)
{
	bool whole = false;
	struct frame *frame;
	int error;

	if (start >= end || start >= vnode->size)
		return 0;
	error = object_page_write(vnode->object, start / PAGE_SIZE, &whole, &frame);
	if (error)
		return error;
	memset((u8 *)frame_data(frame) + start % PAGE_SIZE, 0, end - start);
	object_page_dirty(vnode->object, frame);
	frame_put(frame);
	return 0;
}

int ext4_remove_blocks(struct ext4_inode *inode, u64 first, u64 end)
{
	bool again = first < end;
	int error = 0;

	while (again && !error) {
		struct journal_handle handle;

		error = journal_begin(ext4_of_inode(inode), CREDITS_CUT, &handle);
		if (error)
			break;
		write_lock(&inode->map);
		error = ext4_map_remove(&handle, inode, (u32)first, (u32)end - 1, &again);
		/* The page that would have told the disk of the size may have been dropped. */
		inode->disk_size = MAX(inode->disk_size, inode->vnode.size);
		if (!error)
			error = ext4_inode_store(&handle, inode);
		write_unlock(&inode->map);
		journal_end(&handle);
	}
	return error;
}

static int remove_pages(struct ext4_inode *inode, u64 first, u64 last)
{
	u32 blocks = PAGE_SIZE >> ext4_of_inode(inode)->block_shift;
	u64 end = MIN((last + 1) * blocks, ext4_map_limit(inode));
	int error;

	object_drop_pages(&inode->object, first, last);
	ext4_delayed_drop(inode, first, last);
	error = ext4_remove_blocks(inode, first * blocks, end);
	/* A reader may have brought the old contents back in between. */
	object_drop_pages(&inode->object, first, last);
	return error;
}

static int punch(struct vnode *vnode, u64 start, u64 end)
{
	u64 first = start / PAGE_SIZE + (start % PAGE_SIZE != 0), last = end / PAGE_SIZE;
	int error;

	if (first > last)
		return zero_part(vnode, start, end);
	error = zero_part(vnode, start, first * PAGE_SIZE);
	if (!error)
		error = zero_part(vnode, last * PAGE_SIZE, end);
	if (!error && first < last)
		error = remove_pages(ext4_inode_of(vnode), first, last - 1);
	return error;
}

static int grow(struct ext4_inode *inode, u64 size)
{
	struct journal_handle handle;
	int error = journal_begin(ext4_of_inode(inode), EXT4_CREDITS_INODE, &handle);

	if (error)
		return error;
	object_set_size(&inode->object, size);
	WRITE_ONCE(inode->vnode.size, size);
	write_lock(&inode->map);
	inode->disk_size = size;
	write_unlock(&inode->map);
	error = ext4_inode_store(&handle, inode);
	journal_end(&handle);
	return error;
}

int ext4_allocate(struct vnode *vnode, int mode, u64 start, u64 size)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);
	struct ext4 *ext4 = ext4_of(vnode);
	u64 end = start + size;
	int error = ext4_writable(ext4);

	if (error)
		return error;
	if (!(inode->flags & EXT4_EXTENTS))
		return -EOPNOTSUPP;
	if (mode == COLLAPSE_RANGE)
		return ext4_collapse(inode, start, size);
	if (mode == INSERT_RANGE)
		return ext4_insert(inode, start, size);
	if (mode & ~(KEEP_SIZE | PUNCH_HOLE | ZERO_RANGE))
		return -EOPNOTSUPP;
	if (end > ext4_map_limit(inode) << ext4->block_shift)
		return -EFBIG;
	if (mode & (PUNCH_HOLE | ZERO_RANGE))
		error = punch(vnode, start, end);
	if (!error && !(mode & PUNCH_HOLE))
		error = preallocate(inode, start >> ext4->block_shift, ext4_block_of(ext4, end));
	if (!error && !(mode & (KEEP_SIZE | PUNCH_HOLE)) && end > vnode->size)
		error = grow(inode, end);
	return error;
}

s64 ext4_seek_data(struct vnode *vnode, u64 offset, bool hole)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);
	u32 shift = ext4_of(vnode)->block_shift;
	u64 size = vnode->size, at = offset;
	int error = 0;

	if (offset >= size)
		return -ENXIO;
	if (inode->flags & EXT4_INLINE_DATA)
		return hole ? size : offset;
	read_lock(&inode->map);
	while (at < size) {
		u64 delayed = ext4_delayed_next(inode, at / PAGE_SIZE) * PAGE_SIZE, end;
		struct ext4_run run;
		bool data;

		error = ext4_map_lookup(inode, (u32)(at >> shift), &run);
		if (error)
			break;
		end = ((u64)run.block + run.count) << shift;
		data = run.start && !run.unwritten;
		if (!data && delayed <= at) {
			data = true;
			end = ALIGN_DOWN(at, (u64)PAGE_SIZE) + PAGE_SIZE;
		} else if (!data) {
			end = MIN(end, delayed);
		}
		if (data != hole)
			break;
		at = end;
	}
	read_unlock(&inode->map);
	if (error)
		return error;
	if (at >= size)
		return hole ? (s64)size : -ENXIO;
	return (s64)at;
}
