/* Files, code and devices. */
#include "memory_internal.h"

#include <mm/mapping.h>

enum { MREMAP_FLAGS = 3 };

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
