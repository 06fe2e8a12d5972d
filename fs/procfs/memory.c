/* /proc/PID/mem: another process's memory, for those who may trace it (ptrace(2)). */
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/credentials.h>
#include <proc/process.h>

/* The file keeps the space that the process had when it was opened. */
static int mem_open(struct vnode *vnode, struct file *file)
{
	struct proc_subject subject;
	int error = proc_subject_of(vnode, &subject);

	if (error)
		return error;
	if (credentials_may_trace(subject.process))
		file->private = process_space(subject.process);
	else
		error = -EACCES;
	proc_subject_put(&subject);
	return error;
}

static void mem_release(struct file *file)
{
	if (file->private)
		space_put(file->private);
}

static ssize_t mem_move(struct space *space, struct io_iterator *iterator, vaddr_t at, u8 *page,
			bool write)
{
	size_t size = MIN(iterator->left, PAGE_SIZE - at % PAGE_SIZE);
	ssize_t done;

	if (!write) {
		done = space_read_forced(space, at, page, size);
		if (done <= 0)
			return -EIO;
		size = io_copy(iterator, page, done);
		return size ? (ssize_t)size : -EFAULT;
	}
	size = io_copy(iterator, page, size);
	if (!size)
		return -EFAULT;
	done = space_write(space, at, page, size, true);
	return done > 0 ? done : -EIO;
}

static ssize_t mem_transfer(struct file *file, struct io_iterator *iterator, s64 *position,
			    bool write)
{
	u8 *page = kmalloc(PAGE_SIZE);
	ssize_t total = 0, done = 0;

	if (!page)
		return -ENOMEM;
	while (file->private && iterator->left) {
		done = mem_move(file->private, iterator, (vaddr_t)*position, page, write);
		if (done < 0)
			break;
		*position += done;
		total += done;
	}
	kfree(page);
	return total ? total : done;
}

static ssize_t mem_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return mem_transfer(file, iterator, position, false);
}

static ssize_t mem_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return mem_transfer(file, iterator, position, true);
}

s64 proc_address_seek(struct file *file, s64 offset, int whence)
{
	if (whence == 1)
		offset += file->position;
	else if (whence)
		return -EINVAL;
	file->position = offset;
	return offset;
}

const struct file_operations proc_mem_operations = {
	.open = mem_open,
	.release = mem_release,
	.read = mem_read,
	.write = mem_write,
	.seek = proc_address_seek,
	.seekable = true,
};
