/* From file to file inside the kernel: sendfile(2), copy_file_range(2). */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/process.h>
#include <sched/cpu.h>

enum { CHUNK = 16384 };

/* Up to CHUNK bytes: how many came through (0: the end), or -errno. Positions move by as many. */
static ssize_t copy_chunk(struct file *from, s64 *from_at, struct file *to, s64 *to_at,
			  void *buffer, size_t size)
{
	struct io_iterator iterator;
	s64 at = *from_at;
	ssize_t got, done;

	io_kernel(&iterator, buffer, MIN(size, (size_t)CHUNK), true);
	got = file_read(from, &iterator, &at);
	if (got <= 0)
		return got;
	io_kernel(&iterator, buffer, got, false);
	done = to_at ? file_write(to, &iterator, to_at) : file_write_here(to, &iterator);
	if (done > 0)
		*from_at += done;
	return done;
}

static ssize_t copy_all(struct file *from, s64 *from_at, struct file *to, s64 *to_at, u64 size)
{
	void *buffer = kmalloc(CHUNK);
	ssize_t total = 0, done = 0;

	if (!buffer)
		return -ENOMEM;
	size = MIN(size, (u64)TRANSFER_MAX);
	while ((u64)total < size) {
		done = copy_chunk(from, from_at, to, to_at, buffer, size - total);
		if (done <= 0)
			break;
		total += done;
		if (signal_pending())
			break;
		schedule_if_needed();
	}
	kfree(buffer);
	return total ? total : done;
}

/* Where to read or write: at *@user, or at the file's position. */
static int position_in(struct file *file, vaddr_t user, s64 *at)
{
	if (user) {
		if (!file->operations->seekable)
			return -ESPIPE;
		if (copy_in(at, user, sizeof(*at)))
			return -EFAULT;
	} else {
		mutex_lock(&file->position_lock);
		*at = file->position;
		mutex_unlock(&file->position_lock);
	}
	return *at < 0 ? -EINVAL : 0;
}

static int position_out(struct file *file, vaddr_t user, s64 at)
{
	if (user)
		return copy_out(user, &at, sizeof(at)) ? -EFAULT : 0;
	mutex_lock(&file->position_lock);
	file->position = at;
	mutex_unlock(&file->position_lock);
	return 0;
}

/* For /proc/PID/io: one call that read and wrote. */
static void transfer_note(long result)
{
	struct process_activity *activity = &thread_current()->user->activity;
	u64 bytes = result > 0 ? (u64)result : 0;

	activity->reads++;
	activity->writes++;
	activity->bytes_read += bytes;
	activity->bytes_written += bytes;
}

static long send(struct file *to, struct file *from, vaddr_t offset, u64 size)
{
	ssize_t result;
	int error;
	s64 at;

	if (!file_readable(from) || !file_writable(to))
		return -EBADF;
	if (offset && !from->operations->seekable)
		return -ESPIPE;
	if (!from->vnode || !S_ISREG(from->vnode->mode) || to->flags & O_APPEND)
		return -EINVAL;
	error = position_in(from, offset, &at);
	if (error)
		return error;
	result = copy_all(from, &at, to, NULL, size);
	transfer_note(result);
	error = position_out(from, offset, at);
	return error ? error : result;
}

SYSCALL_4(sys_sendfile, out, in, offset, size)
{
	struct file_hold from = file_hold((int)in), to;
	long result = -EBADF;

	if (!from.file)
		return -EBADF;
	to = file_hold((int)out);
	if (to.file) {
		result = send(to.file, from.file, offset, size);
		file_release(to);
	}
	file_release(from);
	return result;
}

static int check_range_files(struct file *from, struct file *to)
{
	if (!from->vnode || !to->vnode)
		return -EINVAL;
	if (S_ISDIR(from->vnode->mode) || S_ISDIR(to->vnode->mode))
		return -EISDIR;
	if (!S_ISREG(from->vnode->mode) || !S_ISREG(to->vnode->mode))
		return -EINVAL;
	if (!file_readable(from) || !file_writable(to) || to->flags & O_APPEND)
		return -EBADF;
	/* Contents made on the spot have a size of 0, and Linux refuses to copy between kinds. */
	return from->vnode->system->type == to->vnode->system->type ? 0 : -EXDEV;
}

static long copy_range(struct file *from, vaddr_t from_offset, struct file *to, vaddr_t to_offset,
		       u64 size)
{
	s64 from_at, to_at;
	u64 end;
	ssize_t result;
	int error = check_range_files(from, to);

	if (!error)
		error = position_in(from, from_offset, &from_at);
	if (!error)
		error = position_in(to, to_offset, &to_at);
	if (error)
		return error;
	end = READ_ONCE(from->vnode->size);
	size = (u64)from_at < end ? MIN(MIN(size, end - from_at), (u64)TRANSFER_MAX) : 0;
	if (from->vnode == to->vnode && from_at < to_at + (s64)size && to_at < from_at + (s64)size)
		return -EINVAL;
	result = copy_all(from, &from_at, to, &to_at, size);
	transfer_note(result);
	if (result <= 0)
		return result;
	error = position_out(from, from_offset, from_at);
	if (!error)
		error = position_out(to, to_offset, to_at);
	return error ? error : result;
}

SYSCALL_6(sys_copy_file_range, in, in_offset, out, out_offset, size, flags)
{
	struct file_hold from, to;
	long result = -EBADF;

	if ((u32)flags)
		return -EINVAL;
	from = file_hold((int)in);
	if (!from.file)
		return -EBADF;
	to = file_hold((int)out);
	if (to.file) {
		result = copy_range(from.file, in_offset, to.file, out_offset, size);
		file_release(to);
	}
	file_release(from);
	return result;
}
