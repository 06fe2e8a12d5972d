/* New threads and processes: clone(2), clone3(2), fork(2), vfork(2). */
#include <arch/thread.h>
#include <arch/time.h>
#include <arch/user.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/err.h>
#include <mm/space.h>
#include <proc/credentials.h>
#include <proc/oom.h>
#include <proc/pidfd.h>
#include <proc/ptrace.h>
#include <proc/rseq.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

#define CLONE_KNOWN                                                                                \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PTRACE | CLONE_VFORK |          \
	 CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |        \
	 CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO |  \
	 CLONE_CLEAR_SIGHAND | CLONE_PIDFD)

static int check_flags(const struct clone_request *request)
{
	u64 flags = request->flags;

	if (flags & ~(u64)CLONE_KNOWN || request->exit_signal > SIGNAL_MAX)
		return -EINVAL;
	if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if (flags & CLONE_SIGHAND && !(flags & CLONE_VM))
		return -EINVAL;
	if (flags & CLONE_SIGHAND && flags & CLONE_CLEAR_SIGHAND)
		return -EINVAL;
	if (flags & CLONE_PARENT && process_current() == process_init)
		return -EINVAL;
	if (flags & CLONE_PIDFD && flags & CLONE_DETACHED)
		return -EINVAL;
	/* Nobody would wait for a thread's exec, so that the caller would hang until its end. */
	if (flags & CLONE_THREAD && flags & CLONE_VFORK)
		return -EINVAL;
	return 0;
}

static int copy_actions(struct process *process, struct process *from, u64 flags)
{
	if (flags & CLONE_SIGHAND) {
		signal_actions_get(from->actions);
		process->actions = from->actions;
		return 0;
	}
	process->actions = signal_actions_copy(from->actions);
	if (!process->actions)
		return -ENOMEM;
	if (flags & CLONE_CLEAR_SIGHAND)
		signal_actions_reset(process->actions, false);
	return 0;
}

static int copy_files(struct process *process, struct process *from, u64 flags)
{
	if (flags & CLONE_FILES) {
		file_table_get(from->files);
		process->files = from->files;
	} else {
		process->files = file_table_copy(from->files);
	}
	if (!process->files)
		return -ENOMEM;
	if (flags & CLONE_FS) {
		directory_context_get(from->directory);
		process->directory = from->directory;
	} else {
		process->directory = directory_context_copy(from->directory);
	}
	return process->directory ? 0 : -ENOMEM;
}

/* A process counts as one user of a space; the users hold one reference together (mm/space.c). */
static int copy_space(struct process *process, struct process *from, u64 flags)
{
	struct space *space = from->space;

	if (flags & CLONE_VM) {
		atomic32_inc(&space->users);
	} else {
		space = space_fork(space);
		if (IS_ERR(space))
			return (int)PTR_ERR(space);
	}
	process->space = space;
	return 0;
}

struct process *process_copy(u64 flags, bool no_space)
{
	struct process *from = process_current(), *process = process_allocate();
	struct credentials groups;
	unsigned long state;
	int error;

	if (!process)
		return ERR_PTR(-ENOMEM);
	error = copy_actions(process, from, flags);
	if (!error)
		error = credentials_copy_groups(process, &from->credentials);
	if (!error)
		error = copy_files(process, from, flags);
	if (!error && !no_space)
		error = copy_space(process, from, flags);
	if (error) {
		process_copy_undo(process);
		return ERR_PTR(error);
	}
	groups = process->credentials;
	state = tree_lock();
	process->credentials = from->credentials;
	process->credentials.groups = groups.groups;
	process->credentials.group_count = groups.group_count;
	for (unsigned i = 0; i < RLIMIT_COUNT; i++)
		process->limits[i] = from->limits[i];
	tree_unlock(state);
	process->dumpable = from->dumpable;
	process->keep_capabilities = from->keep_capabilities;
	process->oom_score_adjust = from->oom_score_adjust;
	process->personality = from->personality;
	process->membarriers = from->membarriers;
	process->start_time = time_now();
	return process;
}

