#pragma once
/*
 * Physical frames: a buddy allocator with a cache per CPU, and one struct frame for each frame of RAM.
 *
 * Who frees a frame: its kind says who holds it. FRAME_USER frames belong to page-table entries, as
 * the state of the entry says (mm/ownership.h); FRAME_OBJECT frames to a memory object that counts
 * one, plus one per entry; all others to the code that allocated them.
 */
#include <arch/mmu.h>
#include <lib/atomic.h>
#include <lib/list.h>
#include <sched/lock.h>

enum frame_kind {
	FRAME_RESERVED, /* never given out: kernel image, firmware, device tree */
	FRAME_DISPLAY, /* a display shows it, for good: BORROWED entries; frame_free() refuses it */
	FRAME_FREE,    /* head of a free block of 2^order, or inside one */
	FRAME_CACHED,  /* free, in a CPU's cache */
	FRAME_KERNEL,  /* stacks, buffers, drivers */
	FRAME_SLAB,
	FRAME_TABLE,  /* page table */
	FRAME_USER,   /* private anonymous memory: OWNED or COW entries only */
	FRAME_OBJECT, /* page of a memory object */
};

enum frame_flags {
	FRAME_DIRTY = 1 << 0, /* [object] differs from what the file system has */
	FRAME_BUSY = 1 << 1,  /* [object] being read in */
	FRAME_ICACHE_SYNCED =
		1 << 2,		  /* [atomic] all CPUs fetched since it was filled (hazard 10) */
	FRAME_PINNED = 1 << 3,	  /* [table] a device writes it: fork copies at once (hazard 5) */
	FRAME_WRITEBACK = 1 << 4, /* [object] being written to the disk: truncate waits */
	FRAME_USED = 1 << 5,	  /* [atomic] looked at since reclaim came by */
};

struct frame {
	struct atomic32 references; /* COW, SHARED and OBJECT frames; 1 in all others */
	u8 kind;		    /* enum frame_kind, by the holder */
	u8 order;		    /* of the block, in its head */
	struct atomic32 flags;	    /* enum frame_flags; FRAME_TABLE: for the port */
	u32 seen;		    /* mm/audit.c: entries found, and FRAME_SEEN_OWNED */
	union {
		struct list_node link; /* free lists; the holder's use in FRAME_KERNEL */
		struct {
			struct spinlock lock; /* RANK_TABLE: guards the entries of this table */
			struct frame *next;   /* chain in a tlb_batch */
		} table;
		struct {
			void *slab; /* mm/slab.c */
		};
		struct {			  /* FRAME_CACHED, and on its way (mm/batch.c) */
			struct frame *chain;	  /* the next frame of a batch */
			struct frame *chain_next; /* in its first frame: the next batch */
		};
		struct {
			struct memory_object *object; /* [object] NULL once truncated */
			u64 index;
		};
	};
};

enum { FRAME_ORDER_MAX = 10 };

/* Set up from boot_memory; each free range is added. */
void frame_init(void);

/*
 * 2^@order frames, contiguous, contents undefined, references 1, kind @kind. NULL: out of memory
 * (reclaim was tried). Any context but with interrupts that hold RANK_BUDDY; does not sleep.
 */
struct frame *frame_alloc(enum frame_kind kind, unsigned order);
struct frame *frame_alloc_zeroed(enum frame_kind kind);
void frame_free(struct frame *frame, unsigned order);
/*
 * @count frames, one behind the other, of any number: for devices that want their memory in one piece.
 * References 1 each, contents undefined. NULL: nowhere so many. Boot time: it looks for whole free
 * blocks of the largest order. Does not sleep.
 */
struct frame *frame_alloc_run(enum frame_kind kind, u64 count);
/* Page tables, zeroed, with their lock set up; freed with all their entries 0 again. */
struct frame *frame_alloc_table(void);
void frame_free_table(struct frame *frame);

/* Counted frames. put: release order, acquire on the last (hazard 1), which frees. */
static inline void frame_get(struct frame *frame)
{
	atomic32_inc(&frame->references);
}
static inline void frame_put(struct frame *frame)
{
	if (atomic32_dec_and_test(&frame->references))
		frame_free(frame, 0);
}
static inline u32 frame_references(const struct frame *frame) /* acquire */
{
	return __atomic_load_n(&frame->references.v, __ATOMIC_ACQUIRE);
}

