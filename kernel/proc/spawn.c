/*
 * The parent copies its arguments into a job; the child's first thread, still without a space, does
 * the rest in its own name: ids, signals, file actions, loading. So each step is the one that the
 * program itself would take after fork, and a failure is the child's alone: it vanishes
 * (process_discard) before the parent hears of the error.
 */
#include <arch/thread.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/err.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/credentials.h>
#include <proc/oom.h>
#include <proc/program.h>
#include <proc/signal_queue.h>
#include <proc/spawn.h>
#include <proc/spawn_abi.h>
#include <proc/tree.h>

enum { SPAWN_ACTIONS_MAX = 4096, TIOCSPGRP = 0x5410 };
#define SPAWN_FLAGS_KNOWN                                                                          \
	(SPAWN_SETPGROUP | SPAWN_SETSID | SPAWN_SETSIGMASK | SPAWN_SETSIGDEF | SPAWN_RESETIDS |    \
	 SPAWN_CLOSE_FDS)

struct spawn_job {
	struct atomic32 references; /* parent and child */
	struct spawn_args args;
	char *path; /* kernel copies: of args.path and of the actions' */
	struct spawn_action *actions;
	char **action_paths;
	struct program program;
	struct file *foreground; /* of SPAWN_TCSETPGRP, as it was open then; or NULL */
	struct wait_queue done_wait;
	bool done; /* [atomic] with error */
	int error;
};

static void job_put(struct spawn_job *job)
{
	if (!atomic32_dec_and_test(&job->references))
		return;
	for (u64 i = 0; job->action_paths && i < job->args.action_count; i++)
		kfree(job->action_paths[i]);
	kfree(job->action_paths);
	kfree(job->actions);
	kfree(job->path);
	if (job->foreground)
		file_put(job->foreground);
	program_free(&job->program);
	kfree(job);
}

static bool has_path(const struct spawn_action *action)
{
	return action->kind == SPAWN_OPEN || action->kind == SPAWN_CHDIR;
}

static int copy_actions(struct spawn_job *job)
{
	u64 count = job->args.action_count;

	if (!count)
		return 0;
	if (count > SPAWN_ACTIONS_MAX) {
		job->args.action_count = 0;
		return -E2BIG;
	}
	job->actions = kmalloc(count * sizeof(*job->actions));
	job->action_paths = kzalloc(count * sizeof(*job->action_paths));
	if (!job->actions || !job->action_paths)
		return -ENOMEM;
	if (copy_in(job->actions, job->args.actions, count * sizeof(*job->actions)))
		return -EFAULT;
	for (u64 i = 0; i < count; i++) {
		char *path;

		if (job->actions[i].reserved)
			return -EINVAL;
		if (!has_path(&job->actions[i]))
			continue;
		path = path_copy_in(job->actions[i].path, false);
		if (IS_ERR(path))
			return (int)PTR_ERR(path);
		job->action_paths[i] = path;
	}
	return 0;
}

/* A larger structure is a later version's: what it adds must not be asked for. */
static int args_in(struct spawn_args *args, vaddr_t from, u64 size)
{
	u8 extra;

	if (size < sizeof(*args))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_in(args, from, sizeof(*args)))
		return -EFAULT;
	for (u64 at = sizeof(*args); at < size; at++) {
		if (copy_in(&extra, from + at, 1))
			return -EFAULT;
		if (extra)
			return -E2BIG;
	}
	return 0;
}

static int copy_job(struct spawn_job *job, vaddr_t args, u64 size)
{
	char *path;
	int error = args_in(&job->args, args, size);

	if (!error && job->args.flags & ~(u64)SPAWN_FLAGS_KNOWN)
		error = -EINVAL;
	if (error) {
		job->args.action_count = 0;
		return error;
	}
	error = copy_actions(job);
	if (error)
		return error;
	path = job->args.path || job->args.path_fd < 0 ? path_copy_in(job->args.path, false)
						       : kstrdup("");
	if (IS_ERR_OR_NULL(path))
		return path ? (int)PTR_ERR(path) : -ENOMEM;
	job->path = path;
	return arguments_copy_user(&job->program.arguments, job->args.argv, job->args.envp);
}

