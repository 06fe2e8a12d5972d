/* Numbers for threads, processes, groups and sessions. */
#include <lib/err.h>
#include <lib/hash.h>
#include <mm/slab.h>
#include <proc/tree.h>

enum { ID_BUCKETS = 1024, PID_RESERVED = 300 };

static SLAB_CACHE(id_cache, struct id);
static struct spinlock id_lock = SPINLOCK_INIT(RANK_WAIT); /* interrupts off */
static struct id *buckets[ID_BUCKETS];			   /* [id_lock] */
static s32 last_number;					   /* [id_lock] */
static unsigned count;					   /* [id_lock] */

static struct id **bucket_of(s32 number)
{
	return &buckets[hash_u64((u64)number) % ID_BUCKETS];
}

static struct id *find_locked(s32 number)
{
	struct id *id = *bucket_of(number);

	while (id && id->number != number)
		id = id->hash_next;
	return id;
}

/* Numbers go up, so that one is not used again soon; the first ones only once. */
static s32 next_number_locked(void)
{
	s32 number = last_number;

	do {
		number = number + 1 < PID_MAX ? number + 1 : PID_RESERVED;
	} while (find_locked(number));
	last_number = number;
	return number;
}

/* [id_lock] */
static int choose_number_locked(s32 wanted, s32 *number)
{
	if (count >= PID_MAX - PID_RESERVED - 1)
		return -EAGAIN;
	if (wanted && find_locked(wanted))
		return -EEXIST;
	*number = wanted ? wanted : next_number_locked();
	return 0;
}

struct id *id_allocate(void)
{
	return id_allocate_number(0);
}

struct id *id_allocate_number(s32 number)
{
	struct id *id, **bucket;
	unsigned long state;
	int error;

	if (number < 0 || number >= PID_MAX)
		return ERR_PTR(-EINVAL);
	id = slab_alloc_zeroed(&id_cache);
	if (!id)
		return ERR_PTR(-ENOMEM);
	atomic32_set(&id->references, 1);
	list_init(&id->group);
	list_init(&id->session);
	state = spin_lock_irqsave(&id_lock);
	error = choose_number_locked(number, &id->number);
	if (error) {
		spin_unlock_irqrestore(&id_lock, state);
		slab_free(&id_cache, id);
		return ERR_PTR(error);
	}
	count++;
	bucket = bucket_of(id->number);
	id->hash_next = *bucket;
	*bucket = id;
	spin_unlock_irqrestore(&id_lock, state);
	return id;
}

/* Not the last reference: it is given up without the lock. */
static bool put_one_of_many(struct id *id)
{
	u32 count = atomic32_read(&id->references);

	while (count > 1)
		if (atomic_replace_value(&id->references.v, &count, count - 1))
			return true;
	return false;
}

void id_put(struct id *id)
{
	unsigned long state;
	struct id **link;

	if (put_one_of_many(id))
		return;
	state = spin_lock_irqsave(&id_lock);
	/* Under the lock: id_find() must not give out a reference to an id whose count is 0. */
	if (!atomic32_dec_and_test(&id->references)) {
		spin_unlock_irqrestore(&id_lock, state);
		return;
	}
	for (link = bucket_of(id->number); *link != id; link = &(*link)->hash_next)
		;
	*link = id->hash_next;
	count--;
	spin_unlock_irqrestore(&id_lock, state);
	slab_free(&id_cache, id);
}

struct id *id_find(s32 number)
{
	unsigned long state;
	struct id *id;

	if (number <= 0 || number >= PID_MAX)
		return NULL;
	state = spin_lock_irqsave(&id_lock);
	id = find_locked(number);
	if (id)
		id_get(id);
	spin_unlock_irqrestore(&id_lock, state);
	return id;
}

s32 process_last_pid(void)
{
	return READ_ONCE(last_number);
}
