/* The process tree: allocation, finding, and what /proc wants to know. */
#include <debug/panic.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/err.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/timers.h>
#include <proc/tree.h>
#include <sched/cpu.h>

static SLAB_CACHE(process_cache, struct process);
static SLAB_CACHE(user_thread_cache, struct user_thread);

struct spinlock process_tree_lock = SPINLOCK_INIT(RANK_PROCESS);
struct process *process_init;
struct list_node all_processes = LIST_INIT(all_processes); /* [tree] by pid */
static unsigned all_count;				   /* [tree] */

struct process *process_allocate(void)
{
	struct process *process = slab_alloc_zeroed(&process_cache);

	if (!process)
		return NULL;
	atomic32_set(&process->references, 1);
	list_init(&process->group_link);
	list_init(&process->session_link);
	list_init(&process->children);
	list_init(&process->sibling);
	list_init(&process->semaphore_undos);
	list_init(&process->threads);
	list_init(&process->tracees);
	list_init(&process->tracees_gone);
	list_init(&process->all_link);
	list_init(&process->pending.entries);
	list_init(&process->posix_timers);
	wait_queue_init(&process->child_wait);
	wait_queue_init(&process->stop_wait);
	wait_queue_init(&process->signal_wait);
	wait_queue_init(&process->exit_wait);
	timer_init(&process->real_timer, signal_real_timer);
	timer_init(&process->cpu_timer, timers_cpu_expired);
	process->dumpable = true;
	return process;
}

void process_free(struct process *process)
{
	if (process->actions)
		signal_actions_put(process->actions);
	credentials_free_groups(process);
	slab_free(&process_cache, process);
}

/* Does not sleep: what could is given up at exit, by the process itself. */
void process_put(struct process *process)
{
	if (!atomic32_dec_and_test(&process->references))
		return;
	if (process->id)
		id_put(process->id);
	process_free(process);
}

enum { TIMER_SLACK_DEFAULT = 50000 }; /* ns, Linux's */

struct user_thread *user_thread_allocate(struct thread *thread)
{
	struct user_thread *user = slab_alloc_zeroed(&user_thread_cache);

	if (!user)
		return NULL;
	user->thread = thread;
	list_init(&user->link);
	list_init(&user->pending.entries);
	user->stack.flags = SS_DISABLE;
	user->timer_slack = user->timer_slack_default = TIMER_SLACK_DEFAULT;
	return user;
}

void user_thread_free(struct user_thread *user)
{
	if (user->id)
		id_put(user->id);
	slab_free(&user_thread_cache, user);
}

/* sched drops the last reference of a user thread. */
void process_thread_released(struct thread *thread)
{
	if (thread->user)
		user_thread_free(thread->user);
	process_put(thread->process);
}

void process_enter_group_locked(struct process *process, struct id *group, struct id *session)
{
	if (process->group_id != group) {
		id_get(group);
		list_remove_init(&process->group_link);
		list_add_tail(&group->group, &process->group_link);
		process->group_id = group;
	}
	if (process->session_id != session) {
		id_get(session);
		list_remove_init(&process->session_link);
		list_add_tail(&session->session, &process->session_link);
		process->session_id = session;
	}
}

void process_add_thread_locked(struct process *process, struct thread *thread)
{
	struct user_thread *user = thread->user;

	thread->tid = user->id->number;
	user->id->thread = thread;
	list_add_tail(&process->threads, &user->link);
	process->thread_count++;
}

/* Kept in order for process_next(); pids go up, so the place is nearly always the end. */
static void add_to_all_locked(struct process *process)
{
	struct process *other;

	list_for_each_entry_reverse(other, &all_processes, all_link) {
		if (other->id->number < process->id->number)
			break;
	}
	list_add_after(&process->all_link, &other->all_link);
	all_count++;
}

void process_link_locked(struct process *process, struct process *parent)
{
	process->id->process = process;
	process->parent = parent;
	process->parent_pid = parent ? parent->id->number : 0;
	if (parent)
		list_add_tail(&parent->children, &process->sibling);
	add_to_all_locked(process);
}

void process_unlink_locked(struct process *process)
{
	BUG_ON(process->state == PROCESS_DEAD || process->thread_count);
	trace_reaped_locked(process);
	process->state = PROCESS_DEAD;
	wait_wake_all(&process->exit_wait);
	process->id->process = NULL;
	list_remove_init(&process->sibling);
	list_remove_init(&process->all_link);
	list_remove_init(&process->group_link);
	list_remove_init(&process->session_link);
	all_count--;
}

void process_release(struct process *process)
{
	struct thread *leader;
	unsigned long state = tree_lock();

	leader = process->leader;
	process->leader = NULL;
	tree_unlock(state);
	id_put(process->group_id);
	id_put(process->session_id);
	thread_put(leader);
	process_put(process);
}

struct process *process_find(s32 pid)
{
	struct id *id = id_find(pid);
	struct process *process;
	unsigned long state;

	if (!id)
		return NULL;
	state = tree_lock();
	process = id->process;
	if (process)
		process_get(process);
	tree_unlock(state);
	id_put(id);
	return process;
}

