#pragma once
/* Between the files that scenarios are written in: memory.h. */
#include "memory.h"

static inline struct space *space_of(unsigned number)
{
	return machine.spaces[number].space;
}

/* What the array says of a page: the object's own, if it is shared. */
static inline struct page *page_of(unsigned number, unsigned page)
{
	struct page *found = &machine.spaces[number].pages[page];

	return found->object && !found->cow ? &machine.object_pages[found->object - 1][found->index]
					    : found;
}

/* A call that must not fail. */
static inline void check(bool good, const char *what, unsigned page, int came)
{
	if (!good)
		violation("%s page %u: %d", what, page, came);
}

/* setup.c */
void make_space_only(unsigned number);
void map(unsigned number, unsigned page, unsigned count, unsigned prot, unsigned flags,
	 struct memory_object *object);
struct page with_rights(unsigned prot, u32 values);
/* What the file has for a page; it changes each time that it is truncated to nothing. */
u8 value_of(const struct memory_object *object, u64 index);

/* memory.c: the current thread begins a call. */
void begin(const char *call, unsigned page);
/* Forks of space @number that are on their way may see @values, too. */
void fork_may_see(unsigned number, unsigned page, u32 values);
/* User mode has stored, or loaded: what is right, and what follows. */
void noted_store(unsigned number, unsigned page, u8 value);
void noted_load(unsigned number, unsigned page, u8 value);
enum right right_of(unsigned number, unsigned page, bool write);
/* From change_begin() to change_end() the page may also read as @values, and rights are changing. */
void change_begin(unsigned number, unsigned page, u32 values, bool rights);
void change_end(unsigned number, unsigned page, u32 values, enum right read, enum right write);

/* process_calls.c: the space has no threads any more. */
void take_down(struct machine_space *left);
/* The last part of exec: @space, as number @number, takes the place of the current thread's. */
void enter_image(unsigned number, struct space *space);
