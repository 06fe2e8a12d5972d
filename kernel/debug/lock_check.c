#include <debug/lock_check.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <sched/cpu.h>

#ifdef SELENE_DEBUG

/* An entry of thread->held_locks is the lock's address with its kind in the low bits. */
static void *entry_make(const void *lock, enum lock_kind kind)
{
	return (void *)((uintptr_t)lock | kind);
}

static enum lock_kind entry_kind(const void *entry)
{
	return (uintptr_t)entry & 3;
}

static const void *entry_lock(const void *entry)
{
	return (const void *)((uintptr_t)entry & ~(uintptr_t)3);
}

static enum lock_rank entry_rank(const void *entry)
{
	switch (entry_kind(entry)) {
	case LOCK_SPIN:
		return ((const struct spinlock *)entry_lock(entry))->rank;
	case LOCK_MUTEX:
		return ((const struct mutex *)entry_lock(entry))->rank;
	case LOCK_RW:
		return ((const struct rwlock *)entry_lock(entry))->rank;
	default:
		return RANK_NONE;
	}
}

static vaddr_t entry_place(const void *entry)
{
	switch (entry_kind(entry)) {
	case LOCK_SPIN:
		return ((const struct spinlock *)entry_lock(entry))->place;
	case LOCK_MUTEX:
		return ((const struct mutex *)entry_lock(entry))->place;
	case LOCK_RW:
		return ((const struct rwlock *)entry_lock(entry))->place;
	default:
		return 0;
	}
}

void lock_check_print(const struct thread *thread)
{
	static const char *const kinds[] = { "spinlock", "mutex", "rwlock", "(interrupt)" };
	unsigned count =
		MIN(READ_ONCE(thread->locks_held), (unsigned)ARRAY_SIZE(thread->held_locks));

	for (unsigned i = 0; i < count; i++) {
		const void *entry = thread->held_locks[i];
		size_t offset = 0;
		const char *name;

		if (entry_kind(entry) == LOCK_INTERRUPT) {
			log_error("  holds %s", kinds[LOCK_INTERRUPT]);
			continue;
		}
		name = symbol_lookup(entry_place(entry), &offset);
		log_error("  holds %s %p of rank %d, taken in %s+0x%zx", kinds[entry_kind(entry)],
			  entry_lock(entry), entry_rank(entry), name ? name : "?", offset);
	}
}

static __noreturn void breach(const char *what, const void *lock, int rank, vaddr_t place)
{
	size_t offset = 0;
	const char *name = symbol_lookup(place, &offset);

	panic("%s: lock %p of rank %d in %s+0x%zx", what, lock, rank, name ? name : "?", offset);
}

void lock_check_before(const void *lock, enum lock_kind kind, enum lock_rank rank, bool nested,
		       vaddr_t place)
{
	struct thread *thread = thread_current();
	bool same_section = true;

	if (panic_in_progress())
		return;
	if (kind != LOCK_SPIN)
		lock_check_may_sleep(place);
	for (unsigned i = thread->locks_held; i > 0; i--) {
		const void *entry = thread->held_locks[i - 1];
		enum lock_rank held = entry_rank(entry);

		if (entry_kind(entry) == LOCK_INTERRUPT)
			same_section = false;
		else if (entry_lock(entry) == lock)
			breach("lock taken twice", lock, rank, place);
		else if (same_section && rank != RANK_NONE && held != RANK_NONE &&
			 (held > rank || (held == rank && !nested)))
			breach("lock order", lock, rank, place);
	}
}

/* Interrupts are off while the list changes: a handler adds to it and takes away again. */
static void entry_push(struct thread *thread, void *entry)
{
	unsigned long state = irq_save();

	if (thread->locks_held == ARRAY_SIZE(thread->held_locks))
		panic("more than %u locks held", thread->locks_held);
	thread->held_locks[thread->locks_held++] = entry;
	irq_restore(state);
}

static bool entry_pull(struct thread *thread, const void *entry)
{
	unsigned long state = irq_save();
	unsigned at = thread->locks_held;

	while (at > 0 && thread->held_locks[at - 1] != entry)
		at--;
	if (at > 0) {
		for (thread->locks_held--; at <= thread->locks_held; at++)
			thread->held_locks[at - 1] = thread->held_locks[at];
	}
	irq_restore(state);
	return at > 0;
}

void lock_check_taken(const void *lock, enum lock_kind kind)
{
	if (!panic_in_progress())
		entry_push(thread_current(), entry_make(lock, kind));
}

void lock_check_release(const void *lock, enum lock_kind kind)
{
	if (panic_in_progress())
		return;
	if (!entry_pull(thread_current(), entry_make(lock, kind)))
		breach("lock let go that is not held", lock, 0,
		       (vaddr_t)__builtin_return_address(0));
}

bool lock_check_held(const void *lock, enum lock_kind kind)
{
	const struct thread *thread = thread_current();
	const void *entry = entry_make(lock, kind);

	for (unsigned i = 0; i < thread->locks_held; i++) {
		if (thread->held_locks[i] == entry)
			return true;
	}
	return panic_in_progress();
}

void lock_check_may_sleep(vaddr_t place)
{
	const struct thread *thread = thread_current();

	if (panic_in_progress())
		return;
	for (unsigned i = 0; i < thread->locks_held; i++) {
		enum lock_kind kind = entry_kind(thread->held_locks[i]);

		if (kind == LOCK_SPIN || kind == LOCK_INTERRUPT)
			breach(kind == LOCK_SPIN ? "sleep with a spinlock held"
						 : "sleep in an interrupt",
			       NULL, 0, place);
	}
}

void lock_check_transfer(const void *lock, enum lock_kind kind, struct thread *from,
			 struct thread *to)
{
	void *entry = entry_make(lock, kind);

	if (entry_pull(from, entry))
		entry_push(to, entry);
	if (kind == LOCK_SPIN)
		((struct spinlock *)(uintptr_t)lock)->holder = to;
}

void lock_check_interrupt_enter(void)
{
	entry_push(thread_current(), entry_make(NULL, LOCK_INTERRUPT));
}

void lock_check_interrupt_exit(void)
{
	entry_pull(thread_current(), entry_make(NULL, LOCK_INTERRUPT));
}

#endif
