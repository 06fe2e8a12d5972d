/* What is there before the threads run. */
#include "memory_internal.h"

#include <lib/err.h>
#include <mm/slab.h>
#include <string.h>

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

void make_space_only(unsigned number)
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

void map(unsigned number, unsigned page, unsigned count, unsigned prot, unsigned flags,
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

struct page with_rights(unsigned prot, u32 values)
{
	return (struct page){ .values = values,
			      .read = prot & RW ? MUST : NEVER,
			      .write = prot & W ? MUST : NEVER };
}

void map_stack(unsigned number, unsigned page, unsigned grows_to)
{
	map(number, page, 1, RW, MAPPING_GROWS_DOWN, NULL);
	space_of(number)->stack_limit = 1 << 20;
	for (; grows_to <= page; grows_to++)
		machine.spaces[number].pages[grows_to] = with_rights(RW, 1 << 0);
}

void map_private(unsigned number, unsigned page, unsigned count, unsigned prot)
{
	map(number, page, count, prot, 0, NULL);
	for (unsigned i = 0; i < count; i++)
		machine.spaces[number].pages[page + i] = with_rights(prot, 1 << 0);
}

u8 value_of(const struct memory_object *object, u64 index)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (machine.objects[i] == object)
			return 10 + index + 4 * machine.generations[i];
	}
	return 10 + index;
}

static int object_fill(struct memory_object *object, u64 index, void *data)
{
	memset(data, value_of(object, index), 2); /* more is not looked at */
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
