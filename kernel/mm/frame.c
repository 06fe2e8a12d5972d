/*
 * Frames come in three stages. The buddy lists hold blocks of 2^order frames. The depot holds
 * batches of single frames, handed over whole, so that passing one costs the same as passing a
 * frame. Each CPU holds up to two batches that only it touches, with interrupts off. Single frames
 * go back to the buddy lists only when someone wants a larger block than is left there.
 */
#include <boot/memory.h>
#include <debug/panic.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <sched/cpu.h>

enum { BATCH_ORDER = 4, BATCH = 1 << BATCH_ORDER, FRAME_KINDS = FRAME_OBJECT + 1 };
enum { TABLES_KEPT = 16 };
enum { SHORT_SHARE = 64, SHORT_LEAST = 96, SHORT_MOST = 4096 }; /* frames left: memory is short */
enum { ORDER_INSIDE = 0xff }; /* frame->order of a free frame that is not the head of its block */

struct frame_cache {	      /* [own cpu] interrupts off */
	struct frame *loose;  /* chain of loose_count frames */
	struct frame *full;   /* chain of BATCH frames, or NULL */
	struct frame *tables; /* chain of table_count frames that hold zeros */
	unsigned loose_count, table_count;
	s64 allocated[FRAME_KINDS]; /* minus freed, on this CPU */
} __aligned_to(64);

struct frame_bank frame_banks[BOOT_BANKS_MAX];
static unsigned bank_count;
static struct frame_cache caches[CPU_MAX];

static struct spinlock buddy_lock = SPINLOCK_INIT(RANK_BUDDY); /* interrupts off */
static struct list_node free_lists[FRAME_ORDER_MAX + 1];       /* [buddy] */
static u64 buddy_free;					       /* [buddy] frames in free_lists */
static struct frame *depot;				       /* [buddy] batches by chain_next */
static u64 depot_batches;				       /* [buddy] */
static u64 total;					       /* [buddy] */

static struct frame_shrinker *shrinkers; /* [atomic] only ever grows */
static u64 short_mark;			 /* [const after boot] */
void (*frame_short_hook)(void);
u64 zero_frame_number;
u64 frame_fail_countdown;
static bool frame_fail_done;		 /* [atomic] */
static struct process *frame_fail_owner; /* [atomic] whose allocations count; compared only */

static struct frame_bank *bank_of_number(u64 number)
{
	for (unsigned i = 0; i < bank_count; i++) {
		if (number - frame_banks[i].start < frame_banks[i].count)
			return &frame_banks[i];
	}
	return NULL;
}

struct frame *frame_of_any(u64 number)
{
	for (unsigned i = 0; i < bank_count; i++) {
		u64 index = number - frame_banks[i].start;

		if (likely(index < frame_banks[i].count))
			return &frame_banks[i].frames[index];
	}
	return NULL;
}

u64 frame_number_any(const struct frame *frame)
{
	for (unsigned i = 0; i < bank_count; i++) {
		uintptr_t offset = (uintptr_t)frame - (uintptr_t)frame_banks[i].frames;

		if (likely(offset < frame_banks[i].count * sizeof(*frame)))
			return frame_banks[i].start + offset / sizeof(*frame);
	}
	panic("frame_number: %p is no frame", (const void *)frame);
}

/* [buddy] Put a block on its list, joined with its free buddies. */
static void buddy_insert(struct frame_bank *bank, u64 number, unsigned order)
{
	struct frame *frame;

	buddy_free += (u64)1 << order;
	for (; order < FRAME_ORDER_MAX; order++) {
		u64 other = number ^ (u64)1 << order;
		struct frame *buddy;

		if (other - bank->start >= bank->count)
			break;
		buddy = &bank->frames[other - bank->start];
		if (buddy->kind != FRAME_FREE || buddy->order != order)
			break;
		list_remove(&buddy->link);
		bank->frames[MAX(number, other) - bank->start].order = ORDER_INSIDE;
		number = MIN(number, other);
	}
	frame = &bank->frames[number - bank->start];
	frame->order = order;
	list_add_head(&free_lists[order], &frame->link);
}

u64 frame_free_estimate(void)
{
	return READ_ONCE(buddy_free) + READ_ONCE(depot_batches) * BATCH;
}

u64 frame_short_mark(void)
{
	return short_mark;
}

