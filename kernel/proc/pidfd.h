#pragma once
/*
 * pidfd_open(2): a process, or with PIDFD_THREAD one thread, as a file. It counts the process, whose
 * number is given to nobody else meanwhile, but keeps nothing of it alive.
 */
#include <fs/file.h>
#include <proc/signal.h>

struct id;

enum { PIDFD_NONBLOCK = O_NONBLOCK, PIDFD_THREAD = O_EXCL };
enum { /* pidfd_send_signal(2) */
       PIDFD_SIGNAL_THREAD = 1,
       PIDFD_SIGNAL_THREAD_GROUP = 2,
       PIDFD_SIGNAL_PROCESS_GROUP = 4,
};

/* @flags: PIDFD_*, checked. A file for @process, or its thread @id; both get a reference. ERR_PTR. */
struct file *pidfd_create(struct process *process, struct id *id, u32 flags);
/* The same for @pid: ERR_PTR(-ESRCH, -EINVAL: a thread's id without PIDFD_THREAD, …). */
struct file *pidfd_open(s32 pid, u32 flags);
/* The same for the process or thread that @id is the number of. -ESRCH: it was reaped. */
struct file *pidfd_open_id(struct id *id, u32 flags);
/* The process of the pidfd @file, which holds a reference; NULL: it is no pidfd. */
struct process *pidfd_process(const struct file *file);
/*
 * Send @info by the pidfd @file to what @flags (PIDFD_SIGNAL_*, or 0: what it is for) say: as kill(2), and
 * -EBADF (no pidfd).
 */
int pidfd_signal(const struct file *file, const struct signal_info *info, u32 flags);
/* Descriptor @fd of its process: a counted file. ERR_PTR(-EBADF, -ESRCH, -EPERM). May sleep. */
struct file *pidfd_get_file(const struct file *file, int fd);
