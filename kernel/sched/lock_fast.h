#pragma once
/*
 * Locks that nobody else holds: the common case is a few instructions. The kernel without checks has
 * them in line (SELENE_INLINE_LOCKS, Makefile); with checks, and in host tests that put their own
 * locks in place, they are called. Included by sched/lock.h only.
 */

enum { MUTEX_FREE, MUTEX_HELD, MUTEX_CONTENDED }; /* mutex->state */

static inline bool spin_try_take(struct spinlock *lock)
{
	return !__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE);
}

static inline bool mutex_try_take(struct mutex *mutex)
{
	u32 expected = MUTEX_FREE;

	return __atomic_compare_exchange_n(&mutex->state.v, &expected, MUTEX_HELD, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* False: somebody waits for it; it is still held. */
static inline bool mutex_try_release(struct mutex *mutex)
{
	u32 expected = MUTEX_HELD;

	return __atomic_compare_exchange_n(&mutex->state.v, &expected, MUTEX_FREE, false,
					   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

#ifdef SELENE_INLINE_LOCKS
void spin_lock_slowly(struct spinlock *lock);
void mutex_lock_slowly(struct mutex *mutex);
void mutex_unlock_slowly(struct mutex *mutex);

static inline void spin_lock(struct spinlock *lock)
{
	if (unlikely(!spin_try_take(lock)))
		spin_lock_slowly(lock);
}

static inline void spin_lock_nested(struct spinlock *lock)
{
	spin_lock(lock);
}

static inline void spin_unlock(struct spinlock *lock)
{
	store_release(&lock->locked, 0);
}

static inline void mutex_lock(struct mutex *mutex)
{
	if (unlikely(!mutex_try_take(mutex)))
		mutex_lock_slowly(mutex);
	mutex->holder = thread_current();
}

static inline void mutex_lock_nested(struct mutex *mutex)
{
	mutex_lock(mutex);
}

static inline void mutex_unlock(struct mutex *mutex)
{
	mutex->holder = NULL;
	if (unlikely(!mutex_try_release(mutex)))
		mutex_unlock_slowly(mutex);
}
#endif
