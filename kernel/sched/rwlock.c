/*
 * Reader-writer locks that sleep. All that decides is one word: who is in, and whether anyone
 * waits. While somebody waits nobody gets in past him, so a waiting writer stops new readers; the
 * last one out hands the lock to the head of the list: to a writer, or to all readers before the
 * next writer.
 *
 * No wake-up is lost. A waiter sets WAITERS, by an exchange that fails if the word has changed,
 * and joins the list in one section of wait_lock. Whoever leaves does so by an atomic change of
 * the same word: before the exchange, then the waiter sees the new word; or after it, then he
 * sees WAITERS and takes wait_lock, behind that section. With WAITERS set the word is changed
 * only by those who leave and, when none is left, under wait_lock.
 *
 * As with mutexes, a waiter that was given the lock passes wait_lock before it returns, so that the
 * lock may be freed by its last holder.
 */
#include <debug/lock_check.h>
#include <debug/panic.h>
#include <sched/cpu.h>

enum { WRITER = 1, WAITERS = 2, READER = 4 };

struct rwlock_waiter {
	struct list_node link; /* [wait_lock] */
	struct thread *thread;
	bool writer;
	bool granted; /* [wait_lock] */
};

void rwlock_init(struct rwlock *lock, enum lock_rank rank)
{
	*lock = (struct rwlock){ .word = ATOMIC_INIT(0) };
	spin_init(&lock->wait_lock, RANK_WAIT);
	list_init(&lock->waiters);
#ifdef SELENE_DEBUG
	lock->rank = rank;
#endif
}

static inline bool try_read(struct rwlock *lock)
{
	u32 word = atomic32_read(&lock->word);

	while (!(word & (WRITER | WAITERS))) {
		if (__atomic_compare_exchange_n(&lock->word.v, &word, word + READER, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static inline bool try_write(struct rwlock *lock)
{
	u32 word = 0;

	return __atomic_compare_exchange_n(&lock->word.v, &word, WRITER, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* True: somebody is in, and WAITERS is set. False: the word has changed, so try again. */
static bool announce_waiter(struct rwlock *lock)
{
	u32 word = atomic32_read(&lock->word);

	if (!(word & ~WAITERS))
		return word & WAITERS;
	return word & WAITERS || atomic32_cmpxchg(&lock->word, word, word | WAITERS) == word;
}

static void lock_slowly(struct rwlock *lock, bool writer)
{
	struct rwlock_waiter waiter = { .thread = thread_current(), .writer = writer };

	spin_lock(&lock->wait_lock);
	while (!announce_waiter(lock)) {
		if (writer ? try_write(lock) : try_read(lock)) {
			spin_unlock(&lock->wait_lock);
			return;
		}
	}
	list_add_tail(&lock->waiters, &waiter.link);
	while (!waiter.granted) {
		spin_unlock(&lock->wait_lock);
		(void)!thread_block(WAIT_FOREVER, WAIT_UNINTERRUPTIBLE);
		spin_lock(&lock->wait_lock);
	}
	spin_unlock(&lock->wait_lock);
	/* The sleep may have used up a wake-up that an outer wait must see. */
	if (waiter.thread->wait_depth)
		WRITE_ONCE(waiter.thread->wake_pending, true);
}

/* Nobody is in and WAITERS is set: only this section changes the word. */
static void hand_over(struct rwlock *lock)
{
	struct rwlock_waiter *waiter, *following;
	u64 kicks = 0;
	u32 word = 0;

	spin_lock(&lock->wait_lock);
	list_for_each_entry_safe(waiter, following, &lock->waiters, link) {
		if (waiter->writer && word)
			break;
		word += waiter->writer ? WRITER : READER;
		list_remove(&waiter->link);
		waiter->granted = true;
		thread_wake_deferred(waiter->thread, WAKE_NORMAL, &kicks);
		if (word == WRITER)
			break;
	}
	if (!list_empty(&lock->waiters))
		word |= WAITERS;
	atomic32_set_release(&lock->word, word);
	spin_unlock(&lock->wait_lock);
	cpus_kick(kicks);
}

void read_lock(struct rwlock *lock)
{
#ifdef SELENE_DEBUG
	vaddr_t place = (vaddr_t)__builtin_return_address(0);

	lock_check_before(lock, LOCK_RW, lock->rank, false, place);
	lock->place = place;
#endif
	if (unlikely(!try_read(lock)))
		lock_slowly(lock, false);
	lock_check_taken(lock, LOCK_RW);
}

bool read_trylock(struct rwlock *lock)
{
	if (!try_read(lock))
		return false;
	lock_check_taken(lock, LOCK_RW);
	return true;
}

void read_unlock(struct rwlock *lock)
{
	lock_check_release(lock, LOCK_RW);
	if (unlikely(atomic32_sub_return(&lock->word, READER) == WAITERS))
		hand_over(lock);
}

static void write_taken(struct rwlock *lock)
{
	lock->writer = thread_current();
	lock_check_taken(lock, LOCK_RW);
}

static void write_lock_at(struct rwlock *lock, bool nested, vaddr_t place)
{
#ifdef SELENE_DEBUG
	lock_check_before(lock, LOCK_RW, lock->rank, nested, place);
#endif
	if (unlikely(!try_write(lock)))
		lock_slowly(lock, true);
	write_taken(lock);
#ifdef SELENE_DEBUG
	lock->place = place;
#endif
}

void write_lock(struct rwlock *lock)
{
	write_lock_at(lock, false, (vaddr_t)__builtin_return_address(0));
}

void write_lock_nested(struct rwlock *lock)
{
	write_lock_at(lock, true, (vaddr_t)__builtin_return_address(0));
}

void write_unlock(struct rwlock *lock)
{
	u32 word = WRITER;

	lock->writer = NULL;
	lock_check_release(lock, LOCK_RW);
	if (likely(__atomic_compare_exchange_n(&lock->word.v, &word, 0, false, __ATOMIC_RELEASE,
					       __ATOMIC_RELAXED)))
		return;
	atomic32_sub_return(&lock->word, WRITER);
	hand_over(lock);
}

bool rwlock_is_write_held(const struct rwlock *lock)
{
	return READ_ONCE(lock->writer) == thread_current();
}

bool rwlock_is_held(const struct rwlock *lock)
{
	return atomic32_read(&lock->word) & ~(u32)WAITERS;
}
