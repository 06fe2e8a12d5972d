/* read(2), write(2) and their kin. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4, RWF_KNOWN = 7 };

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

SYSCALL_6(sys_preadv2, fd, vector, count, offset, high, flags)
{
	s64 at = offset;

	if (flags & ~(unsigned long)RWF_KNOWN)
		return -EOPNOTSUPP;
	return transfer_segments(fd, vector, count, false, at == -1 ? NULL : &at);
}

SYSCALL_6(sys_pwritev2, fd, vector, count, offset, high, flags)
{
	s64 at = offset;
	long result;

	if (flags & ~(unsigned long)RWF_KNOWN)
		return -EOPNOTSUPP;
	result = transfer_segments(fd, vector, count, true, at == -1 ? NULL : &at);
	if (result > 0 && flags & (RWF_DSYNC | RWF_SYNC)) {
		struct file_hold hold = file_hold((int)fd);
		int error = hold.file ? file_sync(hold.file, !(flags & RWF_SYNC)) : 0;

		if (hold.file)
			file_release(hold);
		/* What has no stable storage cannot be asked for it. */
		if (error && error != -EINVAL)
			return error;
	}
	return result;
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
