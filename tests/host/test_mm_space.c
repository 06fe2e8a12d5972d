// sources: kernel/mm/*.c kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/printf.c
// sources: kernel/lib/format.c kernel/lib/page.c kernel/debug/lock_check.c arch/host/*.c
// sources: kernel/sched/spinlock.c kernel/sched/mutex.c kernel/sched/rwlock.c
// flags: -Iarch/host/include -DSELENE_DEBUG -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/* Design 3's table, line by line, and the calls that change mappings with their errors. */
#include <lib/err.h>
#include <mm/mapping.h>
#include <string.h>

#include "mm_space.h"

enum { A = 0x10000000, P = 4096 };

/* A file whose page n is full of n + 1. */
static unsigned dirtied, filled;

static int file_fill(struct memory_object *object, u64 index, void *data)
{
	filled++;
	memset(data, index + 1, P);
	return index == 13 ? -EIO : 0;
}

static void file_dirtied(struct memory_object *object, u64 index)
{
	dirtied++;
}

static void file_release(struct memory_object *object)
{
	object_destroy_pages(object);
	kfree(object);
}

static const struct object_operations file_operations = { .fill = file_fill,
							  .dirtied = file_dirtied,
							  .release = file_release };

static struct memory_object *file_make(u64 size)
{
	struct memory_object *object = kmalloc(sizeof(*object));

	object_init(object, &file_operations, size);
	return object;
}

static void test_anonymous(void)
{
	struct space *space = fresh();

	EXPECT(map(A, 4, RW, 0), A);
	EXPECT(load(A), 0);
	EXPECT(state_at(A), PAGE_BORROWED);
	EXPECT(prot_at(A), R);
	host_run_on(1);
	EXPECT(load(A), 0); /* its TLB has the zero page now */
	host_run_on(0);
	EXPECT(store(A, 7), 0);
	EXPECT(state_at(A), PAGE_OWNED);
	EXPECT(prot_at(A), RW);
	host_run_on(1);
	EXPECT(load(A), 7);
	host_run_on(0);
	EXPECT(store(A + P, 8), 0); /* written first: no zero page in between */
	EXPECT(state_at(A + P), PAGE_OWNED);
	EXPECT(load(A + 4 * P), -EFAULT);
	EXPECT(host_fetch(A), -EACCES);
	mm_expect_clean();
	EXPECT(space_unmap(S, A, 4 * P), 0);
	EXPECT(load(A), -EFAULT);
	leave(space);
}

static void test_fork_owned(void)
{
	struct space *parent = fresh(), *child;
	struct frame *frame;

	map(A, 2, RW, 0);
	store(A, 1);
	store(A + P, 2);
	host_run_on(1);
	load(A);
	host_run_on(0);
	frame = frame_at(A);
	child = space_fork(parent);
	EXPECT(state_at(A), PAGE_COW);
	EXPECT(frame_references(frame), 2);
	mm_expect_clean();
	EXPECT(store(A, 3), 0); /* a copy: the child still holds the old one */
	EXPECT_TRUE(frame_at(A) != frame && state_at(A) == PAGE_OWNED);
	host_run_on(1);
	EXPECT(load(A), 3); /* and not its old view */
	enter(child);
	EXPECT(load(A), 1);
	EXPECT(store(A, 4), 0); /* the last holder takes it over, in place */
	EXPECT_TRUE(frame_at(A) == frame && state_at(A) == PAGE_OWNED);
	EXPECT(load(A + P), 2);
	mm_expect_clean();
	enter(parent);
	EXPECT(load(A), 3);
	leave(parent);
	enter(child);
	EXPECT(store(A + P, 5), 0);
	EXPECT(load(A + P), 5);
	leave(child);
}

/* Fork tests the state, not W (hazard 12). */
static void test_fork_protected(void)
{
	struct space *parent = fresh(), *child;

	map(A, 2, RW, 0);
	store(A, 1);
	store(A + P, 2);
	EXPECT(space_protect(S, A, P, 0), 0);
	EXPECT(space_protect(S, A + P, P, R), 0);
	EXPECT(state_at(A), PAGE_OWNED);
	EXPECT(load(A), -EACCES);
	child = space_fork(parent);
	EXPECT(state_at(A), PAGE_COW);
	EXPECT(state_at(A + P), PAGE_COW);
	mm_expect_clean();
	enter(child);
	EXPECT(space_protect(S, A, 2 * P, RW), 0);
	EXPECT(store(A, 9), 0);
	EXPECT(store(A + P, 9), 0);
	enter(parent);
	EXPECT(space_protect(S, A, 2 * P, RW), 0);
	EXPECT(load(A), 1);
	EXPECT(load(A + P), 2);
	leave(child);
	enter(parent);
	leave(parent);
}