/* Step by step as glibc's child: the descriptor is free during the open; close-on-exec is not copied. */
static int action_open(const struct spawn_action *action, const char *path)
{
	struct file_table *table = process_current()->files;
	struct file *file;
	int fd, error;

	if (action->fd < 0 || (u64)action->fd >= process_limit(RLIMIT_NOFILE))
		return -EBADF;
	fd_close(table, action->fd);
	fd = fd_reserve(table, 0, action->oflag & O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = file_open(AT_FDCWD, path, action->oflag, action->mode);
	if (IS_ERR(file)) {
		fd_cancel(table, fd);
		return (int)PTR_ERR(file);
	}
	fd_install(table, fd, file);
	if (fd == action->fd)
		return 0;
	error = fd_duplicate(table, fd, action->fd, false);
	fd_close(table, fd);
	return error < 0 ? error : 0;
}

/* posix_spawn_file_actions_adddup2(): a descriptor onto itself only stays open across the exec. */
static int action_dup2(const struct spawn_action *action)
{
	struct file_table *table = process_current()->files;
	int fd;

	if (action->fd == action->newfd)
		return fd_set_close_on_exec(table, action->fd, false);
	fd = fd_duplicate(table, action->fd, action->newfd, false);
	return fd < 0 ? fd : 0;
}

static int change_directory(const struct path *path)
{
	struct directory_context *context = process_current()->directory;
	struct path old;
	int error = S_ISDIR(path_vnode(path)->mode) ? vnode_permission(path_vnode(path), 1)
						    : -ENOTDIR;

	if (error)
		return error;
	path_get(path);
	spin_lock(&context->lock);
	old = context->cwd;
	context->cwd = *path;
	spin_unlock(&context->lock);
	path_put(&old);
	return 0;
}

static int action_chdir(const char *name)
{
	struct path path;
	int error = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (error)
		return error;
	error = change_directory(&path);
	path_put(&path);
	return error;
}

static int action_fchdir(int fd)
{
	struct file *file = fd_get_path(fd);
	int error;

	if (!file)
		return -EBADF;
	error = file->path.dentry && file->vnode ? change_directory(&file->path) : -ENOTDIR;
	file_put(file);
	return error;
}

/* The descriptor may be gone by the time that there is memory for the ioctl: set_foreground(). */
static int action_foreground(struct spawn_job *job, int fd)
{
	struct file *file = fd_get(fd);

	if (!file)
		return -EBADF;
	if (job->foreground)
		file_put(job->foreground);
	job->foreground = file;
	return file->operations->ioctl ? 0 : -ENOTTY;
}

static int do_action(struct spawn_job *job, const struct spawn_action *action, const char *path)
{
	struct file_table *table = process_current()->files;

	switch (action->kind) {
	case SPAWN_OPEN:
		return action_open(action, path);
	case SPAWN_CLOSE:
		fd_close(table, action->fd); /* glibc: one that is not open is no error */
		return 0;
	case SPAWN_DUP2:
		return action_dup2(action);
	case SPAWN_CHDIR:
		return action_chdir(path);
	case SPAWN_FCHDIR:
		return action_fchdir(action->fd);
	case SPAWN_CLOSEFROM:
		return action->fd < 0 ? -EBADF
				      : fd_close_range(table, (unsigned)action->fd, ~0u, false);
	case SPAWN_TCSETPGRP:
		return action_foreground(job, action->fd);
	default:
		return -EINVAL;
	}
}

static int do_actions(struct spawn_job *job)
{
	int error = 0;

	/* Inherited descriptors go at the exec; those that actions make stay. */
	if (job->args.flags & SPAWN_CLOSE_FDS)
		error = fd_close_range(process_current()->files, 3, ~0u, true);
	for (u64 i = 0; i < job->args.action_count && !error; i++)
		error = do_action(job, &job->actions[i],
				  job->action_paths ? job->action_paths[i] : NULL);
	return error;
}

static int set_ids(const struct spawn_args *args)
{
	const struct credentials *own = credentials_current();
	s64 result = 0;

	if (args->flags & SPAWN_SETSID)
		result = process_new_session();
	if (result >= 0 && args->flags & SPAWN_SETPGROUP)
		result = args->pgroup < 0 || args->pgroup > INT32_MAX
				 ? -EINVAL
				 : process_set_group(0, (s32)args->pgroup);
	if (result >= 0 && args->flags & SPAWN_RESETIDS) {
		result = credentials_set_resgid(ID_UNCHANGED, own->gid, ID_UNCHANGED);
		if (!result)
			result = credentials_set_resuid(ID_UNCHANGED, own->uid, ID_UNCHANGED);
	}
	return result < 0 ? (int)result : 0;
}

/*
 * ioctl_tty(2) reads its argument from user memory: the new program's stack lends it, below its
 * use.
 */
static int set_foreground(struct spawn_job *job)
{
	vaddr_t place = trap_stack(thread_trap_frame(thread_current())) - 16;
	s32 group = process_current()->group_id->number;
	int error;

	if (!job->foreground)
		return 0;
	error = copy_out(place, &group, sizeof(group));
	if (error)
		return error;
	return (int)job->foreground->operations->ioctl(job->foreground, TIOCSPGRP, place);
}

static void set_signals(const struct spawn_args *args, u64 inherited)
{
	struct signal_action standard = { .handler = SIG_DFL };

	for (int signo = 1; signo <= SIGNAL_MAX && args->flags & SPAWN_SETSIGDEF; signo++) {
		if (args->sigdefault & SIGNAL_BIT(signo))
			signal_set_action(signo, &standard, NULL);
	}
	signal_set_blocked(args->flags & SPAWN_SETSIGMASK ? args->sigmask : inherited);
}

static int become(struct spawn_job *job)
{
	u64 inherited = thread_current()->user->blocked;
	int error;

	/*
	 * A background child may take the terminal, and no signal but SIGKILL comes between the
	 * steps.
	 */
	signal_set_blocked(~0ull);
	error = set_ids(&job->args);
	if (!error)
		error = do_actions(job);
	if (!error)
		error = program_load(&job->program,
				     job->args.path ? AT_FDCWD : (int)job->args.path_fd, job->path,
				     LOOKUP_FOLLOW | (job->args.path ? 0 : LOOKUP_EMPTY));
	if (!error)
		error = program_enter(&job->program);
	if (!error)
		error = set_foreground(job);
	if (!error)
		set_signals(&job->args, inherited);
	return error;
}

/* A result that only the way back to user mode understands is an interruption to the parent. */
static int visible_error(int error)
{
	return error <= -ERESTARTSYS ? -EINTR : error;
}

static void finish_job(struct spawn_job *job, int error)
{
	job->error = visible_error(error);
	store_release(&job->done, true);
	wait_wake_all(&job->done_wait);
	job_put(job);
}

/* From here on /proc/PID/exe is its own. */
static void forget_spawner(struct process *process)
{
	unsigned long state = tree_lock();
	struct file *file = process->spawner;

	process->spawner = NULL;
	tree_unlock(state);
	if (file)
		file_put(file);
}

static void spawn_entry(void *argument)
{
	struct spawn_job *job = argument;
	int error = become(job);

	forget_spawner(process_current());
	finish_job(job, error);
	if (error)
		process_discard();
	thread_enter_user();
}

/* The child, with a reference for the caller; it holds one to the job from here on. ERR_PTR. */
static struct process *start_job(struct spawn_job *job)
{
	struct child child = { .process = process_copy(0, true) };
	int error;

	if (IS_ERR(child.process))
		return child.process;
	child.process->spawner = process_executable(process_current());
	error = child_prepare(&child, 0, spawn_entry, job);
	if (error)
		goto undo_process;
	error = child_link(&child, false, SIGCHLD);
	if (error)
		goto undo_child;
	atomic32_inc(&job->references);
	process_get(child.process);
	thread_start(child.thread);
	return child.process;
undo_child:
	child_undo(&child);
undo_process:
	forget_spawner(child.process);
	process_copy_undo(child.process);
	return ERR_PTR(error);
}

/* After an error the child is gone from the tree, too, before the caller looks for it. */
static s64 wait_for_job(struct spawn_job *job, struct process *child)
{
	s64 result = child->id->number;

	/* Who is killed meanwhile does not see the result, and the child goes on by itself. */
	if (!wait_event_mode(&job->done_wait, read_acquire(&job->done), WAIT_FOREVER,
			     WAIT_KILLABLE) &&
	    job->error) {
		result = job->error;
		wait_event(&child->exit_wait, READ_ONCE(child->state) == PROCESS_DEAD);
	}
	process_put(child);
	return result;
}

static s64 spawn_once(vaddr_t args, u64 size)
{
	struct spawn_job *job = kzalloc(sizeof(*job));
	struct process *child;
	s64 result;

	if (!job)
		return -ENOMEM;
	atomic32_set(&job->references, 1);
	wait_queue_init(&job->done_wait);
	program_init(&job->program);
	result = copy_job(job, args, size);
	if (!result) {
		child = start_job(job);
		result = IS_ERR(child) ? PTR_ERR(child) : wait_for_job(job, child);
	}
	job_put(job);
	return result;
}

s64 process_spawn(vaddr_t args, u64 size)
{
	s64 result;

	do
		result = spawn_once(args, size);
	while (oom_try_again(result));
	return result;
}
