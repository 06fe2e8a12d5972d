/* The buddy lists: a free block of 2^order frames is joined with its neighbour when that is free too. */
#include <mm/buddy.h>

enum { ORDER_INSIDE = 0xff }; /* frame->order of a free frame that is not the head of its block */

struct frame_bank frame_banks[BOOT_BANKS_MAX];
unsigned frame_bank_count;
struct spinlock buddy_lock = SPINLOCK_INIT(RANK_BUDDY);
static struct list_node free_lists[FRAME_ORDER_MAX + 1]; /* [buddy] */
u64 buddy_frames_free, buddy_frames_total;

static struct frame_bank *bank_of_number(u64 number)
{
	for (unsigned i = 0; i < frame_bank_count; i++) {
		if (number - frame_banks[i].start < frame_banks[i].count)
			return &frame_banks[i];
	}
	return NULL;
}

/* [buddy] Put a block on its list, joined with its free buddies. */
static void insert(struct frame_bank *bank, u64 number, unsigned order)
{
	struct frame *frame;

	buddy_frames_free += (u64)1 << order;
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

void buddy_insert(u64 number, unsigned order)
{
	insert(bank_of_number(number), number, order);
}

void buddy_free_block(struct frame *frame, unsigned order)
{
	for (size_t i = 0; i < (size_t)1 << order; i++) {
		frame[i].kind = FRAME_FREE;
		frame[i].order = ORDER_INSIDE;
	}
	buddy_insert(frame_number(frame), order);
}

struct frame *buddy_take(unsigned order)
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
	buddy_frames_free -= (u64)1 << order;
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

struct frame *buddy_take_run(u64 blocks)
{
	struct frame *first = find_run(blocks);

	if (!first)
		return NULL;
	for (u64 i = 0; i < blocks; i++)
		list_remove(&first[i << FRAME_ORDER_MAX].link);
	buddy_frames_free -= blocks << FRAME_ORDER_MAX;
	return first;
}

u64 buddy_count_lists(void)
{
	u64 count = 0;

	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++)
		count += (u64)list_length(&free_lists[order]) << order;
	return count;
}

/* [buddy] A run of frames inside @bank that become free: as few blocks as alignment allows. */
static void bank_add(struct frame_bank *bank, u64 number, u64 end)
{
	for (u64 i = number; i < end; i++) {
		bank->frames[i - bank->start].kind = FRAME_FREE;
		bank->frames[i - bank->start].order = ORDER_INSIDE;
	}
	buddy_frames_total += end - number;
	while (number < end) {
		unsigned order = FRAME_ORDER_MAX;

		while (!IS_ALIGNED(number, (u64)1 << order) || number + ((u64)1 << order) > end)
			order--;
		insert(bank, number, order);
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

void buddy_init(void)
{
	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++)
		list_init(&free_lists[order]);
}
