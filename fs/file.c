#include <fs/dentry.h>
#include <fs/epoll.h>
#include <fs/file.h>
#include <fs/file_ioctl.h>
#include <fs/mount.h>
#include <fs/notify.h>
#include <fs/writeback.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/process.h>

enum { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };

static SLAB_CACHE(file_cache, struct file);

struct file *file_create(const struct file_operations *operations, u32 flags, void *private)
{
	struct file *file = slab_alloc(&file_cache);

	if (!file)
		return ERR_PTR(-ENOMEM);
	atomic32_set(&file->references, 1);
	file->flags = flags;
	file->operations = operations;
	file->path = (struct path){ NULL, NULL };
	file->vnode = NULL;
	mutex_init(&file->position_lock, RANK_MOUNT);
	file->position = 0;
	file->private = private;
	file->owner = 0;
	file->owner_signal = 0;
	file->announced = false;
	file->watchers = NULL;
	return file;
}

struct file *file_create_anonymous(struct vnode *vnode, const char *name,
				   const struct file_operations *operations, u32 flags,
				   void *private)
{
	struct dentry *dentry = dentry_create(NULL, name, strlen(name), vnode);
	struct file *file;

	if (!dentry) {
		vnode_put(vnode);
		return ERR_PTR(-ENOMEM);
	}
	file = file_create(operations, flags, private);
	if (IS_ERR(file)) {
		dentry_put(dentry);
		return file;
	}
	atomic32_inc(&anonymous_mount.references);
	file->path = (struct path){ &anonymous_mount, dentry };
	vnode_get(vnode);
	file->vnode = vnode;
	return file;
}

void file_put(struct file *file)
{
	struct vnode *vnode = file->vnode;

	if (likely(!atomic32_dec_and_test(&file->references)))
		return;
	if (unlikely(read_acquire(&file->watchers)))
		epoll_file_gone(file);
	if (file->announced)
		notify_file(file, file_writable(file) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (file->operations->release)
		file->operations->release(file);
	if (vnode) {
		if (unlikely(vnode->locks))
			lock_drop_owner(vnode, file);
		if (file->flags & FILE_WRITER) {
			vnode_writer_put(vnode);
			atomic32_dec(&vnode->system->writers);
		}
		if (file->flags & FILE_EXECUTED && S_ISREG(vnode->mode))
			vnode_execution_put(vnode);
	}
	if (file->path.dentry)
		path_put(&file->path);
	if (vnode)
		vnode_put(vnode);
	slab_free(&file_cache, file);
}

/* No transfer reaches past the largest offset there is. */
static bool position_fits(const struct io_iterator *iterator, const s64 *position)
{
	return !position || (*position >= 0 && iterator->left <= (u64)(INT64_MAX - *position));
}

/* While someone watches something: fs/notify.h. */
static ssize_t transfer_and_tell(struct file *file, struct io_iterator *iterator, s64 *position,
				 bool write)
{
	const struct file_operations *operations = file->operations;
	ssize_t result = write ? operations->write(file, iterator, position)
			       : operations->read(file, iterator, position);

	if (result > 0)
		notify_file(file, write ? IN_MODIFY : IN_ACCESS);
	return result;
}

ssize_t file_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	if (!file_readable(file))
		return -EBADF;
	if (!file->operations->read || !position_fits(iterator, position))
		return -EINVAL;
	if (notify_wanted())
		return transfer_and_tell(file, iterator, position, false);
	return file->operations->read(file, iterator, position);
}

ssize_t file_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	if (!file_writable(file))
		return -EBADF;
	if (!file->operations->write || !position_fits(iterator, position))
		return -EINVAL;
	if (notify_wanted())
		return transfer_and_tell(file, iterator, position, true);
	return file->operations->write(file, iterator, position);
}

/* A file that several descriptors or threads have keeps its position under a lock. */
static bool position_begin(struct file *file)
{
	bool locked = atomic32_read(&file->references) > 1;

	if (locked)
		mutex_lock(&file->position_lock);
	return locked;
}

static void position_end(struct file *file, bool locked)
{
	if (locked)
		mutex_unlock(&file->position_lock);
}

static ssize_t transfer_here(struct file *file, struct io_iterator *iterator,
			     ssize_t (*transfer)(struct file *, struct io_iterator *, s64 *))
{
	ssize_t result;
	bool locked;

	if (!file->operations->seekable)
		return transfer(file, iterator, NULL);
	locked = position_begin(file);
	result = transfer(file, iterator, &file->position);
	position_end(file, locked);
	return result;
}

ssize_t file_read_here(struct file *file, struct io_iterator *iterator)
{
	return transfer_here(file, iterator, file_read);
}

ssize_t file_write_here(struct file *file, struct io_iterator *iterator)
{
	return transfer_here(file, iterator, file_write);
}

