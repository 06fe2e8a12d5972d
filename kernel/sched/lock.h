#pragma once
/*
 * Locks. In debug builds each lock knows its rank, holder and place; taking one of a rank not above
 * those held panics with both places (debug/lock_check.h). Two of one rank only with `_nested`, in an
 * order that the caller guarantees: by address, or parent before child.
 *
 *   spinlock   busy wait, never sleep while holding one. Plain form where no interrupt handler takes
 *              it, _irqsave where one does.
 *   mutex      sleeps; fair hand-over is not promised. Not in interrupts.
 *   rwlock     sleeps; readers share; a waiting writer stops new readers.
 */
#include <arch/cpu.h>
#include <lib/atomic.h>
#include <lib/list.h>

/* From outermost to innermost (design.md 6; docs/decisions.md on inode before space). */
enum lock_rank {
	RANK_NONE,	  /* not checked */
	RANK_TERMINAL,	  /* tty, session */
	RANK_MOUNT,	  /* names: mounts, renames */
	RANK_INODE,	  /* directory, then child; pipe buffers; the user copy happens under it */
	RANK_SPACE,	  /* address space */
	RANK_OBJECT,	  /* memory object */
	RANK_JOURNAL,	  /* a file system's: its journal, */
	RANK_EXTENTS,	  /* then the block map of a file, */
	RANK_INODES,	  /* then which inodes are in memory, or to be removed, */
	RANK_BITMAPS,	  /* then free space and other metadata */
	RANK_TRANSACTION, /* then what the running transaction holds */
	RANK_BUFFER,	  /* buffers, */
	RANK_DISK,	  /* then disks without a queue of their own: SD cards */
	RANK_PROCESS,	  /* process tree, file tables, signal state */
	RANK_SIGNAL,
	RANK_TABLE, /* page table; all from here on are spinlocks */
	RANK_WAIT,  /* wait queues, futex buckets, leaf driver state */
	RANK_FRAME, /* slab, then frame allocator */
	RANK_BUDDY,
	RANK_TIMER,
	RANK_RUNQUEUE,
	RANK_LOG,     /* the ring of messages; calls the consoles */
	RANK_CONSOLE, /* a console's wire */
};

struct thread;

struct spinlock {
	u32 locked;
#ifdef SELENE_DEBUG
	enum lock_rank rank;
	struct thread *holder;
	vaddr_t place;
#endif
};

#ifdef SELENE_DEBUG
#define SPINLOCK_INIT(lock_rank_)                                                                  \
	{                                                                                          \
		.rank = (lock_rank_)                                                               \
	}
#else
#define SPINLOCK_INIT(lock_rank_)                                                                  \
	{                                                                                          \
		0                                                                                  \
	}
#endif

void spin_init(struct spinlock *lock, enum lock_rank rank);
#ifndef SELENE_INLINE_LOCKS
void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);
/* Second lock of a rank already held: the caller orders by address. */
void spin_lock_nested(struct spinlock *lock);
#endif
bool spin_trylock(struct spinlock *lock);
bool spin_is_held(const struct spinlock *lock); /* by this CPU in debug builds, else by anyone */

struct mutex {
	struct atomic32 state; /* 0 free, 1 held, 2 held and waited for */
	struct spinlock wait_lock;
	struct list_node waiters; /* [wait_lock] */
	struct thread *holder;	  /* set by the holder */
#ifdef SELENE_DEBUG
	enum lock_rank rank;
	vaddr_t place;
#endif
};

/* For static ones that are taken before any start-up function could set them up; not rank-checked. */
#define MUTEX_INIT(name)                                                                           \
	{                                                                                          \
		.wait_lock = SPINLOCK_INIT(RANK_WAIT), .waiters = LIST_INIT((name).waiters)        \
	}
void mutex_init(struct mutex *mutex, enum lock_rank rank);
#ifndef SELENE_INLINE_LOCKS
void mutex_lock(struct mutex *mutex);
void mutex_lock_nested(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
#endif
bool mutex_trylock(struct mutex *mutex);
/* -EINTR when a signal is pending first. */
__must_check int mutex_lock_interruptible(struct mutex *mutex);
bool mutex_is_held(const struct mutex *mutex); /* by the current thread */

#include <sched/lock_fast.h>

static inline unsigned long spin_lock_irqsave(struct spinlock *lock)
{
	unsigned long state = irq_save();

	spin_lock(lock);
	return state;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, unsigned long state)
{
	spin_unlock(lock);
	irq_restore(state);
}

struct rwlock {
	struct atomic32 word; /* bit 0: a writer; bit 1: waiters; from bit 2: readers */
	struct spinlock wait_lock;
	struct list_node waiters; /* [wait_lock] in order of arrival */
	struct thread *writer;	  /* set by the writer */
#ifdef SELENE_DEBUG
	enum lock_rank rank;
	vaddr_t place;
#endif
};

void rwlock_init(struct rwlock *lock, enum lock_rank rank);
void read_lock(struct rwlock *lock);
bool read_trylock(struct rwlock *lock);
void read_unlock(struct rwlock *lock);
void write_lock(struct rwlock *lock);
void write_lock_nested(struct rwlock *lock);
void write_unlock(struct rwlock *lock);
bool rwlock_is_write_held(const struct rwlock *lock); /* by the current thread */
bool rwlock_is_held(const struct rwlock *lock);	      /* by anyone, in any mode */