static void test_shared(void)
{
	struct space *parent = fresh(), *child;

	map(A, 2, RW, MAPPING_SHARED);
	EXPECT(load(A), 0);
	EXPECT(state_at(A), PAGE_SHARED);
	EXPECT(prot_at(A), R);
	EXPECT(store(A, 1), 0);
	EXPECT(prot_at(A), RW);
	child = space_fork(parent);
	EXPECT(state_at(A), PAGE_SHARED);
	EXPECT(frame_references(frame_at(A)), 3);
	enter(child);
	EXPECT(store(A, 2), 0);
	EXPECT(store(A + P, 3), 0);
	mm_expect_clean();
	leave(child);
	enter(parent);
	EXPECT(load(A), 2);
	EXPECT(load(A + P), 3);
	leave(parent);
}

static void test_file_private(void)
{
	struct memory_object *file = file_make(5 * P + 100);
	struct space *space = fresh(), *child;

	EXPECT(map_object(A, 8, RW, 0, file, 0), A);
	EXPECT(load(A + P), 2);
	EXPECT(state_at(A + P), PAGE_COW);
	EXPECT(store(A + P, 77), 0);
	EXPECT(state_at(A + P), PAGE_OWNED);
	EXPECT(store(A + 2 * P, 78), 0); /* written first: a copy at once */
	EXPECT(state_at(A + 2 * P), PAGE_OWNED);
	EXPECT(load(A + 2 * P + 1), 3);
	EXPECT(load(A + 6 * P), -ENXIO);
	child = space_fork(space);
	mm_expect_clean();
	EXPECT(load(A + 3 * P), 4);
	object_set_size(file, P + 10);
	EXPECT(load(A + P), 77); /* our own copy stays, COW by now */
	EXPECT(load(A + 3 * P), -ENXIO);
	EXPECT(state_at(A + 3 * P), -1);
	EXPECT(load(A + 2 * P), 78);
	object_set_size(file, 4 * P);
	EXPECT(load(A + 3 * P), 4);
	mm_expect_clean();
	leave(space);
	leave(child);
	object_put(file);
}

static void test_file_shared(void)
{
	struct memory_object *file = file_make(32 * P);
	struct space *space = fresh();
	struct frame *frame;

	EXPECT(map_object(A, 32, RW, MAPPING_SHARED, file, 0), A);
	dirtied = 0;
	EXPECT(load(A), 1);
	EXPECT(dirtied, 0);
	EXPECT(store(A, 5), 0);
	EXPECT(store(A + 1, 5), 0);
	EXPECT(dirtied, 1);
	EXPECT(object_page(file, 0, false, &frame), 0);
	EXPECT(*(u8 *)frame_data(frame), 5);
	EXPECT_TRUE(atomic32_read(&frame->flags) & FRAME_DIRTY);
	frame_put(frame);
	EXPECT(load(A + 13 * P), -EIO);
	EXPECT(state_at(A + 13 * P), -1);
	EXPECT(space_protect(S, A, P, R), 0);
	EXPECT(store(A, 6), -EACCES);
	EXPECT(space_protect(S, A, P, RW), 0);
	EXPECT(store(A, 6), 0);
	object_set_size(file, 100);
	EXPECT(load(A + 100), 0); /* the tail of the last page reads as zeros */
	EXPECT(load(A + P), -ENXIO);
	mm_expect_clean();
	leave(space);
	object_put(file);
}

