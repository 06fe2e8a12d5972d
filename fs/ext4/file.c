/* Pages of files from and to the disk. Blocks are found when a page is written back: many at once, side by side. */
#include <dev/block.h>
#include <fs/ext4/ext4.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/object.h>

/* A run of pages, as the frames of [index, index + count). */
struct page_run {
	struct ext4_inode *inode;
	u64 index;
	struct frame *const *frames;
	unsigned count;
};

static u32 blocks_per_page(const struct ext4 *ext4)
{
	return PAGE_SIZE >> ext4->block_shift;
}

/* The memory of blocks [block, block + count) as segments: how many. */
static unsigned segments_of(const struct page_run *pages, u64 block, u32 count,
			    struct block_segment *segments)
{
	u32 shift = ext4_of_inode(pages->inode)->block_shift;
	u64 at = (block << shift) - pages->index * PAGE_SIZE, end = at + ((u64)count << shift);
	unsigned used = 0;

	while (at < end) {
		u32 offset = (u32)(at % PAGE_SIZE);
		u32 size = (u32)MIN(end - at, (u64)PAGE_SIZE - offset);

		segments[used++] = (struct block_segment){
			(u8 *)frame_data(pages->frames[at / PAGE_SIZE]) + offset, size
		};
		at += size;
	}
	return used;
}

static void clear_blocks(const struct page_run *pages, u64 block, u32 count)
{
	struct block_segment segments[OBJECT_RUN_MAX + 1];
	unsigned used = segments_of(pages, block, count, segments);

	while (used--)
		memset(segments[used].data, 0, segments[used].size);
}

static int read_blocks(const struct page_run *pages, const struct ext4_run *run)
{
	struct block_segment segments[OBJECT_RUN_MAX + 1];
	struct ext4 *ext4 = ext4_of_inode(pages->inode);
	unsigned used = segments_of(pages, run->block, run->count, segments);

	return block_readv(ext4->device, run->start << ext4->block_shift, segments, used);
}

/* The bytes past the end of the file in its last page. */
static void clear_tail(const struct page_run *pages, u64 size)
{
	u64 start = pages->index * PAGE_SIZE;

	for (unsigned i = 0; i < pages->count; i++, start += PAGE_SIZE) {
		u64 keep = size > start ? MIN(size - start, (u64)PAGE_SIZE) : 0;

		if (keep < PAGE_SIZE)
			memset((u8 *)frame_data(pages->frames[i]) + keep, 0, PAGE_SIZE - keep);
	}
}

static int read_inline(const struct page_run *pages)
{
	int error = 0;

	for (unsigned i = 0; i < pages->count && !error; i++) {
		void *data = frame_data(pages->frames[i]);
		ssize_t size;

		memset(data, 0, PAGE_SIZE);
		size = ext4_inline_read(pages->inode, (pages->index + i) * PAGE_SIZE, data,
					PAGE_SIZE);
		error = size < 0 ? (int)size : 0;
	}
	return error;
}

static int read_pages(struct memory_object *object, u64 index, struct frame *const frames[],
		      unsigned count)
{
	struct ext4_inode *inode = container_of(object, struct ext4_inode, object);
	struct page_run pages = { inode, index, frames, count };
	struct ext4 *ext4 = ext4_of_inode(inode);
	u64 block = index * blocks_per_page(ext4), end = block + count * blocks_per_page(ext4);
	u64 last = (READ_ONCE(inode->vnode.size) + ext4->block_size - 1) >> ext4->block_shift;
	int error = 0;

	if (inode->flags & EXT4_INLINE_DATA) {
		error = read_inline(&pages);
		block = end;
	}
	read_lock(&inode->map);
	while (block < end && !error) {
		struct ext4_run run = { .count = (u32)(end - block) };

		if (block < last && block < ext4_map_limit(inode))
			error = ext4_map_lookup(inode, (u32)block, &run);
		run.block = (u32)block;
		run.count = (u32)MIN((u64)run.count, end - block);
		if (!error && run.start && !run.unwritten)
			error = read_blocks(&pages, &run);
		else if (!error)
			clear_blocks(&pages, block, run.count);
		block += run.count;
	}
	read_unlock(&inode->map);
	if (!error)
		clear_tail(&pages, READ_ONCE(inode->vnode.size));
	return error;
}

static int write_blocks(const struct page_run *pages, const struct ext4_run *run)
{
	struct block_segment segments[OBJECT_RUN_MAX + 1];
	struct ext4 *ext4 = ext4_of_inode(pages->inode);
	unsigned used = segments_of(pages, run->block, run->count, segments);

	return block_writev(ext4->device, run->start << ext4->block_shift, segments, used, 0);
}

static u64 size_after(const struct ext4_inode *inode, const struct ext4_run *run)
{
	u64 end = ((u64)run->block + run->count) << ext4_of_inode(inode)->block_shift;

	return MIN(READ_ONCE(inode->vnode.size), end);
}

