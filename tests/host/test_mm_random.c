// sources: kernel/mm/*.c kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/printf.c
// sources: kernel/lib/format.c kernel/lib/page.c kernel/debug/lock_check.c arch/host/*.c
// sources: kernel/sched/spinlock.c kernel/sched/mutex.c kernel/sched/rwlock.c
// flags: -Iarch/host/include -DSELENE_DEBUG -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/*
 * Random calls by processes that fork from each other, on four CPUs with lazy TLBs, some with an
 * allocation that fails half-way, against a model that is an array: one byte per page.
 */
#include <lib/err.h>
#include <mm/mapping.h>
#include <string.h>

#include "mm_space.h"

enum { A = 0x1ff00000, P = 4096, PAGES = 600, PROCESSES = 8, OBJECTS = 3, OBJECT_PAGES = 64 };
enum kind { NOTHING, ANONYMOUS, SHARED, PRIVATE };

struct page {
	enum kind kind;
	u8 prot, value, object, index;
	bool copied; /* PRIVATE: value is its own */
};

static struct process {
	struct space *space;
	struct page pages[PAGES];
} processes[PROCESSES];

static struct {
	struct memory_object *object;
	u8 value[OBJECT_PAGES];
	unsigned pages; /* size */
} objects[OBJECTS];

static struct process *now; /* who runs on the current CPU */
static bool failing;	    /* an allocation may fail in this step */

static unsigned below(unsigned n)
{
	return check_random() % n;
}

static vaddr_t address_of(unsigned page)
{
	return A + (vaddr_t)page * P;
}

/* The byte of a page that the model knows. */
static vaddr_t byte_of(unsigned page)
{
	return address_of(page) + page * 37 % P;
}

static void run(struct process *process)
{
	host_run_on(below(HOST_CPUS));
	if (host_space() != &process->space->mmu)
		mmu_switch(&process->space->mmu);
	S = process->space;
	now = process;
}

/* The model's byte of an object's page is at the same offset wherever it is shown. */
static int object_byte(const struct page *page, vaddr_t address, bool write, u8 value)
{
	vaddr_t at = address + page->index * 37 % P;

	return write ? store(at, value) : load(at);
}

static void check_access(unsigned number, bool write)
{
	struct page *page = &now->pages[number];
	u8 value = check_random();
	bool in_object = page->kind == SHARED || page->kind == PRIVATE;
	int expected, came;

	if (in_object)
		came = object_byte(page, address_of(number), write, value);
	else
		came = write ? store(byte_of(number), value) : load(byte_of(number));
	if (failing && came == -ENOMEM)
		return;
	if (page->kind == NOTHING)
		expected = -EFAULT;
	else if (write ? !(page->prot & W) : !(page->prot & (R | W)))
		expected = -EACCES;
	else if (in_object && !page->copied && page->index >= objects[page->object].pages)
		expected = -ENXIO;
	else if (write)
		expected = 0;
	else if (page->kind == SHARED || (page->kind == PRIVATE && !page->copied))
		expected = objects[page->object].value[page->index];
	else
		expected = page->value;
	EXPECT(came, expected);
	if (!write || expected)
		return;
	if (page->kind == SHARED) {
		objects[page->object].value[page->index] = value;
	} else {
		page->value = value;
		page->copied = page->kind == PRIVATE;
	}
}

static unsigned random_prot(void)
{
	static const unsigned prots[] = { RW, RW, RW, R, 0, W, R | X };

	return prots[below(ARRAY_SIZE(prots))];
}

static void some_map(unsigned first, unsigned count)
{
	enum kind kind = ANONYMOUS + below(3);
	unsigned prot = random_prot(), which = below(OBJECTS), offset = below(OBJECT_PAGES);
	s64 result;

	count = MIN(count, OBJECT_PAGES - offset);
	result = map_object(address_of(first), count, prot, kind == SHARED ? MAPPING_SHARED : 0,
			    kind == ANONYMOUS ? NULL : objects[which].object, offset);
	if (failing && result == -ENOMEM)
		return;
	EXPECT(result, (s64)address_of(first));
	for (unsigned i = 0; i < count; i++)
		now->pages[first + i] = (struct page){
			.kind = kind, .prot = prot, .object = which, .index = offset + i
		};
}

static void some_unmap(unsigned first, unsigned count)
{
	int error = space_unmap(S, address_of(first), count * P);

	if (failing && error == -ENOMEM)
		return;
	EXPECT(error, 0);
	memset(&now->pages[first], 0, count * sizeof(struct page));
}

static void some_protect(unsigned first, unsigned count)
{
	unsigned prot = random_prot(), i;

	for (i = 0; i < count && now->pages[first + i].kind; i++)
		now->pages[first + i].prot = prot;
	EXPECT(space_protect(S, address_of(first), count * P, prot), i < count ? -ENOMEM : 0);
}

static void some_drop(unsigned first, unsigned count)
{
	bool hole = false;

	for (unsigned i = first; i < first + count; i++) {
		hole |= !now->pages[i].kind;
		now->pages[i].copied = false;
		now->pages[i].value = 0;
	}
	EXPECT(space_advise(S, address_of(first), count * P, 4), hole ? -ENOMEM : 0);
}

/* All of [first, first + count) is like one mapping. */
static bool uniform(unsigned first, unsigned count)
{
	const struct page *head = &now->pages[first];

	for (unsigned i = 1; i < count; i++) {
		const struct page *page = head + i;

		if (page->kind != head->kind || page->prot != head->prot ||
		    page->object != head->object ||
		    (head->kind != ANONYMOUS && page->index != head->index + i))
			return false;
	}
	return head->kind != NOTHING;
}

