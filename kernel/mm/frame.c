/*
 * Frames come in three stages. The buddy lists (buddy.c) hold blocks of 2^order frames. The depot
 * holds batches of single frames, handed over whole, so that passing one costs the same as passing a
 * frame. Each CPU holds up to two batches that only it touches, with interrupts off. Single frames
 * go back to the buddy lists only when someone wants a larger block than is left there.
 */
#include <boot/memory.h>
#include <debug/panic.h>
#include <lib/string.h>
#include <mm/buddy.h>
#include <mm/frame.h>
#include <sched/cpu.h>

enum { BATCH_ORDER = 4, BATCH = 1 << BATCH_ORDER, FRAME_KINDS = FRAME_OBJECT + 1 };
enum { TABLES_KEPT = 16 };
enum { SHORT_SHARE = 64, SHORT_LEAST = 96, SHORT_MOST = 4096 }; /* frames left: memory is short */

struct frame_cache {	      /* [own cpu] interrupts off */
	struct frame *loose;  /* chain of loose_count frames */
	struct frame *full;   /* chain of BATCH frames, or NULL */
	struct frame *tables; /* chain of table_count frames that hold zeros */
	unsigned loose_count, table_count;
	s64 allocated[FRAME_KINDS]; /* minus freed, on this CPU */
} __aligned_to(64);

static struct frame_cache caches[CPU_MAX];

static struct frame *depot; /* [buddy] batches by chain_next */
static u64 depot_batches;   /* [buddy] */

static struct frame_shrinker *shrinkers; /* [atomic] only ever grows */
static u64 short_mark;			 /* [const after boot] */
void (*frame_short_hook)(void);
u64 zero_frame_number;

struct frame *frame_of_any(u64 number)
{
	for (unsigned i = 0; i < frame_bank_count; i++) {
		u64 index = number - frame_banks[i].start;

		if (likely(index < frame_banks[i].count))
			return &frame_banks[i].frames[index];
	}
	return NULL;
}

u64 frame_number_any(const struct frame *frame)
{
	for (unsigned i = 0; i < frame_bank_count; i++) {
		uintptr_t offset = (uintptr_t)frame - (uintptr_t)frame_banks[i].frames;

		if (likely(offset < frame_banks[i].count * sizeof(*frame)))
			return frame_banks[i].start + offset / sizeof(*frame);
	}
	panic("frame_number: %p is no frame", (const void *)frame);
}

u64 frame_free_estimate(void)
{
	return READ_ONCE(buddy_frames_free) + READ_ONCE(depot_batches) * BATCH;
}

u64 frame_short_mark(void)
{
	return short_mark;
}

bool frame_is_short(void)
{
	return frame_free_estimate() < short_mark;
}

/* [buddy] Single frames back to the buddy lists. */
static void buddy_insert_chain(struct frame *frame)
{
	while (frame) {
		struct frame *next = frame->chain;
		frame->kind = FRAME_FREE;
		buddy_insert(frame_number(frame), 0);
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

struct frame *frame_alloc_run(enum frame_kind kind, u64 count)
{
	u64 blocks = DIV_ROUND_UP(count, (u64)1 << FRAME_ORDER_MAX);
	unsigned long irq;
	struct frame *first;

	if (!count || frame_alloc_fails())
		return NULL;
	depot_drain();
	irq = spin_lock_irqsave(&buddy_lock);
	first = buddy_take_run(blocks);
	for (u64 i = 0; first && i < count; i++)
		first[i].kind = kind;
	if (first) {
		u64 number = frame_number(first);

		for (u64 i = count; i < blocks << FRAME_ORDER_MAX; i++)
			buddy_insert(number + i, 0);
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
	unsigned long irq = irq_save();

	BUG_ON(frame->kind <= FRAME_CACHED || frame->order != order);
	cpu_this()->frame_cache->allocated[frame->kind] -= (s64)1 << order;
	spin_lock(&buddy_lock);
	buddy_free_block(frame, order);
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
	u64 free = buddy_frames_free + depot_batches * BATCH;

	statistics->total = buddy_frames_total;
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
	u64 count = buddy_count_lists();

	for (struct frame *batch = depot; batch; batch = batch->chain_next)
		count += chain_length(batch);
	spin_unlock_irqrestore(&buddy_lock, irq);
	for (unsigned i = 0; i < CPU_MAX; i++)
		count += cache_length(&caches[i]);
	return count;
}

void frame_for_each(bool (*visit)(struct frame *frame, void *context), void *context)
{
	for (unsigned i = 0; i < frame_bank_count; i++) {
		for (u64 index = 0; index < frame_banks[i].count; index++) {
			if (!visit(&frame_banks[i].frames[index], context))
				return;
		}
	}
}

void frame_init(void)
{
	struct frame *zero;

	buddy_init();
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
	frame_bank_count = boot_memory.bank_count;
	boot_memory_each_free(frame_add_range);
	short_mark = CLAMP(buddy_frames_total / SHORT_SHARE, (u64)SHORT_LEAST, (u64)SHORT_MOST);

	zero = frame_alloc_zeroed(FRAME_KERNEL);
	if (!zero)
		boot_failure("no memory is left for programs");
	zero_frame_number = frame_number(zero);
}