void process_copy_undo(struct process *process)
{
	if (process->space)
		space_leave(process->space);
	if (process->directory)
		directory_context_put(process->directory);
	if (process->files)
		file_table_put(process->files);
	process_free(process);
}

int child_prepare(struct child *child, s32 tid, void (*entry)(void *), void *argument)
{
	struct thread *current_thread = thread_current();
	struct id *id;

	child->thread = thread_create(current_thread->name, entry, argument);
	if (!child->thread)
		return -ENOMEM;
	child->user = user_thread_allocate(child->thread);
	if (!child->user) {
		thread_put(child->thread);
		return -ENOMEM;
	}
	id = id_allocate_number(tid);
	if (IS_ERR(id)) {
		child_undo(child);
		return (int)PTR_ERR(id);
	}
	child->user->id = id;
	if (!child->is_thread) {
		id_get(id);
		child->process->id = id;
	}
	return 0;
}

void child_undo(struct child *child)
{
	if (!child->is_thread && child->process->id) {
		id_put(child->process->id);
		child->process->id = NULL;
	}
	user_thread_free(child->user);
	thread_put(child->thread);
}

static void link_process_locked(struct process *process, struct process *parent,
				struct thread *leader)
{
	struct process *self = process_current();

	process_enter_group_locked(process, self->group_id, self->session_id);
	process->terminal = self->terminal;
	thread_get(leader);
	process->leader = leader;
	process_link_locked(process, parent);
}

static int check_link_locked(struct process *self)
{
	u64 limit = self->limits[RLIMIT_NPROC].soft;

	if (thread_signal_pending(thread_current()))
		return -ERESTARTNOINTR;
	if (credentials_are_root(&self->credentials) || limit == RLIMIT_INFINITY)
		return 0;
	return process_count_user_locked(self->credentials.uid) >= limit ? -EAGAIN : 0;
}

int child_link(struct child *child, bool as_sibling, u32 exit_signal)
{
	struct process *self = process_current(), *process = child->process;
	struct thread *thread = child->thread;
	unsigned long state = tree_lock();
	int error;

	spin_lock(&self->actions->lock);
	error = check_link_locked(self);
	if (!error) {
		child->user->blocked = thread_current()->user->blocked;
		child->user->logged = thread_current()->user->logged;
		if (child->user->logged)
			atomic32_or(&thread->work, WORK_TRACE);
		child->user->io_priority = thread_current()->user->io_priority;
		child->user->timer_slack = thread_current()->user->timer_slack;
		child->user->timer_slack_default = child->user->timer_slack;
		process_get(process);
		thread->process = process;
		thread->user = child->user;
		thread->mmu = process->space ? &process->space->mmu : NULL;
		if (!child->is_thread) {
			process->exit_signal = as_sibling ? self->exit_signal : (u8)exit_signal;
			link_process_locked(process, as_sibling ? self->parent : self, thread);
		}
		process_add_thread_locked(process, thread);
		trace_inherit_locked(child->user, &child->tracee);
	}
	spin_unlock(&self->actions->lock);
	tree_unlock(state);
	return error;
}

/*
 * The child's first steps, in its own space. As on Linux, a tid that cannot be written is no error.
 */
static void child_entry(void *child_tid)
{
	s32 tid = thread_current()->tid;

	if (child_tid)
		(void)copy_out((vaddr_t)child_tid, &tid, sizeof(tid));
	thread_enter_user();
}

