#include "memory.h"

#include <lib/err.h>
#include <mm/audit.h>
#include <mm/mapping.h>
#include <mm/slab.h>
#include <stdio.h>
#include <string.h>

enum { LEAF_ENTRIES = 16, MREMAP_FLAGS = 3 };

static void check(bool good, const char *what, unsigned page, int came)
{
	if (!good)
		violation("%s page %u: %d", what, page, came);
}

static struct space *space_of(unsigned number)
{
	return machine.spaces[number].space;
}

static struct page *page_of(unsigned number, unsigned page)
{
	struct page *found = &machine.spaces[number].pages[page];

	return found->object && !found->cow ? &machine.object_pages[found->object - 1][found->index]
					    : found;
}

/* ---- set-up ---- */

struct level {
	u64 frames, objects;
};

static struct level level_now(void)
{
	struct frame_statistics frames;

	frame_statistics(&frames);
	return (struct level){ frames.kernel + frames.table + frames.user + frames.object,
			       slab_live_objects() };
}

void memory_begin(void)
{
	machine.level_frames = level_now().frames;
	machine.level_objects = level_now().objects;
}

static struct space *fresh_space(void)
{
	struct space *space = space_create();

	if (!space)
		violation("no memory for a space");
	space->map_top = BASE + ((vaddr_t)64 << PAGE_SHIFT);
	return space;
}

static void no_pages(unsigned number)
{
	for (unsigned i = 0; i < PAGES; i++)
		machine.spaces[number].pages[i] = (struct page){ .read = NEVER, .write = NEVER };
}

static void run_space(unsigned cpu, unsigned number)
{
	host_run_on(cpu);
	mmu_switch(&space_of(number)->mmu);
}

static void make_space_only(unsigned number)
{
	machine.spaces[number].space = fresh_space();
	no_pages(number);
}

void make_space(unsigned number, unsigned count)
{
	make_space_only(number);
	for (unsigned cpu = count; cpu--;)
		run_space(cpu, number);
}

static void map(unsigned number, unsigned page, unsigned count, unsigned prot, unsigned flags,
		struct memory_object *object)
{
	struct map_request request = { .address = address_of(page),
				       .length = count * PAGE_SIZE,
				       .prot = prot,
				       .prot_max = R | W | X,
				       .flags = flags,
				       .object = object,
				       .fixed = true,
				       .limit_pages = ~0ull };
	s64 result = space_map(space_of(number), &request);

	if (result != (s64)address_of(page))
		violation("mmap: %ld", (long)result);
}

static struct page with_rights(unsigned prot, u32 values)
{
	return (struct page){ .values = values,
			      .read = prot & RW ? MUST : NEVER,
			      .write = prot & W ? MUST : NEVER };
}

void map_private(unsigned number, unsigned page, unsigned count, unsigned prot)
{
	map(number, page, count, prot, 0, NULL);
	for (unsigned i = 0; i < count; i++)
		machine.spaces[number].pages[page + i] = with_rights(prot, 1 << 0);
}

/* What the file has for a page; it changes each time that it is truncated to nothing. */
static u8 value_of(const struct memory_object *object, u64 index)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (machine.objects[i] == object)
			return 10 + index + 4 * machine.generations[i];
	}
	return 10 + index;
}

static int object_fill(struct memory_object *object, u64 index, void *data)
{
	memset(data, value_of(object, index), PAGE_SIZE);
	return 0;
}

static void object_released(struct memory_object *object)
{
	object_destroy_pages(object);
	kfree(object);
}

void make_object_with(unsigned number, unsigned pages, const struct object_operations *operations)
{
	struct memory_object *object = kmalloc(sizeof(*object));

	object_init(object, operations, pages * PAGE_SIZE);
	machine.objects[number] = object;
	for (unsigned i = 0; i < pages; i++)
		machine.object_pages[number][i] = with_rights(RW, 1 << (10 + i));
}

void make_object(unsigned number, unsigned pages)
{
	static const struct object_operations operations = { .fill = object_fill,
							     .release = object_released };

	make_object_with(number, pages, &operations);
}

void map_object(unsigned number, unsigned page, unsigned count, unsigned prot, bool shared,
		unsigned object)
{
	map(number, page, count, prot, shared ? MAPPING_SHARED : 0, machine.objects[object]);
	for (unsigned i = 0; i < count; i++) {
		struct page *made = &machine.spaces[number].pages[page + i];

		*made = with_rights(prot, machine.object_pages[object][i].values);
		made->object = object + 1;
		made->index = i;
		made->cow = !shared;
	}
}