static void test_fault_around(void)
{
	struct memory_object *file = file_make(64 * P);
	struct space *space = fresh();
	struct frame *frame;

	for (unsigned i = 0; i < 40; i++) {
		if (i != 13) {
			EXPECT(object_page(file, i, true, &frame), 0);
			frame_put(frame);
		}
	}
	map_object(A + P, 50, R | X, 0, file, 1);
	host_icache_syncs = 0;
	EXPECT(host_fetch(A + 3 * P), 0);
	EXPECT(host_icache_syncs, 1);
	EXPECT(state_at(A + 15 * P), PAGE_COW);
	EXPECT(state_at(A), -1);
	EXPECT(state_at(A + 16 * P), -1);
	EXPECT(state_at(A + 13 * P), -1);
	host_faults = 0;
	EXPECT(host_fetch(A + 4 * P), 0);
	EXPECT(host_faults, 0);
	EXPECT(load(A + 35 * P), 36);
	EXPECT(host_icache_syncs, 2);
	leave(space);
	space = fresh();
	map_object(A, 50, R | X, 0, file, 0);
	EXPECT(host_fetch(A + 20 * P), 0);
	EXPECT(host_fetch(A + 40 * P), 0);
	EXPECT(host_icache_syncs, 4); /* 16–31 were not synced; 40 is new */
	EXPECT(host_fetch(A + 3 * P), 0);
	EXPECT(host_icache_syncs, 5); /* page 0 was outside of the first mapping */
	mm_expect_clean();
	leave(space);
	object_put(file);
}

static void test_device(void)
{
	struct space *space = fresh(), *child;
	struct frame *frames = frame_alloc(FRAME_KERNEL, 1);
	struct map_request wanted = request(A, 2, RW, MAPPING_SHARED | MAPPING_DEVICE);

	wanted.frame_base = frame_number(frames);
	EXPECT(space_map(S, &wanted), A);
	EXPECT(store(A + P, 5), 0);
	EXPECT(state_at(A + P), PAGE_BORROWED);
	EXPECT(((u8 *)frame_data(frames))[P], 5);
	child = space_fork(space);
	enter(child);
	EXPECT(store(A + P, 6), 0);
	EXPECT(space_advise(S, A, P, 4), -EINVAL);
	mm_expect_clean();
	leave(child);
	enter(space);
	EXPECT(load(A + P), 6);
	EXPECT(frame_references(frames), 1);
	leave(space);
	frame_free(frames, 1);
}

static void test_wipe_and_dont_fork(void)
{
	struct space *parent = fresh(), *child;

	map(A, 3, RW, 0);
	for (unsigned i = 0; i < 3; i++)
		store(A + i * P, i + 1);
	EXPECT(space_advise(S, A, P, 18), 0);
	EXPECT(space_advise(S, A + P, P, 10), 0);
	EXPECT(S->mapping_count, 3);
	child = space_fork(parent);
	enter(child);
	EXPECT(load(A), 0);
	EXPECT(load(A + P), -EFAULT);
	EXPECT(load(A + 2 * P), 3);
	leave(child);
	enter(parent);
	EXPECT(space_advise(S, A, P, 19), 0);
	EXPECT(space_advise(S, A + P, P, 11), 0);
	EXPECT(S->mapping_count, 1);
	EXPECT(load(A), 1);
	leave(parent);
}

static void test_pinned(void)
{
	struct space *parent = fresh(), *child;
	struct frame *frame;

	map(A, 1, RW, 0);
	store(A, 1);
	frame = frame_at(A);
	atomic32_or(&frame->flags, FRAME_PINNED);
	child = space_fork(parent);
	EXPECT_TRUE(frame_at(A) == frame && state_at(A) == PAGE_OWNED && prot_at(A) == RW);
	enter(child);
	EXPECT_TRUE(frame_at(A) != frame && state_at(A) == PAGE_OWNED);
	EXPECT(load(A), 1);
	leave(child);
	enter(parent);
	leave(parent);
}

/* Every n-th allocation of a fork fails: the parent is as before, nothing is lost. */
static void test_fork_fails(void)
{
	struct memory_object *file = file_make(8 * P);
	struct space *parent = fresh(), *child = NULL;
	unsigned n;

	map(A, 4, RW, 0);
	map(A + 0x40000000, 4, RW, 0);
	map(A + 0x80000000, 4, RW, MAPPING_SHARED);
	map_object(A + 0xc0000000, 8, RW, 0, file, 0);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned where = 0; where < 4; where++)
			store(A + where * 0x40000000ul + i * P, where * 16 + i);
	}
	for (n = 1; n < 100; n++) {
		struct mm_level before = mm_level();

		frame_fail_after(n);
		child = space_fork(parent);
		frame_fail_after(0);
		if (!IS_ERR(child))
			break;
		EXPECT(PTR_ERR(child), -ENOMEM);
		mm_expect_clean();
		mm_expect_level(before);
		for (unsigned i = 0; i < 4; i++) {
			for (unsigned where = 0; where < 4; where++)
				EXPECT(load(A + where * 0x40000000ul + i * P), where * 16 + i);
		}
		EXPECT(store(A, n), 0);
		EXPECT(load(A), n);
		EXPECT(store(A, 0), 0);
	}
	EXPECT_TRUE(n > 10 && n < 100);
	leave(parent);
	leave(child);
	object_put(file);
}

