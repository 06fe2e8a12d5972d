/* unshare(2), setns(2), pivot_root(2). There is one namespace of each kind. */
#include <abi/handler.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/errno.h>
#include <proc/process.h>
#include <proc/tree.h>

/* What belongs to the process as a whole here cannot be left by one thread alone. */
static bool is_alone(void)
{
	return READ_ONCE(process_current()->thread_count) == 1;
}

static int unshare_directory(void)
{
	struct process *process = process_current();
	struct directory_context *old = process->directory, *copy;
	unsigned long state;

	if (atomic32_read(&old->references) == 1)
		return 0;
	copy = directory_context_copy(old);
	if (!copy)
		return -ENOMEM;
	state = tree_lock();
	process->directory = copy;
	tree_unlock(state);
	directory_context_put(old);
	return 0;
}

static int unshare_files(void)
{
	struct process *process = process_current();
	struct file_table *old = process->files, *copy;
	unsigned long state;

	if (!file_table_is_shared(old))
		return 0;
	copy = file_table_copy(old);
	if (!copy)
		return -ENOMEM;
	state = tree_lock();
	process->files = copy;
	tree_unlock(state);
	file_table_put(old);
	return 0;
}

SYSCALL_1(sys_unshare, flags_argument)
{
	const u64 whole = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	u64 flags = flags_argument;
	int error = 0;

	/* Namespaces are among those that are not known. */
	if (flags & ~(whole | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM))
		return -EINVAL;
	if (flags && !is_alone())
		return -EINVAL;
	/* Memory or handlers that another process has too. */
	if ((flags & (CLONE_SIGHAND | CLONE_VM) &&
	     atomic32_read(&process_current()->actions->references) > 1) ||
	    (flags & CLONE_VM && atomic32_read(&space_current()->users) > 1))
		return -EINVAL;
	if (flags & CLONE_FS)
		error = unshare_directory();
	if (!error && flags & CLONE_FILES)
		error = unshare_files();
	return error;
}

SYSCALL_2(sys_setns, fd, type)
{
	struct file_hold hold = file_hold((int)fd);

	if (!hold.file)
		return -EBADF;
	/* No file is a namespace. */
	file_release(hold);
	return -EINVAL;
}

SYSCALL_2(sys_pivot_root, new_name, old_name)
{
	const unsigned lookup = LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
	struct path new, put_old;
	int error;

	if (!fs_is_privileged())
		return -EPERM;
	error = path_lookup_user(AT_FDCWD, new_name, lookup, &new);
	if (error)
		return error;
	error = path_lookup_user(AT_FDCWD, old_name, lookup, &put_old);
	if (!error) {
		error = mount_pivot(&new, &put_old);
		path_put(&put_old);
	}
	path_put(&new);
	return error;
}