void store_on(unsigned cpu, unsigned page, u8 value)
{
	unsigned number = machine.threads[cpu].space;

	host_run_on(cpu);
	if (host_store(address_of(page), &value, 1))
		violation("store at set-up");
	page_of(number, page)->values = 1u << value;
}

void load_on(unsigned cpu, unsigned page)
{
	u8 value;

	host_run_on(cpu);
	if (host_load(address_of(page), &value, 1))
		violation("load at set-up");
}

void make_child(unsigned child, unsigned parent, unsigned cpu)
{
	struct space *space;

	host_run_on(0);
	space = space_fork(space_of(parent));
	if (IS_ERR(space))
		violation("fork at set-up");
	machine.spaces[child].space = space;
	memcpy(machine.spaces[child].pages, machine.spaces[parent].pages,
	       sizeof(machine.spaces[child].pages));
	run_space(cpu, child);
}

/* ---- accesses ---- */

static void begin(const char *call, unsigned page)
{
	self()->doing = call;
	self()->doing_page = page;
}

/* Forks of space @number that are on their way. */
static void fork_may_see(unsigned number, unsigned page, u32 values)
{
	for (unsigned i = 0; i < THREADS; i++) {
		if (machine.forks[i].active && machine.forks[i].parent == number)
			machine.forks[i].values[page] |= values;
	}
}

static void noted_value(unsigned number, unsigned page, u32 bit)
{
	struct page *at = page_of(number, page);

	if (at->changing) {
		at->values |= bit;
		at->during |= bit;
	} else {
		at->values = bit;
	}
	fork_may_see(number, page, bit);
}

static void noted_store(unsigned number, unsigned page, u8 value)
{
	unsigned twin = machine.spaces[number].pages[page].twin;

	noted_value(number, page, 1u << value);
	if (twin)
		noted_value(number, twin - 1, 1u << value);
}

static void noted_load(unsigned number, unsigned page, u8 value)
{
	struct page *at = page_of(number, page);
	u32 bit = value < 32 ? 1u << value : 0;

	if (!(at->values & bit))
		violation("page %u of space %u reads as %u; it may be one of the set %x", page,
			  number, value, at->values);
	if (!at->changing)
		at->values = bit;
}

/*
 * While munmap is on its way an access may still succeed, even behind the end of a file that was
 * truncated meanwhile: its shootdown is munmap's. Otherwise both the mapping and the object decide.
 */
static enum right right_of(unsigned number, unsigned page, bool write)
{
	const struct page *own = &machine.spaces[number].pages[page],
			  *shown = page_of(number, page);
	enum right here = write ? own->write : own->read,
		   there = write ? shown->write : shown->read;

	return here == MAY ? MAY : MAX(here, there);
}

/* Did the access end as the page's right says? */
static void check_right(enum right before, enum right after, int error, const char *call,
			unsigned page)
{
	if (error ? before == MUST && after == MUST : before == NEVER && after == NEVER)
		violation("%s of page %u %s", call, page, error ? "fails" : "succeeds");
}

bool try_store(unsigned page, u8 value)
{
	unsigned number = self()->space;
	enum right before = right_of(number, page, true);
	int error;

	begin("store", page);
	error = host_store(address_of(page), &value, 1);
	check_right(before, right_of(number, page, true), error, "store", page);
	if (!error)
		noted_store(number, page, value);
	return !error;
}

bool try_load(unsigned page)
{
	unsigned number = self()->space;
	enum right before = right_of(number, page, false);
	u8 value;
	int error;

	begin("load", page);
	error = host_load(address_of(page), &value, 1);
	check_right(before, right_of(number, page, false), error, "load", page);
	if (!error)
		noted_load(number, page, value);
	self()->option = value;
	return !error;
}

void store(unsigned page, u8 value)
{
	if (!try_store(page, value))
		violation("store to page %u fails", page);
}

u8 load(unsigned page)
{
	if (!try_load(page))
		violation("load from page %u fails", page);
	return self()->option;
}

/* ---- calls ---- */

/* From now to change_end() the page may also read as @values, and its rights are changing. */
static void change_begin(unsigned number, unsigned page, u32 values, bool rights)
{
	struct page *at = page_of(number, page), *own = &machine.spaces[number].pages[page];

	if (!at->changing++)
		at->during = 0;
	at->values |= values;
	fork_may_see(number, page, values);
	if (rights)
		own->read = own->write = MAY;
}

static void change_end(unsigned number, unsigned page, u32 values, enum right read,
		       enum right write)
{
	struct page *at = page_of(number, page), *own = &machine.spaces[number].pages[page];

