/* Memory objects: shared and private files, truncate, code. */
#include "parts.h"

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

static void hides_for_good(void)
{
	protect(0, 0);
	try_load(0);
}

static void truncate_and_protect(void)
{
	shown_object(true, truncates, hides_for_good, tries_to_read, NULL);
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

const struct scenario file_scenarios[] = {
	{ "shared-write", "a shared file page, written by several", shared_write },
	{ "private-write", "a private file page, written on both sides", private_write },
	{ "truncate-shared", "truncate under readers and writers of two processes",
	  truncate_shared },
	{ "truncate-private", "truncate while a private copy is made", truncate_private },
	{ "truncate-fault", "truncate while a page is touched for the first time", truncate_fault },
	{ "truncate-fork", "truncate and fork at once", truncate_and_fork },
	{ "truncate-move", "truncate and mremap at once", truncate_and_move },
	{ "truncate-unmap", "truncate and munmap at once", truncate_and_unmap },
	{ "truncate-protect", "truncate and mprotect(PROT_NONE) at once", truncate_and_protect },
	{ "truncate-tail", "truncate within a page", truncate_tail },
	{ "new-code", "code is replaced in a file that others run", new_code },
	{ 0 },
};
