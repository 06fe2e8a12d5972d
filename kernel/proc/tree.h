#pragma once
/*
 * What the parts of kernel/proc share about the process tree. Functions that end in _locked want
 * process_tree_lock held (interrupts off).
 *
 * Who holds what: a process is counted once by the tree until it is reaped, and once by each of its
 * threads until that thread is freed. It counts its leader until it is reaped, so that /proc can
 * show a zombie's name; reaping breaks that ring. Ids are counted by the threads, processes, groups
 * and sessions that bear them, so that no number is given out again while one of these lives.
 */
#include <proc/process.h>

static inline unsigned long tree_lock(void)
{
	return spin_lock_irqsave(&process_tree_lock);
}
static inline void tree_unlock(unsigned long state)
{
	spin_unlock_irqrestore(&process_tree_lock, state);
}

/* id.c. A new number, counted once; ERR_PTR(-EAGAIN: all in use, -ENOMEM). Does not sleep. */
struct id *id_allocate(void);
/* The same for @number, if it is in range and free: -EINVAL, -EEXIST. 0: any. */
struct id *id_allocate_number(s32 number);
static inline void id_get(struct id *id)
{
	atomic32_inc(&id->references);
}
void id_put(struct id *id);
/* The id of @number with a reference, or NULL. Any context. */
struct id *id_find(s32 number);
/* Numbers that can be in use at once; for /proc/sys/kernel/pid_max. */
enum { PID_MAX = 32768 };

/* process.c */
/* An empty process, not yet in the tree, references 1 (the tree's). NULL: out of memory. */
struct process *process_allocate(void);
/* The state of a user thread; *not* yet on a list. NULL: out of memory. */
struct user_thread *user_thread_allocate(struct thread *thread);
/* Give up what user_thread_allocate() and process_allocate() made, before anyone saw it. */
void user_thread_free(struct user_thread *user);
void process_free(struct process *process);
/* For thread_release_hook. */
void process_thread_released(struct thread *thread);
static inline void process_get(struct process *process)
{
	atomic32_inc(&process->references);
}
/* Put a process with its first thread into the tree, below @parent (NULL: it is pid 1). */
void process_link_locked(struct process *process, struct process *parent);
void process_add_thread_locked(struct process *process, struct thread *thread);
/* Members of group @id and of session @id: lists in the id. */
void process_enter_group_locked(struct process *process, struct id *group, struct id *session);
/*
 * Take a zombie out of the tree: state DEAD, no longer found, what its parent has to remember added
 * up. The caller calls process_release() without the lock afterwards.
 */
void process_unlink_locked(struct process *process);
/* Drop the references that the tree held. May sleep. */
void process_release(struct process *process);

void process_times_locked(struct process *process, u64 *user_time, u64 *system_time);

/* [tree] All processes, by pid. */
extern struct list_node all_processes;
#define process_for_each_locked(process_) list_for_each_entry(process_, &all_processes, all_link)

#define process_for_each_thread(user_, process_)                                                   \
	list_for_each_entry(user_, &(process_)->threads, link)

/*
 * group.c. Has the group of @process a member whose parent is elsewhere in the session? Not
 * @except.
 */
bool process_group_orphaned_locked(struct id *group, struct process *except);

/* exit.c */
/*
 * The current thread ends its use of its space: robust futexes, CLONE_CHILD_CLEARTID, the vfork
 * parent. Afterwards it runs without a space.
 */
void process_leave_space(void);
/* Wake the parent that waits in vfork(2); does nothing without one. */
void process_vfork_done(struct process *process);
/* Make every thread but the current one leave (exec): 0, or -EAGAIN when the process is ending. */
int process_end_other_threads(void);
/* Tell every thread to end; @status is the process's. The tree and its signal lock are held. */
void process_begin_exit_locked(struct process *process, int status);
/* A zombie is its parent's to reap; true: nobody will, and it has left the tree. Tree lock held. */
bool process_become_zombie_locked(struct process *process);
/* The current process, which exec never reached, vanishes without a trace. */
__noreturn void process_discard(void);

/* wait.c. Tell the parent of @process by SIGCHLD and wake its wait4(); @code: CLD_*. */
void process_notify_parent_locked(struct process *process, int code, int status);

/* clone.c: a new thread, or a new process with its first thread, in steps; for clone and spawn. */
struct child {
	struct process *process; /* new, or the current one for a thread */
	struct thread *thread;
	struct user_thread *user;
	bool is_thread;
	struct tracee *tracee; /* for ptrace(2), until it is linked; or NULL */
};
/*
 * A process like the current one but for what CLONE_* @flags share or CLONE_VM leaves out: with
 * @no_space it gets none. ERR_PTR. Sleeps.
 */
struct process *process_copy(u64 flags, bool no_space);
/* Undo process_copy(), before the process was seen. Sleeps. */
void process_copy_undo(struct process *process);
/*
 * Make thread, signal state and id (@tid, or any when 0) of @child, whose process is set. 0 or -errno
 * with nothing left.
 */
int child_prepare(struct child *child, s32 tid, void (*entry)(void *), void *argument);
/* Drop thread, signal state and id of a child that was not linked. */
void child_undo(struct child *child);
/*
 * Into the tree, below the current process (or below its parent); not started. -ERESTARTNOINTR: a
 * signal came first; -EAGAIN: RLIMIT_NPROC. A signal to a group or a process thus reaches the
 * child, or is handled before it is made.
 */
int child_link(struct child *child, bool as_sibling, u32 exit_signal);
/* Threads of all processes of user @uid. */
unsigned process_count_user_locked(u32 uid);

enum clone_flags {
	CLONE_VM = 0x100,
	CLONE_FS = 0x200,
	CLONE_FILES = 0x400,
	CLONE_SIGHAND = 0x800,
	CLONE_PIDFD = 0x1000,
	CLONE_PTRACE = 0x2000,
	CLONE_VFORK = 0x4000,
	CLONE_PARENT = 0x8000,
	CLONE_THREAD = 0x10000,
	CLONE_SYSVSEM = 0x40000,
	CLONE_SETTLS = 0x80000,
	CLONE_PARENT_SETTID = 0x100000,
	CLONE_CHILD_CLEARTID = 0x200000,
	CLONE_DETACHED = 0x400000,
	CLONE_UNTRACED = 0x800000,
	CLONE_CHILD_SETTID = 0x1000000,
};
#define CLONE_IO	    0x80000000ull
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#define CLONE_INTO_CGROUP   0x200000000ull
