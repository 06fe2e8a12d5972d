#include <boot/initcall.h>
#include <lib/errno.h>
#include <mm/object_internal.h>
#include <mm/reclaim.h>
#include <sched/cpu.h>

enum { SCAN_AT_ONCE = 256, SCAN_MOST = 16384, THOROUGH_ROUNDS = 25 };
#define PAUSE_NS (20ul * 1000 * 1000)

static struct spinlock list_lock = SPINLOCK_INIT(RANK_WAIT);
static struct list_node objects = LIST_INIT(objects); /* [list] the next to be looked at first */
static u64 object_count;			      /* [list; atomic read] */
static struct memory_object *current_object;	      /* [list; atomic read] being looked at */
static u32 scanning;				      /* [atomic] by one thread at a time */
static struct reclaim_cache *caches;		      /* [atomic] only ever grows */
static struct thread *reclaimer;		      /* [atomic] set once */
static u32 awake;				      /* [atomic] the thread has work, or a rest */
void (*reclaim_start_writing)(void);

void reclaim_add(struct memory_object *object)
{
	spin_lock(&list_lock);
	list_add_tail(&objects, &object->reclaim_link);
	WRITE_ONCE(object_count, object_count + 1);
	spin_unlock(&list_lock);
}

void reclaim_remove(struct memory_object *object)
{
	spin_lock(&list_lock);
	while (current_object == object) {
		spin_unlock(&list_lock);
		thread_yield();
		spin_lock(&list_lock);
	}
	if (!list_empty(&object->reclaim_link)) {
		list_remove_init(&object->reclaim_link);
		WRITE_ONCE(object_count, object_count - 1);
	}
	spin_unlock(&list_lock);
}

/* The next object, which stays until it is given back. */
static struct memory_object *object_take(void)
{
	struct memory_object *object = NULL;

	spin_lock(&list_lock);
	if (!list_empty(&objects)) {
		object = list_first_entry(&objects, struct memory_object, reclaim_link);
		list_remove(&object->reclaim_link);
		list_add_tail(&objects, &object->reclaim_link);
	}
	current_object = object;
	spin_unlock(&list_lock);
	return object;
}

static void object_give_back(void)
{
	spin_lock(&list_lock);
	current_object = NULL;
	spin_unlock(&list_lock);
}

/* [object] May the page go? Those that were used since the last look get another chance. */
static bool may_drop(struct memory_object *object, struct frame *frame, bool mapped)
{
	u32 flags = atomic32_read_acquire(&frame->flags);

	if (flags & (FRAME_BUSY | FRAME_DIRTY | FRAME_WRITEBACK | FRAME_PINNED))
		return false;
	if (flags & FRAME_USED) {
		atomic32_and(&frame->flags, ~(u32)FRAME_USED);
		return false;
	}
	if (frame_references(frame) == 1)
		return true;
	if (!mapped || list_empty(&object->mappings))
		return false;
	object_zap(object, frame->index, frame->index);
	return frame_references(frame) == 1;
}

/* [object] Goes on where it stopped the last time. */
static u64 scan_object(struct memory_object *object, bool mapped, u64 *scanned)
{
	u64 index = object->reclaim_next, freed = 0;
	struct frame *frame;

	for (unsigned i = 0; i < SCAN_AT_ONCE; i++) {
		frame = radix_next(&object->pages, &index);
		if (!frame) {
			index = 0;
			break;
		}
		++*scanned;
		if (may_drop(object, frame, mapped)) {
			frame_put(page_remove(object, index));
			freed++;
		}
		if (!++index)
			break;
	}
	object->reclaim_next = index;
	return freed;
}

static u64 scan(u64 pages, bool mapped)
{
	u64 most = 4 * READ_ONCE(object_count) + SCAN_MOST / SCAN_AT_ONCE, freed = 0, scanned = 0;
	struct memory_object *object;

	if (atomic_exchange_value(&scanning, 1))
		return 0;
	while (most-- && freed < pages && scanned < SCAN_MOST && (object = object_take())) {
		if (mutex_trylock(&object->lock)) {
			freed += scan_object(object, mapped, &scanned);
			mutex_unlock(&object->lock);
		}
		object_give_back();
	}
	store_release(&scanning, 0);
	return freed;
}

u64 reclaim_clean(u64 pages)
{
	return READ_ONCE(object_count) ? scan(pages, false) : 0;
}

void reclaim_register(struct reclaim_cache *cache)
{
	cache->next = read_acquire(&caches);
	while (!atomic_replace_value(&caches, &cache->next, cache))
		;
}

static u64 shrink_caches(u64 pages)
{
	u64 freed = 0;

	for (struct reclaim_cache *cache = read_acquire(&caches); cache; cache = cache->next)
		freed += cache->shrink(pages);
	return freed;
}

void reclaim_everything(void)
{
	unsigned idle = 0;

	/* The first look at a page only takes its mark away. */
	while (idle < 2)
		idle = scan(~(u64)0, true) + shrink_caches(~(u64)0 / PAGE_SIZE) ? 0 : idle + 1;
}

static void start_writing(void)
{
	if (reclaim_start_writing && object_dirty_pages())
		reclaim_start_writing();
}

bool reclaim_thoroughly(void)
{
	u64 before = frame_free_estimate();

	for (unsigned i = 0; i < THOROUGH_ROUNDS; i++) {
		u64 freed = scan(8 * RECLAIM_BATCH, i > 0) + shrink_caches(RECLAIM_BATCH);

		if (freed || frame_free_estimate() > before)
			return true;
		if (i && !object_dirty_pages())
			return false;
		start_writing();
		if (i && thread_sleep_ns(PAUSE_NS, WAIT_KILLABLE))
			return false;
	}
	return false;
}

static void reclaim_thread(void *argument)
{
	for (;;) {
		unsigned idle = 0;

		while (!READ_ONCE(awake))
			if (thread_block(WAIT_FOREVER, WAIT_UNINTERRUPTIBLE))
				continue;
		while (frame_free_estimate() < 2 * frame_short_mark() && idle < 3) {
			u64 freed = scan(8 * RECLAIM_BATCH, idle > 1);

			freed += shrink_caches(2 * RECLAIM_BATCH);
			start_writing();
			idle = freed ? 0 : idle + 1;
			thread_yield();
		}
		/* Nothing to be had: not at once again for each batch of frames that is taken. */
		if (idle)
			(void)thread_sleep_ns(PAUSE_NS, WAIT_UNINTERRUPTIBLE);
		store_release(&awake, 0);
	}
}

/* Any context, any lock but a run queue's. */
static void reclaim_wake(void)
{
	if (read_acquire(&reclaimer) && !atomic_exchange_value(&awake, 1))
		thread_wake(reclaimer, WAKE_NORMAL);
}

static int reclaim_init(void)
{
	struct thread *thread = thread_create("reclaim", reclaim_thread, NULL);

	if (!thread)
		return -ENOMEM;
	store_release(&reclaimer, thread);
	frame_short_hook = reclaim_wake;
	thread_start(thread);
	return 0;
}
INITCALL_CORE(reclaim_init);
