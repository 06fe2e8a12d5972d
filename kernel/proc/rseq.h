#pragma once
/*
 * Restartable sequences: rseq(2). A thread's area in user memory says on which CPU it runs, and may name a
 * critical section, from which it is taken to its abort handler when it lost the CPU or gets a signal in
 * it. A section makes no system call, so nothing needs to be looked at after a sleep in one: the CPU's number is
 * written after a move (WORK_SEQUENCE), sections are looked at after a preemption, before a signal's
 * handler, and after a page fault that slept.
 */
#include <lib/types.h>

struct thread;
struct trap_frame;
struct user_thread;

enum { RSEQ_UNREGISTER = 1 };

/* The call, of the current thread: 0, -EINVAL, -EBUSY, -EPERM, -EFAULT. */
long rseq_register(vaddr_t area, u32 size, u32 flags, u32 signature);
/* Leave a section that the current thread is in; bad memory becomes SIGSEGV. May sleep. */
void rseq_leave_section(struct trap_frame *frame);
/* WORK_SEQUENCE: write the CPU's number, and the same. May sleep. */
void rseq_update(struct trap_frame *frame);
/* fork(2): @child, not yet started, has the current thread's registration; clear: it has none (exec). */
void rseq_inherit(struct user_thread *child);
void rseq_clear(struct user_thread *user);
