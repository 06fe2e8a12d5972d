/*
 * Kernel stacks. The window that the port gives is cut into slots of twice a stack's size; the
 * upper half of a slot is the stack, the lower half is never mapped, so that an overflow faults.
 * A free stack keeps its frames: the next thread takes it over without touching page tables or
 * other CPUs' TLBs. What is above a share of all memory, or above CACHED_MIN when memory is
 * short, is given back by threads at their end, while they may still wait for the shootdown; it
 * is dear, hence rare.

 */
#include <arch/thread.h>
#include <debug/panic.h>
#include <lib/bitmap.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <sched/runqueue.h>

enum { STACK_PAGES = KERNEL_STACK_SIZE / PAGE_SIZE, SLOT_SIZE = 2 * KERNEL_STACK_SIZE };
enum { SLOTS_MAX = 32768, CACHED_SHARE = 16, CACHED_MIN = 16, DESTROY_BATCH = 32 };

struct kernel_stack {
	vaddr_t base;			   /* [const] lowest address */
	struct frame *frames[STACK_PAGES]; /* [const] */
	struct kernel_stack *next;	   /* [lock] in the list of free ones */
};

static struct {
	struct spinlock lock;		   /* RANK_WAIT, interrupts off */
	vaddr_t window;			   /* [const] */
	size_t slot_count;		   /* [const] */
	u64 cached_max;			   /* [const] */
	bool memory_short;		   /* [atomic] */
	u64 used[BITMAP_WORDS(SLOTS_MAX)]; /* [lock] slots that are mapped */
	size_t hint;			   /* [lock] none is free below it */
	size_t slots_used;		   /* [lock; atomic read] those below were mapped once */
	struct kernel_stack *free;	   /* [lock] those that no CPU keeps */
} stacks = { .lock = SPINLOCK_INIT(RANK_WAIT) };

static SLAB_CACHE(stack_cache, struct kernel_stack);
/* Stacks that no thread has, on all CPUs and in the list. */
static struct atomic64 free_count;

/* Only asks: unmapping is not for any context. */
static u64 shrink(void)
{
	WRITE_ONCE(stacks.memory_short, true);
	return 0;
}

static struct frame_shrinker shrinker = { .shrink = shrink };

void stack_init(void)
{
	struct frame_statistics memory;
	size_t size;

	stacks.window = mmu_stack_window(&size);
	stacks.slot_count = MIN(size / SLOT_SIZE, (size_t)SLOTS_MAX);
	frame_statistics(&memory);
	stacks.cached_max = memory.total / STACK_PAGES / CACHED_SHARE;
	frame_shrinker_register(&shrinker);
}

vaddr_t stack_base(const struct kernel_stack *stack)
{
	return stack->base;
}

static vaddr_t take_slot(void)
{
	unsigned long state = spin_lock_irqsave(&stacks.lock);
	size_t slot = bitmap_next_zero(stacks.used, stacks.slot_count, stacks.hint);

	if (slot < stacks.slot_count) {
		bitmap_set(stacks.used, slot);
		stacks.hint = slot + 1;
		WRITE_ONCE(stacks.slots_used, MAX(stacks.slots_used, slot + 1));
	}
	spin_unlock_irqrestore(&stacks.lock, state);
	return slot < stacks.slot_count ? stacks.window + slot * SLOT_SIZE + KERNEL_STACK_SIZE : 0;
}

static void return_slot(vaddr_t base)
{
	size_t slot = (base - stacks.window) / SLOT_SIZE;
	unsigned long state = spin_lock_irqsave(&stacks.lock);

	bitmap_clear(stacks.used, slot);
	stacks.hint = MIN(stacks.hint, slot);
	spin_unlock_irqrestore(&stacks.lock, state);
}

/* All pages of a slot are in one table, so only the first one can lack memory for tables. */
static bool map_stack(const struct kernel_stack *stack)
{
	for (unsigned i = 0; i < STACK_PAGES; i++) {
		int error = mmu_map_kernel(stack->base + i * PAGE_SIZE,
					   frame_number(stack->frames[i]), PAGE_READ | PAGE_WRITE);

		BUG_ON(error && i > 0);
		if (error)
			return false;
	}
	return true;
}

