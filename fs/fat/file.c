/*
 * Pages of files. A chain has no holes: a page that is written gets all clusters up to its own, and what was never
 * written before it is zeroed on disk before the size says that it is there (fat_settle()).
 */
#include <dev/block.h>
#include <fs/fat/fat.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/object.h>

#define FILE_SIZE_MAX 0xffffffffull
enum { ZERO_CHUNK = 4096 };

struct page_run {
	u64 start; /* bytes */
	struct frame *const *frames;
	unsigned count;
};

/* Memory of [at, at + size) of the file as segments: how many. */
static unsigned segments_of(const struct page_run *pages, u64 at, u64 size,
			    struct block_segment *segments)
{
	unsigned used = 0;

	at -= pages->start;
	for (u64 end = at + size; at < end;) {
		u32 offset = (u32)(at % PAGE_SIZE);
		u32 part = (u32)MIN(end - at, (u64)PAGE_SIZE - offset);

		segments[used++] = (struct block_segment){
			(u8 *)frame_data(pages->frames[at / PAGE_SIZE]) + offset, part
		};
		at += part;
	}
	return used;
}

/*
 * [map] Transfer [at, end) of the file, whole sectors. Stops at the end of the chain: *@done is how far it came.
 */
static int transfer(struct fat_inode *inode, const struct page_run *pages, u64 at, u64 end,
		    bool write, u64 *done)
{
	struct block_segment segments[OBJECT_RUN_MAX + 1];
	struct fat *fat = fat_of(&inode->vnode);
	int error = 0;

	while (at < end && !error) {
		u32 offset = (u32)(at & (fat->cluster_size - 1)), cluster, run;
		u64 sector, size;
		unsigned used;

		error = fat_chain_find(inode, (u32)(at >> fat->cluster_shift),
				       (u32)((end - at) >> fat->cluster_shift) + 2, &cluster, &run);
		if (error || !run)
			break;
		size = MIN(end - at, ((u64)run << fat->cluster_shift) - offset);
		sector = fat_cluster_sector(fat, cluster);
		used = segments_of(pages, at, size, segments);
		error = write ? block_writev(fat->device, sector * fat->sector_size + offset,
					     segments, used, 0)
			      : block_readv(fat->device, sector * fat->sector_size + offset,
					    segments, used);
		at += size;
	}
	*done = at;
	return error;
}

static void clear(const struct page_run *pages, u64 from)
{
	struct block_segment segments[OBJECT_RUN_MAX + 1];
	u64 end = pages->start + pages->count * PAGE_SIZE;
	unsigned used;

	if (from >= end)
		return;
	from = MAX(from, pages->start);
	used = segments_of(pages, from, end - from, segments);
	while (used--)
		memset(segments[used].data, 0, segments[used].size);
}

static int read_pages(struct memory_object *object, u64 index, struct frame *const frames[],
		      unsigned count)
{
	struct fat_inode *inode = container_of(object, struct fat_inode, object);
	struct page_run pages = { index * PAGE_SIZE, frames, count };
	struct fat *fat = fat_of(&inode->vnode);
	u64 end, done = pages.start;
	int error = 0;

	read_lock(&inode->map);
	end = MIN(pages.start + count * PAGE_SIZE, ALIGN_UP(inode->valid, (u64)fat->sector_size));
	if (pages.start < end)
		error = transfer(inode, &pages, pages.start, end, false, &done);
	if (!error && done < end)
		error = fat_corrupt(fat, "a file of %lu bytes has too few clusters",
				    (unsigned long)inode->vnode.size);
	if (!error)
		clear(&pages, MIN(inode->valid, READ_ONCE(inode->vnode.size)));
	read_unlock(&inode->map);
	return error;
}

int fat_settle(struct fat_inode *inode, u64 size)
{
	static const u8 zeros[ZERO_CHUNK] __aligned_to(8);
	struct fat *fat = fat_of(&inode->vnode);
	u64 at = ALIGN_UP(inode->valid, (u64)fat->sector_size);
	u64 end = ALIGN_UP(size, (u64)fat->sector_size);
	int error = 0;

	if (inode->valid >= size)
		return 0;
	error = fat_chain_extend(inode,
				 (u32)((size + fat->cluster_size - 1) >> fat->cluster_shift));
	while (at < end && !error) {
		u32 cluster, run, offset = (u32)(at & (fat->cluster_size - 1));
		u64 part = MIN(end - at, (u64)MIN(fat->cluster_size - offset, (u32)ZERO_CHUNK));

		error = fat_chain_find(inode, (u32)(at >> fat->cluster_shift), 1, &cluster, &run);
		if (!error && !run)
			error = -EUCLEAN;
		if (!error)
			error = block_write(fat->device,
					    fat_cluster_sector(fat, cluster) * fat->sector_size +
						    offset,
					    zeros, part, 0);
		at += part;
	}
	if (!error)
		inode->valid = size;
	return error;
}

