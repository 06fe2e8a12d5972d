/* read(2), write(2) and their kin. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { /* preadv2(2) */
       RWF_HIPRI = 1,
       RWF_DSYNC = 2,
       RWF_SYNC = 4,
       RWF_NOWAIT = 8,
       RWF_APPEND = 16,
       RWF_NOAPPEND = 32,
       RWF_KNOWN = 63,
};

bool user_range_valid(vaddr_t base, u64 size)
{
	return base <= INT64_MAX && size <= INT64_MAX - base;
}

static int take_segments(struct io_iterator *iterator, struct io_segment *few, vaddr_t vector,
			 u64 count, bool to_memory, bool ours)
{
	struct io_segment *segments = few;
	u64 total = 0;

	if (count > SEGMENTS_MAX)
		return -EINVAL;
	if (count > SEGMENTS_FEW)
		segments = kmalloc(count * sizeof(*segments));
	if (!segments)
		return -ENOMEM;
	if (copy_in(segments, vector, count * sizeof(*segments)))
		goto fault;
	for (u64 i = 0; i < count; i++) {
		if ((s64)segments[i].size < 0) {
			segments_free(segments, few);
			return -EINVAL;
		}
		if (ours && !user_range_valid(segments[i].base, segments[i].size))
			goto fault;
		segments[i].size = MIN(segments[i].size, TRANSFER_MAX - total);
		total += segments[i].size;
	}
	io_user(iterator, 0, total, to_memory);
	iterator->segments = segments;
	iterator->count = count;
	return 0;
fault:
	segments_free(segments, few);
	return -EFAULT;
}

int segments_in(struct io_iterator *iterator, struct io_segment *few, vaddr_t vector, u64 count,
		bool to_memory)
{
	return take_segments(iterator, few, vector, count, to_memory, true);
}

int segments_in_unchecked(struct io_iterator *iterator, struct io_segment *few, vaddr_t vector,
			  u64 count)
{
	return take_segments(iterator, few, vector, count, false, false);
}

void segments_free(struct io_segment *first, struct io_segment *few)
{
	if (first != few)
		kfree(first);
}

/* For /proc/PID/io. */
static __force_inline long counted(bool write, long result)
{
	struct process_activity *activity = &thread_current()->user->activity;
	u64 bytes = result > 0 ? (u64)result : 0;

	if (write) {
		activity->writes++;
		activity->bytes_written += bytes;
	} else {
		activity->reads++;
		activity->bytes_read += bytes;
	}
	return result;
}

/* With @at NULL: at the file's own position. */
static __force_inline long transfer(struct file *file, struct io_iterator *iterator, bool write,
				    s64 *at)
{
	if (write ? !file_writable(file) : !file_readable(file))
		return -EBADF;
	if (!at)
		return counted(write, write ? file_write_here(file, iterator)
					    : file_read_here(file, iterator));
	if (!file->operations->seekable)
		return -ESPIPE;
	return counted(write,
		       write ? file_write(file, iterator, at) : file_read(file, iterator, at));
}

static __force_inline long transfer_one(unsigned long fd, vaddr_t base, u64 size, bool write,
					s64 *at)
{
	struct io_iterator iterator;
	struct file_hold hold;
	long result;

	if (at && *at < 0)
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	if (unlikely(!user_range_valid(base, size)) &&
	    (write ? file_writable(hold.file) : file_readable(hold.file))) {
		result = -EFAULT;
	} else {
		io_user(&iterator, base, MIN(size, (u64)TRANSFER_MAX), !write);
		result = transfer(hold.file, &iterator, write, at);
	}
	file_release(hold);
	return result;
}

SYSCALL_3(sys_read, fd, buffer, size)
{
	return transfer_one(fd, buffer, size, false, NULL);
}

SYSCALL_3(sys_write, fd, buffer, size)
{
	return transfer_one(fd, buffer, size, true, NULL);
}

SYSCALL_4(sys_pread64, fd, buffer, size, offset)
{
	s64 at = offset;

	return transfer_one(fd, buffer, size, false, &at);
}

SYSCALL_4(sys_pwrite64, fd, buffer, size, offset)
{
	s64 at = offset;

	return transfer_one(fd, buffer, size, true, &at);
}

