#pragma once
/*
 * Processes: what threads share. Everything that clone(2) can share by a flag is its own counted
 * object: space, file table, directory context, signal actions.
 *
 * Locks: process_tree_lock (a spinlock, RANK_PROCESS) guards parent, children, siblings, groups,
 * sessions, thread lists, exit state; order: process_tree_lock → signal actions lock → run queue.
 */
#include <lib/list.h>
#include <mm/space.h>
#include <proc/signal.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <sched/wait.h>

struct file_table;	  /* fs/file.h */
struct directory_context; /* fs/path.h: cwd, root, umask */
struct terminal;
struct tracee; /* proc/ptrace.h */

struct credentials {
	u32 uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	u32 group_count;
	const u32 *groups; /* in the process's group_blocks; sorted or not, as it was set */
	u64 capabilities_effective, capabilities_permitted, capabilities_inheritable;
	bool no_new_privileges;
};

enum {
	RLIMIT_CPU,
	RLIMIT_FSIZE,
	RLIMIT_DATA,
	RLIMIT_STACK,
	RLIMIT_CORE,
	RLIMIT_RSS,
	RLIMIT_NPROC,
	RLIMIT_NOFILE,
	RLIMIT_MEMLOCK,
	RLIMIT_AS,
	RLIMIT_LOCKS,
	RLIMIT_SIGPENDING,
	RLIMIT_MSGQUEUE,
	RLIMIT_NICE,
	RLIMIT_RTPRIO,
	RLIMIT_RTTIME,
	RLIMIT_COUNT
};
#define RLIMIT_INFINITY (~0ull)

struct resource_limit {
	u64 soft, hard;
};

/* An id that names threads, processes, groups and sessions, for as long as any of them lives. */
struct id {
	s32 number;
	struct atomic32 references;
	struct id *hash_next;	  /* [id hash lock] */
	struct thread *thread;	  /* [tree] with this tid, or NULL */
	struct process *process;  /* [tree] with this pid, or NULL */
	struct list_node group;	  /* [tree] processes by process->group_link */
	struct list_node session; /* [tree] processes by process->session_link */
};

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE, PROCESS_DEAD };

/* What calls of threads moved, for /proc/PID/io. */
struct process_activity {
	u64 reads, writes;	       /* calls */
	u64 bytes_read, bytes_written; /* by them */
	struct disk_activity disk;     /* of ended threads, and in sums; else it is the thread's */
};

struct process {
	struct id *id;				   /* [const] pid */
	struct id *group_id, *session_id;	   /* [tree] */
	struct list_node group_link, session_link; /* [tree] */
	struct process *parent;			   /* [tree] */
	s32 parent_pid;				   /* [tree; atomic read] parent's, 0: none */
	struct list_node children, sibling;	   /* [tree] */
	struct list_node threads;		   /* [tree] struct user_thread.link */
	struct list_node tracees;		   /* [tree] struct tracee.link, of this tracer */
	struct list_node tracees_gone;		   /* [tree] struct tracee.link, to be freed */
	unsigned thread_count;			   /* [tree] live ones */
	struct thread *leader;			   /* [const until exec] */
	enum process_state state;		   /* [tree] */
	struct list_node all_link;		   /* [tree] */
	struct atomic32 references;

	struct space *space; /* [own threads; tree to read from outside] */
	struct file
		*spawner; /* [tree] program of spawn(2)'s caller while there is no space; or NULL */
	struct file_table *files;
	struct directory_context *directory;
	struct signal_actions *actions;
	struct signal_queue pending;		    /* [signal] for the whole process */
	struct credentials credentials;		    /* [tree to write; own threads read] */
	struct resource_limit limits[RLIMIT_COUNT]; /* [tree] */

	bool exiting;	 /* [signal] exit_group or a fatal signal began */
	bool execing;	 /* [signal] another thread does exec: die quietly */
	int exit_status; /* [signal] as wait4 reports it */
	u8 exit_signal;	 /* [const] to the parent: SIGCHLD, or 0 */
	bool has_execed; /* [tree] setpgid: EACCES */
	bool dumpable;
	u8 stop_signal;			      /* [signal] stopped by it; 0: not stopped */
	bool stop_reported, continue_pending; /* [tree] for wait */
	struct wait_queue child_wait;	      /* parent's wait4 sleeps here */
	struct wait_queue stop_wait;	      /* stopped threads sleep here */
	struct wait_queue *vfork_done;	      /* [tree] parent waits until exec or exit */
	struct wait_queue signal_wait;	      /* signalfd, sigtimedwait */
	struct wait_queue exit_wait;	      /* pidfd */