static int write_pages(struct memory_object *object, u64 index, struct frame *const frames[],
		       unsigned count)
{
	struct fat_inode *inode = container_of(object, struct fat_inode, object);
	struct page_run pages = { index * PAGE_SIZE, frames, count };
	struct fat *fat = fat_of(&inode->vnode);
	u64 size = READ_ONCE(inode->vnode.size), end, done;
	int error = fat_writable(fat) ? -EIO : 0;

	if (error || pages.start >= size)
		return error;
	/* What lies past the size stays: a write may have been copied there that has not grown the file yet. */
	end = MIN(pages.start + count * PAGE_SIZE, size);
	write_lock(&inode->map);
	error = fat_settle(inode, pages.start);
	if (!error)
		error = fat_chain_extend(
			inode, (u32)((end + fat->cluster_size - 1) >> fat->cluster_shift));
	if (!error)
		error = transfer(inode, &pages, pages.start, ALIGN_UP(end, (u64)fat->sector_size),
				 true, &done);
	if (!error)
		inode->valid = MAX(inode->valid, end);
	write_unlock(&inode->map);
	return error;
}

static int make_dirty(struct memory_object *object, u64 index)
{
	struct fat_inode *inode = container_of(object, struct fat_inode, object);
	struct fat *fat = fat_of(&inode->vnode);
	u64 end = MIN((index + 1) * PAGE_SIZE, FILE_SIZE_MAX);
	int error = fat_writable(fat);

	if (error)
		return error;
	if (index * PAGE_SIZE >= FILE_SIZE_MAX)
		return -EFBIG;
	write_lock(&inode->map);
	error = fat_chain_extend(inode, (u32)((end + fat->cluster_size - 1) >> fat->cluster_shift));
	write_unlock(&inode->map);
	return error;
}

static void object_release(struct memory_object *object)
{
	object_destroy_pages(object);
	fat_inode_free_memory(container_of(object, struct fat_inode, object));
}

const struct object_operations fat_object_operations = {
	.read_pages = read_pages,
	.write_pages = write_pages,
	.make_dirty = make_dirty,
	.first_dirty = writeback_object_dirty,
	.release = object_release,
};

static int set_size(struct fat_inode *inode, u64 size)
{
	struct vnode *vnode = &inode->vnode;
	struct fat *fat = fat_of(vnode);
	u32 clusters = (u32)((size + fat->cluster_size - 1) >> fat->cluster_shift);
	int error;

	if (size > FILE_SIZE_MAX)
		return -EFBIG;
	if (size < vnode->size) {
		WRITE_ONCE(vnode->size, size);
		object_set_size(&inode->object, size);
		write_lock(&inode->map);
		inode->valid = MIN(inode->valid, size);
		error = fat_chain_cut(inode, clusters);
	} else {
		write_lock(&inode->map);
		error = fat_chain_extend(inode, clusters);
	}
	write_unlock(&inode->map);
	if (error)
		return error;
	object_set_size(&inode->object, size);
	WRITE_ONCE(vnode->size, size);
	vnode->blocks = (u64)clusters * (fat->cluster_size / 512);
	return 0;
}

/*
 * Of the mode there is one bit on disk: nobody may write. What it cannot say is passed over, as on Linux: false. *@kept is
 * the mode that comes of it.
 */
static bool set_mode(struct fat_inode *inode, u32 mode, u32 *kept)
{
	u32 mask = fat_of(&inode->vnode)->file_mask, wanted = mode & 0777 & ~mask;
	bool locked = !(wanted & 0222);

	if (S_ISDIR(inode->vnode.mode) || (wanted & 0555) != (0555 & ~mask) ||
	    (!locked && (wanted & 0222) != (0222 & ~mask)))
		return false;
	inode->attributes &= (u8)~FAT_READ_ONLY;
	inode->attributes |= locked ? FAT_READ_ONLY : 0;
	*kept = wanted;
	return true;
}

int fat_change(struct vnode *vnode, const struct vnode_change *change)
{
	struct fat_inode *inode = fat_inode_of(vnode);
	struct fat *fat = fat_of(vnode);
	struct vnode_change rest = *change;
	int error = fat_writable(fat);

	if (!error && ((change->which & ATTR_UID && change->uid != fat->uid) ||
		       (change->which & ATTR_GID && change->gid != fat->gid)))
		error = -EPERM;
	if (!error && change->which & ATTR_SIZE)
		error = S_ISDIR(vnode->mode) ? -EISDIR : set_size(inode, change->size);
	if (error)
		return error;
	if (change->which & ATTR_MODE && !set_mode(inode, change->mode, &rest.mode))
		rest.which &= ~(u32)ATTR_MODE;
	vnode_change_fields(vnode, &rest);
	return inode->is_root ? 0 : fat_inode_store(inode);
}

int fat_file_sync(struct vnode *vnode, bool data_only)
{
	struct fat_inode *inode = fat_inode_of(vnode);
	struct fat *fat = fat_of(vnode);
	int error = fat_writable(fat);

	if (error)
		return fat->failed ? -EIO : 0;
	if (!inode->is_root)
		error = fat_inode_store(inode);
	if (!error)
		error = buffer_sync(fat->device);
	return error ? error : block_flush(fat->device);
}
