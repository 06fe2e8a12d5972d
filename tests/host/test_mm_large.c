// sources: kernel/mm/*.c kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/printf.c
// sources: kernel/lib/format.c kernel/lib/page.c kernel/debug/lock_check.c arch/host/*.c
// sources: kernel/sched/spinlock.c kernel/sched/mutex.c kernel/sched/rwlock.c
// flags: -Iarch/host/include -DSELENE_DEBUG -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/* 8 GiB in two banks with a hole: every frame can be had, by its right number, and comes back. */
#include "mm_port.h"

static void test_all_frames(void)
{
	struct frame_statistics before, after;
	struct frame *chain = NULL, *frame;
	u64 count = 0, highest = 0;

	frame_statistics(&before);
	EXPECT_TRUE(before.total > (7ull << 30) / PAGE_SIZE);
	while ((frame = frame_alloc(FRAME_KERNEL, 9))) {
		u64 number = frame_number(frame);

		EXPECT_TRUE(frame_of(number) == frame && number % 512 == 0);
		EXPECT_TRUE(frame_of_data(frame_data(frame)) == frame);
		highest = MAX(highest, number);
		frame->chain = chain;
		chain = frame;
		count += 512;
	}
	EXPECT_TRUE(highest > (8ull << 30) / PAGE_SIZE);
	EXPECT_TRUE(count + 4096 > before.free);
	while (chain) {
		frame = chain;
		chain = frame->chain;
		frame_free(frame, 9);
	}
	frame_statistics(&after);
	EXPECT(after.free, before.free);
	EXPECT(frame_count_free_lists(), after.free);
	EXPECT((long)frame_of(0x40200000 / PAGE_SIZE + (4ull << 30) / PAGE_SIZE - 1), 0);
	mm_expect_clean();
}

int main(void)
{
	mm_boot(8192);
	RUN(test_all_frames);
	return CHECK_RESULT;
}