ssize_t file_read_kernel(struct file *file, void *to, size_t size, s64 position)
{
	size_t done = 0;

	while (done < size) {
		struct io_iterator iterator;
		ssize_t got;

		io_kernel(&iterator, (u8 *)to + done, size - done, true);
		if (!file->operations->read)
			return -EINVAL;
		got = file->operations->read(file, &iterator, &position);
		if (got < 0)
			return got;
		if (!got)
			break;
		done += got;
	}
	return done;
}

/* The next byte of data, or of a hole, at @offset or above. */
static s64 seek_data(struct vnode *vnode, u64 offset, bool hole)
{
	struct memory_object *object = vnode->object;
	u64 size = READ_ONCE(vnode->size), index = offset / PAGE_SIZE, found = index;

	if (offset >= size)
		return -ENXIO;
	if (vnode->operations->seek_data)
		return vnode->operations->seek_data(vnode, offset, hole);
	if (!object || object->operations->fill || object->operations->read_pages)
		return hole ? size : offset;
	mutex_lock(&object->lock);
	if (!hole) {
		if (!radix_next(&object->pages, &found))
			found = ~0ull / PAGE_SIZE;
	} else {
		while (found * PAGE_SIZE < size && radix_lookup(&object->pages, found))
			found++;
	}
	mutex_unlock(&object->lock);
	offset = found == index ? offset : found * PAGE_SIZE;
	if (offset < size)
		return offset;
	return hole ? (s64)size : -ENXIO;
}

static s64 seek_target(struct file *file, s64 offset, int whence)
{
	struct vnode *vnode = file->vnode;
	s64 base = 0;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = file->position;
		break;
	case SEEK_END:
		if (vnode && S_ISDIR(vnode->mode))
			return -EINVAL;
		base = vnode && S_ISREG(vnode->mode) ? (s64)READ_ONCE(vnode->size) : 0;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		return vnode ? seek_data(vnode, offset, whence == SEEK_HOLE) : -EINVAL;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &base))
		return -EINVAL;
	return base < 0 ? -EINVAL : base;
}

s64 file_seek(struct file *file, s64 offset, int whence)
{
	s64 result;
	bool locked;

	if (whence < SEEK_SET || whence > SEEK_HOLE)
		return -EINVAL;
	if (!file->operations->seekable && !file->operations->seek)
		return -ESPIPE;
	locked = position_begin(file);
	if (file->operations->seek) {
		result = file->operations->seek(file, offset, whence);
	} else {
		result = seek_target(file, offset, whence);
		if (result >= 0)
			file->position = result;
	}
	position_end(file, locked);
	return result;
}

int file_sync(struct file *file, bool data_only)
{
	struct vnode *vnode = file->vnode;
	int error = 0, failed = 0;

	if (file->operations->sync)
		return file->operations->sync(file, data_only);
	if (vnode && vnode->object && vnode->object->operations->write_pages)
		error = writeback_vnode(vnode, 0, ~(u64)0, &file->errors_seen);
	if (vnode && vnode->operations->sync)
		failed = vnode->operations->sync(vnode, data_only);
	if (vnode && vnode->system->block) {
		int earlier = writeback_metadata_error(file);

		failed = failed ? failed : earlier;
	}
	if (error || failed)
		return error ? error : failed;
	/* What lives in memory alone is always as safe as it gets; what is no file cannot be. */
	if (!file->vnode)
		return -EINVAL;
	return S_ISREG(file->vnode->mode) || S_ISDIR(file->vnode->mode) ? 0 : -EINVAL;
}

int file_write_back(struct file *file, u64 first, u64 last, bool wait)
{
	struct vnode *vnode = file->vnode;

	if (!vnode->object || !vnode->object->operations->write_pages)
		return 0;
	if (wait)
		return writeback_vnode(vnode, first, last, &file->errors_seen);
	return object_write_back(vnode->object, first, last, OBJECT_START);
}

int file_readdir(struct file *file, struct directory_sink *sink)
{
	struct vnode *vnode = file->vnode;
	int error;

	if (!vnode || !S_ISDIR(vnode->mode))
		return -ENOTDIR;
	if (file->operations->readdir)
		return file->operations->readdir(file, sink);
	if (!vnode->operations->readdir)
		return -ENOTDIR;
	read_lock(&vnode->lock);
	error = vnode->links ? vnode->operations->readdir(vnode, file->position, sink) : -ENOENT;
	read_unlock(&vnode->lock);
	if (!error)
		notify_file(file, IN_ACCESS);
	return error;
}

static ssize_t directory_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return -EISDIR;
}

const struct file_operations directory_file_operations = {
	.read = directory_read,
	.ioctl = vnode_ioctl,
	.seekable = true,
};

u32 file_poll(struct file *file, struct poll_table *table)
{
	if (!file->operations->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return file->operations->poll(file, table);
}
