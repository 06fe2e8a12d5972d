/*
 * Mutexes. Nothing is handed over: an unlock frees the mutex and wakes the first waiter, who tries
 * again, so that a running thread need not wait for a sleeping one to be scheduled.
 *
 * No wake-up is lost. A waiter puts CONTENDED into the state and itself on the list in one
 * section of wait_lock, and sleeps after it. An unlock that finds HELD came before the waiter's
 * exchange, which then finds FREE; one that finds CONTENDED takes wait_lock after that section
 * and sees the waiter on the list. A woken waiter that does not get the mutex has put CONTENDED
 * again; one that gets it with others still waiting leaves CONTENDED. One that gives up for a
 * signal tries a last time, which either succeeds or leaves CONTENDED for the holder, so the
 * wake-up it consumed reaches the next.
 *
 * The mutex may be freed by its next holder: an unlock does not touch it after the store that frees
 * it, but in a section of wait_lock that a woken waiter must pass too before it has the mutex.
 */
#include <debug/lock_check.h>
#include <sched/cpu.h>

enum { SPIN_ROUNDS = 100 };

struct mutex_waiter {
	struct list_node link; /* [wait_lock] */
	struct thread *thread;
};

void mutex_init(struct mutex *mutex, enum lock_rank rank)
{
	*mutex = (struct mutex){ .state = ATOMIC_INIT(MUTEX_FREE) };
	spin_init(&mutex->wait_lock, RANK_WAIT);
	list_init(&mutex->waiters);
#ifdef SELENE_DEBUG
	mutex->rank = rank;
#endif
}

static inline void taken(struct mutex *mutex, vaddr_t place)
{
	mutex->holder = thread_current();
	lock_check_taken(mutex, LOCK_MUTEX);
#ifdef SELENE_DEBUG
	mutex->place = place;
#endif
}

/* Most sections are shorter than a sleep; useless where no other CPU can leave one. */
static bool try_spinning(struct mutex *mutex)
{
	if (cpumask_count(&cpus_online) == 1)
		return false;
	for (unsigned i = 0; i < SPIN_ROUNDS; i++) {
		u32 state = atomic32_read(&mutex->state);

		if (state == MUTEX_FREE && mutex_try_take(mutex))
			return true;
		if (state == MUTEX_CONTENDED)
			return false;
		cpu_relax();
	}
	return false;
}

static int lock_slowly(struct mutex *mutex, enum wait_mode mode)
{
	struct mutex_waiter waiter = { .thread = thread_current() };
	int error = 0;

	if (try_spinning(mutex))
		return 0;
	spin_lock(&mutex->wait_lock);
	list_add_tail(&mutex->waiters, &waiter.link);
	while (atomic32_xchg(&mutex->state, MUTEX_CONTENDED) != MUTEX_FREE) {
		if (error)
			goto give_up;
		spin_unlock(&mutex->wait_lock);
		error = thread_block(WAIT_FOREVER, mode);
		spin_lock(&mutex->wait_lock);
	}
	error = 0;
give_up:
	list_remove(&waiter.link);
	/* Nobody waits any more: whoever holds the mutex now unlocks it without looking for waiters. */
	if (list_empty(&mutex->waiters))
		atomic32_cmpxchg(&mutex->state, MUTEX_CONTENDED, MUTEX_HELD);
	spin_unlock(&mutex->wait_lock);
	/* The sleep may have used up a wake-up that an outer wait must see. */
	if (waiter.thread->wait_depth)
		WRITE_ONCE(waiter.thread->wake_pending, true);
	return error;
}

#ifdef SELENE_INLINE_LOCKS
void mutex_lock_slowly(struct mutex *mutex)
{
	(void)lock_slowly(mutex, WAIT_UNINTERRUPTIBLE);
}
#else
void mutex_lock(struct mutex *mutex)
{
	vaddr_t place = (vaddr_t)__builtin_return_address(0);

#ifdef SELENE_DEBUG
	lock_check_before(mutex, LOCK_MUTEX, mutex->rank, false, place);
#endif
	if (unlikely(!mutex_try_take(mutex)))
		(void)lock_slowly(mutex, WAIT_UNINTERRUPTIBLE);
	taken(mutex, place);
}

void mutex_lock_nested(struct mutex *mutex)
{
	vaddr_t place = (vaddr_t)__builtin_return_address(0);

#ifdef SELENE_DEBUG
	lock_check_before(mutex, LOCK_MUTEX, mutex->rank, true, place);
#endif
	if (unlikely(!mutex_try_take(mutex)))
		(void)lock_slowly(mutex, WAIT_UNINTERRUPTIBLE);
	taken(mutex, place);
}
#endif

bool mutex_trylock(struct mutex *mutex)
{
	if (!mutex_try_take(mutex))
		return false;
	taken(mutex, (vaddr_t)__builtin_return_address(0));
	return true;
}

int mutex_lock_interruptible(struct mutex *mutex)
{
	vaddr_t place = (vaddr_t)__builtin_return_address(0);
	int error = 0;

#ifdef SELENE_DEBUG
	lock_check_before(mutex, LOCK_MUTEX, mutex->rank, false, place);
#endif
	if (unlikely(!mutex_try_take(mutex)))
		error = lock_slowly(mutex, WAIT_INTERRUPTIBLE);
	if (!error)
		taken(mutex, place);
	return error;
}

static void unlock_slowly(struct mutex *mutex)
{
	struct mutex_waiter *first;
	u64 kicks = 0;

	spin_lock(&mutex->wait_lock);
	atomic32_set_release(&mutex->state, MUTEX_FREE);
	first = list_first_entry_or_null(&mutex->waiters, struct mutex_waiter, link);
	if (first)
		thread_wake_deferred(first->thread, WAKE_NORMAL, &kicks);
	spin_unlock(&mutex->wait_lock);
	cpus_kick(kicks);
}

#ifdef SELENE_INLINE_LOCKS
void mutex_unlock_slowly(struct mutex *mutex)
{
	unlock_slowly(mutex);
}
#else
void mutex_unlock(struct mutex *mutex)
{
	mutex->holder = NULL;
	lock_check_release(mutex, LOCK_MUTEX);
	if (unlikely(!mutex_try_release(mutex)))
		unlock_slowly(mutex);
}
#endif

bool mutex_is_held(const struct mutex *mutex)
{
	return READ_ONCE(mutex->holder) == thread_current();
}
