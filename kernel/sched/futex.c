/*
 * futex(2): sleeping on a word of user memory.
 *
 * No wake-up is lost. A waiter reads the word again under its bucket's lock and joins the bucket
 * before it lets go; a waker changed the word in user mode before it takes the same lock. So the
 * waiter either sees the new word or is found in the bucket. The word is read with faults
 * disabled, for a spinlock is held: when the page is not there the lock is dropped, the page
 * touched, and all is done again.
 *
 * A requeued waiter belongs to another bucket: waiter->bucket changes only with both locks held,
 * and a waiter that leaves takes the lock of the bucket that it finds there and looks again
 * (futex_leave()). It takes it even after it was woken, so that the waker is done with its stack.
 */
#include <arch/user.h>
#include <boot/initcall.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <mm/space.h>
#include <sched/cpu.h>
#include <sched/futex_internal.h>
#include <sched/timer.h>

/* linux/futex.h */
enum {
	FUTEX_WAIT,
	FUTEX_WAKE,
	FUTEX_FD,
	FUTEX_REQUEUE,
	FUTEX_CMP_REQUEUE,
	FUTEX_WAKE_OP,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256,
};
enum {
	FUTEX_OP_SET,
	FUTEX_OP_ADD,
	FUTEX_OP_OR,
	FUTEX_OP_ANDN,
	FUTEX_OP_XOR,
	FUTEX_OP_OPARG_SHIFT = 8
};
enum {
	FUTEX_OP_CMP_EQ,
	FUTEX_OP_CMP_NE,
	FUTEX_OP_CMP_LT,
	FUTEX_OP_CMP_LE,
	FUTEX_OP_CMP_GT,
	FUTEX_OP_CMP_GE
};

enum { BUCKET_BITS = 8, MATCH_ANY = ~0u };

struct bucket {
	struct spinlock lock;	  /* RANK_WAIT */
	struct list_node waiters; /* [lock] in order of arrival */
} __aligned_to(64);

static struct bucket buckets[1 << BUCKET_BITS];

static int futex_start(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_init(&buckets[i].lock, RANK_WAIT);
		list_init(&buckets[i].waiters);
	}
	return 0;
}
INITCALL_CORE(futex_start);

static void bucket_lock_two(struct bucket *a, struct bucket *b)
{
	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock_nested(a < b ? &b->lock : &a->lock);
}

