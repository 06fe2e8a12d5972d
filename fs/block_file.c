/*
 * A block device's own page cache, and the operations of its node (ioctl: block_ioctl.c). A file system on the device does not
 * go through this cache: both are written back and emptied when one gives way to the other.
 */
#include <arch/user.h>
#include <boot/initcall.h>
#include <debug/log.h>
#include <fs/block_file.h>
#include <fs/buffer.h>
#include <fs/device_node.h>
#include <fs/mount.h>
#include <fs/sysfs/sysfs.h>
#include <fs/writeback.h>
#include <lib/err.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>

struct block_cache {
	struct vnode vnode; /* nobody's but ours: its lock, size and list of dirty files */
	struct memory_object object;
	struct block_device *device;
	struct sysfs_node *sysfs;
	bool shown; /* it has a name in /dev */
};

static struct block_cache *cache_of(struct memory_object *object)
{
	return container_of(object, struct block_cache, object);
}

/* Segments for a run of pages, the last of which may end early: bytes in all. */
static u64 fill_segments(struct block_segment *segments, struct frame *const frames[],
			 unsigned count, u64 bytes)
{
	u64 total = 0;

	for (unsigned i = 0; i < count; i++) {
		u32 size = MIN(bytes - total, (u64)PAGE_SIZE);

		segments[i] = (struct block_segment){ frame_data(frames[i]), size };
		total += size;
	}
	return total;
}

static int cache_read_pages(struct memory_object *object, u64 index, struct frame *const frames[],
			    unsigned count)
{
	struct block_segment segments[OBJECT_RUN_MAX];
	u64 offset = index * PAGE_SIZE, bytes = READ_ONCE(object->size) - offset;

	bytes = fill_segments(segments, frames, count, bytes);
	if (bytes % PAGE_SIZE)
		memset((u8 *)frame_data(frames[count - 1]) + bytes % PAGE_SIZE, 0,
		       PAGE_SIZE - bytes % PAGE_SIZE);
	return block_readv(cache_of(object)->device, offset, segments, count);
}

static int cache_write_pages(struct memory_object *object, u64 index, struct frame *const frames[],
			     unsigned count)
{
	struct block_segment segments[OBJECT_RUN_MAX];
	u64 offset = index * PAGE_SIZE, size = READ_ONCE(object->size);

	if (offset >= size)
		return 0;
	count = MIN((u64)count, DIV_ROUND_UP(size - offset, (u64)PAGE_SIZE));
	fill_segments(segments, frames, count, size - offset);
	return block_writev(cache_of(object)->device, offset, segments, count, 0);
}

static void never_released(struct memory_object *object)
{
}

static void vnode_never_released(struct vnode *vnode)
{
}

static const struct object_operations object_operations = {
	.read_pages = cache_read_pages,
	.write_pages = cache_write_pages,
	.first_dirty = writeback_object_dirty,
	.release = never_released,
};
static const struct vnode_operations vnode_operations = { .release = vnode_never_released };

static struct block_cache *cache_of_file(struct file *file)
{
	return ((struct block_device *)file->private)->cache;
}

int block_file_flush(struct block_device *device)
{
	struct block_cache *cache = device->cache;
	int error = object_write_back(&cache->object, 0, ~(u64)0, OBJECT_WAIT);

	object_drop_clean(&cache->object, 0, ~(u64)0);
	return error;
}

void block_file_forget(struct block_device *device, u64 offset, u64 size)
{
	struct block_cache *cache = device->cache;
	u64 first = offset / PAGE_SIZE, last = (offset + size - 1) / PAGE_SIZE;

	object_write_back(&cache->object, first, last, OBJECT_WAIT);
	object_drop_pages(&cache->object, first, last);
}

static int block_open(struct vnode *vnode, struct file *file)
{
	struct block_device *device = file->private;
	struct block_cache *cache = device->cache;
	int error = 0;

	if (READ_ONCE(device->disk->gone) || (device->partition && !READ_ONCE(device->size)))
		return -ENXIO;
	if (file->flags & O_EXCL)
		error = block_claim(device, file);
	if (error)
		return error;
	/* A file system may have changed the device since the last look. */
	if (block_opened(device))
		object_drop_clean(&cache->object, 0, ~(u64)0);
	file->errors_seen = READ_ONCE(cache->object.write_errors);
	return 0;
}

