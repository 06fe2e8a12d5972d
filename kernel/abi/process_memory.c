/* process_vm_readv(2), process_vm_writev(2): between this process's memory and another's. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/credentials.h>
#include <proc/process.h>
#include <sched/cpu.h>

struct remote {
	struct space *space;
	struct io_segment *segments;
	unsigned count;
	bool write;
	u8 *page; /* on the way */
};

/*
 * One piece within a page. 1: done; 0: the local side ended or faulted; -EFAULT of either side. What
 * the local side took of a piece counts.
 */
static ssize_t move_piece(const struct remote *remote, struct io_iterator *local, vaddr_t at,
			  size_t size)
{
	ssize_t done;
	size_t got;

	if (remote->write) {
		got = io_copy(local, remote->page, size);
		if (!got)
			return -EFAULT;
		done = space_write(remote->space, at, remote->page, got, false);
		return done < 0 ? -EFAULT : done;
	}
	done = space_read(remote->space, at, remote->page, size);
	if (done <= 0)
		return -EFAULT;
	got = io_copy(local, remote->page, done);
	return got ? (ssize_t)got : -EFAULT;
}

static ssize_t move_all(const struct remote *remote, struct io_iterator *local)
{
	ssize_t total = 0;

	for (unsigned i = 0; i < remote->count; i++) {
		u64 at = remote->segments[i].base, end;

		if (__builtin_add_overflow(at, remote->segments[i].size, &end))
			return total ? total : -EFAULT;
		while (at < end && local->left) {
			size_t size = MIN(MIN(end - at, PAGE_SIZE - at % PAGE_SIZE), local->left);
			ssize_t done = move_piece(remote, local, at, size);

			if (done < 0)
				return total ? total : done;
			total += done;
			at += done;
			if ((size_t)done < size || thread_interrupted(WAIT_KILLABLE))
				return total;
			schedule_if_needed();
		}
	}
	return total;
}

static int find_space(s32 pid, struct space **space)
{
	struct process *process = process_find(pid);
	int error = 0;

	if (!process)
		return -ESRCH;
	if (!credentials_may_trace(process))
		error = -EPERM;
	*space = error ? NULL : process_space(process);
	process_put(process);
	return error ? error : *space ? 0 : -ESRCH;
}

static ssize_t transfer_with(s32 pid, struct io_iterator *local, struct remote *remote)
{
	ssize_t result = find_space(pid, &remote->space);

	if (result)
		return result;
	remote->page = kmalloc(PAGE_SIZE);
	result = remote->page ? move_all(remote, local) : -ENOMEM;
	kfree(remote->page);
	space_put(remote->space);
	return result;
}

static ssize_t transfer(s32 pid, vaddr_t local, u64 local_count, vaddr_t remote, u64 remote_count,
			bool write)
{
	struct io_segment few[SEGMENTS_FEW], remote_few[SEGMENTS_FEW], *first;
	struct io_iterator ours, theirs;
	struct remote other = { .write = write };
	ssize_t result = segments_in(&ours, few, local, local_count, !write);

	if (result)
		return result;
	first = ours.segments;
	/* Addresses of the other side are looked at one by one, and are no error before their turn. */
	result = segments_in_unchecked(&theirs, remote_few, remote, remote_count);
	if (!result) {
		other.segments = theirs.segments;
		other.count = theirs.count;
		if (ours.left)
			result = transfer_with(pid, &ours, &other);
		segments_free(other.segments, remote_few);
	}
	segments_free(first, few);
	return result;
}

SYSCALL_6(sys_process_vm_readv, pid, local, local_count, remote, remote_count, flags)
{
	return flags ? -EINVAL
		     : transfer((s32)pid, local, local_count, remote, remote_count, false);
}

SYSCALL_6(sys_process_vm_writev, pid, local, local_count, remote, remote_count, flags)
{
	return flags ? -EINVAL : transfer((s32)pid, local, local_count, remote, remote_count, true);
}