bool frame_is_short(void)
{
	return frame_free_estimate() < short_mark;
}

/* [buddy] A block of exactly @order, its frames still marked free; or NULL. */
static struct frame *buddy_take(unsigned order)
{
	unsigned from = order;
	struct frame *frame;

	while (from <= FRAME_ORDER_MAX && list_empty(&free_lists[from]))
		from++;
	if (from > FRAME_ORDER_MAX)
		return NULL;
	frame = list_first_entry(&free_lists[from], struct frame, link);
	list_remove(&frame->link);
	while (from > order) {
		struct frame *upper = frame + ((size_t)1 << --from);

		upper->order = from;
		list_add_head(&free_lists[from], &upper->link);
	}
	buddy_free -= (u64)1 << order;
	return frame;
}

/* [buddy] Single frames back to the buddy lists. */
static void buddy_insert_chain(struct frame *frame)
{
	while (frame) {
		struct frame *next = frame->chain;
		u64 number = frame_number(frame);

		frame->kind = FRAME_FREE;
		buddy_insert(bank_of_number(number), number, 0);
		frame = next;
	}
}

/* Interrupts off: as many loose frames as can be had, up to a batch. */
static bool cache_refill(struct frame_cache *cache)
{
	struct frame *block;

	if (cache->full) {
		cache->loose = cache->full;
		cache->loose_count = BATCH;
		cache->full = NULL;
		return true;
	}
	spin_lock(&buddy_lock);
	if (depot) {
		cache->loose = depot;
		cache->loose_count = BATCH;
		depot = depot->chain_next;
		depot_batches--;
	} else {
		unsigned order = BATCH_ORDER;

		while (!(block = buddy_take(order)) && order)
			order--;
		for (unsigned i = block ? 1u << order : 0; i--;) {
			block[i].kind = FRAME_CACHED;
			block[i].chain = cache->loose;
			cache->loose = &block[i];
			cache->loose_count++;
		}
	}
	spin_unlock(&buddy_lock);
	if (unlikely(frame_is_short()) && frame_short_hook)
		frame_short_hook();
	if (!cache->loose) {
		cache->loose = cache->tables;
		cache->loose_count = cache->table_count;
		cache->tables = NULL;
		cache->table_count = 0;
	}
	return cache->loose != NULL;
}

/* Interrupts off: the loose frames are a full batch. */
static void cache_spill(struct frame_cache *cache)
{
	struct frame *batch = cache->full;

	cache->full = cache->loose;
	cache->loose = NULL;
	cache->loose_count = 0;
	if (!batch)
		return;
	spin_lock(&buddy_lock);
	batch->chain_next = depot;
	depot = batch;
	depot_batches++;
	spin_unlock(&buddy_lock);
}

/* Join all single frames that this CPU can reach with their buddies. */
static void depot_drain(void)
{
	unsigned long irq = irq_save();
	struct frame_cache *cache = cpu_this()->frame_cache;

	spin_lock(&buddy_lock);
	while (depot) {
		struct frame *batch = depot;

		depot = batch->chain_next;
		buddy_insert_chain(batch);
	}
	depot_batches = 0;
	buddy_insert_chain(cache->loose);
	buddy_insert_chain(cache->full);
	cache->loose = NULL;
	buddy_insert_chain(cache->tables);
	cache->full = NULL;
	cache->tables = NULL;
	cache->loose_count = 0;
	cache->table_count = 0;
	spin_unlock(&buddy_lock);
	irq_restore(irq);
}

static u64 memory_reclaim(void)
{
	u64 freed = 0;

	for (struct frame_shrinker *s = read_acquire(&shrinkers); s; s = s->next)
		freed += s->shrink();
	return freed;
}

u64 frame_trim(void)
{
	u64 freed = 0, part;

	/* What one cache gives up may be what another one keeps. */
	while ((part = memory_reclaim()))
		freed += part;
	depot_drain();
	return freed;
}

static struct frame *single_alloc(enum frame_kind kind)
{
	unsigned long irq = irq_save();
	struct frame_cache *cache = cpu_this()->frame_cache;
	struct frame *frame = cache->loose;

	if (unlikely(!frame)) {
		if (!cache_refill(cache)) {
			irq_restore(irq);
			return NULL;
		}
		frame = cache->loose;
	}
	cache->loose = frame->chain;
	cache->loose_count--;
	cache->allocated[kind]++;
	irq_restore(irq);
	return frame;
}

