/* munmap, mmap, mprotect, mremap, exec, debuggers, futexes. */
#include "parts.h"
#include "program.h"

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

static void drops(void)
{
	drop_page(0);
	load(0);
	store(0, 3);
	load(0);
}

static void drop_owned(void)
{
	written_page(drops, writes_freely, reads);
}

static void drop_shared(void)
{
	shared_page(drops, writes_freely, reads, reads_and_writes);
}

static void drop_and_fork(void)
{
	written_page(drops, forks, writes_freely);
	child_thread(3, reads, 1);
}

static void moves_keeping(void)
{
	move_keeping(0, 1);
	load(1);
	load(0);
}

static void move_kept(void)
{
	shared_page(moves_keeping, writes_freely, tries_page_1, reads_and_writes);
}

static void touches_3(void)
{
	store(3, 3);
	load(3);
}

static void touches_2(void)
{
	store(2, 2);
	load(2);
}

static void forks_stack(void)
{
	fork_to(3);
	load(2);
}

static void reads_page_2(void)
{
	load(2);
	load(2);
}

static void stack(void)
{
	make_space(0, 3);
	map_stack(0, 4, 2);
	threads(touches_3, touches_2, forks_stack);
	child_thread(3, reads_page_2, 1);
}

static void reads_parent(void)
{
	foreign_read(0, 0);
	foreign_read(0, 0);
}

static void foreign_and_unmap(void)
{
	shared_page(unmaps, tries_to_write, NULL, reads_parent);
}

static void foreign_and_write(void)
{
	shared_page(writes_1, writes_2, NULL, reads_parent);
}

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

static void execs_program(void)
{
	static const struct page shown = { .values = 1 << 11, .read = MAY, .write = MAY };

	machine.spaces[2].pages[0] = shown;
	if (exec_program(2)) {
		load(0);
		return;
	}
	try_load(0);
	if (try_store(0, 5))
		load(0);
}

static void truncates_program(void)
{
	truncate_object(1, 1);
}

static void exec_image(void)
{
	make_program(1);
	shared_page(execs_program, writes_1, truncates_program, reads_and_writes);
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

const struct scenario map_scenarios[] = {
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
	{ "drop-owned", "madvise(DONTNEED) while siblings write and read", drop_owned },
	{ "drop-shared", "the same for a page that a child shares", drop_shared },
	{ "drop-fork", "madvise(DONTNEED), fork and a write", drop_and_fork },
	{ "move-keep", "mremap(DONTUNMAP) of a page that a child shares", move_kept },
	{ "stack", "two pages of a stack at once, and fork", stack },
	{ "foreign-unmap", "process_vm_readv of a page that is unmapped", foreign_and_unmap },
	{ "foreign-write", "process_vm_readv of a page that is copied", foreign_and_write },
	{ "exec", "exec by one of three threads while a child writes", exec },
	{ "exec-image", "the kernel's image builder, while the program is truncated", exec_image },
	{ "join", "a CPU begins to run the space during munmap", join },
	{ "forced-write", "a debugger writes while rights change", forced },
	{ "futex-key", "a futex in a page that copy-on-write moves", futex_key },
	{ 0 },
};
