/*
 * flock(2) and the record locks of fcntl(2). Two kinds that do not see each other: an open file's
 * over the whole file, and an owner's over ranges.
 *
 * Processes that wait for ranges are on one list with the owner that each waits for; who would close a
 * circle gets EDEADLK. Whenever the locks of a file change, its waiters look again, so that the list
 * says whom they wait for now. Locks of open files (flock, OFD) take no part, as on Linux.
 *
 * A file's list is there while somebody holds a lock or uses the list: files that live for ever, as devices
 * do, keep nothing of locks that are gone.
 */
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/list.h>
#include <mm/slab.h>
#include <proc/process.h>

struct held_lock {
	struct list_node link; /* [list] */
	void *owner;
	u64 start, end; /* inclusive */
	s32 pid;
	bool whole; /* flock */
	enum lock_type type;
};

struct lock_list {
	struct spinlock lock;  /* RANK_TABLE */
	struct list_node held; /* [lock] */
	struct wait_queue changed;
	u32 users; /* [lists_lock] */
};

struct range_wait {
	struct list_node link; /* [waits_lock] */
	void *owner, *blocker; /* [waits_lock] */
};

static SLAB_CACHE(held_cache, struct held_lock);
static struct spinlock lists_lock = SPINLOCK_INIT(RANK_TABLE); /* vnode->locks, and who uses them */
static struct spinlock waits_lock = SPINLOCK_INIT(RANK_SIGNAL); /* before a list's */
static struct list_node waits = LIST_INIT(waits);		/* [waits_lock] */

static struct lock_list *list_make(void)
{
	struct lock_list *list = kmalloc(sizeof(*list));

	if (!list)
		return NULL;
	spin_init(&list->lock, RANK_TABLE);
	list_init(&list->held);
	wait_queue_init(&list->changed);
	list->users = 0;
	return list;
}

/* The list of @vnode, which stays until list_put(): @fresh, where there was none; or NULL. */
static struct lock_list *list_get(struct vnode *vnode, struct lock_list *fresh)
{
	struct lock_list *list;

	spin_lock(&lists_lock);
	if (!vnode->locks)
		store_release(&vnode->locks, fresh);
	list = vnode->locks;
	if (list)
		list->users++;
	spin_unlock(&lists_lock);
	return list;
}

/* The list goes when nobody uses it and it is empty. */
static void list_put(struct vnode *vnode, struct lock_list *list)
{
	bool gone;

	spin_lock(&lists_lock);
	/* Only users change what is held. */
	gone = !--list->users && list_empty(&list->held);
	if (gone)
		vnode->locks = NULL;
	spin_unlock(&lists_lock);
	if (gone)
		kfree(list);
}

/* As list_get(), with a new list where there is none; NULL: no memory. */
static struct lock_list *list_obtain(struct vnode *vnode)
{
	struct lock_list *list = list_get(vnode, NULL), *fresh;

	if (list)
		return list;
	fresh = list_make();
	if (!fresh)
		return NULL;
	list = list_get(vnode, fresh);
	if (list != fresh)
		kfree(fresh);
	return list;
}

void lock_free(struct vnode *vnode)
{
	struct lock_list *list = vnode->locks;

	while (!list_empty(&list->held)) {
		struct held_lock *held = list_first_entry(&list->held, struct held_lock, link);

		list_remove(&held->link);
		slab_free(&held_cache, held);
	}
	kfree(list);
	vnode->locks = NULL;
}

/* [list] The first lock that stands in the way of @wanted. */
static struct held_lock *find_conflict(struct lock_list *list, const struct held_lock *wanted)
{
	struct held_lock *held;

	list_for_each_entry(held, &list->held, link) {
		if (held->whole != wanted->whole || held->owner == wanted->owner ||
		    held->start > wanted->end || held->end < wanted->start)
			continue;
		if (held->type == LOCK_WRITE || wanted->type == LOCK_WRITE)
			return held;
	}
	return NULL;
}

/*
 * [list] Cut [start, end] out of what @wanted's owner holds; one lock may become two, the second in
 * *@spare. True: something changed. Freed ones go to @dead.
 */
