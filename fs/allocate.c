/* fallocate(2) for files whose contents are a memory object. */
#include <fs/file.h>
#include <fs/notify.h>
#include <fs/seal.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/process.h>
#include <sched/cpu.h>

enum {
	FALLOC_KEEP_SIZE = 1,
	FALLOC_PUNCH_HOLE = 2,
	FALLOC_COLLAPSE_RANGE = 8,
	FALLOC_ZERO_RANGE = 16,
	FALLOC_INSERT_RANGE = 32,
};

/* The part of one page, when it is there. */
static void zero_part(struct vnode *vnode, u64 start, u64 end)
{
	struct frame *frame;

	if (start >= end || object_page(vnode->object, start / PAGE_SIZE, false, &frame))
		return;
	memset((u8 *)frame_data(frame) + start % PAGE_SIZE, 0, end - start);
	object_page_dirty(vnode->object, frame);
	frame_put(frame);
}

/* Whole pages go; what is left at either end is cleared. */
static void punch(struct vnode *vnode, u64 start, u64 end)
{
	u64 first = start / PAGE_SIZE + (start % PAGE_SIZE != 0), last = end / PAGE_SIZE;

	if (first > last) {
		zero_part(vnode, start, end);
		return;
	}
	zero_part(vnode, start, first * PAGE_SIZE);
	zero_part(vnode, last * PAGE_SIZE, end);
	if (first < last)
		object_drop_pages(vnode->object, first, last - 1);
}

/* Make the pages of [start, end): 0, -ENOSPC, -ENOMEM, -EINTR. */
static int fill(struct vnode *vnode, u64 start, u64 end)
{
	for (u64 index = start / PAGE_SIZE; index * PAGE_SIZE < end; index++) {
		struct frame *frame;
		int error = object_page(vnode->object, index, true, &frame);

		if (error)
			return error;
		frame_put(frame);
		if (thread_signal_pending(thread_current()))
			return -EINTR;
		schedule_if_needed();
	}
	return 0;
}

static int allocate_locked(struct vnode *vnode, u64 start, u64 size, bool keep_size)
{
	u64 end = start + size, limit = process_limit(RLIMIT_FSIZE);
	s64 room = size;
	int error;

	if (!keep_size && end > vnode->size && end > limit)
		return -EFBIG;
	if (vnode->operations->reserve)
		room = vnode->operations->reserve(vnode, start, size);
	if (room < (s64)size)
		return -ENOSPC;
	error = fill(vnode, start, end);
	if (!error && !keep_size && end > vnode->size) {
		object_set_size(vnode->object, end);
		WRITE_ONCE(vnode->size, end);
	}
	return error;
}

/* Of the size and type of @vnode nothing is known yet. */
static bool modes_known(const struct vnode *vnode, int mode)
{
	int known = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE;

	if (mode == FALLOC_COLLAPSE_RANGE || mode == FALLOC_INSERT_RANGE)
		return vnode && vnode->operations->allocate;
	if (vnode && vnode->operations->allocate)
		known |= FALLOC_ZERO_RANGE;
	return !(mode & ~known) && mode != FALLOC_PUNCH_HOLE &&
	       (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) !=
		       (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE);
}

static int allocate_blocks(struct vnode *vnode, int mode, u64 start, u64 size)
{
	u64 end = start + size;

	if (mode == FALLOC_INSERT_RANGE)
		end = vnode->size + size;
	if (!(mode & (FALLOC_KEEP_SIZE | FALLOC_COLLAPSE_RANGE)) && end > vnode->size &&
	    end > process_limit(RLIMIT_FSIZE))
		return -EFBIG;
	return vnode->operations->allocate(vnode, mode, start, size);
}

int file_allocate(struct file *file, int mode, s64 offset, s64 size)
{
	struct vnode *vnode = file->vnode;
	int error = 0;
	s64 end;

	if (offset < 0 || size <= 0)
		return -EINVAL;
	if (!modes_known(vnode, mode))
		return -EOPNOTSUPP;
	if (!file_writable(file))
		return -EBADF;
	if (!vnode || !vnode->object)
		return !vnode		       ? -ENODEV
		       : S_ISFIFO(vnode->mode) ? -ESPIPE
		       : S_ISDIR(vnode->mode)  ? -EISDIR
					       : -ENODEV;
	if (__builtin_add_overflow(offset, size, &end))
		return -EFBIG;
	if (vnode->flags & VNODE_IMMUTABLE ||
	    (vnode->flags & VNODE_APPEND && mode & ~FALLOC_KEEP_SIZE))
		return -EPERM;
	write_lock(&vnode->lock);
	if (mode & FALLOC_PUNCH_HOLE)
		error = seal_check_write(vnode);
	else if ((u64)end > vnode->size)
		error = seal_check_size(vnode, end);
	if (error)
		goto out;
	if (vnode->operations->allocate)
		error = allocate_blocks(vnode, mode, offset, size);
	else if (mode & FALLOC_PUNCH_HOLE)
		punch(vnode, offset, end);
	else
		error = allocate_locked(vnode, offset, size, mode & FALLOC_KEEP_SIZE);
	vnode_touch(vnode, false, !error, true);
	if (vnode->operations->refresh)
		vnode->operations->refresh(vnode);
out:
	write_unlock(&vnode->lock);
	if (!error)
		notify_file(file, IN_MODIFY);
	return error;
}
