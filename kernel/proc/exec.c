/* execve(2), and what spawn and the first process share with it. */
#include <arch/thread.h>
#include <fs/file.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/credentials.h>
#include <proc/elf.h>
#include <proc/oom.h>
#include <proc/posix_timer.h>
#include <proc/program.h>
#include <proc/ptrace.h>
#include <proc/rseq.h>
#include <proc/script.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

enum {
	SCRIPT_DEPTH_MAX = 5, /* execve(2): interpreters of interpreters */
	S_IXGRP = 010,
	ADDR_NO_RANDOMIZE = 0x0040000,
	PERSONALITY_CLEARED_BY_SETID = 0x0fff0000,
	AT_SYMLINK_NOFOLLOW = 0x100,
	AT_EMPTY_PATH = 0x1000,
};

void program_init(struct program *program)
{
	memset(program, 0, sizeof(*program));
	arguments_init(&program->arguments, process_limit(RLIMIT_STACK));
}

void program_free(struct program *program)
{
	arguments_free(&program->arguments);
	if (program->image.space)
		space_leave(program->image.space);
	if (program->actions)
		signal_actions_put(program->actions);
	if (program->files)
		file_table_put(program->files);
}

static void note_name(struct program *program, const char *path)
{
	const char *slash = strrchr(path, '/');

	strlcpy(program->name, slash ? slash + 1 : path, sizeof(program->name));
}

