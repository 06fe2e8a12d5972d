/* The first process: a kernel thread that becomes pid 1, and why it may not. */
#include <arch/thread.h>
#include <arch/time.h>
#include <boot/command_line.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/bits.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/elf.h>
#include <proc/limits.h>
#include <proc/program.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

bool trace_to_log; /* trace=syscalls: log every call of every program */

static int set_trace(const char *value)
{
	if (!value || !string_equal(value, "syscalls"))
		return -EINVAL;
	trace_to_log = true;
	return 0;
}
COMMAND_LINE("trace", set_trace);

struct init_start {
	const char *path;
	char *const *argv;
	char *const *envp;
	struct wait_queue wait;
	bool done; /* [atomic] the strings were copied and the program runs */
};

static void open_console(void)
{
	struct file *file = file_open(AT_FDCWD, "/dev/console", O_RDWR, 0);
	struct file_table *files = process_current()->files;
	int fd;

	if (IS_ERR(file)) {
		log_warning("no /dev/console (error %ld): init starts without descriptors\n",
			    -PTR_ERR(file));
		return;
	}
	fd = fd_reserve(files, 0, false);
	if (fd < 0) {
		file_put(file);
		return;
	}
	fd_install(files, fd, file);
	fd_duplicate(files, fd, 1, false);
	fd_duplicate(files, fd, 2, false);
}

/* An ELF file that is not for this CPU has a better message than "not an ELF file". */
static __noreturn void fail_format(const char *path)
{
	u8 head[20] = { 0 };
	struct file *file = file_open(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t size = IS_ERR(file) ? 0 : file_read_kernel(file, head, sizeof(head), 0);

	if (size == sizeof(head) && elf_is(head, sizeof(head)) &&
	    !cpu_runs_elf(load_le16(head + 18), 0))
		boot_failure("%s is an ELF file for another machine (e_machine %u); this is %s",
			     path, load_le16(head + 18), cpu_machine_name);
	boot_failure(
		"%s is neither an ELF program for %s nor a script that starts with #!; its file may "
		"be damaged",
		path, cpu_machine_name);
}

static __noreturn void fail(const char *path, int error)
{
	struct path found;

	switch (error) {
	case -ENOENT:
		if (path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &found))
			boot_failure("there is no %s in the initramfs; add one, or name another "
				     "program with init=PATH",
				     path);
		boot_failure("the interpreter that %s asks for is not in the initramfs; add it, or "
			     "link the program statically",
			     path);
	case -EACCES:
		boot_failure("%s is not an executable file; chmod +x it in the initramfs", path);
	case -ELIBBAD:
		boot_failure("the interpreter of %s is no program for %s", path, cpu_machine_name);
	case -ENOEXEC:
		fail_format(path);
	case -ENOMEM:
		boot_failure("not enough memory to start %s; give the machine more", path);
	default:
		boot_failure("%s cannot be started: error %d", path, -error);
	}
}

/* The lock is held from before the waiter can see it until nobody needs the structure any more. */
static void finish_start(struct init_start *start)
{
	unsigned long state = tree_lock();

	store_release(&start->done, true);
	wait_wake_all(&start->wait);
	tree_unlock(state);
}

static void wait_for_start(struct init_start *start)
{
	wait_event(&start->wait, read_acquire(&start->done));
	tree_unlock(tree_lock());
}

static void init_entry(void *argument)
{
	struct init_start *start = argument;
	struct program *program;
	int error = -ENOMEM;

	open_console();
	program = kmalloc(sizeof(*program));
	if (program) {
		program_init(program);
		error = arguments_copy_kernel(&program->arguments, start->argv, start->envp);
		if (!error)
			error = program_load(program, AT_FDCWD, start->path, LOOKUP_FOLLOW);
		if (!error)
			error = program_enter(program);
		program_free(program);
	}
	kfree(program);
	if (error)
		fail(start->path, error);
	finish_start(start);
	thread_enter_user();
}

static struct process *make_process(void)
{
	struct process *process = process_allocate();

	if (!process)
		return NULL;
	credentials_init_root(&process->credentials);
	limits_init(process);
	process->actions = signal_actions_create();
	process->files = file_table_create();
	process->directory = directory_context_create();
	process->exit_signal = SIGCHLD;
	process->start_time = time_now();
	if (process->actions && process->files && process->directory)
		return process;
	process_copy_undo(process);
	return NULL;
}

static void link_init(const struct child *child)
{
	struct process *process = child->process;
	unsigned long state = tree_lock();

	process_get(process);
	thread_get(child->thread);
	child->thread->process = process;
	child->thread->user = child->user;
	process->leader = child->thread;
	process_init = process;
	process_enter_group_locked(process, process->id, process->id);
	process_link_locked(process, NULL);
	process_add_thread_locked(process, child->thread);
	tree_unlock(state);
	child->user->logged = trace_to_log;
	if (trace_to_log)
		thread_add_work(child->thread, WORK_TRACE);
}

int process_start_init(const char *path, char *const argv[], char *const envp[])
{
	struct init_start start = { .path = path, .argv = argv, .envp = envp };
	struct child child = { .process = make_process() };
	int error = -ENOMEM;

	thread_release_hook = process_thread_released;
	wait_queue_init(&start.wait);
	if (child.process)
		error = child_prepare(&child, 0, init_entry, &start);
	if (error)
		goto fail;
	link_init(&child);
	thread_set_name(child.thread, "init");
	thread_start(child.thread);
	wait_for_start(&start);
	return 0;
fail:
	log_error("the first process cannot be made: error %d", -error);
	if (child.process)
		process_copy_undo(child.process);
	return error;
}
