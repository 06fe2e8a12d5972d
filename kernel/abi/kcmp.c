/* kcmp(2): do two threads share something? */
#include <abi/handler.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <proc/credentials.h>
#include <proc/process.h>

enum kcmp_kind {
	KCMP_FILE,
	KCMP_VM,
	KCMP_FILES,
	KCMP_FS,
	KCMP_SIGHAND,
	KCMP_IO,
	KCMP_SYSVSEM,
	KCMP_EPOLL_TFD,
};

/* An order that is always the same, and says nothing of where things lie. 0: equal, 1: before, 2: behind. */
static long compare(const void *one, const void *other)
{
	u64 a = hash_pointer(one), b = hash_pointer(other);

	return a == b ? 0 : a < b ? 1 : 2;
}

static long compare_files(struct process *one, struct process *other, int fd, int other_fd)
{
	struct file_table *tables[2] = { process_files(one), process_files(other) };
	struct file *files[2] = { tables[0] ? fd_get_from(tables[0], fd) : NULL,
				  tables[1] ? fd_get_from(tables[1], other_fd) : NULL };
	long result = files[0] && files[1] ? compare(files[0], files[1]) : -EBADF;

	for (unsigned i = 0; i < 2; i++) {
		if (files[i])
			file_put(files[i]);
		if (tables[i])
			file_table_put(tables[i]);
	}
	return result;
}

static long compare_processes(struct process *one, struct process *other, int kind, unsigned long a,
			      unsigned long b)
{
	if (!credentials_may_trace(one) || !credentials_may_trace(other))
		return -EPERM;
	switch (kind) {
	case KCMP_FILE:
		return compare_files(one, other, (int)a, (int)b);
	case KCMP_VM:
		return compare(READ_ONCE(one->space), READ_ONCE(other->space));
	case KCMP_FILES:
		return compare(READ_ONCE(one->files), READ_ONCE(other->files));
	case KCMP_FS:
		return compare(READ_ONCE(one->directory), READ_ONCE(other->directory));
	case KCMP_SIGHAND:
		return compare(READ_ONCE(one->actions), READ_ONCE(other->actions));
	case KCMP_IO:
	case KCMP_SYSVSEM:
		/* There is no such object; each process has its own, if any. */
		return compare(one, other);
	case KCMP_EPOLL_TFD:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

SYSCALL_5(sys_kcmp, pid, other_pid, kind, a, b)
{
	struct thread *one = thread_find((s32)pid), *other = thread_find((s32)other_pid);
	long result = -ESRCH;

	if (one && other)
		result = compare_processes(one->process, other->process, (int)kind, a, b);
	if (one)
		thread_put(one);
	if (other)
		thread_put(other);
	return result;
}
