/*
 * The recount: frame->seen gathers the entries that show each frame, over all spaces; then each
 * frame is compared with what its kind promises. Memory for it is in struct frame, so that the
 * audit of a machine that has run out of memory works too.
 */
#include <lib/errno.h>
#include <lib/printf.h>
#include <mm/audit.h>
#include <mm/mapping.h>
#include <mm/slab.h>
#include <sched/thread.h>

enum { BAD_MAX = 16, ATTEMPTS = 3, SETTLE_NS = 20000000 };
#define FRAME_SEEN_OWNED 0x80000000u

struct bad {
	u64 frame; /* number, or ~0 */
	const char *what;
	u32 expected, found;
};

struct audit {
	void (*put)(void *context, const char *text, size_t size);
	void *context;
	u64 kinds[FRAME_OBJECT + 1];
	u64 spaces, mappings;
	u64 states[4];
	unsigned errors;
	struct bad bad[BAD_MAX];
	u64 holders_of; /* second walk: who shows this frame */
};

static const char *const kind_names[] = { "reserved", "display", "free", "cached", "kernel",
					  "slab",     "table",	 "user", "object" };
static const char *const state_names[] = { "borrowed", "owned", "shared", "cow" };

__printf(2, 3) static void report(struct audit *audit, const char *format, ...)
{
	char line[160];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vscnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	audit->put(audit->context, line, length);
}

static void complain(struct audit *audit, u64 frame, const char *what, u32 expected, u32 found)
{
	if (audit->errors < BAD_MAX)
		audit->bad[audit->errors] = (struct bad){ frame, what, expected, found };
	audit->errors++;
}

static bool forget(struct frame *frame, void *context)
{
	frame->seen = 0;
	return true;
}

static void see_entry(struct audit *audit, struct mapping *mapping, vaddr_t address, pte_t pte)
{
	struct frame *frame = frame_of(pte_frame(pte));
	enum page_state state = pte_state(pte);

	audit->states[state]++;
	if (state == PAGE_BORROWED) {
		if (!(mapping->flags & MAPPING_DEVICE) && pte_frame(pte) != zero_frame_number)
			complain(audit, pte_frame(pte), "borrowed, but not a device's", 0, 0);
		if (frame && frame->kind > FRAME_DISPLAY && frame->kind != FRAME_KERNEL)
			complain(audit, pte_frame(pte), "borrowed, but the allocator's", 0, 0);
		return;
	}
	if (!frame || frame->kind < FRAME_USER) {
		complain(audit, pte_frame(pte), "shown by an entry that counts it", 0, 0);
		return;
	}
	if (state == PAGE_COW && pte_prot(pte) & PAGE_WRITE)
		complain(audit, pte_frame(pte), "cow and writable", 0, 0);
	if (state == PAGE_OWNED && frame->kind != FRAME_USER)
		complain(audit, pte_frame(pte), "owned page of an object", 0, 0);
	frame->seen++;
	if (state == PAGE_OWNED)
		frame->seen |= FRAME_SEEN_OWNED;
}

/* Call @visit for each entry that holds a frame in the mappings of @space, and outside of them. */
static void walk_space(struct space *space, struct audit *audit,
		       void (*visit)(struct audit *, struct mapping *, vaddr_t, pte_t))
{
	vaddr_t address = USER_START;
	pte_t *entry;

	while (address < USER_END && (entry = mmu_find(&space->mmu, &address, USER_END))) {
		vaddr_t end = ALIGN_DOWN(address, MMU_TABLE_SPAN) + MMU_TABLE_SPAN;
		struct mapping *mapping = NULL;

		for (; address < end; address += PAGE_SIZE, entry++) {
			pte_t pte = pte_get(entry);

			if (pte_empty(pte))
				continue;
			if (!mapping || address >= mapping->end)
				mapping = mapping_at(space, address);
			if (mapping)
				visit(audit, mapping, address, pte);
			else
				complain(audit, pte_frame(pte), "shown outside of mappings", 0, 0);
		}
	}
}

static void see_space(struct space *space, void *context)
{
	struct audit *audit = context;
	struct mapping *mapping;
	u64 pages = 0, count = 0;

	read_lock(&space->lock);
	audit->spaces++;
	walk_space(space, audit, see_entry);
	for (mapping = space_mapping_from(space, 0); mapping; mapping = mapping_next(mapping)) {
		pages += (mapping->end - mapping->start) >> PAGE_SHIFT;
		count++;
	}
	audit->mappings += count;
	if (pages != space->pages_mapped || count != space->mapping_count)
		complain(audit, ~(u64)0, "pages of a space", space->pages_mapped, pages);
	read_unlock(&space->lock);
}

static bool check_frame(struct frame *frame, void *context)
{
	struct audit *audit = context;
	u32 references = frame_references(frame), seen = frame->seen & ~FRAME_SEEN_OWNED;
	u64 number = frame_number(frame);

	if (frame->kind > FRAME_OBJECT) {
		complain(audit, number, "kind", FRAME_OBJECT, frame->kind);
		return true;
	}
	audit->kinds[frame->kind]++;
	if (frame->kind == FRAME_USER) {
		if (!seen)
			complain(audit, number, "lost: no entry shows it", 1, 0);
		else if (frame->seen & FRAME_SEEN_OWNED && seen != 1)
			complain(audit, number, "owned, but shown elsewhere", 1, seen);
		else if (references != seen)
			complain(audit, number, "references", seen, references);
	} else if (frame->kind == FRAME_OBJECT) {
		u32 expected = seen + (frame->object != NULL);

		if (frame->object && radix_lookup(&frame->object->pages, frame->index) != frame)
			complain(audit, number, "not in its object's index", 0, 0);
		if (!expected)
			complain(audit, number, "lost: no object, no entry", 1, 0);
		else if (references != expected)
			complain(audit, number, "references", expected, references);
	}
	return true;
}