static struct frame *block_alloc(enum frame_kind kind, unsigned order)
{
	unsigned long irq = spin_lock_irqsave(&buddy_lock);
	struct frame *frame = buddy_take(order);

	/* Under the lock: a buddy that is freed now must not take this block for a free one. */
	if (frame) {
		frame->kind = kind;
		frame->order = order;
	}
	spin_unlock(&buddy_lock);
	if (frame)
		cpu_this()->frame_cache->allocated[kind] += (s64)1 << order;
	irq_restore(irq);
	return frame;
}

static void frame_prepare(struct frame *frame, enum frame_kind kind, unsigned order)
{
	atomic32_set(&frame->references, 1);
	frame->kind = kind;
	frame->order = order;
	atomic32_set(&frame->flags, 0);
	frame->seen = 0;
}

static struct frame *single_alloc_short(enum frame_kind kind)
{
	struct frame *frame;

	do {
		if (!memory_reclaim())
			return NULL;
		frame = single_alloc(kind);
	} while (!frame);
	return frame;
}

static struct frame *block_alloc_short(enum frame_kind kind, unsigned order)
{
	struct frame *frame;

	do {
		depot_drain();
		frame = block_alloc(kind, order);
	} while (!frame && memory_reclaim());
	return frame;
}

struct frame *frame_alloc(enum frame_kind kind, unsigned order)
{
	struct frame *frame;

	if (frame_alloc_fails())
		return NULL;
	if (likely(!order)) {
		frame = single_alloc(kind);
		if (unlikely(!frame))
			frame = single_alloc_short(kind);
		if (likely(frame))
			frame_prepare(frame, kind, 0);
		return frame;
	}
	if (order > FRAME_ORDER_MAX)
		return NULL;
	frame = block_alloc(kind, order);
	if (!frame)
		frame = block_alloc_short(kind, order);
	for (size_t i = 0; frame && i < (size_t)1 << order; i++)
		frame_prepare(&frame[i], kind, order);
	return frame;
}

/* [buddy] @blocks free blocks of the largest order, one behind the other: the first, or NULL. */
static struct frame *find_run(u64 blocks)
{
	struct frame *first;

	list_for_each_entry(first, &free_lists[FRAME_ORDER_MAX], link) {
		struct frame_bank *bank = bank_of_number(frame_number(first));
		u64 at = first - bank->frames, found = 1;

		while (found < blocks && at + (found << FRAME_ORDER_MAX) < bank->count &&
		       first[found << FRAME_ORDER_MAX].kind == FRAME_FREE &&
		       first[found << FRAME_ORDER_MAX].order == FRAME_ORDER_MAX)
			found++;
		if (found == blocks)
			return first;
	}
	return NULL;
}

struct frame *frame_alloc_run(enum frame_kind kind, u64 count)
{
	u64 blocks = DIV_ROUND_UP(count, (u64)1 << FRAME_ORDER_MAX);
	unsigned long irq;
	struct frame *first;

	if (!count || frame_alloc_fails())
		return NULL;
	depot_drain();
	irq = spin_lock_irqsave(&buddy_lock);
	first = find_run(blocks);
	for (u64 i = 0; first && i < blocks; i++)
		list_remove(&first[i << FRAME_ORDER_MAX].link);
	for (u64 i = 0; first && i < count; i++)
		first[i].kind = kind;
	if (first) {
		u64 number = frame_number(first);

		buddy_free -= blocks << FRAME_ORDER_MAX;
		for (u64 i = count; i < blocks << FRAME_ORDER_MAX; i++)
			buddy_insert(bank_of_number(number), number + i, 0);
	}
	spin_unlock(&buddy_lock);
	if (first)
		cpu_this()->frame_cache->allocated[kind] += count;
	irq_restore(irq);
	for (u64 i = 0; first && i < count; i++)
		frame_prepare(&first[i], kind, 0);
	return first;
}

struct frame *frame_alloc_zeroed(enum frame_kind kind)
{
	struct frame *frame = frame_alloc(kind, 0);

	if (frame)
		page_zero(frame_data(frame));
	return frame;
}