/* A write that replaces a page with no memory to be had: -ENOMEM, and the page as it was. */
static void test_fault_fails(void)
{
	struct space *parent = fresh(), *child;

	map(A, 2, RW, 0);
	store(A, 1);
	load(A + P);
	child = space_fork(parent);
	frame_fail_after(1);
	EXPECT(store(A, 2), -ENOMEM);
	EXPECT(load(A), 1);
	EXPECT(state_at(A), PAGE_COW);
	frame_fail_after(1);
	EXPECT(store(A + P, 2), -ENOMEM);
	EXPECT(load(A + P), 0);
	EXPECT(store(A, 2), 0);
	mm_expect_clean();
	leave(child);
	leave(parent);
}

static void test_unmap(void)
{
	struct space *space = fresh();

	map(A, 10, RW, 0);
	for (unsigned i = 0; i < 10; i++)
		store(A + i * P, i);
	host_run_on(1);
	for (unsigned i = 0; i < 10; i++)
		load(A + i * P);
	host_run_on(0);
	EXPECT(space_unmap(S, A + 3 * P, 2 * P), 0);
	EXPECT(S->mapping_count, 2);
	EXPECT(S->pages_mapped, 8);
	host_run_on(1);
	EXPECT(load(A + 3 * P), -EFAULT);
	EXPECT(load(A + 5 * P), 5);
	host_run_on(0);
	mm_expect_clean();
	EXPECT(space_unmap(S, A + 100 * P, P), 0);
	EXPECT(space_unmap(S, A + 1, P), -EINVAL);
	EXPECT(space_unmap(S, A, 0), -EINVAL);
	EXPECT(space_unmap(S, A, ~0ull), -EINVAL);
	EXPECT(space_unmap(S, USER_END - P, 2 * P), -EINVAL);
	EXPECT(space_unmap(S, USER_END - P, P), 0);
	EXPECT(map(A, 10, R, 0), A); /* over all of it */
	EXPECT(S->mapping_count, 1);
	EXPECT(load(A), 0);
	leave(space);
}

static void test_map_errors(void)
{
	struct space *space = fresh();
	struct map_request wanted;
	struct frame_statistics statistics;

	EXPECT(map(A, 0, RW, 0), -EINVAL);
	EXPECT(map(A + 1, 1, RW, 0), -EINVAL);
	EXPECT(map(P, 1, RW, 0), -EPERM);
	EXPECT(map(USER_END - P, 2, RW, 0), -ENOMEM);
	EXPECT(map(0, USER_END / P + 1, R, 0), -ENOMEM);
	EXPECT(map(0, USER_END / P, R, 0), -ENOMEM);
	frame_statistics(&statistics);
	EXPECT(map(0, statistics.total + 1, RW, 0), -ENOMEM);
	EXPECT_TRUE(map(0, statistics.total + 1, RW, MAPPING_NO_RESERVE) > 0);
	EXPECT_TRUE(map(0, statistics.total + 1, R, 0) > 0);
	wanted = request(A, 2, RW, 0);
	wanted.prot_max = R;
	EXPECT(space_map(S, &wanted), -EACCES);
	map(A, 1, RW, 0);
	wanted = request(A, 2, RW, 0);
	wanted.no_replace = true;
	EXPECT(space_map(S, &wanted), -EEXIST);
	wanted = request(A, 1, RW, MAPPING_GROWS_DOWN | MAPPING_SHARED);
	EXPECT(space_map(S, &wanted), -EINVAL);
	wanted = request(A + 8 * P, 4, RW, 0);
	wanted.limit_pages = S->pages_mapped + 3;
	EXPECT(space_map(S, &wanted), -ENOMEM);
	wanted.address = A - 3 * P; /* replaces one: 3 more in all */
	EXPECT(space_map(S, &wanted), A - 3 * P);
	leave(space);
}

