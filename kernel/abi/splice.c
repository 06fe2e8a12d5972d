/* splice(2), tee(2), vmsplice(2). */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/splice.h>
#include <lib/errno.h>

/* *@at is read from @user; only files with positions have one there. */
static long offset_in(struct file *file, vaddr_t user, s64 *at)
{
	if (!user)
		return 0;
	if (splice_is_pipe(file))
		return -ESPIPE;
	if (!file->operations->seekable)
		return -EINVAL;
	if (copy_in(at, user, sizeof(*at)))
		return -EFAULT;
	return *at < 0 ? -EINVAL : 0;
}

static long check(struct file *from, struct file *to)
{
	if (!file_readable(from) || !file_writable(to))
		return -EBADF;
	if (!splice_is_pipe(from) && !splice_is_pipe(to))
		return -EINVAL;
	if (splice_is_pipe(from) && splice_is_pipe(to))
		return splice_same_pipe(from, to) ? -EINVAL : 0;
	return splice_is_pipe(from) && to->flags & O_APPEND ? -EINVAL : 0;
}

static long splice(struct file *from, vaddr_t from_offset, struct file *to, vaddr_t to_offset,
		   u64 size, u32 flags)
{
	s64 from_at = 0, to_at = 0;
	long result = check(from, to);

	if (!result)
		result = offset_in(from, from_offset, &from_at);
	if (!result)
		result = offset_in(to, to_offset, &to_at);
	if (result)
		return result;
	size = MIN(size, (u64)TRANSFER_MAX);
	if (splice_is_pipe(from) && splice_is_pipe(to))
		return splice_between(from, to, size, flags, false);
	if (splice_is_pipe(from))
		result = splice_from_pipe(from, to, to_offset ? &to_at : NULL, size, flags);
	else
		result = splice_to_pipe(from, from_offset ? &from_at : NULL, to, size, flags);
	if (result > 0 && from_offset && copy_out(from_offset, &from_at, sizeof(from_at)))
		return -EFAULT;
	if (result > 0 && to_offset && copy_out(to_offset, &to_at, sizeof(to_at)))
		return -EFAULT;
	return result;
}

SYSCALL_6(sys_splice, in, in_offset, out, out_offset, size, flags)
{
	struct file_hold from, to;
	long result = -EBADF;

	if (!size)
		return 0;
	if ((u32)flags & ~(u32)SPLICE_ALL)
		return -EINVAL;
	from = file_hold((int)in);
	if (!from.file)
		return -EBADF;
	to = file_hold((int)out);
	if (to.file) {
		result = splice(from.file, in_offset, to.file, out_offset, size, (u32)flags);
		file_release(to);
	}
	file_release(from);
	return result;
}

static long tee(struct file *from, struct file *to, u64 size, u32 flags)
{
	if (!file_readable(from) || !file_writable(to))
		return -EBADF;
	if (!splice_is_pipe(from) || !splice_is_pipe(to) || splice_same_pipe(from, to))
		return -EINVAL;
	return splice_between(from, to, MIN(size, (u64)TRANSFER_MAX), flags, true);
}

SYSCALL_4(sys_tee, in, out, size, flags)
{
	struct file_hold from, to;
	long result = -EBADF;

	if ((u32)flags & ~(u32)SPLICE_ALL)
		return -EINVAL;
	if (!size)
		return 0;
	from = file_hold((int)in);
	if (!from.file)
		return -EBADF;
	to = file_hold((int)out);
	if (to.file) {
		result = tee(from.file, to.file, size, (u32)flags);
		file_release(to);
	}
	file_release(from);
	return result;
}

SYSCALL_4(sys_vmsplice, fd, vector, count, flags)
{
	struct io_segment few[SEGMENTS_FEW], *first;
	struct io_iterator memory;
	struct file_hold hold;
	bool to_memory;
	long result;

	if ((u32)flags & ~(u32)SPLICE_ALL)
		return -EINVAL;
	hold = file_hold((int)fd);
	if (!hold.file)
		return -EBADF;
	to_memory = !file_writable(hold.file);
	result = segments_in(&memory, few, vector, count, to_memory);
	if (!result) {
		first = memory.segments;
		result = splice_is_pipe(hold.file) ? splice_memory(hold.file, &memory, (u32)flags)
						   : -EBADF;
		segments_free(first, few);
	}
	file_release(hold);
	return result;
}