/* Interrupts off. */
static __force_inline void single_free(struct frame_cache *cache, struct frame *frame)
{
	BUG_ON(frame->kind <= FRAME_CACHED);
	cache->allocated[frame->kind]--;
	frame->kind = FRAME_CACHED;
	frame->chain = cache->loose;
	cache->loose = frame;
	if (unlikely(++cache->loose_count == BATCH))
		cache_spill(cache);
}

static void block_free(struct frame *frame, unsigned order)
{
	u64 number = frame_number(frame);
	unsigned long irq = irq_save();

	BUG_ON(frame->kind <= FRAME_CACHED || frame->order != order);
	cpu_this()->frame_cache->allocated[frame->kind] -= (s64)1 << order;
	spin_lock(&buddy_lock);
	for (size_t i = 0; i < (size_t)1 << order; i++) {
		frame[i].kind = FRAME_FREE;
		frame[i].order = ORDER_INSIDE;
	}
	buddy_insert(bank_of_number(number), number, order);
	spin_unlock(&buddy_lock);
	irq_restore(irq);
}

void frame_free(struct frame *frame, unsigned order)
{
	unsigned long irq;

	if (unlikely(order)) {
		block_free(frame, order);
		return;
	}
	irq = irq_save();
	single_free(cpu_this()->frame_cache, frame);
	irq_restore(irq);
}

void frame_free_chain(struct frame *frame)
{
	while (frame) {
		unsigned long irq = irq_save();
		struct frame_cache *cache = cpu_this()->frame_cache;

		for (unsigned i = 0; frame && i < BATCH; i++) {
			struct frame *next = frame->chain;

			single_free(cache, frame);
			frame = next;
		}
		irq_restore(irq);
	}
}

/* A frame of zeros that was a table on this CPU; NULL: none is kept. */
static struct frame *kept_table_alloc(void)
{
	unsigned long irq = irq_save();
	struct frame_cache *cache = cpu_this()->frame_cache;
	struct frame *frame = cache->tables;

	if (frame) {
		cache->tables = frame->chain;
		cache->table_count--;
		cache->allocated[FRAME_TABLE]++;
	}
	irq_restore(irq);
	return frame;
}

struct frame *frame_alloc_table(void)
{
	struct frame *frame = NULL;

	if (READ_ONCE(cpu_this()->frame_cache->tables) && !frame_alloc_fails())
		frame = kept_table_alloc();
	if (frame)
		frame_prepare(frame, FRAME_TABLE, 0);
	else
		frame = frame_alloc_zeroed(FRAME_TABLE);
	if (frame) {
		spin_init(&frame->table.lock, RANK_TABLE);
		frame->table.next = NULL;
	}
	return frame;
}

void frame_free_table(struct frame *frame)
{
	unsigned long irq = irq_save();
	struct frame_cache *cache = cpu_this()->frame_cache;

	if (cache->table_count == TABLES_KEPT) {
		single_free(cache, frame);
	} else {
		BUG_ON(frame->kind != FRAME_TABLE);
		cache->allocated[FRAME_TABLE]--;
		frame->kind = FRAME_CACHED;
		frame->chain = cache->tables;
		cache->tables = frame;
		cache->table_count++;
	}
	irq_restore(irq);
}

bool frame_fail_tick(void)
{
	u64 left = READ_ONCE(frame_fail_countdown);

	struct thread *thread = thread_current();

	/* A thread of a process that has no space yet is a spawn's, most likely of the owner's. */
	if (thread->process != READ_ONCE(frame_fail_owner) && (!thread->process || thread->mmu))
		return false;
	while (left) {
		if (atomic_replace_value(&frame_fail_countdown, &left, left - 1)) {
			if (left == 1)
				WRITE_ONCE(frame_fail_done, true);
			return left == 1;
		}
	}
	return false;
}

void frame_fail_after(u64 n)
{
	WRITE_ONCE(frame_fail_owner, thread_current()->process);
	if (n)
		WRITE_ONCE(frame_fail_done, false);
	WRITE_ONCE(frame_fail_countdown, n);
}

bool frame_fail_happened(void)
{
	return READ_ONCE(frame_fail_done);
}

void frame_shrinker_register(struct frame_shrinker *shrinker)
{
	shrinker->next = read_acquire(&shrinkers);
	while (!atomic_replace_value(&shrinkers, &shrinker->next, shrinker))
		;
}

static u64 cache_length(const struct frame_cache *cache)
{
	return READ_ONCE(cache->loose_count) + READ_ONCE(cache->table_count) +
	       (READ_ONCE(cache->full) ? BATCH : 0);
}

