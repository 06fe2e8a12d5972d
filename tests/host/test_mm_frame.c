// sources: kernel/mm/*.c kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/printf.c
// sources: kernel/lib/format.c kernel/lib/page.c kernel/debug/lock_check.c arch/host/*.c
// sources: kernel/sched/spinlock.c kernel/sched/mutex.c kernel/sched/rwlock.c
// flags: -Iarch/host/include -DSELENE_DEBUG -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/* Frames and slabs: blocks do not overlap, all of it comes back, failure is clean. */
#include <mm/ownership.h>
#include <signal.h>
#include <string.h>

#include "mm_port.h"

enum { BLOCKS = 400, OBJECTS = 3000 };

static u64 free_frames(void)
{
	struct frame_statistics statistics;

	frame_statistics(&statistics);
	return statistics.free;
}

static void test_blocks(void)
{
	static struct {
		struct frame *frame;
		unsigned order;
		u8 mark;
	} held[BLOCKS];
	struct mm_level before = mm_level();

	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = check_random() % BLOCKS;
		u8 *data;
		size_t size;

		host_run_on(check_random() % HOST_CPUS);
		if (!held[i].frame) {
			held[i].order = check_random() % 4 ? 0 : check_random() % 7;
			held[i].frame = frame_alloc(FRAME_KERNEL, held[i].order);
			held[i].mark = round;
			if (held[i].frame)
				memset(frame_data(held[i].frame), held[i].mark,
				       (size_t)PAGE_SIZE << held[i].order);
			continue;
		}
		data = frame_data(held[i].frame);
		size = (size_t)PAGE_SIZE << held[i].order;
		EXPECT(frame_number(held[i].frame) % (1 << held[i].order), 0);
		EXPECT_TRUE(data[0] == held[i].mark && !memcmp(data, data + 1, size - 1));
		frame_free(held[i].frame, held[i].order);
		held[i].frame = NULL;
	}
	mm_expect_clean();
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (held[i].frame)
			frame_free(held[i].frame, held[i].order);
	}
	host_run_on(0);
	mm_expect_clean();
	mm_expect_level(before);
}

/* Down to the last frame, and then a large block out of what single frames gave back. */
static void test_exhaustion(void)
{
	struct frame *chain = NULL, *frame;
	struct mm_level before = mm_level();
	u64 free = free_frames(), count = 0;

	while ((frame = frame_alloc(FRAME_KERNEL, 0))) {
		frame->chain = chain;
		chain = frame;
		count++;
	}
	/* What the other CPUs' caches hold is out of reach. */
	EXPECT_TRUE(count <= free && count + 3 * 32 >= free);
	EXPECT((long)frame_alloc(FRAME_KERNEL, 3), 0);
	EXPECT((long)kmalloc(100000), 0);
	frame_free_chain(chain);
	frame = frame_alloc(FRAME_KERNEL, FRAME_ORDER_MAX);
	EXPECT_TRUE(frame != NULL);
	if (frame)
		frame_free(frame, FRAME_ORDER_MAX);
	mm_expect_clean();
	mm_expect_level(before);
}

static void test_fail_after(void)
{
	struct frame *first, *second;

	frame_fail_after(2);
	first = frame_alloc(FRAME_KERNEL, 0);
	second = frame_alloc(FRAME_KERNEL, 0);
	EXPECT_TRUE(first && !second);
	frame_free(first, 0);
	first = frame_alloc(FRAME_KERNEL, 0);
	EXPECT_TRUE(first != NULL);
	frame_free(first, 0);
}

static void test_slab(void)
{
	static SLAB_CACHE(
		odd, struct { u8 bytes[777]; });
	static struct {
		u8 *data;
		size_t size;
		bool odd;
	} held[OBJECTS];
	struct mm_level before = mm_level();

	for (unsigned round = 0; round < 200000; round++) {
		unsigned i = check_random() % OBJECTS;

		host_run_on(check_random() % HOST_CPUS);
		if (held[i].data) {
			u8 *data = held[i].data;

			EXPECT_TRUE(data[0] == (u8)i && data[held[i].size - 1] == (u8)i &&
				    !memcmp(data, data + 1, held[i].size - 1));
			if (held[i].odd)
				slab_free(&odd, data);
			else
				kfree(data);
			held[i].data = NULL;
			continue;
		}
		held[i].odd = check_random() % 8 == 0;
		held[i].size = held[i].odd ? 777 : 1 + check_random() % (i % 9 ? 300 : 9000);
		held[i].data = held[i].odd ? slab_alloc(&odd) : kmalloc(held[i].size);
		EXPECT_TRUE(held[i].data != NULL && (uintptr_t)held[i].data % 8 == 0);
		memset(held[i].data, (u8)i, held[i].size);
	}
	mm_expect_clean();
	for (unsigned i = 0; i < OBJECTS; i++)
		if (held[i].data && held[i].odd)
			slab_free(&odd, held[i].data);
		else
			kfree(held[i].data);
	host_run_on(0);
	mm_expect_clean();
	mm_expect_level(before);
}

/* Ends as a panic does when @give_up lets a display's frame reach the allocator. */
static void expect_refused(void (*give_up)(struct frame *frame), struct frame *frame)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		fclose(stderr);
		give_up(frame);
		_exit(0);
	}
	waitpid(child, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void free_one(struct frame *frame)
{
	frame_free(frame, 0);
}

static void free_in_chain(struct frame *frame)
{
	frame->chain = NULL;
	frame_free_chain(frame);
}

static void drop_last(struct frame *frame)
{
	frame_put(frame);
}

static void drop_as_owned(struct frame *frame)
{
	ownership_release(pte_make(frame_number(frame), PAGE_READ | PAGE_USER, PAGE_OWNED));
}

/* What a screen shows belongs to nobody: no way leads back to the allocator. */
static void test_display(void)
{
	struct frame *frames = frame_alloc_run(FRAME_DISPLAY, 5);
	u64 before = free_frames();

	EXPECT_TRUE(frames != NULL);
	for (unsigned i = 0; frames && i < 5; i++) {
		EXPECT(frames[i].kind, FRAME_DISPLAY);
		expect_refused(free_one, &frames[i]);
		expect_refused(free_in_chain, &frames[i]);
		expect_refused(drop_last, &frames[i]);
		expect_refused(drop_as_owned, &frames[i]);
		/* Lent to a process, an entry goes without a trace. */
		ownership_release(
			pte_make(frame_number(&frames[i]), PAGE_READ | PAGE_USER, PAGE_BORROWED));
	}
	EXPECT(free_frames(), before);
	mm_expect_clean();
}

int main(void)
{
	mm_boot(64);
	RUN(test_blocks);
	RUN(test_exhaustion);
	RUN(test_fail_after);
	RUN(test_slab);
	RUN(test_display);
	return CHECK_RESULT;
}
