#include <fs/procfs/procfs.h>
#include <fs/text.h>
#include <lib/err.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/kill.h>
#include <proc/pidfd.h>
#include <proc/tree.h>

struct pidfd {
	struct process *process; /* [const] counted */
	struct id *id;		 /* [const] counted: the process's, or of the thread */
	bool is_thread;		 /* [const] PIDFD_THREAD */
};

static const struct file_operations pidfd_operations;

static struct pidfd *pidfd_of(const struct file *file)
{
	return file->operations == &pidfd_operations ? file->private : NULL;
}

/*
 * POLLIN once it ended, POLLHUP once it was reaped. A leader that ended before other threads stays
 * on as the process.
 */
static u32 pidfd_poll(struct file *file, struct poll_table *table)
{
	struct pidfd *pidfd = file->private;
	struct process *process = pidfd->process;
	unsigned long state;
	u32 events = 0;

	poll_wait(file, &process->exit_wait, table);
	state = tree_lock();
	if (pidfd->is_thread && !pidfd->id->thread)
		events = POLLIN | POLLRDNORM;
	else if (process->state != PROCESS_ALIVE)
		events = POLLIN | POLLRDNORM;
	if (process->state == PROCESS_DEAD)
		events |= POLLHUP;
	tree_unlock(state);
	return events;
}

static s64 pidfd_seek(struct file *file, s64 offset, int whence)
{
	return -ESPIPE;
}

/* -1: it was reaped. */
static void pidfd_describe(struct file *file, struct text *text)
{
	struct pidfd *pidfd = file->private;
	unsigned long state = tree_lock();
	bool lives = pidfd->is_thread ? pidfd->id->thread != NULL
				      : pidfd->process->state != PROCESS_DEAD;
	int pid = lives ? pidfd->id->number : -1;

	tree_unlock(state);
	text_format(text, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static void pidfd_release(struct file *file)
{
	struct pidfd *pidfd = file->private;

	id_put(pidfd->id);
	process_put(pidfd->process);
	kfree(pidfd);
}

static const struct file_operations pidfd_operations = {
	.poll = pidfd_poll,
	.seek = pidfd_seek,
	.describe = pidfd_describe,
	.release = pidfd_release,
};

struct file *pidfd_create(struct process *process, struct id *id, u32 flags)
{
	struct pidfd *pidfd = kzalloc(sizeof(*pidfd));
	struct file *file;

	if (!pidfd)
		return ERR_PTR(-ENOMEM);
	file = file_create_unnamed("anon_inode:[pidfd]", &pidfd_operations, O_RDWR | flags, pidfd);
	if (IS_ERR(file)) {
		kfree(pidfd);
		return file;
	}
	process_get(process);
	id_get(id);
	pidfd->process = process;
	pidfd->id = id;
	pidfd->is_thread = flags & PIDFD_THREAD;
	return file;
}

struct file *pidfd_open_id(struct id *id, u32 flags)
{
	struct file *file = ERR_PTR(-ESRCH);
	unsigned long state = tree_lock();
	struct process *process;

	process = id->process;
	if (!process && id->thread) {
		file = ERR_PTR(-EINVAL);
		if (flags & PIDFD_THREAD)
			process = id->thread->process;
	}
	if (process)
		process_get(process);
	tree_unlock(state);
	if (process) {
		file = pidfd_create(process, id, flags);
		process_put(process);
	}
	return file;
}

struct file *pidfd_open(s32 pid, u32 flags)
{
	struct id *id = id_find(pid);
	struct file *file;

	if (!id)
		return ERR_PTR(-ESRCH);
	file = pidfd_open_id(id, flags);
	id_put(id);
	return file;
}

struct process *pidfd_process(const struct file *file)
{
	struct pidfd *pidfd = pidfd_of(file);

	return pidfd ? pidfd->process : NULL;
}

static bool is_reaped(const struct process *process)
{
	return READ_ONCE(process->state) == PROCESS_DEAD;
}

/* pidfd_send_signal(2): an open /proc/PID will do. */
static int signal_by_directory(const struct file *file, const struct signal_info *info, u32 flags)
{
	struct process *process = proc_directory_process(file);
	s32 pid;

	if (IS_ERR(process))
		return (int)PTR_ERR(process);
	pid = process->id->number;
	process_put(process);
	if (flags == PIDFD_SIGNAL_THREAD)
		return kill_thread(pid, pid, info);
	return kill_processes(flags == PIDFD_SIGNAL_PROCESS_GROUP ? -pid : pid, info);
}

int pidfd_signal(const struct file *file, const struct signal_info *info, u32 flags)
{
	struct pidfd *pidfd = pidfd_of(file);
	s32 pid;

	if (!pidfd)
		return signal_by_directory(file, info, flags);
	pid = pidfd->process->id->number;
	if (!flags)
		flags = pidfd->is_thread ? PIDFD_SIGNAL_THREAD : PIDFD_SIGNAL_THREAD_GROUP;
	if (flags == PIDFD_SIGNAL_PROCESS_GROUP)
		return kill_processes(-pidfd->id->number, info);
	if (is_reaped(pidfd->process))
		return -ESRCH;
	if (flags == PIDFD_SIGNAL_THREAD)
		return kill_thread(pid, pidfd->id->number, info);
	return kill_processes(pid, info);
}

struct file *pidfd_get_file(const struct file *file, int fd)
{
	struct process *process = pidfd_process(file);
	struct file_table *table;
	struct file *found;

	if (!process)
		return ERR_PTR(-EBADF);
	if (!credentials_may_trace(process))
		return ERR_PTR(-EPERM);
	table = process_files(process);
	if (!table)
		return ERR_PTR(-ESRCH);
	found = fd_get_from(table, fd);
	file_table_put(table);
	return found ? found : ERR_PTR(-EBADF);
}