static void test_gaps(void)
{
	struct space *space = fresh();
	s64 top = map(0, 4, R, 0), low = map(0, 2, RW, 0), mid, hint = 0x12345678;
	struct map_request wanted;

	EXPECT(top, 0x3f00000000 - 4 * P);
	EXPECT(low, top - 2 * P);
	EXPECT(space_unmap(S, top + P, 2 * P), 0);
	EXPECT(map(0, 1, R | X, 0), top + 2 * P);
	mid = map(0, 3, R | X, 0);
	EXPECT(mid, low - 3 * P);
	EXPECT(map(0, 1, R | X, 0), top + P);
	wanted = request(0, 1, R, 0);
	wanted.address = hint;
	EXPECT(space_map(S, &wanted), 0x12346000);
	EXPECT(space_map(S, &wanted), mid - P);
	/* Below a stack its guard stays free. */
	EXPECT(map(0x20000000, 1, RW, MAPPING_GROWS_DOWN), 0x20000000);
	wanted.address = 0x20000000 - 255 * P;
	EXPECT_TRUE(space_map(S, &wanted) != (s64)wanted.address);
	wanted.address = 0x20000000 - 257 * P;
	EXPECT(space_map(S, &wanted), wanted.address);
	mm_expect_clean();
	leave(space);
}

static void test_protect(void)
{
	struct space *space = fresh();

	map(A, 4, RW, 0);
	for (unsigned i = 0; i < 4; i++)
		store(A + i * P, i);
	host_run_on(1);
	EXPECT(store(A + P, 1), 0);
	host_run_on(0);
	EXPECT(space_protect(S, A + P, P, R), 0);
	EXPECT(S->mapping_count, 3);
	host_run_on(1);
	EXPECT(store(A + P, 9), -EACCES); /* not through its old entry */
	host_run_on(0);
	EXPECT(space_protect(S, A, 4 * P, RW), 0);
	EXPECT(S->mapping_count, 1);
	EXPECT(store(A + P, 9), 0);
	EXPECT(space_protect(S, A, 6 * P, R), -ENOMEM);
	EXPECT(store(A, 9), -EACCES); /* what came before the gap has changed */
	EXPECT(space_protect(S, A + 1, P, R), -EINVAL);
	EXPECT(space_protect(S, A, P, 8), -EINVAL);
	EXPECT(space_protect(S, A, 0, R), 0);
	EXPECT(space_protect(S, A, ~0ull, R), -ENOMEM);
	EXPECT(space_protect(S, A, P, W), 0); /* W implies R, also while it is COW */
	EXPECT(load(A), 0);
	space_advise(S, A, P, 4);
	EXPECT(load(A), 0);
	EXPECT(store(A, 1), 0);
	host_icache_syncs = 0;
	EXPECT(space_protect(S, A, P, R | X), 0);
	EXPECT(host_icache_syncs, 1);
	EXPECT(host_fetch(A), 0);
	leave(space);
}

static void test_protect_max(void)
{
	struct memory_object *file = file_make(4 * P);
	struct space *space = fresh();
	struct map_request wanted = request(A, 4, R, MAPPING_SHARED);

	wanted.object = file;
	wanted.prot_max = R | X;
	EXPECT(space_map(S, &wanted), A);
	EXPECT(space_protect(S, A, P, RW), -EACCES);
	EXPECT(space_protect(S, A, P, R | X), 0);
	leave(space);
	object_put(file);
}

static void test_brk(void)
{
	struct space *space = fresh();

	S->brk_start = S->brk = A + 100;
	EXPECT(space_set_brk(S, 0, ~0ull), A + 100);
	EXPECT(space_set_brk(S, A + 5 * P, ~0ull), A + 5 * P);
	EXPECT(store(A + 4 * P, 1), 0);
	EXPECT(store(A + 5 * P, 1), -EFAULT);
	EXPECT(space_set_brk(S, A + 9 * P, ~0ull), A + 9 * P);
	EXPECT(S->mapping_count, 1);
	EXPECT(space_set_brk(S, A + 2 * P + 1, ~0ull), A + 2 * P + 1);
	EXPECT(load(A + 3 * P), -EFAULT);
	EXPECT(space_set_brk(S, A + 4 * P, ~0ull), A + 4 * P);
	EXPECT(load(A + 3 * P), 0);
	map(A + 6 * P, 1, RW, 0);
	EXPECT(space_set_brk(S, A + 6 * P, ~0ull), A + 4 * P);
	EXPECT(space_set_brk(S, A + 5 * P, ~0ull), A + 5 * P);
	EXPECT(space_set_brk(S, A + 5 * P + 1, 5 * P), A + 5 * P);
	EXPECT(space_set_brk(S, ~0ul, ~0ull), A + 5 * P);
	leave(space);
}

