/*
 * Objects smaller than a page. Each CPU keeps a short free list per cache, touched with interrupts
 * off and no lock; it is filled from and emptied into slabs, blocks of frames that a pool guards. A
 * slab's header lies in the slab when objects are small, else in a cache of its own.
 */
#include <debug/panic.h>
#include <lib/list.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <sched/cpu.h>

enum { POOLS_MAX = 160, INSIDE_MAX = 512, KMALLOC_MAX = 2048, EMPTY_KEPT = 1 };

struct pool;

struct slab {
	struct pool *pool;     /* [const] */
	struct frame *frame;   /* [const] */
	struct list_node link; /* [pool] in pool->partial while it has free objects */
	void *free;	       /* [pool] chain through the first word of each object */
	u32 in_use;	       /* [pool] objects out of the slab: with callers or CPUs */
};

struct pool {
	struct slab_cache *cache;    /* [const] */
	unsigned index;		     /* [const] in pools[] and each CPU's lists */
	u32 stride, capacity, batch; /* [const] */
	unsigned order;		     /* [const] of a slab */
	bool inside;		     /* [const] the header is in the slab */
	struct spinlock lock;	     /* RANK_FRAME, interrupts off */
	struct list_node partial;    /* [pool] those in use first, empty ones last */
	unsigned empty;		     /* [pool] */
	u64 frames;		     /* [pool] */
};

struct local { /* [own cpu] interrupts off */
	void *free;
	u32 count;
	s64 live; /* given out minus taken back, on this CPU */
};

static_assert(POOLS_MAX * sizeof(struct local) <= PAGE_SIZE, "a CPU's lists are one frame");
static_assert(sizeof(struct slab) <= 64, "header");

static struct spinlock pools_lock = SPINLOCK_INIT(RANK_FRAME);
static struct pool pools[POOLS_MAX];
static unsigned pool_count;	  /* [atomic] only grows */
static struct slab_cache *caches; /* [pools_lock] */

static SLAB_CACHE(header_cache, struct slab);

#define KMALLOC_CLASS(bytes)                                                                       \
	{                                                                                          \
		.name = "kmalloc-" #bytes, .size = bytes, .align = 16                              \
	}
static struct slab_cache kmalloc_caches[] = {
	KMALLOC_CLASS(16),  KMALLOC_CLASS(32),	KMALLOC_CLASS(48),   KMALLOC_CLASS(64),
	KMALLOC_CLASS(96),  KMALLOC_CLASS(128), KMALLOC_CLASS(192),  KMALLOC_CLASS(256),
	KMALLOC_CLASS(384), KMALLOC_CLASS(512), KMALLOC_CLASS(1024), KMALLOC_CLASS(2048),
};
static u8 kmalloc_class[KMALLOC_MAX / 16 + 1]; /* [const after init] by 16-byte units */

static void pool_measure(struct pool *pool)
{
	struct slab_cache *cache = pool->cache;
	u32 align = MAX(cache->align, (u32)sizeof(void *));
	u32 header, room;

	pool->stride = ALIGN_UP(MAX(cache->size, (u32)sizeof(void *)), align);
	pool->inside = pool->stride <= INSIDE_MAX;
	while (((u32)PAGE_SIZE << pool->order) < pool->stride)
		pool->order++;
	header = pool->inside ? sizeof(struct slab) : 0;
	room = ((u32)PAGE_SIZE << pool->order) - ALIGN_UP(header, align);
	pool->capacity = room / pool->stride;
	pool->batch = CLAMP((u32)KMALLOC_MAX / pool->stride, 2u, 16u);
}

static __noinline struct pool *pool_create(struct slab_cache *cache)
{
	unsigned long irq = spin_lock_irqsave(&pools_lock);
	struct pool *pool = cache->private;

	if (!pool) {
		BUG_ON(pool_count == POOLS_MAX);
		pool = &pools[pool_count];
		pool->cache = cache;
		pool->index = pool_count;
		pool_measure(pool);
		spin_init(&pool->lock, RANK_FRAME);
		list_init(&pool->partial);
		cache->next = caches;
		caches = cache;
		store_release(&pool_count, pool_count + 1);
		store_release(&cache->private, pool);
	}
	spin_unlock_irqrestore(&pools_lock, irq);
	return pool;
}

static struct pool *pool_of(struct slab_cache *cache)
{
	struct pool *pool = read_acquire(&cache->private);

	return likely(pool) ? pool : pool_create(cache);
}

static struct slab *slab_create(struct pool *pool)
{
	struct frame *frame = frame_alloc(FRAME_SLAB, pool->order);
	struct slab *slab;
	u8 *object;

	if (!frame)
		return NULL;
	object = frame_data(frame);
	slab = pool->inside ? (void *)object : slab_alloc(&header_cache);
	if (!slab) {
		frame_free(frame, pool->order);
		return NULL;
	}
	if (pool->inside)
		object += (PAGE_SIZE << pool->order) - pool->capacity * pool->stride;
	*slab = (struct slab){ .pool = pool, .frame = frame };
	for (u32 i = pool->capacity; i--;) {
		void **word = (void **)(object + (size_t)i * pool->stride);

		*word = slab->free;
		slab->free = word;
	}
	for (unsigned i = 0; i < 1u << pool->order; i++)
		frame[i].slab = slab;
	return slab;
}