static void check_totals(struct audit *audit)
{
	struct frame_statistics counted;
	u64 free = audit->kinds[FRAME_FREE] + audit->kinds[FRAME_CACHED];
	u64 lists = frame_count_free_lists();

	frame_statistics(&counted);
	if (free != counted.free || free != lists)
		complain(audit, ~(u64)0, "free frames", free, free != lists ? lists : counted.free);
	if (audit->kinds[FRAME_KERNEL] != counted.kernel)
		complain(audit, ~(u64)0, "kernel frames", audit->kinds[FRAME_KERNEL],
			 counted.kernel);
	if (audit->kinds[FRAME_DISPLAY] != counted.display)
		complain(audit, ~(u64)0, "display frames", audit->kinds[FRAME_DISPLAY],
			 counted.display);
	if (audit->kinds[FRAME_USER] != counted.user)
		complain(audit, ~(u64)0, "user frames", audit->kinds[FRAME_USER], counted.user);
	if (audit->kinds[FRAME_OBJECT] != counted.object)
		complain(audit, ~(u64)0, "object frames", audit->kinds[FRAME_OBJECT],
			 counted.object);
	if (audit->kinds[FRAME_TABLE] != counted.table)
		complain(audit, ~(u64)0, "table frames", audit->kinds[FRAME_TABLE], counted.table);
	if (audit->kinds[FRAME_SLAB] != counted.slab)
		complain(audit, ~(u64)0, "slab frames", audit->kinds[FRAME_SLAB], counted.slab);
}

static void recount(struct audit *audit)
{
	audit->errors = 0;
	audit->spaces = 0;
	audit->mappings = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(audit->kinds); i++)
		audit->kinds[i] = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(audit->states); i++)
		audit->states[i] = 0;
	frame_for_each(forget, NULL);
	space_for_each(see_space, audit);
	frame_for_each(check_frame, audit);
	check_totals(audit);
}

static void name_holder(struct audit *audit, struct mapping *mapping, vaddr_t address, pte_t pte)
{
	if (pte_frame(pte) == audit->holders_of)
		report(audit, "  holder: space %p address %lx %s\n", (void *)mapping->space,
		       (unsigned long)address, state_names[pte_state(pte)]);
}

static void name_holders(struct space *space, void *context)
{
	read_lock(&space->lock);
	walk_space(space, context, name_holder);
	read_unlock(&space->lock);
}

static void report_errors(struct audit *audit)
{
	unsigned count = MIN(audit->errors, (unsigned)BAD_MAX);

	for (unsigned i = 0; i < count; i++) {
		const struct bad *bad = &audit->bad[i];
		struct frame *frame = frame_of(bad->frame);

		if (!frame) {
			report(audit, "error: %s: expected %u, found %u\n", bad->what,
			       bad->expected, bad->found);
			continue;
		}
		report(audit, "error: frame %lx (%s, references %u): %s: expected %u, found %u\n",
		       (unsigned long)bad->frame,
		       frame->kind <= FRAME_OBJECT ? kind_names[frame->kind] : "?",
		       frame_references(frame), bad->what, bad->expected, bad->found);
		audit->holders_of = bad->frame;
		space_for_each(name_holders, audit);
	}
}

/* The objects in use of each cache. */
static bool report_cache(const char *name, u32 size, u64 live, u64 frames, void *context)
{
	if (live)
		report(context, "slab:%s %lu\n", name, (unsigned long)live);
	return true;
}

static void report_counts(struct audit *audit)
{
	struct frame_statistics frames;

	frame_statistics(&frames);
	report(audit, "total %lu\nfree %lu\ncached %lu\n", (unsigned long)frames.total,
	       (unsigned long)frames.free, (unsigned long)audit->kinds[FRAME_CACHED]);
	report(audit, "kernel %lu\nslab %lu\ntable %lu\nuser %lu\nobject %lu\n",
	       (unsigned long)frames.kernel, (unsigned long)frames.slab,
	       (unsigned long)frames.table, (unsigned long)frames.user,
	       (unsigned long)frames.object);
	report(audit, "stack_tables %lu\n", (unsigned long)thread_stack_tables());
	report(audit, "display %lu\n", (unsigned long)frames.display);
	report(audit, "slab_objects %lu\nspaces %lu\nmappings %lu\n",
	       (unsigned long)slab_live_objects(), (unsigned long)audit->spaces,
	       (unsigned long)audit->mappings);
	for (unsigned state = 0; state < ARRAY_SIZE(state_names); state++)
		report(audit, "%s %lu\n", state_names[state], (unsigned long)audit->states[state]);
	slab_for_each(report_cache, audit);
}

int audit_run(void (*put)(void *context, const char *text, size_t size), void *context)
{
	static struct atomic32 running;
	static struct audit audit; /* [running] */
	int errors;

	while (atomic32_xchg(&running, 1))
		thread_yield();
	audit.put = put;
	audit.context = context;
	/* What other processes do meanwhile looks like an error, but not three times. */
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (attempt)
			(void)thread_sleep_ns(SETTLE_NS, WAIT_UNINTERRUPTIBLE);
		recount(&audit);
		if (!audit.errors)
			break;
	}
	errors = audit.errors;
	if (errors)
		report(&audit, "audit: %d errors\n", errors);
	else
		report(&audit, "audit: clean\n");
	report_counts(&audit);
	report_errors(&audit);
	atomic32_set_release(&running, 0);
	return errors;
}
