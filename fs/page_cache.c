/* Regular files whose contents are a memory object. */
#include <fs/file.h>
#include <fs/file_ioctl.h>
#include <fs/seal.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <mm/space.h>
#include <proc/process.h>
#include <sched/cpu.h>

/* MAX_LFS_FILESIZE of a 64-bit kernel. */
#define FILE_SIZE_MAX ((s64)((~0ull) >> 1))

/* Up to @size bytes of the page at @index, from @offset: how many came across, or -errno. */
static ssize_t read_part(struct vnode *vnode, struct io_iterator *iterator, u64 index,
			 size_t offset, size_t size)
{
	struct memory_object *object = vnode->object;
	struct frame *frame;
	size_t done;
	bool backed = object->operations->fill || object->operations->read_pages;
	bool no_wait = iterator->call & IO_NO_WAIT;
	int error = backed && !no_wait
			    ? object_page_ahead(
				      object, index,
				      (offset + iterator->left + PAGE_SIZE - 1) / PAGE_SIZE, &frame)
			    : object_page(object, index, false, &frame);

	if (error == -ENOENT && backed)
		return -EAGAIN;
	if (error == -ENOENT) {
		done = io_zero(iterator, size);
		return done ? (ssize_t)done : -EFAULT;
	}
	if (error)
		return error;
	/* The reference keeps the page, not a lock: the copy may fault and sleep. */
	done = io_copy(iterator, (u8 *)frame_data(frame) + offset, size);
	frame_put(frame);
	return done ? (ssize_t)done : -EFAULT;
}

ssize_t page_cache_read(struct vnode *vnode, struct io_iterator *iterator, s64 position)
{
	ssize_t total = 0;

	while (iterator->left) {
		u64 size = READ_ONCE(vnode->size), at = position + total;
		size_t offset = at % PAGE_SIZE, part;
		ssize_t done;

		if (at >= size)
			break;
		part = MIN(MIN(size - at, (u64)PAGE_SIZE - offset), (u64)iterator->left);
		done = read_part(vnode, iterator, at / PAGE_SIZE, offset, part);
		if (done < 0)
			return total ? total : done;
		total += done;
		if ((size_t)done < part)
			break;
		schedule_if_needed();
	}
	return total;
}

static void grow(struct vnode *vnode, u64 size)
{
	if (size <= vnode->size)
		return;
	object_set_size(vnode->object, size);
	WRITE_ONCE(vnode->size, size);
}

static ssize_t write_part(struct vnode *vnode, struct io_iterator *iterator, u64 index,
			  size_t offset, size_t size)
{
	bool whole = size == PAGE_SIZE || (!offset && index * PAGE_SIZE + size >= vnode->size);
	struct frame *frame;
	size_t done;
	int error;

	if (vnode->object->operations->write_pages)
		writeback_throttle();
	error = object_page_write(vnode->object, index, &whole, &frame);
	if (error)
		return error;
	done = io_copy(iterator, (u8 *)frame_data(frame) + offset, size);
	/* What was not copied is not in the page, for it was not read. */
	if (done < size && whole && vnode->object->operations->read_pages) {
		object_page_undo(vnode->object, frame);
		done = 0;
	}
	/* Before the page is dirty for good: write-back leaves out what is past the end. */
	if (done && vnode->object->operations->write_pages)
		grow(vnode, index * PAGE_SIZE + offset + done);
	if (done)
		object_page_dirty(vnode->object, frame);
	frame_put(frame);
	return done ? (ssize_t)done : -EFAULT;
}

ssize_t page_cache_write(struct vnode *vnode, struct io_iterator *iterator, s64 position)
{
	ssize_t total = 0, done = 0;

	while (iterator->left) {
		u64 at = position + total;
		size_t offset = at % PAGE_SIZE;
		size_t part = MIN((size_t)PAGE_SIZE - offset, iterator->left);

		done = write_part(vnode, iterator, at / PAGE_SIZE, offset, part);
		if (done < 0)
			break;
		total += done;
		if ((size_t)done < part)
			break;
		schedule_if_needed();
	}
	if (total)
		grow(vnode, position + total);
	return total ? total : done;
}