static void prepare_registers(const struct child *child, const struct clone_request *request)
{
	struct thread *parent = thread_current(), *thread = child->thread;
	struct trap_frame *frame = thread_trap_frame(thread);

	*frame = *thread_trap_frame(parent);
	trap_set_result(frame, 0);
	if (request->stack)
		trap_set_stack(frame, request->stack);
	if (request->flags & CLONE_SETTLS)
		trap_set_tls(frame, request->tls);
	thread_fpu_fork(thread);
	if (request->flags & CLONE_CHILD_CLEARTID)
		child->user->clear_child_tid = request->child_tid;
	/*
	 * sigaltstack(2): a thread that shares memory starts without; vfork's borrows its parent's.
	 */
	if (!(request->flags & CLONE_VM))
		rseq_inherit(child->user);
	if ((request->flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM)
		child->user->stack = parent->user->stack;
}

/*
 * The queue is on the parent's stack. The child wakes it under the tree lock, after it cleared
 * vfork_done; a parent that is killed clears it itself. Either way, once the lock was had, nobody
 * uses the queue.
 */
static void wait_for_vfork(struct process *child, struct wait_queue *queue)
{
	unsigned long state;
	int error =
		wait_event_mode(queue, !READ_ONCE(child->vfork_done), WAIT_FOREVER, WAIT_KILLABLE);

	state = tree_lock();
	if (error)
		child->vfork_done = NULL;
	tree_unlock(state);
	process_put(child);
}

/*
 * CLONE_PIDFD: a file and a descriptor whose number the parent has already been told, in
 * *@reserved; -1 when none is wanted.
 */
static struct file *prepare_pidfd(const struct child *child, const struct clone_request *request,
				  int *reserved)
{
	struct file_table *table = process_current()->files;
	struct file *file;

	*reserved = -1;
	if (!(request->flags & CLONE_PIDFD))
		return NULL;
	file = pidfd_create(child->process, child->user->id, child->is_thread ? PIDFD_THREAD : 0);
	if (IS_ERR(file))
		return file;
	*reserved = fd_reserve(table, 0, true);
	if (*reserved >= 0) {
		if (!copy_out(request->pidfd, reserved, sizeof(*reserved)))
			return file;
		fd_cancel(table, *reserved);
		*reserved = -EFAULT;
	}
	file_put(file);
	return ERR_PTR(*reserved);
}

static s64 start_child(struct child *child, const struct clone_request *request)
{
	struct wait_queue vfork_queue;
	s32 tid = child->user->id->number;
	bool vfork = request->flags & CLONE_VFORK;
	struct file_table *files = process_current()->files;
	struct file *pidfd;
	int error, fd;

	pidfd = prepare_pidfd(child, request, &fd);
	if (IS_ERR(pidfd))
		return PTR_ERR(pidfd);

	if (vfork) {
		wait_queue_init(&vfork_queue);
		child->process->vfork_done = &vfork_queue;
	}
	error = child_link(child, request->flags & CLONE_PARENT, request->exit_signal);
	if (error) {
		if (pidfd) {
			fd_cancel(files, fd);
			file_put(pidfd);
		}
		return error;
	}
	if (pidfd)
		fd_install(files, fd, pidfd);
	if (vfork)
		process_get(child->process);
	if (request->flags & CLONE_PARENT_SETTID)
		(void)copy_out(request->parent_tid, &tid, sizeof(tid));
	thread_start(child->thread);
	trace_event(trace_clone_event(request->flags, request->exit_signal), (u64)tid);
	if (vfork) {
		wait_for_vfork(child->process, &vfork_queue);
		trace_event(TRACE_EVENT_VFORK_DONE, (u64)tid);
	}
	return tid;
}

static s64 clone_once(const struct clone_request *request)
{
	struct child child = { .is_thread = request->flags & CLONE_THREAD };
	vaddr_t child_tid = request->flags & CLONE_CHILD_SETTID ? request->child_tid : 0;
	s64 result = check_flags(request);

	if (result)
		return result;
	if (signal_pending())
		return -ERESTARTNOINTR;
	child.process = child.is_thread ? process_current() : process_copy(request->flags, false);
	if (IS_ERR(child.process))
		return PTR_ERR(child.process);
	result = child_prepare(&child, request->tid, child_entry, (void *)child_tid);
	if (result)
		goto undo_process;
	prepare_registers(&child, request);
	result = trace_inherit(request->flags, request->exit_signal, &child.tracee);
	if (!result)
		result = start_child(&child, request);
	trace_discard(child.tracee);
	if (result >= 0)
		return result;
	child_undo(&child);
undo_process:
	if (!child.is_thread)
		process_copy_undo(child.process);
	return result;
}

s64 process_clone(const struct clone_request *request)
{
	s64 result;

	do
		result = clone_once(request);
	while (oom_try_again(result));
	return result;
}