static void slab_destroy(struct slab *slab)
{
	struct pool *pool = slab->pool;
	struct frame *frame = slab->frame;

	if (!pool->inside)
		slab_free(&header_cache, slab);
	frame_free(frame, pool->order);
}

/* Destroy the slabs of a chain that pool_return() or pool_take_empty() unlinked. Returns frames. */
static u64 slab_destroy_list(struct list_node *unused)
{
	struct slab *slab, *next;
	u64 frames = 0;

	list_for_each_entry_safe(slab, next, unused, link) {
		frames += (u64)1 << slab->pool->order;
		list_remove(&slab->link);
		slab_destroy(slab);
	}
	return frames;
}

/* [pool] Unlink an empty slab. */
static void pool_drop(struct pool *pool, struct slab *slab, struct list_node *unused)
{
	list_remove(&slab->link);
	list_add_tail(unused, &slab->link);
	pool->empty--;
	pool->frames -= (u64)1 << pool->order;
}

/* [pool] One object back into its slab; slabs that are too many go to @unused. */
static void pool_return(struct pool *pool, void *object, struct list_node *unused)
{
	struct slab *slab = frame_of_data(object)->slab;

	if (!slab->free)
		list_add_head(&pool->partial, &slab->link);
	*(void **)object = slab->free;
	slab->free = object;
	if (--slab->in_use)
		return;
	pool->empty++;
	list_remove(&slab->link);
	list_add_tail(&pool->partial, &slab->link);
	if (pool->empty > EMPTY_KEPT)
		pool_drop(pool, slab, unused);
}

/* [pool] An object out of a slab, or NULL. */
static void *pool_take(struct pool *pool)
{
	struct slab *slab = list_first_entry_or_null(&pool->partial, struct slab, link);
	void **object;

	if (!slab)
		return NULL;
	object = slab->free;
	slab->free = *object;
	pool->empty -= !slab->in_use++;
	if (!slab->free)
		list_remove(&slab->link);
	return object;
}

/* Interrupts off: this CPU's lists are made at its first use. */
static __noinline struct local *lists_create(struct cpu *cpu, struct pool *pool)
{
	struct frame *frame = frame_alloc_zeroed(FRAME_KERNEL);

	/* Memory was short, and giving some back made the lists meanwhile. */
	if (frame && cpu->slab_cpu)
		frame_free(frame, 0);
	else if (frame)
		cpu->slab_cpu = frame_data(frame);
	return cpu->slab_cpu ? (struct local *)cpu->slab_cpu + pool->index : NULL;
}

/* Interrupts off. NULL: no memory for this CPU's lists. */
static __force_inline struct local *local_of(struct pool *pool)
{
	struct cpu *cpu = cpu_this();

	if (unlikely(!cpu->slab_cpu))
		return lists_create(cpu, pool);
	return (struct local *)cpu->slab_cpu + pool->index;
}

/* Interrupts off: an object from the slabs, and a batch of others for this CPU. */
static void *local_refill(struct pool *pool, struct local *local)
{
	void *object;

	spin_lock(&pool->lock);
	object = pool_take(pool);
	while (object && local->count < pool->batch) {
		void **more = pool_take(pool);

		if (!more)
			break;
		*more = local->free;
		local->free = more;
		local->count++;
	}
	spin_unlock(&pool->lock);
	return object;
}

/* The CPU's list is empty. May run on another CPU each time round. */
static __noinline void *slab_alloc_slow(struct pool *pool)
{
	for (;;) {
		unsigned long irq = irq_save();
		struct local *local = local_of(pool);
		void *object = local ? local_refill(pool, local) : NULL;
		struct slab *slab;

		if (object)
			local->live++;
		irq_restore(irq);
		if (object || !local)
			return object;
		slab = slab_create(pool);
		if (!slab)
			return NULL;
		irq = spin_lock_irqsave(&pool->lock);
		list_add_tail(&pool->partial, &slab->link);
		pool->empty++;
		pool->frames += (u64)1 << pool->order;
		spin_unlock_irqrestore(&pool->lock, irq);
	}
}

static __force_inline void *pool_alloc(struct pool *pool)
{
	unsigned long irq;
	struct local *local;

	if (frame_alloc_fails())
		return NULL;
	irq = irq_save();
	local = local_of(pool);
	if (likely(local && local->free)) {
		void **object = local->free;

		local->free = *object;
		local->count--;
		local->live++;
		irq_restore(irq);
		return object;
	}
	irq_restore(irq);
	return slab_alloc_slow(pool);
}

void *slab_alloc(struct slab_cache *cache)
{
	return pool_alloc(pool_of(cache));
}

void *slab_alloc_zeroed(struct slab_cache *cache)
{
	void *object = slab_alloc(cache);

	if (object)
		memset(object, 0, cache->size);
	return object;
}