	struct terminal *terminal; /* [tree] controlling terminal; the session counts it */
	s32 hangup_group; /* [tree] foreground group of a terminal that was cut: dev/tty_job.c */
	u64 start_time;	  /* [const] ns */
	u64 children_user, children_system; /* [tree] ns, of reaped children */
	struct usage_counts {
		u64 faults, voluntary, involuntary; /* page faults, switches */
	} dead_counts, children_counts;	       /* [tree] of ended threads, of reaped children */
	u64 dead_user, dead_system;	       /* [tree] ns, of ended threads */
	struct timer real_timer;	       /* ITIMER_REAL */
	u64 real_interval;		       /* [signal] ns */
	struct list_node posix_timers;	       /* [signal] proc/posix_timer.c */
	s32 next_posix_timer;		       /* [signal] */
	int death_signal;		       /* PR_SET_PDEATHSIG */
	struct process_activity dead_activity; /* [tree] of ended threads */
	bool child_subreaper;
	s32 oom_score_adjust;
	struct list_node semaphore_undos; /* [ipc_lock] proc/semaphore.c */
	u64 oom_pages;			  /* [atomic] what it weighed last: proc/oom.c */
	u32 personality;
	u32 membarriers; /* [tree] proc/membarrier.h: what it registered for */

	unsigned stopped_count; /* [signal] threads that sleep for stop_signal */
	u32 stop_generation;	/* [signal] counts stops */
	u32 continue_count;	/* [signal] counts SIGCONT and SIGKILL: they undo a dequeued stop */
	unsigned signals_queued; /* [signal] pending_signal objects, for RLIMIT_SIGPENDING */
	bool discard;		 /* [tree] spawn(2) failed: leaves no zombie and sends no signal */
	bool keep_capabilities;	 /* PR_SET_KEEPCAPS */
	struct group_block *group_blocks; /* [tree] proc/credentials.c */

	struct timer cpu_timer; /* looks at the two below: proc/timers.c */
	struct cpu_interval {	/* [tree] ns of CPU time; target 0: off */
		u64 target, interval;
	} virtual_timer, profile_timer; /* ITIMER_VIRTUAL, ITIMER_PROF */
};

/* The part of a thread that only user threads have; thread->user. */
struct user_thread {
	struct thread *thread;	     /* [const] */
	struct id *id;		     /* [const] tid */
	struct list_node link;	     /* [tree] process->threads */
	struct signal_queue pending; /* [signal] for this thread alone */
	u64 blocked;		     /* [signal; own thread reads] */
	u64 saved_mask;		     /* [own] with WORK_RESTORE_MASK */
	u64 waiting_set;	     /* [signal] sigtimedwait */
	struct signal_stack stack;   /* [own] sigaltstack */
	vaddr_t clear_child_tid;     /* [own] */
	vaddr_t robust_list;	     /* [own] */
	u64 restart_deadline;  /* [own] restart_syscall: absolute ns for nanosleep/poll/futex */
	int fault_count;       /* [own] for hazard 9 reports */
	u64 faults;	       /* [own] page faults that it went on after */
	vaddr_t fault_address; /* [own] of the last page fault */
	struct process_activity activity; /* [own] */
	struct tracee *trace;		  /* [tree and signal to change] ptrace(2), or NULL */
	int trace_signal;		  /* [tree] what a tracer that let it go resumed it with */
	bool logged;			  /* [atomic] its system calls are logged: abi/trace.h */
	u16 io_priority;		  /* [tree] ioprio_set(2) */
	u64 timer_slack; /* [tree] ns, PR_SET_TIMERSLACK: remembered; no timer is ever late for it */
	u64 timer_slack_default;       /* [tree] what it was when the thread began */
	vaddr_t rseq;		       /* [own] proc/rseq.h: the area, or 0 */
	u32 rseq_size, rseq_signature; /* [own] */
	int fault_signal;	       /* [own] forced and not yet delivered: for the report */
};

extern struct spinlock process_tree_lock;
extern struct process *process_init; /* pid 1 */

