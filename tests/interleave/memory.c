/* The array of bytes that the memory is checked against, and accesses of user mode. */
#include "memory_internal.h"

#include <stdio.h>

void begin(const char *call, unsigned page)
{
	self()->doing = call;
	self()->doing_page = page;
}

void fork_may_see(unsigned number, unsigned page, u32 values)
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

void noted_store(unsigned number, unsigned page, u8 value)
{
	unsigned twin = machine.spaces[number].pages[page].twin;

	noted_value(number, page, 1u << value);
	if (twin)
		noted_value(number, twin - 1, 1u << value);
}

/* "1 or 7" */
const char *values_text(u32 values)
{
	static char text[100];
	size_t length = 0;

	text[0] = 0;
	for (unsigned i = 0; i < 32; i++) {
		if (values >> i & 1)
			length += snprintf(text + length, sizeof(text) - length, "%s%u",
					   length ? " or " : "", i);
	}
	return text;
}

void noted_load(unsigned number, unsigned page, u8 value)
{
	struct page *at = page_of(number, page);
	u32 bit = value < 32 ? 1u << value : 0;

	if (!(at->values & bit))
		violation("page %u of space %u reads as %u; it may be %s", page, number, value,
			  values_text(at->values));
	if (!at->changing)
		at->values = bit;
}

/*
 * While munmap is on its way an access may still succeed, even behind the end of a file that was
 * truncated meanwhile: its shootdown is munmap's. Otherwise both the mapping and the object decide.
 */
enum right right_of(unsigned number, unsigned page, bool write)
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

void change_begin(unsigned number, unsigned page, u32 values, bool rights)
{
	struct page *at = page_of(number, page), *own = &machine.spaces[number].pages[page];

	if (!at->changing++)
		at->during = 0;
	at->values |= values;
	fork_may_see(number, page, values);
	if (rights)
		own->read = own->write = MAY;
}

void change_end(unsigned number, unsigned page, u32 values, enum right read, enum right write)
{
	struct page *at = page_of(number, page), *own = &machine.spaces[number].pages[page];

	at->changing--;
	at->values = (at == own ? values : at->values) | at->during;
	own->read = read;
	own->write = write;
}
