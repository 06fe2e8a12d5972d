/*
 * Files on a disk: pages are read in, written back and given up while programs use them. What the
 * disk has, and what a dirty page will bring to it, is what was written last.
 */
#include <mm/object_internal.h>
#include <mm/reclaim.h>
#include <mm/shown.h>
#include <mm/slab.h>

#include "parts.h"

static int disk_read(struct memory_object *object, u64 index, struct frame *const frames[],
		     unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		step(STEP_COPY, frame_data(frames[i]));
		*(u8 *)frame_data(frames[i]) = machine.disk[index + i];
	}
	return 0;
}

static int disk_write(struct memory_object *object, u64 index, struct frame *const frames[],
		      unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		step(STEP_COPY, frame_data(frames[i]));
		if (index + i < object_pages(object))
			machine.disk[index + i] = *(u8 *)frame_data(frames[i]);
	}
	return 0;
}

static void disk_released(struct memory_object *object)
{
	object_destroy_pages(object);
	kfree(object);
}

static const struct object_operations disk_operations = {
	.read_pages = disk_read,
	.write_pages = disk_write,
	.release = disk_released,
};

/* A file of @pages pages that spaces 0 and, with a child, 1 show from page 0 on. */
static void disk_file(unsigned pages, bool shared, void (*first)(void), void (*second)(void),
		      void (*third)(void), void (*child)(void))
{
	for (unsigned i = 0; i < pages; i++)
		machine.disk[i] = 10 + i;
	make_object_with(0, pages, &disk_operations);
	make_space(0, 3);
	map_object(0, 0, pages, RW, shared, 0);
	threads(first, second, third);
	if (child) {
		make_child(1, 0, 3);
		thread_on(3, child, 1);
	}
}

static void loaded_everywhere(bool child)
{
	for (unsigned cpu = child ? 4 : 3; cpu--;)
		load_on(cpu, 0);
}

static void writes_back(void)
{
	call("fsync");
	if (object_write_back(machine.objects[0], 0, ~(u64)0, OBJECT_WAIT))
		violation("fsync fails");
}

static void reclaims(void)
{
	call("reclaim");
	reclaim_everything();
}

static void reclaims_and_reads(void)
{
	reclaims();
	load(0);
}

/* As write(2): the file is locked, the page is made dirty before the copy and looked at after it. */
static void file_write(unsigned page, u8 value)
{
	bool whole = false;
	struct frame *frame;

	call("write");
	if (object_page_write(machine.objects[0], page, &whole, &frame))
		violation("write fails");
	step(STEP_COPY, frame_data(frame));
	*(u8 *)frame_data(frame) = value;
	object_value(0, page, value);
	object_page_dirty(machine.objects[0], frame);
	frame_put(frame);
}

static void file_writes_3(void)
{
	file_write(0, 3);
	load(0);
}

static void moves_disk_page(void)
{
	move_object_page(0, 1);
	load(1);
}

static void write_back(void)
{
	disk_file(1, true, writes_back, writes_1, writes_2, NULL);
	loaded_everywhere(false);
	store_on(2, 0, 7);
}

static void write_back_child(void)
{
	disk_file(1, true, writes_back, writes_1, NULL, reads_and_writes);
	store_on(0, 0, 7);
	loaded_everywhere(true);
}

static void write_back_twice(void)
{
	disk_file(1, true, writes_back, writes_back, writes_1, NULL);
	store_on(2, 0, 7);
}

static void write_back_fork(void)
{
	disk_file(1, true, writes_back, forks, writes_1, NULL);
	for (unsigned cpu = 3; cpu--;)
		store_on(cpu, 0, 7);
	child_thread(3, reads_and_writes, 1);
}

static void write_back_move(void)
{
	disk_file(1, true, writes_back, tries_to_write, moves_disk_page, NULL);
	store_on(1, 0, 7);
}

static void write_back_protect(void)
{
	disk_file(1, true, writes_back, protects, tries_to_write, NULL);
	for (unsigned cpu = 3; cpu--;)
		store_on(cpu, 0, 7);
}

static void write_back_truncate(void)
{
	disk_file(1, true, writes_back, truncates, tries_to_write, NULL);
	store_on(2, 0, 7);
}