static void test_stack(void)
{
	struct space *space = fresh();
	vaddr_t top = 0x30000000;

	map(top - P, 1, RW, MAPPING_GROWS_DOWN);
	EXPECT(store(top - 10 * P, 1), 0);
	EXPECT(S->pages_mapped, 10);
	EXPECT(store(top - (1 << 20), 1), 0);
	EXPECT(store(top - (1 << 20) - 1, 1), -EFAULT);
	leave(space);
	space = fresh();
	map(top - P, 1, RW, MAPPING_GROWS_DOWN);
	map(top - 300 * P, 1, RW, 0);
	S->stack_limit = 8 << 20;
	EXPECT(store(top - 43 * P, 1), 0); /* 256 pages stay free above the lower mapping */
	EXPECT(store(top - 44 * P, 1), -EFAULT);
	mm_expect_clean();
	leave(space);
}

static void test_remap(void)
{
	struct space *space = fresh();
	s64 moved;

	map(A, 4, RW, 0);
	for (unsigned i = 0; i < 4; i++)
		store(A + i * P, i + 1);
	EXPECT(space_remap(S, A, 4 * P, 8 * P, 0, 0, ~0ull), A);
	EXPECT(load(A + 7 * P), 0);
	EXPECT(space_remap(S, A, 8 * P, 4 * P, 0, 0, ~0ull), A);
	EXPECT(load(A + 4 * P), -EFAULT);
	map(A + 4 * P, 1, R, 0);
	EXPECT(space_remap(S, A, 4 * P, 5 * P, 0, 0, ~0ull), -ENOMEM);
	moved = space_remap(S, A, 4 * P, 5 * P, 1, 0, ~0ull);
	EXPECT_TRUE(moved > 0 && moved != A);
	for (unsigned i = 0; i < 5; i++)
		EXPECT(load(moved + i * P), (i + 1) % 5);
	EXPECT(load(A), -EFAULT);
	mm_expect_clean();
	/* Across a table's border, and onto the range just above. */
	EXPECT(space_remap(S, moved, 5 * P, 5 * P, 3, 0x201fe000, ~0ull), 0x201fe000);
	EXPECT(space_remap(S, 0x201fe000, 5 * P, 5 * P, 3, 0x20203000, ~0ull), 0x20203000);
	for (unsigned i = 0; i < 5; i++)
		EXPECT(load(0x20203000 + i * P), (i + 1) % 5);
	EXPECT(space_remap(S, 0x20203000, 5 * P, 5 * P, 5, 0, ~0ull) > 0, 1);
	EXPECT(load(0x20203000), 0);
	EXPECT(space_remap(S, A + 64 * P, P, P, 1, 0, ~0ull), -EFAULT);
	EXPECT(space_remap(S, A + 1, P, P, 1, 0, ~0ull), -EINVAL);
	EXPECT(space_remap(S, 0x20203000, P, 0, 1, 0, ~0ull), -EINVAL);
	EXPECT(space_remap(S, 0x20203000, P, P, 2, A, ~0ull), -EINVAL);
	EXPECT(space_remap(S, 0x20203000, 2 * P, P, 3, 0x20204000, ~0ull), -EINVAL);
	EXPECT(space_remap(S, 0x20203000, 0, P, 1, 0, ~0ull), -EINVAL);
	EXPECT(space_remap(S, 0x20203000, P, 9 * P, 1, 0, S->pages_mapped + 7), -ENOMEM);
	mm_expect_clean();
	leave(space);
}

static void test_remap_shared(void)
{
	struct space *space = fresh();
	s64 twin;

	map(A, 2, RW, MAPPING_SHARED);
	store(A, 1);
	twin = space_remap(S, A, 0, 2 * P, 1, 0, ~0ull);
	EXPECT_TRUE(twin > 0);
	EXPECT(load(twin), 1);
	EXPECT(store(twin + P, 2), 0);
	EXPECT(load(A + P), 2);
	mm_expect_clean();
	leave(space);
}