static void block_close(struct file *file)
{
	struct block_device *device = file->private;

	if (block_closed(device))
		block_file_flush(device);
	block_release(device, file);
}

/* O_DIRECT: past the cache, through a buffer of the kernel's; whole logical blocks. */
static ssize_t transfer_direct(struct file *file, struct io_iterator *iterator, s64 *position)
{
	enum { BOUNCE = 64 << 10 };
	struct block_device *device = file->private;
	struct block_cache *cache = device->cache;
	u32 mask = device->sector_size - 1;
	u64 left = *position < (s64)device->size ? device->size - *position : 0;
	ssize_t total = 0;
	int error = 0;
	u8 *data;

	if (*position & mask || iterator->left & mask)
		return -EINVAL;
	data = kmalloc(BOUNCE);
	if (!data)
		return -ENOMEM;
	object_write_back(&cache->object, *position / PAGE_SIZE, ~(u64)0, OBJECT_WAIT);
	while (iterator->left && left && !error) {
		size_t part = MIN(MIN(iterator->left, (size_t)BOUNCE), left);

		if (iterator->to_memory)
			error = block_read(device, *position, data, part);
		if (!error && io_copy(iterator, data, part) < part)
			error = -EFAULT;
		if (!error && !iterator->to_memory)
			error = block_write(device, *position, data, part, 0);
		if (error)
			break;
		*position += part;
		total += part;
		left -= part;
	}
	kfree(data);
	if (!iterator->to_memory && total)
		object_drop_clean(&cache->object, (*position - total) / PAGE_SIZE,
				  (*position - 1) / PAGE_SIZE);
	if (!total && !error && !iterator->to_memory && iterator->left)
		error = -ENOSPC;
	return total ? total : error;
}

static ssize_t block_file_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t done;

	if (file->flags & O_DIRECT)
		return transfer_direct(file, iterator, position);
	done = page_cache_read(&cache_of_file(file)->vnode, iterator, *position);
	if (done > 0)
		*position += done;
	return done;
}

static ssize_t block_file_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct vnode *vnode = &cache_of_file(file)->vnode;
	size_t beyond = 0;
	ssize_t done;
	u64 room;

	if (!block_is_writable(file->private))
		return -EPERM;
	if (file->flags & O_DIRECT)
		return transfer_direct(file, iterator, position);
	if (iterator->call & IO_NO_WAIT)
		return -EOPNOTSUPP;
	room = *position < (s64)vnode->size ? vnode->size - *position : 0;
	if (!room)
		return iterator->left ? -ENOSPC : 0;
	if (iterator->left > room)
		beyond = iterator->left - room;
	iterator->left -= beyond;
	write_lock(&vnode->lock);
	done = page_cache_write(vnode, iterator, *position);
	write_unlock(&vnode->lock);
	iterator->left += beyond;
	if (done <= 0)
		return done;
	*position += done;
	if (file->flags & O_DSYNC) {
		int error = file_sync(file, true);

		if (error)
			return error;
	}
	return done;
}

static s64 block_seek(struct file *file, s64 offset, int whence)
{
	s64 size = ((struct block_device *)file->private)->size;
	s64 base = whence == 0 ? 0 : whence == 1 ? file->position : size;

	if (whence > 2)
		return whence == 3 && offset < size   ? offset
		       : whence == 4 && offset < size ? size
						      : -ENXIO;
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return -EINVAL;
	file->position = base;
	return base;
}

static int block_sync(struct file *file, bool data_only)
{
	struct block_device *device = file->private;
	struct block_cache *cache = device->cache;
	int error = writeback_vnode(&cache->vnode, 0, ~(u64)0, &file->errors_seen);
	int failed = block_flush(device);

	return error ? error : failed;
}

static int block_map(struct file *file, struct map_request *request)
{
	request->object = &cache_of_file(file)->object;
	return 0;
}

static const struct file_operations file_operations = {
	.open = block_open,
	.release = block_close,
	.read = block_file_read,
	.write = block_file_write,
	.seek = block_seek,
	.ioctl = block_ioctl,
	.sync = block_sync,
	.map = block_map,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};

static void show_size(struct text *text, void *context)
{
	const struct block_device *device = context;

	text_format(text, "%llu\n", (unsigned long long)(device->size >> SECTOR_SHIFT));
}

static void show_start(struct text *text, void *context)
{
	const struct block_device *device = context;

	text_format(text, "%llu\n", (unsigned long long)device->start);
}