/* A range of RAM with its frames. */
struct frame_bank {
	u64 start, count;     /* [const] frame numbers */
	struct frame *frames; /* [const] */
};
extern struct frame_bank frame_banks[];

/* In all banks, and in those after the first. */
struct frame *frame_of_any(u64 number);
u64 frame_number_any(const struct frame *frame);

/*
 * Conversions. frame_of(): NULL when @number is not RAM that the allocator knows. frame_of_in(): the
 * same, for loops; @first is their own copy of the first bank, which the compiler keeps in registers.
 */
static __force_inline struct frame *frame_of_in(const struct frame_bank *first, u64 number)
{
	u64 index = number - first->start;

	return likely(index < first->count) ? &first->frames[index] : frame_of_any(number);
}
static inline struct frame *frame_of(u64 number)
{
	return frame_of_in(&frame_banks[0], number);
}
static inline u64 frame_number(const struct frame *frame)
{
	u64 index = ((uintptr_t)frame - (uintptr_t)frame_banks[0].frames) / sizeof(*frame);

	return likely(index < frame_banks[0].count) ? frame_banks[0].start + index
						    : frame_number_any(frame);
}
static inline paddr_t frame_address(const struct frame *frame)
{
	return frame_number(frame) << PAGE_SHIFT;
}
static inline void *frame_data(const struct frame *frame)
{
	return direct_map(frame_address(frame));
}
static inline struct frame *frame_of_data(const void *data)
{
	return frame_of(direct_unmap(data) >> PAGE_SHIFT);
}
/* The lock of the page table that @entry lies in. */
static inline struct spinlock *pte_lock(const pte_t *entry)
{
	return &frame_of_data(entry)->table.lock;
}

/* The frame of zeros that fresh anonymous memory shows BORROWED. */
extern u64 zero_frame_number;

struct frame_statistics {
	u64 total; /* RAM that the kernel knows, without firmware */
	u64 free;  /* buddy and CPU caches */
	u64 kernel, slab, table, user, object, display; /* by kind */
};
void frame_statistics(struct frame_statistics *statistics);
/* Visit each frame that the allocator knows, in order, for the audit. */
void frame_for_each(bool (*visit)(struct frame *frame, void *context), void *context);
/*
 * Fail the @n-th allocation that the current process makes from now on, for tests. 0: not any
 * more.
 */
void frame_fail_after(u64 n);
/* Did it fail, since the last n > 0? */
bool frame_fail_happened(void);

/* Memory is short, or is to be counted: all that shrinkers and this CPU give. Returns frames freed. */
u64 frame_trim(void);

/* Called when memory is short: give back what is cached; returns frames freed. Any context. */
struct frame_shrinker {
	u64 (*shrink)(void);
	struct frame_shrinker *next;
};
void frame_shrinker_register(struct frame_shrinker *shrinker);

/*
 * Give RAM that was reserved, [start, end) bytes, to the allocator: the initramfs once unpacked.
 * Whole pages inwards. Frames that are not FRAME_RESERVED, or in no bank, are left alone.
 */
void frame_add_range(paddr_t start, paddr_t end);
/* Free a chain of OWNED frames (frame->chain) that no entry and no TLB shows. Any context. */
void frame_free_chain(struct frame *first);
/* For the audit, on a quiet machine: what the free lists hold, counted by walking them. */
u64 frame_count_free_lists(void);

/* The debug knob, seen by each allocator: true when this allocation is to fail. */
extern u64 frame_fail_countdown; /* [atomic] 0: off */
bool frame_fail_tick(void);
static inline bool frame_alloc_fails(void)
{
	return unlikely(READ_ONCE(frame_fail_countdown)) && frame_fail_tick();
}

/* Free memory is below frame_short_mark() frames (approximately; CPU caches do not count). */
bool frame_is_short(void);
u64 frame_free_estimate(void);
u64 frame_short_mark(void);
/* Called when frames were taken and memory is short: any context, no lock of this allocator held. */
extern void (*frame_short_hook)(void);