static void bucket_unlock_two(struct bucket *a, struct bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

static struct bucket *bucket_of(const struct futex_key *key)
{
	return &buckets[hash_pair(key->base, key->offset) & (ARRAY_SIZE(buckets) - 1)];
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->base == b->base && a->offset == b->offset && a->object == b->object;
}

void futex_key_put(struct futex_key *key)
{
	if (key->object)
		object_put(key->object);
}

int futex_key_get(vaddr_t address, bool shared, struct futex_key *key)
{
	if (address & 3)
		return -EINVAL;
	if (address >= USER_END)
		return -EFAULT;
	return space_futex_key(address, shared, key);
}

static int load_without_fault(u32 *value, vaddr_t address)
{
	struct thread *thread = thread_current();
	int error;

	thread->faults_disabled++;
	error = user_load32(value, address);
	thread->faults_disabled--;
	return error;
}

/* [bucket->lock] The waiter lets go of its key itself. */
static void wake(struct futex_waiter *waiter, u64 *kicks)
{
	list_remove(&waiter->link);
	store_release(&waiter->woken, true);
	thread_wake_deferred(waiter->thread, WAKE_NORMAL, kicks);
}

/* [bucket->lock] Linux wakes one even for a count of 0. The caller kicks once the lock is free. */
static s32 wake_matching(struct bucket *bucket, const struct futex_key *key, s32 count, u32 bitset,
			 u64 *kicks)
{
	struct futex_waiter *waiter, *following;
	s32 woken = 0;

	list_for_each_entry_safe(waiter, following, &bucket->waiters, link) {
		if (!key_equal(&waiter->key, key) || !(waiter->bitset & bitset))
			continue;
		wake(waiter, kicks);
		if (++woken >= count)
			break;
	}
	return woken;
}

bool futex_leave(struct futex_waiter *waiter)
{
	for (;;) {
		struct bucket *bucket = read_acquire(&waiter->bucket);
		bool here, woken;

		spin_lock(&bucket->lock);
		here = waiter->bucket == bucket;
		woken = waiter->woken;
		if (here && !woken)
			list_remove(&waiter->link);
		spin_unlock(&bucket->lock);
		if (here)
			return woken;
	}
}

/*
 * It joins before it looks at the word, with a barrier
 * between: a waker that changes the word and then finds the bucket empty without its lock (futex_wake) was
 * early enough for the change to be seen here.
 */
int futex_join(struct futex_waiter *waiter, vaddr_t address, u32 expected)
{
	struct bucket *bucket = bucket_of(&waiter->key);
	u32 value;
	int error;

	waiter->bucket = bucket;
	for (;;) {
		spin_lock(&bucket->lock);
		list_add_tail(&bucket->waiters, &waiter->link);
		atomic_fence();
		error = load_without_fault(&value, address);
		if (!error && value == expected)
			break;
		list_remove(&waiter->link);
		spin_unlock(&bucket->lock);
		if (!error)
			return -EAGAIN;
		error = user_load32(&value, address);
		if (error)
			return error;
	}
	spin_unlock(&bucket->lock);
	return 0;
}

static long futex_wait(vaddr_t address, bool shared, u32 expected, u64 deadline, u32 bitset)
{
	struct futex_waiter waiter = { .thread = thread_current(), .bitset = bitset };
	int error;

	if (!bitset)
		return -EINVAL;
	error = futex_key_get(address, shared, &waiter.key);
	if (error)
		return error;
	error = futex_join(&waiter, address, expected);
	if (!error) {
		while (!error && !read_acquire(&waiter.woken))
			error = thread_block(deadline, WAIT_INTERRUPTIBLE);
		if (futex_leave(&waiter))
			error = 0;
	}
	futex_key_put(&waiter.key);
	/*
	 * Linux restarts a wait with a time-out when no handler ran, and says EINTR after one. A
	 * relative time-out begins anew then, which Linux avoids through restart_syscall().
	 */
	if (error == -EINTR)
		return deadline == WAIT_FOREVER ? -ERESTARTSYS : -ERESTARTNOHAND;
	return error;
}

static long futex_wake(vaddr_t address, bool shared, s32 count, u32 bitset)
{
	struct futex_key key;
	struct bucket *bucket;
	long woken = 0;
	u64 kicks = 0;
	int error;

	if (!bitset)
		return -EINVAL;
	error = futex_key_get(address, shared, &key);
	if (error)
		return error;
	bucket = bucket_of(&key);
	/* The caller changed the word before: behind a barrier a look without the lock will do. */
	atomic_fence();
	if (!list_empty(&bucket->waiters)) {
		spin_lock(&bucket->lock);
		woken = wake_matching(bucket, &key, count, bitset, &kicks);
		spin_unlock(&bucket->lock);
		cpus_kick(kicks);
	}
	futex_key_put(&key);
	return woken;
}

/*
 * [both locks] The caller holds a reference of its own on the old key's object, so that giving up
 * the waiter's is never the last one, which could sleep.
 */
static void requeue(struct futex_waiter *waiter, const struct futex_key *key, struct bucket *to)
{
	list_remove(&waiter->link);
	list_add_tail(&to->waiters, &waiter->link);
	if (key->object)
		object_get(key->object);
	futex_key_put(&waiter->key);
	waiter->key = *key;
	store_release(&waiter->bucket, to);
}

static s32 requeue_matching(struct bucket *from, const struct futex_key *from_key,
			    struct bucket *to, const struct futex_key *to_key, s32 wake_count,
			    s32 requeue_count, u64 *kicks)
{
	struct futex_waiter *waiter, *following;
	s32 done = 0;

	list_for_each_entry_safe(waiter, following, &from->waiters, link) {
		if (done - wake_count >= requeue_count)
			break;
		if (!key_equal(&waiter->key, from_key))
			continue;
		if (++done <= wake_count)
			wake(waiter, kicks);
		else if (!key_equal(from_key, to_key))
			requeue(waiter, to_key, to);
	}
	return done;
}

static long requeue_keys(struct futex_key *from_key, struct futex_key *to_key, vaddr_t address,
			 const u32 *expected, s32 wake_count, s32 requeue_count)
{
	struct bucket *from = bucket_of(from_key), *to = bucket_of(to_key);
	u64 kicks = 0;
	long result;

	for (;;) {
		u32 value;
		int error = 0;

		bucket_lock_two(from, to);
		if (expected)
			error = load_without_fault(&value, address);
		if (!error) {
			if (expected && value != *expected)
				result = -EAGAIN;
			else
				result = requeue_matching(from, from_key, to, to_key, wake_count,
							  requeue_count, &kicks);
			bucket_unlock_two(from, to);
			cpus_kick(kicks);
			return result;
		}
		bucket_unlock_two(from, to);
		error = user_load32(&value, address);
		if (error)
			return error;
	}
}

static long futex_requeue(vaddr_t from, vaddr_t to, bool shared, s32 wake_count, s32 requeue_count,
			  const u32 *expected)
{
	struct futex_key from_key, to_key;
	long result;

	if (wake_count < 0 || requeue_count < 0)
		return -EINVAL;
	result = futex_key_get(from, shared, &from_key);
	if (result)
		return result;
	result = futex_key_get(to, shared, &to_key);
	if (!result) {
		result =
			requeue_keys(&from_key, &to_key, from, expected, wake_count, requeue_count);
		futex_key_put(&to_key);
	}
	futex_key_put(&from_key);
	return result;
}

/* The operation of FUTEX_WAKE_OP: 4 bits operation, 4 bits comparison, 2 arguments of 12 bits. */
static int operate(u32 encoded, u32 old, u32 *new)
{
	u32 operation = encoded >> 28, argument = (u32)((s32)(encoded << 8) >> 20);

	if (operation & FUTEX_OP_OPARG_SHIFT)
		argument = 1u << (argument & 31);
	switch (operation & ~(u32)FUTEX_OP_OPARG_SHIFT) {
	case FUTEX_OP_SET:
		*new = argument;
		return 0;
	case FUTEX_OP_ADD:
		*new = old + argument;
		return 0;
	case FUTEX_OP_OR:
		*new = old | argument;
		return 0;
	case FUTEX_OP_ANDN:
		*new = old & ~argument;
		return 0;
	case FUTEX_OP_XOR:
		*new = old ^ argument;
		return 0;
	default:
		return -ENOSYS;
	}
}

/* 0, 1, or -ENOSYS. */
static int compare(u32 encoded, u32 old)
{
	s32 value = (s32)old, argument = (s32)(encoded << 20) >> 20;

	switch (encoded >> 24 & 15) {
	case FUTEX_OP_CMP_EQ:
		return value == argument;
	case FUTEX_OP_CMP_NE:
		return value != argument;
	case FUTEX_OP_CMP_LT:
		return value < argument;
	case FUTEX_OP_CMP_LE:
		return value <= argument;
	case FUTEX_OP_CMP_GT:
		return value > argument;
	case FUTEX_OP_CMP_GE:
		return value >= argument;
	default:
		return -ENOSYS;
	}
}

/* Change the word atomically; *@old is what it was. May fault unless faults are disabled. */
static int change_word(vaddr_t address, u32 encoded, u32 *old)
{
	u32 found, new;
	int error = user_load32(&found, address);

	do {
		if (error)
			return error;
		*old = found;
		error = operate(encoded, found, &new);
		if (!error)
			error = user_cmpxchg32(address, *old, new, &found);
	} while (error || found != *old);
	return 0;
}

/* Touch the page for writing without changing it. */
static int fault_in_for_write(vaddr_t address)
{
	u32 value, found;
	int error = user_load32(&value, address);

	return error ? error : user_cmpxchg32(address, value, value, &found);
}

static long wake_op_keys(const struct futex_key *key, const struct futex_key *key2,
			 vaddr_t address2, u32 encoded, s32 count, s32 count2)
{
	struct bucket *bucket = bucket_of(key), *bucket2 = bucket_of(key2);
	struct thread *thread = thread_current();
	u64 kicks = 0;
	s32 woken;
	u32 old;
	int error;

	for (;;) {
		bucket_lock_two(bucket, bucket2);
		thread->faults_disabled++;
		error = change_word(address2, encoded, &old);
		thread->faults_disabled--;
		if (!error)
			break;
		bucket_unlock_two(bucket, bucket2);
		if (error != -EFAULT)
			return error;
		error = fault_in_for_write(address2);
		if (error)
			return error;
	}
	woken = wake_matching(bucket, key, count, MATCH_ANY, &kicks);
	if (compare(encoded, old) == 1)
		woken += wake_matching(bucket2, key2, count2, MATCH_ANY, &kicks);
	bucket_unlock_two(bucket, bucket2);
	cpus_kick(kicks);
	return woken;
}

static long futex_wake_op(vaddr_t address, vaddr_t address2, bool shared, u32 encoded, s32 count,
			  s32 count2)
{
	struct futex_key key, key2;
	u32 unused;
	long result;

	if (compare(encoded, 0) < 0 || operate(encoded, 0, &unused) < 0)
		return -ENOSYS;
	result = futex_key_get(address, shared, &key);
	if (result)
		return result;
	result = futex_key_get(address2, shared, &key2);
	if (!result) {
		result = wake_op_keys(&key, &key2, address2, encoded, count, count2);
		futex_key_put(&key2);
	}
	futex_key_put(&key);
	return result;
}

u64 futex_deadline_from_realtime(u64 deadline)
{
	s64 offset = time_realtime_offset();

	if (deadline == WAIT_FOREVER)
		return deadline;
	return offset > 0 && deadline < (u64)offset ? 0 : deadline - (u64)offset;
}

long futex_operate(vaddr_t address, int operation, u32 value, u64 deadline, u32 value2,
		   vaddr_t address2, u32 value3)
{
	bool shared = !(operation & FUTEX_PRIVATE_FLAG);
	int command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

	if (operation & FUTEX_CLOCK_REALTIME) {
		if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET)
			return -ENOSYS;
		deadline = futex_deadline_from_realtime(deadline);
	}
	switch (command) {
	case FUTEX_WAIT:
		return futex_wait(address, shared, value, deadline, MATCH_ANY);
	case FUTEX_WAIT_BITSET:
		return futex_wait(address, shared, value, deadline, value3);
	case FUTEX_WAKE:
		return futex_wake(address, shared, (s32)value, MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(address, shared, (s32)value, value3);
	case FUTEX_REQUEUE:
		return futex_requeue(address, address2, shared, (s32)value, (s32)value2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(address, address2, shared, (s32)value, (s32)value2, &value3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(address, address2, shared, value3, (s32)value, (s32)value2);
	default:
		return -ENOSYS;
	}
}

void futex_wake_cleared(vaddr_t address)
{
	/* A bad address is the program's own affair: its thread is gone. */
	(void)futex_wake(address, true, 1, MATCH_ANY);
}