static void test_advise(void)
{
	struct memory_object *file = file_make(4 * P);
	struct space *space = fresh();

	map(A, 4, RW, 0);
	store(A, 1);
	store(A + P, 2);
	EXPECT(space_advise(S, A, P, 4), 0);
	EXPECT(load(A), 0);
	EXPECT(load(A + P), 2);
	EXPECT(space_advise(S, A + P, P, 8), 0);
	EXPECT(space_advise(S, A, 6 * P, 4), -ENOMEM);
	EXPECT(space_advise(S, A, P, 5), -EINVAL);
	EXPECT(space_advise(S, A, P, 77), -EINVAL);
	EXPECT(space_advise(S, A + 1, P, 4), -EINVAL);
	EXPECT(space_advise(S, A, 0, 4), 0);
	EXPECT(space_advise(S, A, P, 23), 0);
	EXPECT(state_at(A), PAGE_OWNED);
	EXPECT(space_advise(S, A + 3 * P, 2 * P, 22), -ENOMEM);
	map_object(A + 16 * P, 4, RW, 0, file, 0);
	store(A + 16 * P, 9);
	EXPECT(space_advise(S, A + 16 * P, P, 4), 0);
	EXPECT(load(A + 16 * P), 1); /* the file's again */
	EXPECT(space_advise(S, A + 16 * P, P, 8), -EINVAL);
	EXPECT(space_advise(S, A + 16 * P, P, 9), -EACCES);
	map(A + 32 * P, 4, RW, MAPPING_SHARED);
	store(A + 32 * P, 5);
	EXPECT(space_advise(S, A + 32 * P, P, 4), 0);
	EXPECT(load(A + 32 * P), 5);
	EXPECT(space_advise(S, A + 32 * P, P, 9), 0);
	EXPECT(load(A + 32 * P), 0);
	mm_expect_clean();
	leave(space);
	object_put(file);
}

static void test_residence(void)
{
	struct space *space = fresh();
	u8 vector[3];

	map(A, 4, RW, 0);
	map(A + 64 * P, 1, RW, 0);
	store(A + P, 1);
	EXPECT(space_resident(S, A, 3 * P, A + 64 * P), 0);
	EXPECT(host_load(A + 64 * P, vector, 3), 0);
	EXPECT(vector[0] << 8 | vector[1] << 4 | vector[2], 0x010);
	EXPECT(space_resident(S, A, 5 * P, A + 64 * P), -ENOMEM);
	EXPECT(space_resident(S, A, P, A + 65 * P), -EFAULT);
	EXPECT(space_resident(S, A + 1, P, A + 64 * P), -EINVAL);
	EXPECT(space_lock_pages(S, A + 5, P, true, 1), -ENOMEM);
	EXPECT(space_lock_pages(S, A + 5, P, true, 0), -EPERM);
	EXPECT(space_lock_pages(S, A + 5, P, true, 2), 0);
	EXPECT(S->pages_locked, 2);
	EXPECT(state_at(A), PAGE_OWNED);
	EXPECT(space_advise(S, A, P, 4), -EINVAL);
	EXPECT(space_lock_pages(S, A, P, false, 0), 0);
	EXPECT(space_unmap(S, A + P, P), 0);
	EXPECT(S->pages_locked, 0);
	EXPECT(space_lock_pages(S, A, 2 * P, true, 100), -ENOMEM);
	EXPECT(space_sync(S, A, P, 4), 0);
	EXPECT(space_sync(S, A, 2 * P, 4), -ENOMEM);
	EXPECT(space_sync(S, A, P, 5), -EINVAL);
	EXPECT(space_sync(S, A, P, 8), -EINVAL);
	leave(space);
}

