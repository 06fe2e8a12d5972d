/*
 * Test-and-set locks. Not ticket locks: a queue of tickets stands still whenever the one whose
 * turn it is does not run, and under an emulator with more harts than the host has CPUs that is
 * the usual case (a stress test of 8 harts on 2 CPUs took minutes instead of seconds). Sections
 * are short, and a CPU that waits reads its own cached copy until the lock is free, so on real
 * machines little is lost.
 */
#include <arch/time.h>
#include <debug/lock_check.h>
#include <debug/panic.h>
#include <sched/cpu.h>

#ifdef SELENE_DEBUG
#define NOTE_PLACE(lock_) ((lock_)->place = (vaddr_t)__builtin_return_address(0))
#else
#define NOTE_PLACE(lock_) ((void)0)
#endif

void spin_init(struct spinlock *lock, enum lock_rank rank)
{
	*lock = (struct spinlock)SPINLOCK_INIT(rank);
}

#ifdef SELENE_DEBUG
enum { SPINS_PER_LOOK = 4096 };

static void watchdog(struct spinlock *lock, u64 *started)
{
	const u64 limit = 5000000000;
	u64 now = time_now();
	struct thread *holder = READ_ONCE(lock->holder);
	vaddr_t place = READ_ONCE(lock->place);
	const char *name;
	size_t offset = 0;

	if (!*started)
		*started = now;
	if (now - *started < limit)
		return;
	name = symbol_lookup(place, &offset);
	panic("spinlock %p: stuck for 5 s; held by %s (tid %d), taken in %s+0x%zx", (void *)lock,
	      holder ? holder->name : "nobody", holder ? holder->tid : 0, name ? name : "?",
	      offset);
}
#endif

/* A CPU that panics goes on without the lock: its holder has been stopped, or is itself. */
static void wait_until_free(struct spinlock *lock)
{
#ifdef SELENE_DEBUG
	unsigned spins = 0;
	u64 started = 0;
#endif

	while (READ_ONCE(lock->locked) && !panic_in_progress()) {
		cpu_relax();
#ifdef SELENE_DEBUG
		if (++spins % SPINS_PER_LOOK == 0)
			watchdog(lock, &started);
#endif
	}
}

#ifdef SELENE_INLINE_LOCKS
void spin_lock_slowly(struct spinlock *lock)
{
	do
		wait_until_free(lock);
	while (!spin_try_take(lock) && !panic_in_progress());
}
#else
static inline void take(struct spinlock *lock)
{
	while (unlikely(!spin_try_take(lock)) && !panic_in_progress())
		wait_until_free(lock);
#ifdef SELENE_DEBUG
	lock->holder = thread_current();
	lock_check_taken(lock, LOCK_SPIN);
#endif
}

void spin_lock(struct spinlock *lock)
{
#ifdef SELENE_DEBUG
	lock_check_before(lock, LOCK_SPIN, lock->rank, false, (vaddr_t)__builtin_return_address(0));
#endif
	take(lock);
	NOTE_PLACE(lock);
}

void spin_lock_nested(struct spinlock *lock)
{
#ifdef SELENE_DEBUG
	lock_check_before(lock, LOCK_SPIN, lock->rank, true, (vaddr_t)__builtin_return_address(0));
#endif
	take(lock);
	NOTE_PLACE(lock);
}

void spin_unlock(struct spinlock *lock)
{
#ifdef SELENE_DEBUG
	lock_check_release(lock, LOCK_SPIN);
	lock->holder = NULL;
#endif
	store_release(&lock->locked, 0);
}
#endif

bool spin_trylock(struct spinlock *lock)
{
	if (READ_ONCE(lock->locked) || !spin_try_take(lock))
		return false;
#ifdef SELENE_DEBUG
	lock->holder = thread_current();
	lock_check_taken(lock, LOCK_SPIN);
#endif
	NOTE_PLACE(lock);
	return true;
}

bool spin_is_held(const struct spinlock *lock)
{
#ifdef SELENE_DEBUG
	return lock_check_held(lock, LOCK_SPIN);
#else
	return READ_ONCE(lock->locked);
#endif
}