static void write_and_back(void)
{
	disk_file(1, true, writes_back, file_writes_3, reads, NULL);
	loaded_everywhere(false);
}

static void first_reads(void)
{
	disk_file(1, true, reads, writes_1, reads, NULL);
}

static void read_truncate(void)
{
	disk_file(1, true, truncates, tries_to_read, tries_to_write, NULL);
}

static void reclaim_shared(void)
{
	disk_file(1, true, reclaims_and_reads, writes_1, reads, NULL);
	loaded_everywhere(false);
}

static void reclaim_private(void)
{
	disk_file(1, false, reclaims_and_reads, writes_1, NULL, reads_and_writes);
	loaded_everywhere(true);
}

static void reclaim_dirty(void)
{
	disk_file(1, true, reclaims, writes_back, writes_1, NULL);
	store_on(2, 0, 7);
}

/* ---- a screen that must be told: kernel/mm/shown.h ---- */

static u32 told, screen;

static void screen_told(struct memory_object *object, u64 index)
{
	told = 1;
}

static const struct object_operations screen_operations = {
	.dirtied = screen_told,
	.release = disk_released,
};

static void refreshes(void)
{
	struct frame *frame;

	for (unsigned i = 0; i < 2; i++) {
		call("refresh");
		told = 0;
		object_clean_pages(machine.objects[0], 0, 0);
		frame = radix_lookup(&machine.objects[0]->pages, 0);
		step(STEP_COPY, frame_data(frame));
		screen = *(u8 *)frame_data(frame);
	}
}

static void screen_shown(void)
{
	make_object_with(0, 1, &screen_operations);
	machine.object_pages[0][0].values = 1 << 0;
	machine.objects[0]->shown = true;
	make_space(0, 3);
	map_object(0, 0, 1, RW, true, 0);
	threads(refreshes, writes_1, writes_2);
	for (unsigned cpu = 3; cpu--;)
		store_on(cpu, 0, 7);
}

static void screen_check(void)
{
	struct frame *frame = radix_lookup(&machine.objects[0]->pages, 0);

	if (!told && screen != *(u8 *)frame_data(frame))
		violation("the screen shows %u, the program drew %u, and nobody told", screen,
			  *(u8 *)frame_data(frame));
}

/* What was written last is on the disk, or on its way there. */
static void disk_check(void)
{
	struct memory_object *object = machine.objects[0];
	struct frame *frame;

	for (unsigned i = 0; i < object_pages(object); i++) {
		u32 values = machine.object_pages[0][i].values;

		frame = radix_lookup(&object->pages, i);
		if (frame && atomic32_read(&frame->flags) & FRAME_DIRTY)
			continue;
		if (frame && *(u8 *)frame_data(frame) != machine.disk[i])
			violation("page %u is clean and not what the disk has", i);
		if (!(values >> machine.disk[i] & 1))
			violation("page %u of the disk is %u; it should be %s", i, machine.disk[i],
				  values_text(values));
	}
}

#define DISK .check_end = disk_check
const struct scenario disk_scenarios[] = {
	{ "disk-read", "a page that is not in memory: two read, one writes", first_reads, DISK },
	{ "disk-read-truncate", "truncate while a page is read in", read_truncate, DISK },
	{ "disk-write-back", "fsync while two write", write_back, DISK },
	{ "disk-write-back-child", "fsync while two processes write", write_back_child, DISK },
	{ "disk-write-back-twice", "two fsyncs and a write", write_back_twice, DISK },
	{ "disk-write-back-fork", "fsync, fork and a write", write_back_fork, DISK },
	{ "disk-write-back-move", "fsync, mremap and a write", write_back_move, DISK },
	{ "disk-write-back-protect", "fsync, mprotect and a write", write_back_protect, DISK },
	{ "disk-write-back-truncate", "fsync, truncate and a write", write_back_truncate, DISK },
	{ "disk-write", "write(2), fsync and reads", write_and_back, DISK },
	{ "disk-reclaim-shared", "reclaim of a page in use", reclaim_shared, DISK },
	{ "disk-reclaim-private", "the same, private: copies are made", reclaim_private, DISK },
	{ "disk-reclaim-dirty", "reclaim, fsync and a write", reclaim_dirty, DISK },
	{ "screen", "drawing while a screen is refreshed", screen_shown, screen_check },
	{ 0 },
};
