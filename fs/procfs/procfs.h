#pragma once
/*
 * /proc (proc(5)): files whose contents are made when they are read. A table names them; each has a function that
 * writes its text into a buffer. The file keeps that text while it is read on; reading at offset 0 makes it anew.
 *
 *   procfs.c    nodes, tables, lookup, listing     system.c   /proc/meminfo and its like
 *   process.c   /proc/PID/…                        maps.c     maps, smaps
 *   pagemap.c   pagemap                            namespace.c ns/
 *   links.c     exe, cwd, root, fd/                selene.c   /proc/selene/…
 *   memory.c    mem                                status.c   stat, statm, status, io…
 *   sys.c       /proc/sys/…
 *   disks.c     /proc/partitions, diskstats
 *   sysvipc.c   /proc/sysvipc/shm, sem, msg
 *   net.c       /proc/net/…
 *   sysrq.c     /proc/sysrq-trigger
 */
#include <fs/file.h>
#include <fs/text.h>
#include <lib/types.h>

struct process;
struct thread;

/* What a node is about: nothing, a process, or one of its threads. References are held by the caller. */
struct proc_subject {
	struct process *process;
	struct thread *thread; /* the task, or the leader of the process; may be NULL */
	s32 tid;	       /* of the thread; the pid for a process */
	s32 fd;		       /* in fd/ and fdinfo/ */
};

struct proc_node;

/* One name. Of show, operations, children, next and follow or readlink it has what it is. */
struct proc_entry {
	const char *name;
	u32 mode;     /* with type */
	bool private; /* for those who own the process alone: -EACCES */
	void (*show)(struct text *text, const struct proc_subject *subject);
	const struct proc_entry *children; /* a directory of fixed names */
	/* A directory of numbers: the next one > @after, or -1; and what each of them is. */
	s32 (*next)(const struct proc_subject *subject, s32 after);
	const struct proc_entry *member;
	/* A link to an object; or its text, when follow is NULL. */
	int (*follow)(const struct proc_subject *subject, struct path *target);
	ssize_t (*readlink)(const struct proc_subject *subject, char *buffer, size_t size);
	/* A file that is no text. */
	const struct file_operations *operations;
	/* Takes what is written in one write(2): 0 or -errno. */
	int (*store)(const struct proc_subject *subject, const char *value);
};

extern const struct proc_entry proc_root_entries[], proc_process_entries[], proc_task_entries[];
extern const struct proc_entry proc_selene_entries[], proc_sys_entries[], proc_net_entries[];
extern const struct proc_entry proc_sysvipc_entries[];
extern const struct proc_entry proc_fd_member, proc_fdinfo_member;

/* procfs.c: once at boot. */
void procfs_init(void);
/* What @vnode, one of procfs, is about, with references; -ESRCH when that is gone. */
int proc_subject_of(struct vnode *vnode, struct proc_subject *subject);
void proc_subject_put(struct proc_subject *subject);
/*
 * The process that the open directory @file, a /proc/PID, is about, with a reference; ERR_PTR(-EBADF: it is not one,
 * -ESRCH: the process is gone).
 */
struct process *proc_directory_process(const struct file *file);
/* memory.c: /proc/PID/mem */
extern const struct file_operations proc_mem_operations;
/* lseek(2) in a file of addresses: any 64-bit position, from the start or from here; -EINVAL otherwise. */
s64 proc_address_seek(struct file *file, s64 offset, int whence);
/* pagemap.c, namespace.c */
extern const struct file_operations proc_pagemap_operations;
extern const struct proc_entry proc_namespace_entries[];
void proc_namespace_init(void); /* once at boot */
/* links.c */
s32 proc_fd_next(const struct proc_subject *subject, s32 after);
int proc_follow_exe(const struct proc_subject *subject, struct path *target);
int proc_follow_cwd(const struct proc_subject *subject, struct path *target);
int proc_follow_root(const struct proc_subject *subject, struct path *target);

/* status.c */
struct page_counts;
void proc_show_stat(struct text *text, const struct proc_subject *subject);
void proc_show_statm(struct text *text, const struct proc_subject *subject);
void proc_show_status(struct text *text, const struct proc_subject *subject);
void proc_show_io(struct text *text, const struct proc_subject *subject);
void proc_show_syscall(struct text *text, const struct proc_subject *subject);
void proc_show_personality(struct text *text, const struct proc_subject *subject);
void proc_show_schedstat(struct text *text, const struct proc_subject *subject);
void proc_show_timer_slack(struct text *text, const struct proc_subject *subject);
int proc_store_timer_slack(const struct proc_subject *subject, const char *value);
void proc_show_cgroup(struct text *text, const struct proc_subject *subject);
void proc_show_login(struct text *text, const struct proc_subject *subject);
/* The pages of the whole space of @process. */
void proc_space_size(struct process *process, struct page_counts *counts);

/* maps.c */
void proc_show_rollup(struct text *text, const struct proc_subject *subject);
void proc_show_maps(struct text *text, const struct proc_subject *subject);
void proc_show_smaps(struct text *text, const struct proc_subject *subject);
/* disks.c */
void proc_show_partitions(struct text *text, const struct proc_subject *subject);
void proc_show_diskstats(struct text *text, const struct proc_subject *subject);
/* sysrq.c: does what the first letter says; -EIO: it is s, and something could not be written. */
int proc_store_sysrq(const struct proc_subject *subject, const char *value);
/* system.c */
void proc_show_mountstats(struct text *text, const struct proc_subject *subject);
void proc_show_mounts(struct text *text, const struct proc_subject *subject);
void proc_show_mountinfo(struct text *text, const struct proc_subject *subject);