static inline struct process *process_current(void)
{
	return thread_current()->process;
}
static inline struct credentials *credentials_current(void)
{
	return &process_current()->credentials;
}
static inline bool credentials_are_root(const struct credentials *credentials)
{
	return credentials->euid == 0;
}
static inline u64 process_limit(unsigned which)
{
	return process_current()->limits[which].soft;
}

/* Process @pid with a reference, or NULL. process_put() may sleep. */
struct process *process_find(s32 pid);
void process_put(struct process *process);
/* Thread @tid with a reference (thread_put()), or NULL. */
struct thread *thread_find(s32 tid);
/* The thread that /proc/PID shows (comm, state), with a reference, or NULL once it was reaped. */
struct thread *process_leader(struct process *process);
/* The next process with pid > @after, referenced, NULL at the end: for /proc. */
struct process *process_next(s32 after);
unsigned process_count(void);
s32 process_last_pid(void);
/* CPU time of all threads, living and ended, ns. */
void process_times(struct process *process, u64 *user, u64 *system);
/* trace=syscalls: the lines of the tracer go to the log. */
extern bool trace_to_log;
/* Log the system calls of @process from now on, or no longer; of its later children as well. */
void process_log_calls(struct process *process, bool on);
/* What all threads did, living and ended; the page faults that they took. */
void process_activity(struct process *process, struct process_activity *sum);
u64 process_faults(struct process *process);
void process_activity_add_thread(struct process_activity *sum, const struct user_thread *user);
/* For /proc/PID/stat: one of R S D T t Z X; a process's is its leader's (proc_pid_stat(5)). */
char process_state_letter(struct process *process);
char thread_state_letter(struct thread *thread);
/* The process's space with a reference (space_put()), or NULL when it has left it. */
struct space *process_space(struct process *process);
/*
 * The file of the process's program with a reference (file_put()), or NULL: it has left its space. A child
 * of spawn(2) that is not yet a program of its own shows its parent's, as after fork. Sleeps.
 */
struct file *process_executable(struct process *process);
/* Likewise its file table (file_table_put()) and directories (directory_context_put()). */
struct file_table *process_files(struct process *process);
struct directory_context *process_directory(struct process *process);

/* fork, vfork, clone: clone(2), clone3(2). Returns the child's id or -errno. */
struct clone_request {
	u64 flags;			  /* CLONE_* without the exit signal */
	u64 pidfd, child_tid, parent_tid; /* user addresses */
	u32 exit_signal;
	u64 stack; /* 0: the parent's */
	u64 tls;
	s32 tid; /* clone3(2) set_tid; 0: any */
};
s64 process_clone(const struct clone_request *request);
/* exit(2) of the current thread; exit_group(2): @status as wait4 reports it. */
__noreturn void process_exit_thread(int status);
__noreturn void process_exit_group(int status);
/* wait4/waitid core: see proc/wait.c. */
struct wait_result {
	s32 pid;
	u32 uid;
	int status, code;	    /* code: CLD_* */
	u64 user_time, system_time; /* ns */
	struct usage_counts counts;
};
/* @which: P_PID 1, P_PGID 2, P_ALL 0; @options WNOHANG…; pid, 0 (WNOHANG) or -errno. Sleeps. */
s64 process_wait(int which, s32 id, int options, struct wait_result *result);

/* Sessions and groups: setpgid(2), setsid(2). */
int process_set_group(s32 pid, s32 group);
s64 process_new_session(void);
/* No process of the group has a parent in another group of the same session: for SIGTTIN/EIO. */
bool process_group_is_orphaned(s32 pgid);
/* @session 0: in any session, that is: does the group exist? */
bool process_group_in_session(s32 pgid, s32 session);
/* Detach the controlling terminal from every process of session @session. */
void process_session_drop_terminal(s32 session, struct terminal *terminal);

/* exec(2). @fd: execveat's directory or AT_FDCWD. argv, envp: user addresses. */
int process_exec(int fd, vaddr_t path, vaddr_t argv, vaddr_t envp, int flags);
/*
 * Start the first process from the kernel; returns once it runs. -errno: no memory for it. A
 * program that cannot be started is boot_failure() with cause and remedy. Sleeps.
 */
int process_start_init(const char *path, char *const argv[], char *const envp[]);