	at->changing--;
	at->values = (at == own ? values : at->values) | at->during;
	own->read = read;
	own->write = write;
}

void unmap(unsigned page)
{
	unsigned number = self()->space;
	int error;

	begin("munmap", page);
	change_begin(number, page, 0, true);
	error = space_unmap(space_of(number), address_of(page), PAGE_SIZE);
	check(!error, "munmap", page, error);
	change_end(number, page, 0, NEVER, NEVER);
}

void map_over(unsigned page)
{
	unsigned number = self()->space;

	begin("mmap", page);
	change_begin(number, page, 1 << 0, true);
	map(number, page, 1, RW, 0, NULL);
	change_end(number, page, 1 << 0, MUST, MUST);
}

void protect(unsigned page, unsigned prot)
{
	unsigned number = self()->space;
	struct page *at = &machine.spaces[number].pages[page];
	int error;

	begin(prot & W ? "mprotect(rw)" : prot ? "mprotect(r)" : "mprotect(none)", page);
	at->write = prot & W && at->write == MUST ? MUST : MAY;
	at->read = prot && at->read == MUST ? MUST : MAY;
	error = space_protect(space_of(number), address_of(page), PAGE_SIZE, prot);
	check(!error, "mprotect", page, error);
	at->write = prot & W ? MUST : NEVER;
	at->read = prot ? MUST : NEVER;
}

void move(unsigned from, unsigned to)
{
	unsigned number = self()->space;
	struct page *source = page_of(number, from), *target = page_of(number, to);
	s64 result;

	begin("mremap", from);
	change_begin(number, from, 0, true);
	source->twin = to + 1;
	target->twin = from + 1;
	target->changing++;
	target->read = MAY;
	target->write = MAY;
	target->values |= source->values;
	fork_may_see(number, to, source->values);
	target->during = 0;
	result = space_remap(space_of(number), address_of(from), PAGE_SIZE, PAGE_SIZE, MREMAP_FLAGS,
			     address_of(to), ~0ull);
	check(result == (s64)address_of(to), "mremap", from, (int)result);
	source->twin = target->twin = 0;
	target->changing--;
	target->values = source->values | target->during;
	target->read = MUST;
	target->write = MUST;
	change_end(number, from, 0, NEVER, NEVER);
}

/* What the child may do is sure only where nothing changed during the fork. */
static enum right right_in_child(const struct page *before, const struct page *after, bool write)
{
	enum right was = write ? before->write : before->read;
	enum right is = write ? after->write : after->read;

	return was == is && !before->changing && !after->changing ? was : MAY;
}

static void publish_child(struct fork *fork, struct space *space)
{
	struct machine_space *child = &machine.spaces[fork->child];

	child->space = space;
	for (unsigned i = 0; i < PAGES; i++) {
		const struct page *before = &fork->pages[i];
		const struct page *after = &machine.spaces[fork->parent].pages[i];

		child->pages[i] = *after;
		child->pages[i].changing = 0;
		child->pages[i].values = fork->values[i];
		child->pages[i].read = right_in_child(before, after, false);
		child->pages[i].write = right_in_child(before, after, true);
	}
	fork->active = false;
	if (fork->thread < THREADS)
		machine.threads[fork->thread].dormant = false;
}

/* The kernel shows the child to the world: from here on it may run. */
void __real_space_publish(struct space *space);
void __wrap_space_publish(struct space *space)
{
	struct fork *fork = &machine.forks[MAX(machine_current(), 0)];

	__real_space_publish(space);
	if (machine_current() >= 0 && fork->active)
		publish_child(fork, space);
}

static int fork_with(unsigned space, unsigned thread)
{
	struct fork *fork = &machine.forks[machine_current()];
	unsigned number = self()->space;
	struct space *made;

	begin("fork", 0);
	fork->parent = number;
	fork->child = space;
	fork->thread = thread;
	memcpy(fork->pages, machine.spaces[number].pages, sizeof(fork->pages));
	for (unsigned i = 0; i < PAGES; i++)
		fork->values[i] = fork->pages[i].values;
	fork->active = true;
	made = space_fork(space_of(number));
	fork->active = false;
	return IS_ERR(made) ? (int)PTR_ERR(made) : 0;
}

int try_fork_to(unsigned thread)
{
	return fork_with(machine.threads[thread].space, thread);
}

void fork_to(unsigned thread)
{
	if (try_fork_to(thread))
		violation("fork fails");
}