void frame_statistics(struct frame_statistics *statistics)
{
	s64 kinds[FRAME_KINDS] = { 0 };
	unsigned long irq = spin_lock_irqsave(&buddy_lock);
	u64 free = buddy_free + depot_batches * BATCH;

	statistics->total = total;
	spin_unlock_irqrestore(&buddy_lock, irq);
	for (unsigned i = 0; i < CPU_MAX; i++) {
		free += cache_length(&caches[i]);
		for (unsigned kind = 0; kind < FRAME_KINDS; kind++)
			kinds[kind] += READ_ONCE(caches[i].allocated[kind]);
	}
	statistics->free = free;
	statistics->kernel = kinds[FRAME_KERNEL];
	statistics->slab = kinds[FRAME_SLAB];
	statistics->table = kinds[FRAME_TABLE];
	statistics->user = kinds[FRAME_USER];
	statistics->object = kinds[FRAME_OBJECT];
	statistics->display = kinds[FRAME_DISPLAY];
}

static u64 chain_length(const struct frame *frame)
{
	u64 length = 0;

	for (; frame; frame = frame->chain)
		length++;
	return length;
}

u64 frame_count_free_lists(void)
{
	unsigned long irq = spin_lock_irqsave(&buddy_lock);
	u64 count = 0;

	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++)
		count += (u64)list_length(&free_lists[order]) << order;
	for (struct frame *batch = depot; batch; batch = batch->chain_next)
		count += chain_length(batch);
	spin_unlock_irqrestore(&buddy_lock, irq);
	for (unsigned i = 0; i < CPU_MAX; i++)
		count += cache_length(&caches[i]);
	return count;
}

void frame_for_each(bool (*visit)(struct frame *frame, void *context), void *context)
{
	for (unsigned i = 0; i < bank_count; i++) {
		for (u64 index = 0; index < frame_banks[i].count; index++) {
			if (!visit(&frame_banks[i].frames[index], context))
				return;
		}
	}
}

/* [buddy] A run of frames inside @bank that become free: as few blocks as alignment allows. */
static void bank_add(struct frame_bank *bank, u64 number, u64 end)
{
	for (u64 i = number; i < end; i++) {
		bank->frames[i - bank->start].kind = FRAME_FREE;
		bank->frames[i - bank->start].order = ORDER_INSIDE;
	}
	total += end - number;
	while (number < end) {
		unsigned order = FRAME_ORDER_MAX;

		while (!IS_ALIGNED(number, (u64)1 << order) || number + ((u64)1 << order) > end)
			order--;
		buddy_insert(bank, number, order);
		number += (u64)1 << order;
	}
}

void frame_add_range(paddr_t start, paddr_t end)
{
	u64 number = ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	unsigned long irq = spin_lock_irqsave(&buddy_lock);

	while (number < last) {
		struct frame_bank *bank = bank_of_number(number);
		u64 run = number;

		while (bank && run < last && run - bank->start < bank->count &&
		       bank->frames[run - bank->start].kind == FRAME_RESERVED)
			run++;
		if (run > number)
			bank_add(bank, number, run);
		number = run + (run == number);
	}
	spin_unlock_irqrestore(&buddy_lock, irq);
}

void frame_init(void)
{
	struct frame *zero;

	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++)
		list_init(&free_lists[order]);
	for (unsigned i = 0; i < CPU_MAX; i++)
		cpus[i].frame_cache = &caches[i];
	for (unsigned i = 0; i < boot_memory.bank_count; i++) {
		const struct memory_range *range = &boot_memory.banks[i];
		u64 count = (range->end - range->start) >> PAGE_SHIFT;

		frame_banks[i].start = range->start >> PAGE_SHIFT;
		frame_banks[i].frames =
			direct_map(boot_memory_allocate(count * sizeof(struct frame)));
		frame_banks[i].count = count;
	}
	bank_count = boot_memory.bank_count;
	boot_memory_each_free(frame_add_range);
	short_mark = CLAMP(total / SHORT_SHARE, (u64)SHORT_LEAST, (u64)SHORT_MOST);

	zero = frame_alloc_zeroed(FRAME_KERNEL);
	if (!zero)
		boot_failure("no memory is left for programs");
	zero_frame_number = frame_number(zero);
}
