/*
 * Three threads of a parent on CPUs 0 to 2, in space 0; a child on CPU 3, in space 1, made by a
 * fork of the scenario or there from the start. Each is as small as its hazard allows. When a thread
 * ends it leaves its space, so that exit is part of all of them.
 */
#include "scenarios.h"

#include <lib/errno.h>

#include "memory.h"

/* ---- what threads do ---- */

static void forks(void)
{
	fork_to(3);
	load(0);
}

static void writes_1(void)
{
	store(0, 1);
	load(0);
}

static void writes_2(void)
{
	store(0, 2);
	load(0);
}

static void reads(void)
{
	load(0);
	load(0);
}

static void reads_and_writes(void)
{
	load(0);
	load(0);
	store(0, 9);
	load(0);
}

static void tries_to_write(void)
{
	try_store(0, 1);
	try_load(0);
}

static void tries_to_read(void)
{
	try_load(0);
	try_load(0);
}

static void does_nothing(void)
{
}

static void threads(void (*first)(void), void (*second)(void), void (*third)(void))
{
	thread_on(0, first, 0);
	if (second)
		thread_on(1, second, 0);
	if (third)
		thread_on(2, third, 0);
}

/* Space 0 with one page of 7 that all three CPUs have written. */
static void written_page(void (*first)(void), void (*second)(void), void (*third)(void))
{
	make_space(0, 3);
	map_private(0, 0, 1, RW);
	threads(first, second, third);
	for (unsigned cpu = 3; cpu--;)
		store_on(cpu, 0, 7);
}

/* The same, forked before; all CPUs have the shared frame in their TLBs. */
static void shared_page(void (*first)(void), void (*second)(void), void (*third)(void),
			void (*child)(void))
{
	written_page(first, second, third);
	make_child(1, 0, 3);
	thread_on(3, child, 1);
	for (unsigned cpu = 4; cpu--;)
		load_on(cpu, 0);
}

/* ---- fork ---- */

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

/* ---- copy-on-write after a fork ---- */

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

/* ---- munmap, mmap over, mprotect, mremap ---- */

static void unmaps(void)
{
	unmap(0);
	try_load(0);
}

static void unmap_owned(void)
{
	written_page(unmaps, tries_to_write, tries_to_read);
}

static void unmap_shared(void)
{
	shared_page(unmaps, tries_to_write, tries_to_read, reads_and_writes);
}

static void tries_all(void)
{
	try_load(0);
	try_store(0, 9);
	try_load(0);
}

static void forks_and_tries(void)
{
	fork_to(3);
	try_load(0);
}

static void unmap_and_fork(void)
{
	written_page(unmaps, forks_and_tries, tries_to_write);
	child_thread(3, tries_all, 1);
}

static void maps_over(void)
{
	map_over(0);
	load(0);
	store(0, 3);
	load(0);
}

static void map_over_owned(void)
{
	written_page(maps_over, tries_to_write, tries_to_read);
}

static void protects(void)
{
	protect(0, R);
	load(0);
	protect(0, RW);
	store(0, 3);
	load(0);
}

static void protect_owned(void)
{
	written_page(protects, tries_to_write, tries_to_read);
}

static void protect_shared(void)
{
	shared_page(protects, tries_to_write, reads, reads_and_writes);
}

static void hides(void)
{
	protect(0, 0);
	try_load(0);
	protect(0, RW);
	store(0, 3);
	load(0);
}

static void protect_none(void)
{
	shared_page(hides, tries_to_write, NULL, reads_and_writes);
}

static void makes_read_only(void)
{
	protect(0, R);
	load(0);
}

static void protect_and_fork(void)
{
	written_page(makes_read_only, forks, tries_to_write);
	child_thread(3, reads, 1);
}

static void protects_forks_writes(void)
{
	protect(0, R);
	fork_to(3);
	protect(0, RW);
	store(0, 3);
	load(0);
}

static void protect_then_fork(void)
{
	written_page(protects_forks_writes, tries_to_write, NULL);
	child_thread(3, reads, 1);
}

static void moves(void)
{
	move(0, 1);
	load(1);
}

static void tries_page_1(void)
{
	try_load(1);
	try_store(1, 2);
	try_load(1);
}

static void move_owned(void)
{
	written_page(moves, tries_to_write, tries_page_1);
}

static void move_shared(void)
{
	shared_page(moves, tries_to_write, tries_page_1, reads_and_writes);
}

static void tries_both(void)
{
	try_load(0);
	try_load(1);
	try_load(0);
	try_load(1);
}

static void move_and_fork(void)
{
	written_page(moves, forks_and_tries, tries_to_write);
	child_thread(3, tries_both, 1);
}

/* ---- memory objects: shared files, private files, truncate ---- */

/* An object of one page, shown by spaces 0 and 1 at page 0. */
static void shown_object(bool shared, void (*first)(void), void (*second)(void),
			 void (*third)(void), void (*child)(void))
{
	make_object(0, 1);
	make_space(0, 3);
	map_object(0, 0, 1, RW, shared, 0);
	threads(first, second, third);
	for (unsigned cpu = 3; cpu--;)
		load_on(cpu, 0);
	if (child) {
		make_child(1, 0, 3);
		thread_on(3, child, 1);
		load_on(3, 0);
	}
}

static void truncates(void)
{
	truncate_object(0, 0);
	signal_flag(1);
	try_load(0);
}

static void shared_write(void)
{
	shown_object(true, reads_and_writes, writes_1, reads, reads);
}

static void truncate_shared(void)
{
	shown_object(true, truncates, tries_to_write, tries_to_read, tries_to_read);
}