void fork_alone(unsigned space)
{
	if (fork_with(space, THREADS))
		violation("fork fails");
}

static void take_down(struct machine_space *left)
{
	struct space *space = left->space;

	left->space = NULL;
	space_leave(space);
}

void leave_space(void)
{
	struct machine_space *mine = &machine.spaces[self()->space];

	begin("exit", 0);
	if (mine->threads > 1 || !BROKEN(RULE_8_EXIT_SWITCHES))
		mmu_switch(NULL);
	if (!--mine->threads)
		take_down(mine);
	else if (mine->threads == 1)
		machine.flags[0] = 1; /* exec_to() waits for it */
}

static void thread_body(void)
{
	struct machine_thread *thread = self();

	if (thread->child) {
		begin("start", 0);
		mmu_switch(&space_of(thread->space)->mmu);
	}
	thread->run();
	if (machine.spaces[thread->space].space)
		leave_space();
}

void thread_on(unsigned number, void (*run)(void), unsigned space)
{
	machine_thread(number, thread_body, space);
	machine.threads[number].run = run;
}

void child_thread(unsigned number, void (*run)(void), unsigned space)
{
	thread_on(number, run, space);
	machine.threads[number].dormant = true;
	machine.threads[number].child = true;
}

void thread_joining(unsigned number, void (*run)(void), unsigned space)
{
	thread_on(number, run, space);
	machine.threads[number].child = true;
}

/* Private pages of the object: what was copied stays; which those are only the kernel knows. */
static void rights_of_private(unsigned object, unsigned index)
{
	for (unsigned space = 0; space < SPACES; space++) {
		for (unsigned page = 0; page < PAGES; page++) {
			struct page *at = &machine.spaces[space].pages[page];

			if (at->object == object + 1 && at->cow && at->index == index &&
			    at->read != NEVER)
				at->read = at->write = MAY;
		}
	}
}

void truncate_object(unsigned number, unsigned pages)
{
	struct memory_object *object = machine.objects[number];
	unsigned before = object->size / PAGE_SIZE;

	begin("truncate", pages);
	for (unsigned i = pages; i < before; i++) {
		machine.object_pages[number][i].read = MAY;
		machine.object_pages[number][i].write = MAY;
		rights_of_private(number, i);
	}
	object_set_size(object, pages * PAGE_SIZE);
	for (unsigned i = pages; i < before; i++) {
		machine.object_pages[number][i].read = NEVER;
		machine.object_pages[number][i].write = NEVER;
	}
}

void extend_object(unsigned number, unsigned pages)
{
	struct memory_object *object = machine.objects[number];

	begin("extend", pages);
	machine.generations[number]++;
	for (unsigned i = object->size / PAGE_SIZE; i < pages; i++)
		machine.object_pages[number][i] = with_rights(RW, 1u << value_of(object, i));
	object_set_size(object, pages * PAGE_SIZE);
}

void move_object_page(unsigned from, unsigned to)
{
	struct page *pages = machine.spaces[self()->space].pages;
	s64 result;

	begin("mremap", from);
	pages[to] = pages[from];
	result = space_remap(space_of(self()->space), address_of(from), PAGE_SIZE, PAGE_SIZE,
			     MREMAP_FLAGS, address_of(to), ~0ull);
	check(result == (s64)address_of(to), "mremap", from, (int)result);
	pages[from] = (struct page){ .read = NEVER, .write = NEVER };
}

void fetch(unsigned page)
{
	unsigned number = self()->space;
	u8 value;
	int error;

	begin("fetch", page);
	error = host_fetch_byte(address_of(page), &value);
	check(!error, "fetch", page, error);
	noted_load(number, page, value);
}

struct frame *frame_shown(unsigned number, unsigned page)
{
	pte_t *entry = mmu_walk(&space_of(number)->mmu, address_of(page), false);

	return entry ? frame_of(pte_frame(*entry)) : NULL;
}

void device_write(struct frame *frame, unsigned page, u8 value)
{
	begin("device writes", page);
	step(STEP_COPY, frame_data(frame));
	*(u8 *)frame_data(frame) = value;
	noted_store(0, page, value);
}

void forced_write(unsigned number, unsigned page, u8 value)
{
	struct space *space = space_of(number);
	struct page *at = page_of(number, page);

	begin("forced write", page);
	if (!space)
		return;
	space_get(space);
	change_begin(number, page, 1u << value, false);
	if (space_write(space, address_of(page), &value, 1, true) == 1)
		at->during |= 1u << value;
	at->changing--;
	space_put(space);
}

