/* System calls on one space. */
#include "memory_internal.h"

#include <mm/mapping.h>

enum { MREMAP_FLAGS = 3, MREMAP_DONTUNMAP = 4, MADV_DONTNEED = 4 };

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

static void move_with(unsigned from, unsigned to, int flags)
{
	unsigned number = self()->space;
	struct page *source = page_of(number, from), *target = page_of(number, to);
	bool keep = flags & MREMAP_DONTUNMAP;
	s64 result;

	begin(keep ? "mremap(keep)" : "mremap", from);
	change_begin(number, from, keep ? 1 << 0 : 0, true);
	source->twin = to + 1;
	target->twin = from + 1;
	target->changing++;
	target->read = MAY;
	target->write = MAY;
	target->values |= source->values;
	fork_may_see(number, to, source->values);
	target->during = 0;
	result = space_remap(space_of(number), address_of(from), PAGE_SIZE, PAGE_SIZE, flags,
			     address_of(to), ~0ull);
	check(result == (s64)address_of(to), "mremap", from, (int)result);
	source->twin = target->twin = 0;
	target->changing--;
	target->values = source->values | target->during;
	target->read = MUST;
	target->write = MUST;
	change_end(number, from, keep ? 1 << 0 : 0, keep ? MUST : NEVER, keep ? MUST : NEVER);
}

void move(unsigned from, unsigned to)
{
	move_with(from, to, MREMAP_FLAGS);
}

void move_keeping(unsigned from, unsigned to)
{
	move_with(from, to, MREMAP_FLAGS | MREMAP_DONTUNMAP);
}

void drop_page(unsigned page)
{
	unsigned number = self()->space;
	int error;

	begin("madvise(drop)", page);
	change_begin(number, page, 1 << 0, false);
	error = space_advise(space_of(number), address_of(page), PAGE_SIZE, MADV_DONTNEED);
	check(!error, "madvise", page, error);
	change_end(number, page, 1 << 0, MUST, MUST);
}

void foreign_read(unsigned number, unsigned page)
{
	struct space *space = space_of(number);
	enum right before = right_of(number, page, false);
	u8 value;
	int error;

	begin("foreign read", page);
	if (!space)
		return;
	space_get(space);
	error = space_read(space, address_of(page), &value, 1) != 1;
	/* The copy is not in the same step as what is read: an old value may come late. */
	if (!error && before == NEVER && right_of(number, page, false) == NEVER)
		violation("a foreign read of page %u succeeds", page);
	if (!error && value > 9)
		violation("a foreign read of page %u gives %u", page, value);
	space_put(space);
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
