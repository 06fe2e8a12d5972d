/*
 * A block device's own page cache, and the operations of its node. A file system on the device does not
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
	struct spinlock lock;
	unsigned opens; /* [lock] */
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

static bool is_writable(const struct block_device *device)
{
	return !READ_ONCE(device->read_only) && !READ_ONCE(device->disk->read_only);
}

int block_file_flush(struct block_device *device)
{
	struct block_cache *cache = device->cache;
	int error = object_write_back(&cache->object, 0, ~(u64)0, OBJECT_WAIT);

	object_drop_clean(&cache->object, 0, ~(u64)0);
	return error;
}

static int block_open(struct vnode *vnode, struct file *file)
{
	struct block_device *device = file->private;
	struct block_cache *cache = device->cache;
	int error = 0;
	bool first;

	if (READ_ONCE(device->disk->gone) || (device->partition && !READ_ONCE(device->size)))
		return -ENXIO;
	if (file_writable(file) && !is_writable(device))
		return -EACCES;
	if (file->flags & O_EXCL)
		error = block_claim(device, file);
	if (error)
		return error;
	spin_lock(&cache->lock);
	first = !cache->opens++;
	spin_unlock(&cache->lock);
	/* A file system may have changed the device since the last look. */
	if (first)
		object_drop_clean(&cache->object, 0, ~(u64)0);
	file->errors_seen = READ_ONCE(cache->object.write_errors);
	return 0;
}

static void block_close(struct file *file)
{
	struct block_device *device = file->private;
	struct block_cache *cache = device->cache;
	bool last;

	spin_lock(&cache->lock);
	last = !--cache->opens;
	spin_unlock(&cache->lock);
	if (last)
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

	if (!is_writable(file->private))
		return -EPERM;
	if (file->flags & O_DIRECT)
		return transfer_direct(file, iterator, position);
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

enum { /* ioctl_list(2), linux/fs.h */
       BLKROSET = 0x125d,
       BLKROGET = 0x125e,
       BLKRRPART = 0x125f,
       BLKGETSIZE = 0x1260,
       BLKFLSBUF = 0x1261,
       BLKSSZGET = 0x1268,
       BLKDISCARD = 0x1277,
       BLKIOMIN = 0x1278,
       BLKIOOPT = 0x1279,
       BLKPBSZGET = 0x127b,
       BLKDISCARDZEROES = 0x127c,
       BLKZEROOUT = 0x127f,
       BLKROTATIONAL = 0x127e,
};
#define BLKBSZGET     0x80081270u
#define BLKBSZSET     0x40081271u
#define BLKGETSIZE64  0x80081272u
#define BLKGETDISKSEQ 0x80081280u

static long put_u32(vaddr_t to, u32 value)
{
	return copy_out(to, &value, sizeof(value));
}

static long put_u64(vaddr_t to, u64 value)
{
	return copy_out(to, &value, sizeof(value));
}

static int zero_range(struct block_device *device, u64 offset, u64 size)
{
	size_t most = 64 << 10;
	u8 *zeros = kzalloc(most);
	int error = zeros ? 0 : -ENOMEM;

	while (size && !error) {
		size_t part = MIN(size, (u64)most);

		error = block_write(device, offset, zeros, part, 0);
		offset += part;
		size -= part;
		if (thread_signal_pending(thread_current()))
			error = error ? error : -EINTR;
	}
	kfree(zeros);
	return error;
}

static long discard(struct file *file, vaddr_t argument, bool zero)
{
	struct block_device *device = file->private;
	struct block_cache *cache = device->cache;
	u64 range[2];

	if (!file_writable(file))
		return -EBADF;
	if (copy_in(range, argument, sizeof(range)))
		return -EFAULT;
	if ((range[0] | range[1]) & (device->sector_size - 1) || range[0] > device->size ||
	    range[1] > device->size - range[0] || (!range[1] && !zero))
		return -EINVAL;
	if (!zero && !(device->disk->features & BLOCK_HAS_DISCARD))
		return -EOPNOTSUPP;
	if (!range[1])
		return 0;
	object_write_back(&cache->object, range[0] / PAGE_SIZE,
			  (range[0] + range[1] - 1) / PAGE_SIZE, OBJECT_WAIT);
	object_drop_pages(&cache->object, range[0] / PAGE_SIZE,
			  (range[0] + range[1] - 1) / PAGE_SIZE);
	return zero ? zero_range(device, range[0], range[1])
		    : block_discard(device, range[0], range[1]);
}

static long set_read_only(struct block_device *device, vaddr_t argument)
{
	u32 value;

	if (!fs_is_privileged())
		return -EACCES;
	if (copy_in(&value, argument, sizeof(value)))
		return -EFAULT;
	WRITE_ONCE(device->read_only, value != 0);
	return 0;
}

static long set_block_size(vaddr_t argument)
{
	u32 value;

	if (!fs_is_privileged())
		return -EACCES;
	if (copy_in(&value, argument, sizeof(value)))
		return -EFAULT;
	/* The size of pages in the cache is what it is. */
	return value < SECTOR_SIZE || value > PAGE_SIZE || value & (value - 1) ? -EINVAL : 0;
}

static long block_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct block_device *device = file->private;

	switch (command) {
	case BLKROSET:
		return set_read_only(device, argument);
	case BLKROGET:
		return put_u32(argument, !is_writable(device));
	case BLKRRPART:
		return fs_is_privileged() ? block_rescan(device) : -EACCES;
	case BLKGETSIZE:
		return put_u64(argument, device->size >> SECTOR_SHIFT);
	case BLKFLSBUF:
		return fs_is_privileged() ? block_file_flush(device) : -EACCES;
	case BLKSSZGET:
		return put_u32(argument, device->sector_size);
	case BLKPBSZGET:
	case BLKIOMIN:
		return put_u32(argument, device->sector_size);
	case BLKIOOPT:
	case BLKDISCARDZEROES:
		return put_u32(argument, 0);
	case BLKROTATIONAL:
		return copy_out(argument, &(u16){ 0 }, sizeof(u16));
	case BLKBSZGET:
		return put_u32(argument, PAGE_SIZE);
	case BLKBSZSET:
		return set_block_size(argument);
	case BLKGETSIZE64:
		return put_u64(argument, device->size);
	case BLKGETDISKSEQ:
		return put_u64(argument, 1 + device->disk->number);
	case BLKDISCARD:
	case BLKZEROOUT:
		return discard(file, argument, command == BLKZEROOUT);
	default:
		return -ENOTTY;
	}
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
	text_format(text, "%d\n", !is_writable(context));
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
	spin_init(&cache->lock, RANK_WAIT);
	device->cache = cache;
	return 0;
}

/* New, or of another size than before. */
static void appeared(struct block_device *device)
{
	struct block_cache *cache = device->cache;
	int error = 0;

	if (cache) {
		object_drop_pages(&cache->object, 0, ~(u64)0);
		object_set_size(&cache->object, device->size);
		WRITE_ONCE(cache->vnode.size, device->size);
		return;
	}
	error = cache_make(device);
	if (!error)
		error = device_node_register(device->name, S_IFBLK | 0660, device->number,
					     &file_operations, device);
	if (error)
		log_warning("%s: no device node: error %d\n", device->name, -error);
	else
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