static bool cut_out(struct lock_list *list, const struct held_lock *wanted,
		    struct held_lock **spare, struct list_node *dead)
{
	struct held_lock *held, *next;
	bool changed = false;

	list_for_each_entry_safe(held, next, &list->held, link) {
		if (held->whole != wanted->whole || held->owner != wanted->owner ||
		    held->start > wanted->end || held->end < wanted->start)
			continue;
		changed = true;
		if (held->start < wanted->start && held->end > wanted->end) {
			struct held_lock *rest = *spare;

			*spare = NULL;
			*rest = *held;
			rest->start = wanted->end + 1;
			held->end = wanted->start - 1;
			list_add_after(&rest->link, &held->link);
			break;
		}
		if (held->start < wanted->start) {
			held->end = wanted->start - 1;
		} else if (held->end > wanted->end) {
			held->start = wanted->end + 1;
		} else {
			list_remove(&held->link);
			list_add_tail(dead, &held->link);
		}
	}
	return changed;
}

/* [list] Neighbours and overlaps of the same type become one with @made. */
static void merge(struct lock_list *list, struct held_lock *made, struct list_node *dead)
{
	struct held_lock *held, *next;

	list_for_each_entry_safe(held, next, &list->held, link) {
		if (held == made || held->whole != made->whole || held->owner != made->owner ||
		    held->type != made->type)
			continue;
		if ((made->end != ~0ull && held->start > made->end + 1) ||
		    (held->end != ~0ull && held->end + 1 < made->start))
			continue;
		made->start = MIN(made->start, held->start);
		made->end = MAX(made->end, held->end);
		list_remove(&held->link);
		list_add_tail(dead, &held->link);
	}
}

static void free_all(struct list_node *dead)
{
	struct held_lock *held, *next;

	list_for_each_entry_safe(held, next, dead, link)
		slab_free(&held_cache, held);
}

/* One try: 0 or -EAGAIN. @made (NULL: unlocking) and @spare are used up or freed. */
static int lock_try(struct lock_list *list, const struct held_lock *wanted, struct held_lock *made,
		    struct held_lock *spare)
{
	struct list_node dead;
	bool changed = false;
	int error = 0;

	list_init(&dead);
	spin_lock(&list->lock);
	if (wanted->type != LOCK_NONE && find_conflict(list, wanted)) {
		error = -EAGAIN;
	} else {
		changed = cut_out(list, wanted, &spare, &dead);
		if (made) {
			*made = *wanted;
			list_add_tail(&list->held, &made->link);
			merge(list, made, &dead);
			made = NULL;
		}
	}
	spin_unlock(&list->lock);
	free_all(&dead);
	if (made)
		slab_free(&held_cache, made);
	if (spare)
		slab_free(&held_cache, spare);
	if (changed)
		wait_wake_all(&list->changed);
	return error;
}

static int lock_attempt(struct lock_list *list, const struct held_lock *wanted)
{
	struct held_lock *made = NULL, *spare = slab_alloc(&held_cache);

	if (spare && wanted->type != LOCK_NONE) {
		made = slab_alloc(&held_cache);
		if (!made) {
			slab_free(&held_cache, spare);
			spare = NULL;
		}
	}
	return spare ? lock_try(list, wanted, made, spare) : -ENOLCK;
}

/* [waits_lock] Whom @owner waits for, or NULL. */
static void *blocker_of(const void *owner)
{
	struct range_wait *wait;

	list_for_each_entry(wait, &waits, link) {
		if (wait->owner == owner)
			return wait->blocker;
	}
	return NULL;
}

static bool knows_deadlock(const struct held_lock *wanted)
{
	return !wanted->whole && wanted->pid != -1;
}

/* About to wait for @wanted: note for whom. -EDEADLK: it waits for us. */
static int wait_note(struct lock_list *list, const struct held_lock *wanted,
		     struct range_wait *wait)
{
	const unsigned chain_max = 10;
	struct held_lock *conflict;
	void *blocker;
	int error = 0;

