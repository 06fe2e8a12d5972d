/* What must hold between two steps, and at the end. */
#include "memory_internal.h"

#include <mm/audit.h>
#include <mm/slab.h>
#include <string.h>

struct level {
	u64 frames, objects;
};

static struct level level_now(void)
{
	struct frame_statistics frames;

	frame_statistics(&frames);
	return (struct level){ frames.kernel + frames.table + frames.user + frames.object,
			       slab_live_objects() };
}

void memory_begin(void)
{
	machine.level_frames = level_now().frames;
	machine.level_objects = level_now().objects;
}

static void check_entries(unsigned number)
{
	pte_t *entry;
	vaddr_t at = BASE;

	entry = mmu_find(&space_of(number)->mmu, &at, BASE + PAGES * PAGE_SIZE);
	for (; entry && at < BASE + PAGES * PAGE_SIZE; at += PAGE_SIZE, entry++) {
		struct frame *frame = frame_of(pte_frame(*entry));

		if (!pte_empty(*entry) && pte_state(*entry) != PAGE_BORROWED &&
		    frame->kind < FRAME_USER)
			violation("space %u page %lu shows frame %lx, which is free", number,
				  (unsigned long)(at - BASE) / PAGE_SIZE,
				  (unsigned long)pte_frame(*entry));
	}
}

static void check_tlb(unsigned cpu)
{
	for (unsigned i = 0; i < host_tlb_used(cpu); i++) {
		vaddr_t page = 0;
		pte_t entry = host_tlb_entry(cpu, i, &page);

		if (!pte_empty(entry) && pte_state(entry) != PAGE_BORROWED &&
		    frame_of(pte_frame(entry))->kind < FRAME_USER)
			violation("frame %lx is free, and CPU %u's TLB shows it at page %lu",
				  (unsigned long)pte_frame(entry), cpu,
				  (unsigned long)(page - BASE) / PAGE_SIZE);
	}
}

void memory_check(void)
{
	for (unsigned cpu = 0; cpu < HOST_CPUS; cpu++)
		check_tlb(cpu);
	for (unsigned i = 0; i < SPACES; i++) {
		if (machine.spaces[i].space)
			check_entries(i);
	}
}

static char audit_text[2000];
static size_t audit_size;

static void audit_put(void *context, const char *text, size_t size)
{
	for (size_t i = 0; i < size && audit_size < sizeof(audit_text) - 1; i++)
		audit_text[audit_size++] = text[i];
	audit_text[audit_size] = 0;
}

static void expect_clean(void)
{
	char *error;

	audit_size = 0;
	if (!audit_run(audit_put, NULL))
		return;
	error = strstr(audit_text, "error: ");
	if (error && strchr(error, '\n'))
		*strchr(error, '\n') = 0;
	violation("the audit says: %s", error ? error : audit_text);
}

/* A dirty page of an object is known as such, else it would never be written back. */
static void check_dirty(unsigned number)
{
	const struct object_operations *operations = machine.objects[number]->operations;

	if (operations->write_pages || operations->dirtied)
		return; /* the scenario knows more */
	for (unsigned i = 0; i < PAGES; i++) {
		struct frame *frame = radix_lookup(&machine.objects[number]->pages, i);

		if (frame && *(u8 *)frame_data(frame) != value_of(machine.objects[number], i) &&
		    !(atomic32_read(&frame->flags) & FRAME_DIRTY))
			violation("page %u of the object was written and is not dirty", i);
	}
}

void memory_finish(void)
{
	expect_clean();
	for (unsigned i = 0; i < SPACES; i++) {
		if (machine.spaces[i].space)
			take_down(&machine.spaces[i]);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (machine.objects[i]) {
			check_dirty(i);
			object_put(machine.objects[i]);
		}
	}
	expect_clean();
	if (level_now().frames != machine.level_frames)
		violation("%ld frames are lost", (long)(level_now().frames - machine.level_frames));
	if (level_now().objects != machine.level_objects)
		violation("%ld objects are lost",
			  (long)(level_now().objects - machine.level_objects));
}