/* Half of a list that has become too long goes back to the slabs. Ends with interrupts as in @irq. */
static __noinline void local_spill(struct pool *pool, struct local *local, unsigned long irq)
{
	struct list_node unused = LIST_INIT(unused);

	spin_lock(&pool->lock);
	while (local->count > pool->batch) {
		void **object = local->free;

		local->free = *object;
		local->count--;
		pool_return(pool, object, &unused);
	}
	spin_unlock(&pool->lock);
	irq_restore(irq);
	slab_destroy_list(&unused);
}

/* This CPU never allocated and cannot now: the object is counted on the boot CPU. */
static __noinline void free_without_lists(struct pool *pool, void *object, unsigned long irq)
{
	struct list_node unused = LIST_INIT(unused);

	spin_lock(&pool->lock);
	pool_return(pool, object, &unused);
	((struct local *)cpus[0].slab_cpu)[pool->index].live--;
	spin_unlock(&pool->lock);
	irq_restore(irq);
	slab_destroy_list(&unused);
}

static __force_inline void pool_free(struct pool *pool, void *object)
{
	unsigned long irq = irq_save();
	struct local *local = local_of(pool);

	if (unlikely(!local)) {
		free_without_lists(pool, object, irq);
		return;
	}
	*(void **)object = local->free;
	local->free = object;
	local->live--;
	if (unlikely(++local->count > 2 * pool->batch))
		local_spill(pool, local, irq);
	else
		irq_restore(irq);
}

void slab_free(struct slab_cache *cache, void *object)
{
	assert(((struct slab *)frame_of_data(object)->slab)->pool == cache->private);
	pool_free(cache->private, object);
}

void *kmalloc(size_t size)
{
	struct frame *frame;
	unsigned order = 0;

	if (likely(size <= KMALLOC_MAX))
		return slab_alloc(&kmalloc_caches[kmalloc_class[(size + 15) / 16]]);
	while (order <= FRAME_ORDER_MAX && (size_t)PAGE_SIZE << order < size)
		order++;
	frame = order <= FRAME_ORDER_MAX ? frame_alloc(FRAME_KERNEL, order) : NULL;
	return frame ? frame_data(frame) : NULL;
}

void *kzalloc(size_t size)
{
	void *data = kmalloc(size);

	if (data)
		memset(data, 0, size);
	return data;
}

void kfree(void *data)
{
	struct frame *frame;

	if (!data)
		return;
	frame = frame_of_data(data);
	BUG_ON(!frame);
	if (frame->kind == FRAME_SLAB)
		pool_free(((struct slab *)frame->slab)->pool, data);
	else
		frame_free(frame, frame->order);
}

char *kstrdup(const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = kmalloc(size);

	if (copy)
		memcpy(copy, string, size);
	return copy;
}

static u64 pool_live(const struct pool *pool)
{
	s64 live = 0;

	for (unsigned i = 0; i < CPU_MAX; i++) {
		const struct local *lists = READ_ONCE(cpus[i].slab_cpu);

		if (lists)
			live += READ_ONCE(lists[pool->index].live);
	}
	return live;
}

void slab_for_each(bool (*visit)(const char *name, u32 size, u64 live, u64 frames, void *context),
		   void *context)
{
	unsigned count = read_acquire(&pool_count);

	for (unsigned i = 0; i < count; i++) {
		const struct pool *pool = &pools[i];

		if (!visit(pool->cache->name, pool->cache->size, pool_live(pool),
			   READ_ONCE(pool->frames), context))
			return;
	}
}

u64 slab_live_objects(void)
{
	unsigned count = read_acquire(&pool_count);
	u64 live = 0;

	for (unsigned i = 0; i < count; i++) {
		/* Headers come and go with slabs: they are this allocator's, not its callers'. */
		if (pools[i].cache != &header_cache)
			live += pool_live(&pools[i]);
	}
	return live;
}

/* Memory is short: this CPU's lists and all empty slabs. */
static u64 slab_shrink(void)
{
	unsigned count = read_acquire(&pool_count);
	u64 freed = 0;

	for (unsigned i = 0; i < count; i++) {
		struct pool *pool = &pools[i];
		struct list_node unused = LIST_INIT(unused);
		unsigned long irq = spin_lock_irqsave(&pool->lock);
		struct local *lists = cpu_this()->slab_cpu;
		struct slab *slab;

		while (lists && lists[i].free) {
			void **object = lists[i].free;

			lists[i].free = *object;
			lists[i].count--;
			pool_return(pool, object, &unused);
		}
		while (pool->empty) {
			slab = list_last_entry(&pool->partial, struct slab, link);
			pool_drop(pool, slab, &unused);
		}
		spin_unlock_irqrestore(&pool->lock, irq);
		freed += slab_destroy_list(&unused);
	}
	return freed;
}

void slab_init(void)
{
	static struct frame_shrinker shrinker = { .shrink = slab_shrink };
	unsigned class = 0;

	for (unsigned units = 0; units <= KMALLOC_MAX / 16; units++) {
		while (kmalloc_caches[class].size < units * 16)
			class ++;
		kmalloc_class[units] = class;
	}
	frame_shrinker_register(&shrinker);
}