static long transfer_segments(unsigned long fd, vaddr_t vector, u64 count, bool write, s64 *at)
{
	struct io_segment few[SEGMENTS_FEW], *segments;
	struct io_iterator iterator;
	struct file_hold hold;
	long result;

	if (at && *at < 0)
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	result = segments_in(&iterator, few, vector, count, !write);
	if (!result) {
		segments = iterator.segments;
		result = transfer(hold.file, &iterator, write, at);
		segments_free(segments, few);
	}
	file_release(hold);
	return result;
}

SYSCALL_3(sys_readv, fd, vector, count)
{
	return transfer_segments(fd, vector, count, false, NULL);
}

SYSCALL_3(sys_writev, fd, vector, count)
{
	return transfer_segments(fd, vector, count, true, NULL);
}

/* The offset of these comes in two halves, of which the lower has 64 bits. */
SYSCALL_4(sys_preadv, fd, vector, count, offset)
{
	s64 at = offset;

	return transfer_segments(fd, vector, count, false, &at);
}

SYSCALL_4(sys_pwritev, fd, vector, count, offset)
{
	s64 at = offset;

	return transfer_segments(fd, vector, count, true, &at);
}

/* What @flags (RWF_*) ask of @file: enum io_call; -EOPNOTSUPP, -EINVAL, -EPERM. */
static int call_flags(const struct file *file, u32 flags, bool write)
{
	const struct file_operations *operations = file->operations;
	bool known = write ? operations->write_flags : operations->read_flags;
	int call = flags & RWF_APPEND ? IO_APPEND : 0;

	if (!known)
		return flags & ~(u32)RWF_HIPRI ? -EOPNOTSUPP : 0;
	if (flags & ~(u32)RWF_KNOWN)
		return -EOPNOTSUPP;
	if (flags & RWF_APPEND && flags & RWF_NOAPPEND)
		return -EINVAL;
	if (flags & RWF_NOWAIT) {
		if (!operations->no_wait)
			return -EOPNOTSUPP;
		call |= IO_NO_WAIT;
	}
	if (flags & RWF_NOAPPEND && file->flags & O_APPEND) {
		if (file->vnode && file->vnode->flags & VNODE_APPEND)
			return -EPERM;
		call |= IO_NO_APPEND;
	}
	return call;
}

static long transfer_flags(struct file *file, struct io_iterator *iterator, bool write, s64 *at,
			   u32 flags)
{
	int call = 0, error;
	long result;

	/* What cannot be read or written says so first. */
	if (iterator->left && (write ? file_writable(file) && file->operations->write
				     : file_readable(file) && file->operations->read))
		call = call_flags(file, flags, write);
	if (call < 0)
		return call;
	iterator->call = call;
	result = transfer(file, iterator, write, at);
	if (result <= 0 || !write || !(flags & (RWF_DSYNC | RWF_SYNC)))
		return result;
	error = file_sync(file, !(flags & RWF_SYNC));
	/* What has no stable storage cannot be asked for it. */
	return error && error != -EINVAL ? error : result;
}

static long transfer_segments_flags(unsigned long fd, vaddr_t vector, u64 count, bool write, s64 at,
				    u32 flags)
{
	struct io_segment few[SEGMENTS_FEW], *segments;
	struct io_iterator iterator;
	struct file_hold hold;
	long result;

	if (at < -1)
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	result = segments_in(&iterator, few, vector, count, !write);
	if (!result) {
		segments = iterator.segments;
		result = transfer_flags(hold.file, &iterator, write, at == -1 ? NULL : &at, flags);
		segments_free(segments, few);
	}
	file_release(hold);
	return result;
}

SYSCALL_6(sys_preadv2, fd, vector, count, offset, high, flags)
{
	return transfer_segments_flags(fd, vector, count, false, (s64)offset, (u32)flags);
}

SYSCALL_6(sys_pwritev2, fd, vector, count, offset, high, flags)
{
	return transfer_segments_flags(fd, vector, count, true, (s64)offset, (u32)flags);
}

SYSCALL_3(sys_lseek, fd, offset, whence)
{
	struct file_hold hold = file_hold((int)fd);
	s64 result;

	if (!hold.file)
		return -EBADF;
	result = file_seek(hold.file, (s64)offset, (int)whence);
	file_release(hold);
	return result;
}