/* What was written into a private copy stays, whatever becomes of the file. */
static void keeps_its_copy(void)
{
	if (!try_store(0, 1))
		return;
	if (!try_load(0))
		violation("a private copy is gone");
	wait_for(1);
	if (!try_load(0))
		violation("a private copy is gone after truncate");
}

static void truncate_private(void)
{
	shown_object(false, truncates, keeps_its_copy, tries_to_read, tries_to_read);
}

static void private_write(void)
{
	shown_object(false, writes_1, reads, NULL, reads_and_writes);
}

static void reads_after_truncate(void)
{
	try_load(0);
	wait_for(1);
	try_load(0);
}

static void truncate_fault(void)
{
	make_object(0, 1);
	make_space(0, 3);
	map_object(0, 0, 1, RW, true, 0);
	threads(truncates, reads_after_truncate, tries_to_write);
}

static void forks_only(void)
{
	fork_to(3);
}

static void truncate_and_fork(void)
{
	shown_object(true, truncates, forks_only, NULL, NULL);
	child_thread(3, reads_after_truncate, 1);
}

static void moves_object_page(void)
{
	move_object_page(0, 1);
	wait_for(1);
	try_load(1);
}

static void truncate_and_move(void)
{
	shown_object(true, truncates, moves_object_page, NULL, NULL);
}

static void truncate_and_unmap(void)
{
	shown_object(true, truncates, unmaps, NULL, tries_to_read);
}

static void shortens(void)
{
	u8 value = 0xff;

	object_set_size(machine.objects[0], 1);
	if (host_load(BASE + 1, &value, 1) || value)
		violation("behind the end of the file is %u", value);
}

static void truncate_tail(void)
{
	shown_object(true, shortens, reads, NULL, NULL);
}

static void replaces_code(void)
{
	wait_for(2);
	truncate_object(0, 0);
	extend_object(0, 1);
	signal_flag(1);
	fetch(0);
}

static void fetches_first(void)
{
	fetch(0);
	signal_flag(2);
	wait_for(1);
	fetch(0);
}

static void new_code(void)
{
	make_object(0, 1);
	make_space(0, 2);
	map_object(0, 0, 1, R | X, true, 0);
	threads(replaces_code, fetches_first, NULL);
}

/* ---- exec, exit, debuggers, futexes ---- */

static void execs(void)
{
	exec_to(2, 4);
	load(0);
	store(0, 5);
	load(0);
}

static void exec(void)
{
	shared_page(execs, writes_1, reads, reads_and_writes);
}

static void join(void)
{
	make_space(0, 2);
	map_private(0, 0, 1, RW);
	threads(unmaps, tries_to_write, NULL);
	for (unsigned cpu = 2; cpu--;)
		store_on(cpu, 0, 7);
	thread_joining(2, tries_to_read, 0);
	host_prefetch = BASE;
}

static void debugs(void)
{
	load(0);
	forced_write(0, 0, 8);
	load(0);
}

static void reads_and_protects(void)
{
	load(0);
	protect(0, R);
	load(0);
}

static void forced(void)
{
	make_space(0, 3);
	map_private(0, 0, 1, RW);
	threads(reads_and_protects, reads, NULL);
	store_on(0, 0, 7);
	make_child(1, 0, 3);
	thread_on(3, debugs, 1);
}

static void keeps_its_key(void)
{
	struct futex_key before, after;

	if (space_futex_key(BASE, false, &before))
		violation("no futex key");
	store(0, 1);
	if (space_futex_key(BASE, false, &after) || before.base != after.base ||
	    before.offset != after.offset)
		violation("whoever sleeps on the futex is not found after a write");
}

static void futex_key(void)
{
	shared_page(keeps_its_key, writes_2, NULL, reads);
}

const struct scenario scenarios[] = {
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
	{ "unmap-owned", "munmap while siblings write and read", unmap_owned },
	{ "unmap-shared", "the same for a page that a child shares", unmap_shared },
	{ "unmap-fork", "munmap, fork and a write at once", unmap_and_fork },
	{ "map-over", "mmap(MAP_FIXED) over a page in use", map_over_owned },
	{ "protect-owned", "mprotect to read-only and back under writes", protect_owned },
	{ "protect-shared", "the same for a page that a child shares", protect_shared },
	{ "protect-none", "mprotect(PROT_NONE) and back, shared with a child", protect_none },
	{ "protect-fork", "mprotect by one thread, fork by another, a third writes",
	  protect_and_fork },
	{ "protect-then-fork", "read-only at fork, writable after", protect_then_fork },
	{ "move-owned", "mremap while siblings use both places", move_owned },
	{ "move-shared", "the same for a page that a child shares", move_shared },
	{ "move-fork", "mremap and fork at once", move_and_fork },
	{ "shared-write", "a shared file page, written by several", shared_write },
	{ "private-write", "a private file page, written on both sides", private_write },
	{ "truncate-shared", "truncate under readers and writers of two processes",
	  truncate_shared },
	{ "truncate-private", "truncate while a private copy is made", truncate_private },
	{ "truncate-fault", "truncate while a page is touched for the first time", truncate_fault },
	{ "truncate-fork", "truncate and fork at once", truncate_and_fork },
	{ "truncate-move", "truncate and mremap at once", truncate_and_move },
	{ "truncate-unmap", "truncate and munmap at once", truncate_and_unmap },
	{ "truncate-tail", "truncate within a page", truncate_tail },
	{ "new-code", "code is replaced in a file that others run", new_code },
	{ "exec", "exec by one of three threads while a child writes", exec },
	{ "join", "a CPU begins to run the space during munmap", join },
	{ "forced-write", "a debugger writes while rights change", forced },
	{ "futex-key", "a futex in a page that copy-on-write moves", futex_key },
	{ 0 },
};