static void exceed_limit(void)
{
	struct signal_info info = { .signo = SIGXFSZ, .code = SI_KERNEL };

	signal_send_thread(thread_current(), &info);
}

/* write(2): how many of @size bytes at @position may be written. -EFBIG, -ENOSPC. */
static s64 write_room(struct vnode *vnode, s64 position, u64 size)
{
	u64 limit = process_current() ? process_limit(RLIMIT_FSIZE) : RLIMIT_INFINITY;

	if (!size)
		return 0;
	if ((u64)position >= limit) {
		exceed_limit();
		return -EFBIG;
	}
	if (position >= FILE_SIZE_MAX)
		return -EFBIG;
	size = MIN(MIN(size, limit - position), (u64)(FILE_SIZE_MAX - position));
	if (unlikely(vnode->seals & ~(u32)SEALABLE)) {
		s64 room = seal_write_room(vnode, position, size);

		if (room < 0)
			return room;
		size = room;
	}
	if (vnode->operations->reserve)
		return vnode->operations->reserve(vnode, position, size);
	return size;
}

/* mount(8), relatime: the access time follows the others, and moves once a day. */
static void note_access(struct file *file)
{
	const struct vnode_times *times = &file->vnode->times;

	if (file->flags & O_NOATIME || file->vnode->flags & VNODE_NOATIME ||
	    (file->path.mount && file->path.mount->flags & (MS_NOATIME | MS_RDONLY)))
		return;
	if ((file->path.mount && file->path.mount->flags & MS_STRICTATIME) ||
	    times->access <= times->modify || times->access <= times->change ||
	    vnode_time_now() - times->access > 86400 * 1000000000ll)
		vnode_touch(file->vnode, true, false, false);
}

static ssize_t regular_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t done;

	/* As on Linux: of a file that is not on a disk it cannot be asked. */
	if (unlikely(iterator->call & IO_NO_WAIT) && !file->vnode->object->operations->read_pages)
		return -EOPNOTSUPP;
	done = page_cache_read(file->vnode, iterator, *position);
	if (done > 0) {
		*position += done;
		note_access(file);
	}
	return done;
}

static ssize_t write_locked(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct vnode *vnode = file->vnode;
	size_t beyond;
	ssize_t done;
	s64 room;

	if ((file->flags & O_APPEND && !(iterator->call & IO_NO_APPEND)) ||
	    iterator->call & IO_APPEND)
		*position = vnode->size;
	room = write_room(vnode, *position, iterator->left);
	if (room <= 0)
		return room;
	vnode_drop_privileges(vnode);
	beyond = iterator->left - room;
	iterator->left = room;
	done = page_cache_write(vnode, iterator, *position);
	iterator->left += beyond;
	if (done > 0) {
		*position += done;
		vnode_touch(vnode, false, true, true);
		if (vnode->operations->reserve)
			vnode->operations->refresh(vnode);
	}
	return done;
}

static ssize_t regular_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct vnode *vnode = file->vnode;
	ssize_t done;

	if (unlikely(iterator->call & IO_NO_WAIT))
		return -EOPNOTSUPP;
	write_lock(&vnode->lock);
	done = write_locked(file, iterator, position);
	write_unlock(&vnode->lock);
	if (done > 0 &&
	    (file->flags & O_DSYNC || vnode->flags & VNODE_SYNC || vnode->system->synchronous)) {
		int error = file_sync(file, true);

		if (error)
			return error;
	}
	return done;
}

static int regular_map(struct file *file, struct map_request *request)
{
	u64 last = FILE_SIZE_MAX / PAGE_SIZE, pages = request->length / PAGE_SIZE;

	if (request->offset > last || pages > last - request->offset)
		return -EOVERFLOW;
	request->object = file->vnode->object;
	if (request->flags & MAPPING_SHARED && seal_check_write(file->vnode)) {
		if (request->prot & PAGE_WRITE)
			return -EPERM;
		request->prot_max &= ~(unsigned)PAGE_WRITE;
	}
	return 0;
}

const struct file_operations regular_file_operations = {
	.read = regular_read,
	.write = regular_write,
	.ioctl = vnode_ioctl,
	.map = regular_map,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};
