#pragma once
/*
 * What scenarios are made of. Three threads of a parent on CPUs 0 to 2, in space 0; a child on CPU 3, in
 * space 1, made by a fork of the scenario or there from the start. Each scenario is as small as its
 * hazard allows. When a thread ends it leaves its space, so that exit is part of all of them.
 */
#include <lib/errno.h>

#include "memory.h"
#include "scenarios.h"

static inline void forks(void)
{
	fork_to(3);
	load(0);
}

static inline void writes_1(void)
{
	store(0, 1);
	load(0);
}

static inline void writes_2(void)
{
	store(0, 2);
	load(0);
}

static inline void reads(void)
{
	load(0);
	load(0);
}

static inline void reads_and_writes(void)
{
	load(0);
	load(0);
	store(0, 9);
	load(0);
}

static inline void tries_to_write(void)
{
	try_store(0, 1);
	try_load(0);
}

static inline void tries_to_read(void)
{
	try_load(0);
	try_load(0);
}

static inline void unmaps(void)
{
	unmap(0);
	try_load(0);
}

static inline void protects(void)
{
	protect(0, R);
	load(0);
	protect(0, RW);
	store(0, 3);
	load(0);
}

static inline void truncates(void)
{
	truncate_object(0, 0);
	signal_flag(1);
	try_load(0);
}

/* What is read then may be older than what was written: a sibling throws the page away. */
static inline void writes_freely(void)
{
	store(0, 1);
	try_load(0);
}

static inline void does_nothing(void)
{
}

static inline void threads(void (*first)(void), void (*second)(void), void (*third)(void))
{
	thread_on(0, first, 0);
	if (second)
		thread_on(1, second, 0);
	if (third)
		thread_on(2, third, 0);
}

/* Space 0 with one page of 7 that all three CPUs have written. */
static inline void written_page(void (*first)(void), void (*second)(void), void (*third)(void))
{
	make_space(0, 3);
	map_private(0, 0, 1, RW);
	threads(first, second, third);
	for (unsigned cpu = 3; cpu--;)
		store_on(cpu, 0, 7);
}

/* The same, forked before; all CPUs have the shared frame in their TLBs. */
static inline void shared_page(void (*first)(void), void (*second)(void), void (*third)(void),
			       void (*child)(void))
{
	written_page(first, second, third);
	make_child(1, 0, 3);
	thread_on(3, child, 1);
	for (unsigned cpu = 4; cpu--;)
		load_on(cpu, 0);
}