static void some_move(unsigned first, unsigned count)
{
	unsigned to = below(PAGES - count);
	struct page moved[PAGES];
	s64 result;

	if (failing || (to < first + count && first < to + count))
		return;
	while (count > 1 && !uniform(first, count))
		count /= 2;
	result = space_remap(S, address_of(first), count * P, count * P, 3, address_of(to), ~0ull);
	if (!now->pages[first].kind) {
		EXPECT(result, -EFAULT);
		return;
	}
	EXPECT(result, (s64)address_of(to));
	memcpy(moved, &now->pages[first], count * sizeof(struct page));
	memset(&now->pages[first], 0, count * sizeof(struct page));
	memcpy(&now->pages[to], moved, count * sizeof(struct page));
	/* The model's byte of an anonymous page depends on its place: give it its new one. */
	for (unsigned i = 0; i < count; i++) {
		struct page *page = &now->pages[to + i];
		u8 value = page->value;

		if (page->kind == ANONYMOUS)
			EXPECT(space_read(S, address_of(to + i) + byte_of(first + i) % P, &value,
					  1),
			       page->prot & (R | W) ? 1 : -EFAULT);
		EXPECT(value, page->value);
		if (page->kind == ANONYMOUS)
			EXPECT(space_write(S, byte_of(to + i), &value, 1, true), 1);
	}
}

static void some_fork(void)
{
	struct process *child = &processes[below(PROCESSES)];
	struct space *space;

	if (child->space)
		return;
	space = space_fork(S);
	if (failing && IS_ERR(space)) {
		EXPECT(PTR_ERR(space), -ENOMEM);
		return;
	}
	EXPECT_TRUE(!IS_ERR(space));
	child->space = space;
	memcpy(child->pages, now->pages, sizeof(child->pages));
}

static void process_exit(struct process *process)
{
	for (unsigned cpu = 0; cpu < HOST_CPUS; cpu++) {
		host_run_on(cpu);
		if (host_space() == &process->space->mmu)
			mmu_switch(NULL);
	}
	space_leave(process->space);
	process->space = NULL;
}

static void some_exit(void)
{
	unsigned alive = 0;

	for (unsigned i = 0; i < PROCESSES; i++)
		alive += processes[i].space != NULL;
	if (alive > 1)
		process_exit(now);
}

static void some_truncate(void)
{
	unsigned which = below(OBJECTS), pages = below(OBJECT_PAGES + 1);

	if (below(3))
		pages = OBJECT_PAGES;
	for (unsigned i = MIN(pages, objects[which].pages); i < OBJECT_PAGES; i++)
		objects[which].value[i] = 0;
	objects[which].pages = pages;
	object_set_size(objects[which].object, (u64)pages * P);
}

/* write(2) into the page cache: seen by all mappings that have no copy. */
static void some_file_write(void)
{
	unsigned which = below(OBJECTS), index = below(OBJECT_PAGES);
	struct memory_object *object = objects[which].object;
	struct frame *frame;

	if (index >= objects[which].pages)
		return;
	if (object_page(object, index, true, &frame)) {
		EXPECT_TRUE(failing);
		return;
	}
	objects[which].value[index] = ((u8 *)frame_data(frame))[index * 37 % P] = check_random();
	object_page_dirty(object, frame);
	frame_put(frame);
}

static void some_step(void)
{
	static unsigned around;
	unsigned first, count;

	/* Most of the time in a small place, so that the TLBs remember what is changed. */
	if (!below(200))
		around = below(PAGES - 17);
	first = below(5) ? around + below(16) : below(PAGES - 1);
	count = 1 + below(MIN(below(8) ? 12u : 300u, PAGES - first));
	switch (below(24)) {
	case 0:
	case 1:
		some_map(first, count);
		break;
	case 2:
		some_unmap(first, count);
		break;
	case 3:
		if (!failing)
			some_protect(first, count);
		break;
	case 4:
		some_drop(first, count);
		break;
	case 5:
		some_move(first, MIN(count, PAGES - 1u));
		break;
	case 6:
		some_fork();
		break;
	case 7:
		if (!below(3))
			some_exit();
		break;
	case 8:
		if (!below(4))
			some_truncate();
		break;
	case 9:
		some_file_write();
		break;
	case 10:
		host_tlb_drop(below(64));
		break;
	default:
		for (unsigned i = first; i < MIN(first + 6, (unsigned)PAGES); i++)
			check_access(i, below(2));
	}
}

static void test_random(void)
{
	struct mm_level before = mm_level();
	struct process *process = &processes[0];
	unsigned steps = getenv("STEPS") ? strtoul(getenv("STEPS"), NULL, 0) : 100000;

	for (unsigned i = 0; i < OBJECTS; i++) {
		objects[i].object = object_create_anonymous(OBJECT_PAGES * P);
		objects[i].pages = OBJECT_PAGES;
	}
	processes[0].space = space_create();
	for (unsigned step = 0; step < steps && !check_failures_here; step++) {
		/* The same one for a while, on all CPUs: a switch would flush their TLBs. */
		if (!below(60) || !process->space)
			process = &processes[below(PROCESSES)];
		if (!process->space)
			continue;
		run(process);
		failing = !below(10);
		frame_fail_after(failing ? 1 + below(12) : 0);
		some_step();
		frame_fail_after(0);
		if (step % 2000 == 0)
			mm_expect_clean();
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (processes[i].space)
			process_exit(&processes[i]);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		object_put(objects[i].object);
	mm_expect_clean();
	mm_expect_level(before);
}

int main(void)
{
	if (getenv("SEED"))
		check_random_state = strtoull(getenv("SEED"), NULL, 0);
	printf("# SEED=%llu\n", (unsigned long long)check_random_state);
	mm_boot(64);
	RUN(test_random);
	return CHECK_RESULT;
}