struct thread *thread_find(s32 tid)
{
	struct id *id = id_find(tid);
	struct thread *thread;
	unsigned long state;

	if (!id)
		return NULL;
	state = tree_lock();
	thread = id->thread;
	if (thread)
		thread_get(thread);
	tree_unlock(state);
	id_put(id);
	return thread;
}

struct thread *process_leader(struct process *process)
{
	unsigned long state = tree_lock();
	struct thread *leader = process->leader;

	if (leader)
		thread_get(leader);
	tree_unlock(state);
	return leader;
}

struct process *process_next(s32 after)
{
	unsigned long state = tree_lock();
	struct process *process, *found = NULL;

	process_for_each_locked(process)
	{
		if (process->id->number > after) {
			process_get(process);
			found = process;
			break;
		}
	}
	tree_unlock(state);
	return found;
}

unsigned process_count(void)
{
	return READ_ONCE(all_count);
}

unsigned process_count_user_locked(u32 uid)
{
	struct process *process;
	unsigned count = 0;

	process_for_each_locked(process)
	{
		if (process->credentials.uid == uid)
			count += MAX(process->thread_count, 1u);
	}
	return count;
}

void process_times_locked(struct process *process, u64 *user_time, u64 *system_time)
{
	struct user_thread *user;
	u64 in_user, in_system;

	*user_time = process->dead_user;
	*system_time = process->dead_system;
	process_for_each_thread(user, process) {
		thread_times(user->thread, &in_user, &in_system);
		*user_time += in_user;
		*system_time += in_system;
	}
}

static void process_activity_add(struct process_activity *sum, const struct process_activity *more)
{
	sum->reads += more->reads;
	sum->writes += more->writes;
	sum->bytes_read += more->bytes_read;
	sum->bytes_written += more->bytes_written;
}

void process_activity_add_thread(struct process_activity *sum, const struct user_thread *user)
{
	const struct disk_activity *disk = &user->thread->disk;

	process_activity_add(sum, &user->activity);
	sum->disk.read += disk->read;
	sum->disk.dirtied += disk->dirtied;
	sum->disk.dropped += disk->dropped;
}

u64 process_faults(struct process *process)
{
	unsigned long state = tree_lock();
	u64 faults = process->dead_counts.faults;
	struct user_thread *user;

	process_for_each_thread(user, process)
		faults += user->faults;
	tree_unlock(state);
	return faults;
}

void process_activity(struct process *process, struct process_activity *sum)
{
	unsigned long state = tree_lock();
	struct user_thread *user;

	*sum = process->dead_activity;
	process_for_each_thread(user, process)
		process_activity_add_thread(sum, user);
	tree_unlock(state);
}

void process_times(struct process *process, u64 *user_time, u64 *system_time)
{
	unsigned long state = tree_lock();

	process_times_locked(process, user_time, system_time);
	tree_unlock(state);
}

static char thread_state_letter_locked(struct thread *thread)
{
	struct process *process = thread->process;
	struct user_thread *user = thread->user;

	/* An ended leader stays for whoever waits for the process, even before its last thread ends. */
	if (list_empty(&user->link))
		return thread == process->leader ? 'Z' : 'X';
	if (user->trace && user->trace->stop != TRACE_RUNNING)
		return user->trace->listening ? 'T' : 't';
	if (process->stopped_count >= process->thread_count &&
	    trace_stops_with_process(process, user))
		return 'T';
	switch (READ_ONCE(thread->state)) {
	case THREAD_SLEEPING:
		return thread->wait_mode == WAIT_UNINTERRUPTIBLE ? 'D' : 'S';
	case THREAD_DEAD:
		return 'X';
	default:
		return 'R';
	}
}

char thread_state_letter(struct thread *thread)
{
	unsigned long state = tree_lock();
	char letter = thread_state_letter_locked(thread);

	tree_unlock(state);
	return letter;
}

char process_state_letter(struct process *process)
{
	unsigned long state = tree_lock();
	char letter = 'X';

	if (process->state == PROCESS_ZOMBIE)
		letter = 'Z';
	else if (process->state != PROCESS_DEAD && process->leader)
		letter = thread_state_letter_locked(process->leader);
	tree_unlock(state);
	return letter;
}

struct space *process_space(struct process *process)
{
	unsigned long state = tree_lock();
	struct space *space = process->space;

	if (space)
		space_get(space);
	tree_unlock(state);
	return space;
}

struct file *process_executable(struct process *process)
{
	struct space *space = process_space(process);
	struct file *file;
	unsigned long state;

	if (space) {
		file = space->executable;
		if (file)
			file_get(file);
		space_put(space);
		return file;
	}
	state = tree_lock();
	file = process->spawner;
	if (file)
		file_get(file);
	tree_unlock(state);
	return file;
}

struct file_table *process_files(struct process *process)
{
	unsigned long state = tree_lock();
	struct file_table *files = process->files;

	if (files)
		file_table_get(files);
	tree_unlock(state);
	return files;
}

struct directory_context *process_directory(struct process *process)
{
	unsigned long state = tree_lock();
	struct directory_context *directory = process->directory;

	if (directory)
		directory_context_get(directory);
	tree_unlock(state);
	return directory;
}