	if (!knows_deadlock(wanted))
		return 0;
	spin_lock(&waits_lock);
	spin_lock(&list->lock);
	conflict = find_conflict(list, wanted);
	wait->blocker = conflict && conflict->pid != -1 ? conflict->owner : NULL;
	spin_unlock(&list->lock);
	blocker = wait->blocker;
	for (unsigned i = 0; blocker && !error && i < chain_max; i++) {
		blocker = blocker_of(blocker);
		if (blocker == wanted->owner)
			error = -EDEADLK;
	}
	spin_unlock(&waits_lock);
	return error;
}

static void wait_list(const struct held_lock *wanted, struct range_wait *wait, bool add)
{
	if (!knows_deadlock(wanted))
		return;
	spin_lock(&waits_lock);
	if (add) {
		wait->owner = wanted->owner;
		wait->blocker = NULL;
		list_add_tail(&waits, &wait->link);
	} else {
		list_remove(&wait->link);
	}
	spin_unlock(&waits_lock);
}

static int lock_wait(struct lock_list *list, const struct held_lock *wanted)
{
	struct range_wait wait;
	struct waiter waiter;
	int error;

	wait_list(wanted, &wait, true);
	wait_begin(&list->changed, &waiter);
	while ((error = lock_attempt(list, wanted)) == -EAGAIN) {
		error = wait_note(list, wanted, &wait);
		if (error)
			break;
		error = wait_sleep(&waiter, WAIT_FOREVER, WAIT_INTERRUPTIBLE);
		if (error) {
			error = -ERESTARTSYS;
			break;
		}
	}
	wait_end(&waiter);
	wait_list(wanted, &wait, false);
	return error;
}

static int lock_set(struct vnode *vnode, const struct held_lock *wanted, bool block)
{
	struct lock_list *list;
	int error;

	if (wanted->type == LOCK_NONE && !read_acquire(&vnode->locks))
		return 0;
	list = list_obtain(vnode);
	if (!list)
		return -ENOLCK;
	error = lock_attempt(list, wanted);
	if (error == -EAGAIN && block)
		error = lock_wait(list, wanted);
	list_put(vnode, list);
	return error;
}

int lock_flock(struct file *file, enum lock_type type, bool block)
{
	struct held_lock wanted = { .owner = file, .end = ~0ull, .whole = true, .type = type };

	if (!file->vnode)
		return -EINVAL;
	return lock_set(file->vnode, &wanted, block);
}

static struct held_lock held_from(void *owner, struct file *file,
				  const struct file_range_lock *range)
{
	return (struct held_lock){
		.owner = owner,
		.start = range->start,
		.end = range->end,
		.type = range->type,
		.pid = owner == file ? -1 : process_current()->id->number,
	};
}

int lock_range(struct file *file, void *owner, const struct file_range_lock *range, bool block)
{
	struct held_lock wanted = held_from(owner, file, range);

	if (!file->vnode)
		return -EINVAL;
	return lock_set(file->vnode, &wanted, block);
}

void lock_test(struct file *file, void *owner, struct file_range_lock *wanted)
{
	struct held_lock probe = held_from(owner, file, wanted), *found = NULL;
	struct lock_list *list = file->vnode ? list_get(file->vnode, NULL) : NULL;

	if (list) {
		spin_lock(&list->lock);
		found = find_conflict(list, &probe);
		if (found)
			*wanted = (struct file_range_lock){ found->type, found->start, found->end,
							    found->pid };
		spin_unlock(&list->lock);
		list_put(file->vnode, list);
	}
	if (!found)
		wanted->type = LOCK_NONE;
}

void lock_drop_owner(struct vnode *vnode, void *owner)
{
	struct lock_list *list = list_get(vnode, NULL);
	struct held_lock *held, *next;
	struct list_node dead;

	if (!list)
		return;
	list_init(&dead);
	spin_lock(&list->lock);
	list_for_each_entry_safe(held, next, &list->held, link) {
		if (held->owner == owner) {
			list_remove(&held->link);
			list_add_tail(&dead, &held->link);
		}
	}
	spin_unlock(&list->lock);
	if (!list_empty(&dead)) {
		free_all(&dead);
		wait_wake_all(&list->changed);
	}
	list_put(vnode, list);
}