static void test_foreign(void)
{
	struct memory_object *file = file_make(4 * P);
	struct space *other = fresh(), *space;
	char text[20] = "";

	map(A, 2, RW, 0);
	map_object(A + 2 * P, 1, R | X, 0, file, 0);
	map(A + 16 * P, 1, R, MAPPING_SHARED);
	space = fresh();
	EXPECT(space_write(other, A + P - 5, "hello world", 12, false), 12);
	EXPECT(space_read(other, A + P - 5, text, 12), 12);
	EXPECT_STRING(text, "hello world");
	EXPECT(space_write(other, A + 2 * P - 5, "hello world", 12, false), 5);
	EXPECT(space_write(other, A + 2 * P, "x", 1, false), -EFAULT);
	EXPECT(space_write(other, A + 16 * P, "x", 1, true), -EFAULT);
	EXPECT(space_read(other, A + 4 * P, text, 1), -EFAULT);
	/* Forced: breaks COW first, leaves the page OWNED without W, syncs fetches (hazard 4). */
	host_icache_syncs = 0;
	EXPECT(space_write(other, A + 2 * P, "x", 1, true), 1);
	EXPECT_TRUE(host_icache_syncs > 0);
	enter(other);
	EXPECT(state_at(A + 2 * P), PAGE_OWNED);
	EXPECT(prot_at(A + 2 * P), R | X);
	EXPECT(load(A + 2 * P), 'x');
	EXPECT(load(A + 2 * P + 1), 1);
	EXPECT(store(A + 2 * P, 1), -EACCES);
	mm_expect_clean();
	leave(other);
	enter(space);
	leave(space);
	object_put(file);
}

static void test_futex_keys(void)
{
	struct space *parent = fresh(), *child;
	struct futex_key a, b;

	map(A, 1, RW, MAPPING_SHARED);
	map(A + 16 * P, 1, RW, 0);
	child = space_fork(parent);
	EXPECT(space_futex_key(A + 8, true, &a), 0);
	enter(child);
	EXPECT(space_remap(S, A, P, P, 3, A + 64 * P, ~0ull), A + 64 * P);
	EXPECT(space_futex_key(A + 64 * P + 8, true, &b), 0);
	EXPECT_TRUE(a.base == b.base && a.offset == b.offset && a.object == b.object);
	object_put(a.object);
	object_put(b.object);
	EXPECT(space_futex_key(A + 16 * P, true, &a), 0);
	EXPECT(space_futex_key(A + 16 * P, false, &b), 0);
	EXPECT_TRUE(!a.object && a.base == b.base && a.offset == b.offset);
	EXPECT(space_futex_key(A + 32 * P, true, &a), -EFAULT);
	leave(child);
	leave(parent);
}

/* Unmapping and exit of more than any batch holds, of all states. */
static void test_many_pages(void)
{
	struct space *parent = fresh(), *child;

	map(A, 1500, RW, 0);
	for (unsigned i = 0; i < 1500; i++)
		store(A + i * P, i);
	child = space_fork(parent);
	for (unsigned i = 0; i < 1500; i += 3)
		store(A + i * P, i + 1);
	mm_expect_clean();
	host_shootdowns = 0;
	EXPECT(space_unmap(S, A + P, 1400 * P), 0);
	EXPECT_TRUE(host_shootdowns < 20);
	mm_expect_clean();
	enter(child);
	for (unsigned i = 0; i < 1500; i++)
		EXPECT(load(A + i * P), (u8)i);
	leave(child);
	leave(parent);
}

static void test_audit_finds(void)
{
	struct space *space = fresh();
	bool print = false;

	map(A, 1, RW, 0);
	store(A, 1);
	frame_get(frame_at(A));
	EXPECT(audit_run(mm_put, &print), 1);
	frame_put(frame_at(A));
	mm_expect_clean();
	leave(space);
}

/* Each test leaves nothing behind: no frame, no object, no space, and a clean audit. */
static struct mm_level level;
#define TEST(name)                                                                                 \
	static void name##_leaves_nothing(void)                                                    \
	{                                                                                          \
		test_##name();                                                                     \
		host_run_on(0);                                                                    \
		mm_expect_clean();                                                                 \
		mm_expect_level(level);                                                            \
		EXPECT(space_count(), 0);                                                          \
	}
#define TESTS(do)                                                                                                                                                                                  \
	do                                                                                                                                                                                         \
	(anonymous) do(fork_owned) do(fork_protected) do(shared) do(file_private) do(file_shared) do(fault_around) do(device) do(wipe_and_dont_fork) do(pinned) do(fork_fails) do(fault_fails) do( \
		unmap) do(map_errors) do(gaps) do(protect) do(protect_max) do(brk) do(stack) do(remap) do(remap_shared) do(advise) do(residence) do(foreign) do(futex_keys) do(many_pages) do(audit_finds)

TESTS(TEST)

int main(void)
{
	mm_boot(64);
	level = mm_level();
#define RUN_TEST(name) check_run(#name, name##_leaves_nothing);
	TESTS(RUN_TEST)
	return CHECK_RESULT;
}