static struct kernel_stack *stack_make(void)
{
	struct kernel_stack *stack = slab_alloc_zeroed(&stack_cache);
	unsigned count;

	if (!stack)
		return NULL;
	for (count = 0; count < STACK_PAGES; count++) {
		stack->frames[count] = frame_alloc(FRAME_KERNEL, 0);
		if (!stack->frames[count])
			goto free_frames;
	}
	stack->base = take_slot();
	if (!stack->base)
		goto free_frames;
	if (map_stack(stack))
		return stack;
	return_slot(stack->base);
free_frames:
	while (count > 0)
		frame_free(stack->frames[--count], 0);
	slab_free(&stack_cache, stack);
	return NULL;
}

static struct kernel_stack *take_from_list(void)
{
	unsigned long state = spin_lock_irqsave(&stacks.lock);
	struct kernel_stack *stack = stacks.free;

	if (stack)
		stacks.free = stack->next;
	spin_unlock_irqrestore(&stacks.lock, state);
	if (stack)
		atomic64_dec(&free_count);
	return stack;
}

/* Their frames may be used again only when no CPU finds them at the old addresses. */
static void destroy_batch(struct kernel_stack **batch, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		for (unsigned page = 0; page < STACK_PAGES; page++)
			mmu_map_kernel(batch[i]->base + page * PAGE_SIZE, 0, 0);
	}
	mmu_kernel_fence();
	for (unsigned i = 0; i < count; i++) {
		return_slot(batch[i]->base);
		for (unsigned page = 0; page < STACK_PAGES; page++)
			frame_free(batch[i]->frames[page], 0);
		slab_free(&stack_cache, batch[i]);
	}
}

/* Destroy free stacks, those that no CPU keeps, while there are more than @left in all. */
static void destroy_until(u64 left)
{
	struct kernel_stack *batch[DESTROY_BATCH];
	unsigned count;

	do {
		count = 0;
		while (count < DESTROY_BATCH && atomic64_read(&free_count) > left &&
		       (batch[count] = take_from_list()))
			count++;
		if (count)
			destroy_batch(batch, count);
	} while (count == DESTROY_BATCH);
}

struct kernel_stack *stack_alloc(void)
{
	unsigned long state = irq_save();
	struct cpu *cpu = cpu_this();
	struct kernel_stack *stack = NULL;

	if (cpu->free_stack_count)
		stack = cpu->free_stacks[--cpu->free_stack_count];
	irq_restore(state);
	if (stack) {
		atomic64_dec(&free_count);
		return stack;
	}
	stack = take_from_list();
	return stack ? stack : stack_make();
}

void stack_free(struct kernel_stack *stack)
{
	unsigned long state = irq_save();
	struct cpu *cpu = cpu_this();

	atomic64_inc(&free_count);
	if (cpu->free_stack_count < ARRAY_SIZE(cpu->free_stacks)) {
		cpu->free_stacks[cpu->free_stack_count++] = stack;
	} else {
		spin_lock(&stacks.lock);
		stack->next = stacks.free;
		stacks.free = stack;
		spin_unlock(&stacks.lock);
	}
	irq_restore(state);
}

void stack_trim(void)
{
	if (unlikely(READ_ONCE(stacks.memory_short))) {
		WRITE_ONCE(stacks.memory_short, false);
		destroy_until(CACHED_MIN);
	} else if (unlikely(atomic64_read(&free_count) > stacks.cached_max + DESTROY_BATCH)) {
		destroy_until(stacks.cached_max);
	}
}

void stack_trim_all(void)
{
	unsigned long state = irq_save();
	struct cpu *cpu = cpu_this();
	struct kernel_stack *stack;

	spin_lock(&stacks.lock);
	while (cpu->free_stack_count) {
		stack = cpu->free_stacks[--cpu->free_stack_count];
		stack->next = stacks.free;
		stacks.free = stack;
	}
	spin_unlock(&stacks.lock);
	irq_restore(state);
	destroy_until(0);
}

u64 thread_stack_tables(void)
{
	return DIV_ROUND_UP(READ_ONCE(stacks.slots_used), MMU_TABLE_SPAN / SLOT_SIZE);
}

u64 thread_stack_frames_cached(void)
{
	return atomic64_read(&free_count) * STACK_PAGES;
}
