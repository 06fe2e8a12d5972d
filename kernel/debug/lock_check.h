#pragma once
/*
 * The lock checks of debug builds: ranks (sched/lock.h), a lock taken twice, one let go that is
 * not held, sleeping with a spinlock or in an interrupt. A breach panics and prints the locks
 * held, with the places where they were taken. The list of held locks is part of the thread; an
 * interrupt begins a section of its own in it, for it may take what ranks below the locks of the
 * thread it interrupted. In other builds all of this is nothing. Any context.
 */
#include <lib/types.h>
#include <sched/lock.h>

struct thread;

enum lock_kind { LOCK_SPIN, LOCK_MUTEX, LOCK_RW, LOCK_INTERRUPT };

#ifdef SELENE_DEBUG
/* Before waiting for @lock: is it allowed now? */
void lock_check_before(const void *lock, enum lock_kind kind, enum lock_rank rank, bool nested,
		       vaddr_t place);
void lock_check_taken(const void *lock, enum lock_kind kind);
void lock_check_release(const void *lock, enum lock_kind kind);
bool lock_check_held(const void *lock, enum lock_kind kind);
/* The current thread is about to do what may sleep. */
void lock_check_may_sleep(vaddr_t place);
/* A context switch hands the run queue's lock to @to. */
void lock_check_transfer(const void *lock, enum lock_kind kind, struct thread *from,
			 struct thread *to);
void lock_check_interrupt_enter(void);
void lock_check_interrupt_exit(void);
void lock_check_print(const struct thread *thread);
#else
static inline void lock_check_before(const void *lock, enum lock_kind kind, enum lock_rank rank,
				     bool nested, vaddr_t place)
{
}
static inline void lock_check_taken(const void *lock, enum lock_kind kind)
{
}
static inline void lock_check_release(const void *lock, enum lock_kind kind)
{
}
static inline void lock_check_may_sleep(vaddr_t place)
{
}
static inline void lock_check_transfer(const void *lock, enum lock_kind kind, struct thread *from,
				       struct thread *to)
{
}
static inline void lock_check_interrupt_enter(void)
{
}
static inline void lock_check_interrupt_exit(void)
{
}
static inline void lock_check_print(const struct thread *thread)
{
}
#endif