/* What has its blocks already needs no transaction. 1: not so. */
static int write_in_place(const struct page_run *pages, u64 block, u64 end, u32 *count)
{
	struct ext4_inode *inode = pages->inode;
	struct ext4_run run;
	int error;

	read_lock(&inode->map);
	error = ext4_map_lookup(inode, (u32)block, &run);
	run.count = (u32)MIN((u64)run.count, end - block);
	if (!error && (!run.start || run.unwritten || size_after(inode, &run) > inode->disk_size))
		error = 1;
	if (!error)
		error = write_blocks(pages, &run);
	read_unlock(&inode->map);
	*count = run.count;
	return error;
}

/* [map] A hole gets blocks, is written, and then becomes part of the file: never the other way round. */
static int fill_hole(struct journal_handle *handle, const struct page_run *pages,
		     struct ext4_run *run)
{
	struct ext4_inode *inode = pages->inode;
	struct ext4 *ext4 = ext4_of_inode(inode);
	int error = ext4_blocks_allocate(ext4, handle, ext4_map_goal(inode, run->block),
					 &run->count, true, &run->start);

	if (error)
		return error;
	error = write_blocks(pages, run);
	if (!error)
		error = ext4_map_insert(handle, inode, run);
	if (error)
		ext4_blocks_free(ext4, handle, run->start, run->count, 0);
	else
		inode->vnode.blocks += (u64)run->count * (ext4->block_size / 512);
	return error;
}

static int write_run_locked(struct journal_handle *handle, const struct page_run *pages, u64 block,
			    u64 end, u32 *count)
{
	struct ext4_inode *inode = pages->inode;
	struct ext4_run run;
	int error = ext4_map_lookup(inode, (u32)block, &run);

	if (error)
		return error;
	run.count = (u32)MIN((u64)run.count, end - block);
	if (!run.start) {
		error = fill_hole(handle, pages, &run);
	} else {
		error = write_blocks(pages, &run);
		if (!error && run.unwritten)
			error = ext4_map_convert(handle, inode, run.block, run.count);
	}
	if (error)
		return error;
	inode->disk_size = MAX(inode->disk_size, size_after(inode, &run));
	*count = run.count;
	return ext4_inode_store(handle, inode);
}

static int write_run(const struct page_run *pages, u64 block, u64 end, u32 *count)
{
	struct ext4_inode *inode = pages->inode;
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct journal_handle handle;
	int error = write_in_place(pages, block, end, count);

	for (unsigned tries = 0; error == 1 || (error == -ENOSPC && tries < 3); tries++) {
		/* What was freed lately is there after a commit. */
		if (error == -ENOSPC && journal_commit(ext4))
			break;
		error = journal_begin(ext4, EXT4_CREDITS_RUN, &handle);
		if (error)
			break;
		write_lock(&inode->map);
		error = write_run_locked(&handle, pages, block, end, count);
		write_unlock(&inode->map);
		journal_end(&handle);
	}
	return error;
}

static int write_pages(struct memory_object *object, u64 index, struct frame *const frames[],
		       unsigned count)
{
	struct ext4_inode *inode = container_of(object, struct ext4_inode, object);
	struct page_run pages = { inode, index, frames, count };
	struct ext4 *ext4 = ext4_of_inode(inode);
	u64 size = READ_ONCE(inode->vnode.size), block = index * blocks_per_page(ext4);
	u64 end = MIN(block + count * blocks_per_page(ext4), (u64)ext4_block_of(ext4, size));
	int error = ext4_writable(ext4) ? -EIO : 0;

	/*
	 * What lies past the size stays as it is: a write may have been copied there that has not grown the
	 * file yet, and it will come again. So its promise is kept, too.
	 */
	while (block < end && !error) {
		u32 written = 0;

		error = write_run(&pages, block, end, &written);
		block += written;
	}
	if (error != -ENOMEM && end > index * blocks_per_page(ext4))
		ext4_delayed_drop(inode, index, (end - 1) / blocks_per_page(ext4));
	return error == -EROFS ? -EIO : error;
}

static void object_release(struct memory_object *object)
{
	object_destroy_pages(object);
	ext4_inode_free_memory(container_of(object, struct ext4_inode, object));
}

const struct object_operations ext4_object_operations = {
	.read_pages = read_pages,
	.write_pages = write_pages,
	.make_dirty = ext4_make_dirty,
	.drop_dirty = ext4_drop_dirty,
	.first_dirty = writeback_object_dirty,
	.release = object_release,
};

int ext4_file_sync(struct vnode *vnode, bool data_only)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);
	struct ext4 *ext4 = ext4_of(vnode);
	int error = ext4_writable(ext4);

	if (error)
		return ext4->failed ? -EIO : 0;
	error = ext4_inode_store_if_changed(inode, false);
	if (!error && !ext4->journal)
		error = buffer_sync(ext4->device);
	if (!error && journal_pending(ext4, READ_ONCE(inode->transaction))) {
		u32 number = READ_ONCE(inode->transaction);

		error = journal_wait(ext4, number);
		/* The commit has flushed the device, if there was anything to commit. */
		if (error || !journal_pending(ext4, number))
			return error;
	}
	return error ? error : block_flush(ext4->device);
}