/* Set-id bits count unless the mount or the process forbids it. */
static void choose_credentials(struct program *program, struct file *file)
{
	const struct credentials *own = credentials_current();
	const struct vnode *vnode = file->vnode;
	u32 uid = ID_UNCHANGED, gid = ID_UNCHANGED;

	if (!own->no_new_privileges && file->path.mount && !(file->path.mount->flags & MS_NOSUID)) {
		if (vnode->mode & S_ISUID)
			uid = vnode->uid;
		if ((vnode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			gid = vnode->gid;
	}
	program->secure = credentials_for_exec(own, uid, gid, &program->credentials);
}

static int build_image(struct program *program, struct file *file, const char *name)
{
	struct process *process = process_current();
	struct image_request request = {
		.file = file,
		.name = name,
		.arguments = &program->arguments,
		.credentials = &program->credentials,
		.stack_limit = process->limits[RLIMIT_STACK].soft,
		.space_limit = process->limits[RLIMIT_AS].soft,
		.randomise = !(process->personality & ADDR_NO_RANDOMIZE),
	};

	choose_credentials(program, file);
	request.secure = program->secure;
	return image_build(&request, &program->image);
}

/*
 * @head says what to do: 0: it is an ELF file; 1: *@file is now the interpreter of a script;
 * -errno.
 */
static int resolve_head(struct program *program, struct file **file, char *head, const char *script)
{
	ssize_t size = file_read_kernel(*file, head, SCRIPT_HEAD_SIZE, 0);
	char *interpreter, *option;
	struct file *next;
	int error;

	if (size < 0)
		return (int)size;
	if (elf_is(head, (size_t)size))
		return 0;
	error = script_parse(head, (size_t)size, &interpreter, &option);
	if (error)
		return error;
	error = arguments_put_interpreter(&program->arguments, interpreter, option, script);
	if (error)
		return error;
	next = file_open_exec(AT_FDCWD, interpreter, LOOKUP_FOLLOW);
	if (IS_ERR(next))
		return (int)PTR_ERR(next);
	file_put(*file);
	*file = next;
	return 1;
}

/* Two heads take turns, since the script's name for the next one is in the former. */
static int resolve_and_build(struct program *program, struct file **file, const char *path)
{
	char *heads = kmalloc(2 * SCRIPT_HEAD_SIZE);
	const char *name = path;
	int result = -ENOMEM;

	if (!heads)
		return -ENOMEM;
	for (unsigned depth = 0;; depth++) {
		char *head = heads + depth % 2 * SCRIPT_HEAD_SIZE;

		result = resolve_head(program, file, head, name);
		if (result <= 0)
			break;
		if (depth == SCRIPT_DEPTH_MAX) {
			result = -ELOOP;
			break;
		}
		/* The interpreter's path is where the parser left it, behind "#!" and blanks. */
		for (name = head + 2; *name == ' ' || *name == '\t'; name++)
			;
	}
	if (!result)
		result = build_image(program, *file, path);
	kfree(heads);
	return result;
}

/*
 * What other processes share must become the program's own; that may fail, so it comes before the
 * swap.
 */
static int unshare(struct program *program)
{
	struct process *process = process_current();

	if (atomic32_read(&process->actions->references) > 1) {
		program->actions = signal_actions_copy(process->actions);
		if (!program->actions)
			return -ENOMEM;
	}
	if (file_table_is_shared(process->files)) {
		program->files = file_table_copy(process->files);
		if (!program->files)
			return -ENOMEM;
	}
	return 0;
}

int program_load(struct program *program, int fd, const char *path, unsigned lookup_flags)
{
	char by_fd[32];
	struct file *file = file_open_exec(fd, path, lookup_flags);
	int error;

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	if (!*path) {
		snprintf(by_fd, sizeof(by_fd), "/dev/fd/%d", fd);
		path = by_fd;
	}
	note_name(program, path);
	error = resolve_and_build(program, &file, path);
	if (!error)
		error = unshare(program);
	file_put(file);
	return error;
}

/*
 * The process keeps its pid whichever thread does the exec: that thread takes the leader's tid. All
 * others have left the tree, so that nobody else looks at the ids that change.
 */
static void become_leader(void)
{
	struct process *process = process_current();
	struct thread *thread = thread_current(), *former = process->leader;
	struct id *own = thread->user->id;
	unsigned long state;

	if (former == thread)
		return;
	thread_get(thread);
	id_get(process->id);
	state = tree_lock();
	own->thread = NULL;
	thread->user->id = process->id;
	process->id->thread = thread;
	thread->tid = process->id->number;
	process->leader = thread;
	tree_unlock(state);
	id_put(own);
	thread_put(former);
}

static void swap_space(struct program *program)
{
	struct process *process = process_current();
	struct thread *thread = thread_current();
	struct space *old = process->space;
	unsigned long state;

	process_leave_space();
	state = tree_lock();
	process->space = program->image.space;
	process->has_execed = true;
	tree_unlock(state);
	state = irq_save();
	thread->mmu = &program->image.space->mmu;
	mmu_switch(thread->mmu);
	irq_restore(state);
	program->image.space = NULL;
	if (old)
		space_leave(old);
	process_vfork_done(process);
}

static void swap_files(struct program *program)
{
	struct process *process = process_current();
	struct file_table *old = process->files;
	unsigned long state;

	if (program->files) {
		state = tree_lock();
		process->files = program->files;
		tree_unlock(state);
		program->files = NULL;
		file_table_put(old);
	}
	file_table_close_on_exec(process->files);
}

/*
 * Senders read process->actions under the tree lock, and nobody of this process is left to hold the
 * old.
 */
static void swap_signals(struct program *program)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	struct signal_actions *old = process->actions;
	unsigned long state;

	if (program->actions) {
		state = tree_lock();
		spin_lock(&old->lock);
		process->actions = program->actions;
		spin_unlock(&old->lock);
		tree_unlock(state);
		program->actions = NULL;
		signal_actions_put(old);
	}
	signal_actions_reset(process->actions, false);
	user->stack = (struct signal_stack){ .flags = SS_DISABLE };
	user->restart_deadline = 0;
	user->fault_signal = 0;
	rseq_clear(user);
}

static void swap_credentials(struct program *program)
{
	struct process *process = process_current();
	unsigned long state = tree_lock();

	process->credentials = program->credentials;
	process->dumpable = !program->secure;
	process->keep_capabilities = false;
	process->membarriers = 0;
	if (program->secure) {
		process->death_signal = 0;
		process->personality &= ~(u32)PERSONALITY_CLEARED_BY_SETID;
	}
	process->exit_signal = SIGCHLD;
	tree_unlock(state);
}

int program_enter(struct program *program)
{
	struct thread *thread = thread_current();
	struct image *image = &program->image;
	int error = process_end_other_threads();

	if (error)
		return error;
	become_leader();
	posix_timers_delete_all();
	swap_space(program);
	swap_files(program);
	swap_signals(program);
	swap_credentials(program);
	thread_set_name(thread, program->name);
	thread_fpu_reset(thread);
	trap_frame_init(thread_trap_frame(thread), image->entry, image->stack);
	return 0;
}

static unsigned lookup_flags_of(int flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

/* A program whose exec is overtaken by another thread's, or by the end, never sees the result. */
static int load_and_enter(struct program *program, int fd, const char *path, int flags)
{
	int error = program_load(program, fd, path, lookup_flags_of(flags));
	s32 tid = thread_current()->tid;

	if (error)
		return error;
	if (program_enter(program))
		return -ERESTARTNOINTR;
	trace_exec(tid);
	return 0;
}

static int exec_once(const char *name, int fd, vaddr_t argv, vaddr_t envp, int flags)
{
	struct program *program = kmalloc(sizeof(*program));
	int error;

	if (!program)
		return -ENOMEM;
	program_init(program);
	error = arguments_copy_user(&program->arguments, argv, envp);
	if (!error)
		error = load_and_enter(program, fd, name, flags);
	program_free(program);
	kfree(program);
	return error;
}

int process_exec(int fd, vaddr_t path, vaddr_t argv, vaddr_t envp, int flags)
{
	char *name;
	int error;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	name = path_copy_in(path, flags & AT_EMPTY_PATH);
	if (IS_ERR(name))
		return (int)PTR_ERR(name);
	do
		error = exec_once(name, fd, argv, envp, flags);
	while (oom_try_again(error));
	kfree(name);
	return error;
}
