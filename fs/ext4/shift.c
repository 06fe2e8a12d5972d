/*
 * fallocate(2)'s FALLOC_FL_COLLAPSE_RANGE and FALLOC_FL_INSERT_RANGE: blocks change their places in the file. A handle
 * moves one stretch, so a crash half-way leaves a file that is whole and moved in part, as on Linux.
 */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <mm/object.h>
#include <mm/slab.h>

enum { AT_ONCE = 64 }; /* stretches noted when moving upwards, which begins at the end */

/* The disk has everything from @start on, and memory nothing. */
static int pages_settle(struct ext4_inode *inode, u64 start)
{
	u64 first = start / PAGE_SIZE;
	int error = object_write_back(&inode->object, first, ~0ull, OBJECT_WAIT);

	if (error)
		return error;
	object_drop_pages(&inode->object, first, ~0ull);
	ext4_delayed_drop(inode, first, ~0ull);
	return 0;
}

/* The next stretch that is not a hole, from @at on: 1; 0: none. */
static int next_run(struct ext4_inode *inode, u64 at, struct ext4_run *run)
{
	u64 limit = ext4_map_limit(inode);
	int error = 0;

	read_lock(&inode->map);
	while (at < limit) {
		error = ext4_map_lookup(inode, (u32)at, run);
		if (error || run->start)
			break;
		at = (u64)run->block + run->count;
	}
	read_unlock(&inode->map);
	if (error || at >= limit)
		return error;
	run->start += at - run->block;
	run->count -= (u32)(at - run->block);
	run->block = (u32)at;
	return 1;
}

static int move_run(struct ext4_inode *inode, const struct ext4_run *run, u32 to)
{
	struct journal_handle handle;
	int error = journal_begin(ext4_of_inode(inode), 2 * EXT4_CREDITS_RUN, &handle);

	if (error)
		return error;
	write_lock(&inode->map);
	error = ext4_map_move(&handle, inode, run, to);
	if (!error)
		error = ext4_inode_store(&handle, inode);
	write_unlock(&inode->map);
	journal_end(&handle);
	return error;
}

static int move_down(struct ext4_inode *inode, u32 from, u32 by)
{
	struct ext4_run run;
	u64 at = from;
	int result;

	while ((result = next_run(inode, at, &run)) > 0) {
		result = move_run(inode, &run, run.block - by);
		if (result)
			return result;
		at = (u64)run.block + run.count;
	}
	return result;
}

/* The last stretches of [@from, @until), oldest first, in a ring that ends before *@count. */
static int last_runs(struct ext4_inode *inode, u32 from, u64 until, struct ext4_run *ring,
		     unsigned *count)
{
	u64 at = from;
	int result;

	*count = 0;
	while ((result = next_run(inode, at, &ring[*count % AT_ONCE])) > 0) {
		struct ext4_run *run = &ring[*count % AT_ONCE];

		if (run->block >= until)
			return 0;
		++*count;
		at = (u64)run->block + run->count;
	}
	return result;
}

static int move_up(struct ext4_inode *inode, u32 from, u32 by)
{
	struct ext4_run *ring = kmalloc(AT_ONCE * sizeof(*ring));
	u64 until = ext4_map_limit(inode);
	unsigned count = 1;
	int error = ring ? 0 : -ENOMEM;

	while (!error && count) {
		error = last_runs(inode, from, until, ring, &count);
		for (unsigned left = MIN(count, (unsigned)AT_ONCE); left && !error; left--) {
			const struct ext4_run *run = &ring[--count % AT_ONCE];

			if ((u64)run->block + run->count + by > ext4_map_limit(inode))
				error = -EFBIG;
			else
				error = move_run(inode, run, run->block + by);
			until = run->block;
		}
	}
	kfree(ring);
	return error;
}

static int finish(struct ext4_inode *inode, u64 start, u64 size)
{
	struct journal_handle handle;
	int error;

	/* A reader may have brought the old contents back in between. */
	object_drop_pages(&inode->object, start / PAGE_SIZE, ~0ull);
	error = journal_begin(ext4_of_inode(inode), EXT4_CREDITS_INODE, &handle);
	if (error)
		return error;
	object_set_size(&inode->object, size);
	WRITE_ONCE(inode->vnode.size, size);
	write_lock(&inode->map);
	inode->disk_size = size;
	error = ext4_inode_store(&handle, inode);
	write_unlock(&inode->map);
	journal_end(&handle);
	return error;
}

int ext4_collapse(struct ext4_inode *inode, u64 start, u64 size)
{
	u32 shift = ext4_of_inode(inode)->block_shift;
	u64 end = start + size;
	int error;

	if ((start | size) & ((1u << shift) - 1) || end >= inode->vnode.size)
		return -EINVAL;
	error = pages_settle(inode, start);
	if (!error)
		error = ext4_remove_blocks(inode, start >> shift, end >> shift);
	if (!error)
		error = move_down(inode, (u32)(end >> shift), (u32)(size >> shift));
	return error ? error : finish(inode, start, inode->vnode.size - size);
}

int ext4_insert(struct ext4_inode *inode, u64 start, u64 size)
{
	u32 shift = ext4_of_inode(inode)->block_shift;
	u64 limit = ext4_map_limit(inode) << shift;
	int error;

	if ((start | size) & ((1u << shift) - 1) || start >= inode->vnode.size)
		return -EINVAL;
	if (size > limit || inode->vnode.size > limit - size)
		return -EFBIG;
	error = pages_settle(inode, start);
	if (!error)
		error = move_up(inode, (u32)(start >> shift), (u32)(size >> shift));
	return error ? error : finish(inode, start, inode->vnode.size + size);
}