void exec_to(unsigned space, u8 value)
{
	struct machine_space *old = &machine.spaces[self()->space];
	unsigned long irq;

	begin("exec", 0);
	make_space_only(space);
	map_private(space, 0, 1, RW);
	if (space_write(space_of(space), BASE, &value, 1, false) != 1)
		violation("exec cannot write its stack");
	machine.spaces[space].pages[0].values = 1u << value;
	/* The other threads have left. */
	step(STEP_WAIT, &machine.flags[0]);
	irq = irq_save();
	mmu_switch(&space_of(space)->mmu);
	irq_restore(irq);
	old->threads = 0;
	self()->space = space;
	machine.spaces[space].threads = 1;
	take_down(old);
}

void call(const char *name)
{
	begin(name, 0);
}

void object_value(unsigned number, unsigned page, u8 value)
{
	machine.object_pages[number][page].values = 1u << value;
}

void signal_flag(unsigned flag)
{
	machine.flags[flag] = 1;
}

void wait_for(unsigned flag)
{
	begin("wait", flag);
	step(STEP_WAIT, &machine.flags[flag]);
}

/* ---- checks ---- */

static void check_entries(unsigned number)
{
	pte_t *entry;
	vaddr_t at = BASE;

	entry = mmu_find(&space_of(number)->mmu, &at, BASE + PAGES * PAGE_SIZE);
	for (; entry && at < BASE + PAGES * PAGE_SIZE; at += PAGE_SIZE, entry++) {
		struct frame *frame = frame_of(pte_frame(*entry));

		if (!pte_empty(*entry) && pte_state(*entry) != PAGE_BORROWED &&
		    frame->kind < FRAME_USER)
			violation("space %u page %lu shows frame %lx, which is free", number,
				  (unsigned long)(at - BASE) / PAGE_SIZE,
				  (unsigned long)pte_frame(*entry));
	}
}

static void check_tlb(unsigned cpu)
{
	for (unsigned i = 0; i < host_tlb_used(cpu); i++) {
		vaddr_t page = 0;
		pte_t entry = host_tlb_entry(cpu, i, &page);

		if (!pte_empty(entry) && pte_state(entry) != PAGE_BORROWED &&
		    frame_of(pte_frame(entry))->kind < FRAME_USER)
			violation("frame %lx is free, and CPU %u's TLB shows it at page %lu",
				  (unsigned long)pte_frame(entry), cpu,
				  (unsigned long)(page - BASE) / PAGE_SIZE);
	}
}

void memory_check(void)
{
	for (unsigned cpu = 0; cpu < HOST_CPUS; cpu++)
		check_tlb(cpu);
	for (unsigned i = 0; i < SPACES; i++) {
		if (machine.spaces[i].space)
			check_entries(i);
	}
}

static char audit_text[2000];
static size_t audit_size;

static void audit_put(void *context, const char *text, size_t size)
{
	for (size_t i = 0; i < size && audit_size < sizeof(audit_text) - 1; i++)
		audit_text[audit_size++] = text[i];
	audit_text[audit_size] = 0;
}

static void expect_clean(void)
{
	char *error;

	audit_size = 0;
	if (!audit_run(audit_put, NULL))
		return;
	error = strstr(audit_text, "error: ");
	if (error && strchr(error, '\n'))
		*strchr(error, '\n') = 0;
	violation("the audit says: %s", error ? error : audit_text);
}

/* A dirty page of an object is known as such, else it would never be written back. */
static void check_dirty(unsigned number)
{
	if (machine.objects[number]->operations->write_pages)
		return; /* the scenario knows more */
	for (unsigned i = 0; i < PAGES; i++) {
		struct frame *frame = radix_lookup(&machine.objects[number]->pages, i);

		if (frame && *(u8 *)frame_data(frame) != value_of(machine.objects[number], i) &&
		    !(atomic32_read(&frame->flags) & FRAME_DIRTY))
			violation("page %u of the object was written and is not dirty", i);
	}
}

void memory_finish(void)
{
	expect_clean();
	for (unsigned i = 0; i < SPACES; i++) {
		if (machine.spaces[i].space)
			take_down(&machine.spaces[i]);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (machine.objects[i]) {
			check_dirty(i);
			object_put(machine.objects[i]);
		}
	}
	expect_clean();
	if (level_now().frames != machine.level_frames)
		violation("%ld frames are lost", (long)(level_now().frames - machine.level_frames));
	if (level_now().objects != machine.level_objects)
		violation("%ld objects are lost",
			  (long)(level_now().objects - machine.level_objects));
}
