/* fork, and copy-on-write after it. */
#include "parts.h"

static void fork_write(void)
{
	written_page(forks, writes_1, reads);
	child_thread(3, reads_and_writes, 1);
}

static void fork_two_writers(void)
{
	written_page(forks, writes_1, writes_2);
	child_thread(3, reads, 1);
}

static void fork_fresh(void)
{
	make_space(0, 3);
	map_private(0, 0, 1, RW);
	threads(forks, writes_1, reads);
	child_thread(3, reads_and_writes, 1);
}

static void fork_zero(void)
{
	fork_fresh();
	for (unsigned cpu = 3; cpu--;)
		load_on(cpu, 0);
}

static void forks_to_2(void)
{
	fork_to(2);
	load(0);
}

static void fork_twice(void)
{
	make_space(0, 2);
	map_private(0, 0, 1, RW);
	threads(forks, forks_to_2, NULL);
	store_on(1, 0, 7);
	store_on(0, 0, 7);
	child_thread(3, reads_and_writes, 1);
	child_thread(2, reads, 2);
}

static void forks_alone(void)
{
	fork_alone(2);
	load(0);
}

/* Whoever forks second finds all entries COW: the first one's shootdown is what protects his child. */
static void fork_beside_fork(void)
{
	written_page(forks_alone, forks, writes_1);
	child_thread(3, reads, 1);
}

/* What was shared by an earlier fork is being replaced when the next fork comes. */
static void fork_again(void)
{
	written_page(forks, writes_1, reads);
	make_child(2, 0, 3);
	child_thread(3, reads_and_writes, 1);
	for (unsigned cpu = 3; cpu--;)
		load_on(cpu, 0);
}

/* A fork that fails wherever it can: the parent is unharmed, nothing is lost. */
static void forks_until_it_works(void)
{
	int error = -ENOMEM;

	for (unsigned n = 1; error; n++) {
		frame_fail_after(n);
		error = try_fork_to(3);
		frame_fail_after(0);
		if (error && error != -ENOMEM)
			violation("fork: %d", error);
		load(1);
	}
	store(1, 5);
	load(1);
}

static void reads_page_1(void)
{
	load(1);
	load(1);
}

static void fork_fails(void)
{
	make_space(0, 2);
	map_private(0, 0, 2, RW);
	threads(forks_until_it_works, reads_page_1, NULL);
	store_on(0, 0, 6);
	for (unsigned cpu = 2; cpu--;)
		store_on(cpu, 1, 7);
	machine.pinned = frame_shown(0, 0);
	atomic32_or(&machine.pinned->flags, FRAME_PINNED);
	child_thread(3, reads_page_1, 1);
}

static void device_writes_5(void)
{
	device_write(machine.pinned, 0, 5);
	load(0);
}

static void fork_pinned(void)
{
	written_page(forks, writes_1, device_writes_5);
	machine.pinned = frame_shown(0, 0);
	atomic32_or(&machine.pinned->flags, FRAME_PINNED);
	child_thread(3, reads, 1);
}

static void cow_two_writers(void)
{
	shared_page(writes_1, writes_2, reads, reads);
}

static void cow_both_sides(void)
{
	shared_page(writes_1, reads, NULL, reads_and_writes);
}

static void cow_exit(void)
{
	shared_page(writes_1, writes_2, reads, does_nothing);
}

static void writes_9_unmaps(void)
{
	store(0, 9);
	unmap(0);
}

static void cow_child_unmaps(void)
{
	shared_page(writes_1, reads, NULL, writes_9_unmaps);
}

static void first_touch(void)
{
	make_space(0, 3);
	map_private(0, 0, 1, RW);
	threads(writes_1, writes_2, reads);
}

const struct scenario fork_scenarios[] = {
	{ "fork-write", "fork; a sibling writes, one reads; the child reads and writes",
	  fork_write },
	{ "fork-two-writers", "fork while both siblings write", fork_two_writers },
	{ "fork-fresh", "fork while a page is touched for the first time", fork_fresh },
	{ "fork-zero", "the same, all show the page of zeros", fork_zero },
	{ "fork-twice", "two threads fork at once", fork_twice },
	{ "fork-beside-fork", "two threads fork, the third writes", fork_beside_fork },
	{ "fork-again", "fork of what an earlier child shares, under writes", fork_again },
	{ "fork-fails", "fork fails at each allocation", fork_fails },
	{ "fork-pinned", "a device writes to a page that is forked", fork_pinned },
	{ "cow-two-writers", "two siblings write to what the child shares", cow_two_writers },
	{ "cow-both-sides", "parent and child write", cow_both_sides },
	{ "cow-exit", "the parent writes while the child exits: copy or claim", cow_exit },
	{ "cow-unmap", "the parent writes while the child unmaps", cow_child_unmaps },
	{ "first-touch", "three first accesses at once, tables are missing", first_touch },
	{ 0 },
};