static void show_read_only(struct text *text, void *context)
{
	text_format(text, "%d\n", !block_is_writable(context));
}

static void show_write_cache(struct text *text, void *context)
{
	const struct block_device *device = context;

	text_format(text, device->features & BLOCK_HAS_CACHE ? "write back\n" : "write through\n");
}

static void show_discard_max(struct text *text, void *context)
{
	const struct block_device *device = context;

	text_format(text, "%llu\n", (unsigned long long)device->discard_max << SECTOR_SHIFT);
}

static void show_in_sysfs(struct block_device *device)
{
	struct block_cache *cache = device->cache, *disk = device->disk->cache;
	struct sysfs_node *queue;
	char number[16];

	cache->sysfs = sysfs_device_add(device->partition && disk ? disk->sysfs : NULL, "block",
					device->name, S_IFBLK, device->number, NULL);
	sysfs_file(cache->sysfs, "size", 0444, show_size, NULL, device);
	sysfs_file(cache->sysfs, "ro", 0444, show_read_only, NULL, device);
	if (device->partition) {
		snprintf(number, sizeof(number), "%u", device->partition);
		sysfs_text(cache->sysfs, "partition", number);
		sysfs_file(cache->sysfs, "start", 0444, show_start, NULL, device);
		return;
	}
	sysfs_text(cache->sysfs, "removable", "0");
	queue = sysfs_directory(cache->sysfs, "queue");
	snprintf(number, sizeof(number), "%u", device->sector_size);
	sysfs_text(queue, "logical_block_size", number);
	sysfs_text(queue, "physical_block_size", number);
	sysfs_text(queue, "rotational", "0");
	sysfs_file(queue, "write_cache", 0444, show_write_cache, NULL, device);
	if (!(device->features & BLOCK_HAS_DISCARD))
		return;
	sysfs_text(queue, "discard_granularity", number);
	sysfs_file(queue, "discard_max_bytes", 0444, show_discard_max, NULL, device);
}

static int cache_make(struct block_device *device)
{
	struct block_cache *cache = kzalloc(sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	vnode_init(&cache->vnode, &anonymous_system, S_IFBLK | 0600);
	cache->vnode.operations = &vnode_operations;
	cache->vnode.size = device->size;
	object_init(&cache->object, &object_operations, device->size);
	cache->object.owner = &cache->vnode;
	cache->vnode.object = &cache->object;
	cache->device = device;
	device->cache = cache;
	return 0;
}

/* A partition that a new table does not have is nowhere to be seen until another has it. */
static void show(struct block_device *device, bool shown)
{
	struct block_cache *cache = device->cache;

	if (cache->shown == shown)
		return;
	cache->shown = shown;
	device_node_name(S_IFBLK, device->number, shown);
	if (shown) {
		show_in_sysfs(device);
	} else if (cache->sysfs) {
		sysfs_device_remove(cache->sysfs);
		cache->sysfs = NULL;
	}
}

/* New, or of another size than before. */
static void appeared(struct block_device *device)
{
	struct block_cache *cache = device->cache;
	int error;

	if (cache) {
		(void)object_write_back(&cache->object, 0, ~(u64)0, OBJECT_WAIT);
		object_drop_pages(&cache->object, 0, ~(u64)0);
		object_set_size(&cache->object, device->size);
		WRITE_ONCE(cache->vnode.size, device->size);
		show(device, device->size || !device->partition);
		return;
	}
	error = cache_make(device);
	if (!error)
		error = device_node_register(device->name, S_IFBLK | 0660, device->number,
					     &file_operations, device);
	if (error) {
		log_warning("%s: no device node: error %d\n", device->name, -error);
		return;
	}
	((struct block_cache *)device->cache)->shown = true;
	show_in_sysfs(device);
}

int block_device_by_path(const char *name, struct block_device **device)
{
	struct path path;
	int error = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &path);

	if (error)
		return error;
	if (!S_ISBLK(path_vnode(&path)->mode))
		error = -ENOTBLK;
	else if (path.mount->flags & MS_NODEV)
		error = -EACCES;
	else if (!(*device = block_find(path_vnode(&path)->device)) || !(*device)->cache)
		error = -ENXIO;
	path_put(&path);
	return error;
}

static int block_files_start(void)
{
	block_appeared = appeared;
	return 0;
}
INITCALL_FS(block_files_start);
