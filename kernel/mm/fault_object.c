/* Faults on pages that a memory object holds: files, shared memory, displays. */
#include <arch/cache.h>
#include <arch/tlb.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/fault.h>
#include <mm/hazard.h>
#include <mm/shown.h>

enum { AROUND_PAGES = 16 };

/* The cached pages around the fault for the entries from @first on; NULL: not there yet. */
struct around {
	pte_t *first;
	unsigned count;
	struct frame *frames[AROUND_PAGES]; /* the fault's own is among them */
};

/* [object] The window is the same for all faults in it, cut to the mapping and to the object. */
static void around_collect(const struct fault *fault, struct frame *frame, struct around *around)
{
	struct mapping *mapping = fault->mapping;
	struct memory_object *object = mapping->object;
	u64 pages = DIV_ROUND_UP(object->size, PAGE_SIZE);
	vaddr_t window = ALIGN_DOWN(fault->address, AROUND_PAGES * PAGE_SIZE);
	vaddr_t start = MAX(window, mapping->start);
	vaddr_t end = MIN(window + AROUND_PAGES * PAGE_SIZE, mapping->end);
	u64 first = mapping_index(mapping, start);
	u64 count = MIN((end - start) >> PAGE_SHIFT, pages - first);

	if (fault->access & FAULT_WRITE && !object->shown) {
		around->first = fault->entry;
		around->count = 1;
		around->frames[0] = frame;
		return;
	}
	around->first = fault->entry - ((fault->address - start) >> PAGE_SHIFT);
	around->count = count;
	radix_lookup_run(&object->pages, first, count, (void **)around->frames);
	for (unsigned i = 0; i < count; i++) {
		struct frame *near = around->frames[i];

		if (near && atomic32_read_acquire(&near->flags) & FRAME_BUSY)
			around->frames[i] = NULL;
	}
}

/* [object] No spinlock: once for all that are to become executable (mm-hazards 10). */
static void around_sync_icache(struct around *around)
{
	bool synced = true;

	for (unsigned i = 0; i < around->count; i++) {
		struct frame *frame = around->frames[i];

		if (frame)
			synced &= (atomic32_read_acquire(&frame->flags) & FRAME_ICACHE_SYNCED) != 0;
	}
	if (synced || BROKEN(RULE_10_SYNC_ICACHE))
		return;
	icache_sync_all();
	for (unsigned i = 0; i < around->count; i++) {
		if (around->frames[i])
			atomic32_fetch_or(&around->frames[i]->flags, FRAME_ICACHE_SYNCED);
	}
}

/*
 * [object, table] Entries for the neighbours. The object's lock keeps them in its index, which
 * counts them; a window of 64 KiB does not leave the table. From empty to read-only: nothing to
 * shoot down.
 */
static void around_install(const struct fault *fault, const struct around *around,
			   enum page_state state)
{
	unsigned prot = mapping_entry_prot(fault->mapping, 0, state, false);

	for (unsigned i = 0; i < around->count; i++) {
		struct frame *frame = around->frames[i];

		if (!frame || !pte_empty(around->first[i]))
			continue;
		frame_get(frame);
		pte_set(&around->first[i], pte_make(frame_number(frame), prot, state));
	}
}

/* [table] A SHARED entry gains W: the page becomes dirty with it, never before (mm-hazards 11). */
static void mark_dirty(struct fault *fault, struct frame *frame)
{
	/* Those with a disk behind them were marked before, with their object locked. */
	if (fault->mapping->object && fault->mapping->object->operations->write_pages)
		return;
	if (atomic32_fetch_or(&frame->flags, FRAME_DIRTY) & FRAME_DIRTY)
		return;
	fault->dirtied = fault->mapping->object;
	fault->dirty_index = mapping_index(fault->mapping, fault->address);
	fault->dirty_count = 1;
}

/*
 * [table] The first write since a display was told: the SHARED entries around it gain W together, so
 * that filling a screen takes few faults. Within one table, as around_install().
 */
static void mark_dirty_around(struct fault *fault)
{
	struct mapping *mapping = fault->mapping;
	vaddr_t window = ALIGN_DOWN(fault->address, AROUND_PAGES * PAGE_SIZE);
	vaddr_t start = MAX(mapping->start, window);
	vaddr_t end = MIN(mapping->end, window + AROUND_PAGES * PAGE_SIZE);
	pte_t *entry = fault->entry - ((fault->address - start) >> PAGE_SHIFT);

	for (vaddr_t at = start; at < end; at += PAGE_SIZE, entry++) {
		pte_t pte = pte_get(entry);

		if (pte_empty(pte) || pte_state(pte) != PAGE_SHARED || !pte_prot(pte))
			continue;
		atomic32_or(&frame_of(pte_frame(pte))->flags, FRAME_DIRTY);
		pte_set(entry, fault_entry_make(fault, pte_frame(pte), PAGE_SHARED, true));
	}
	fault->dirtied = mapping->object;
	fault->dirty_index = mapping_index(mapping, start);
	fault->dirty_count = (end - start) >> PAGE_SHIFT;
}

void fault_mark_dirty(struct fault *fault, struct frame *frame)
{
	if (fault->mapping->object && fault->mapping->object->shown)
		mark_dirty_around(fault);
	else
		mark_dirty(fault, frame);
}

/* [object] Show the cache's own frame, whose count for the caller becomes the entry's. */
static int fault_show_page(struct fault *fault, struct frame *frame)
{
	bool shared = fault->mapping->flags & MAPPING_SHARED, write = fault->access & FAULT_WRITE;
	enum page_state state = shared ? PAGE_SHARED : PAGE_COW;
	struct spinlock *lock = pte_lock(fault->entry);
	struct around around;

	if (shared && write && fault->mapping->object->operations->write_pages) {
		int error = object_page_make_dirty_locked(fault->mapping->object, frame);

		if (error) {
			frame_put(frame);
			return error;
		}
	}
	around_collect(fault, frame, &around);
	if (fault->mapping->prot & PAGE_EXEC)
		around_sync_icache(&around);
	spin_lock(lock);
	if (!pte_empty(pte_get(fault->entry))) {
		spin_unlock(lock);
		frame_put(frame);
		return -EAGAIN;
	}
	pte_set(fault->entry, fault_entry_make(fault, frame_number(frame), state, write));
	if (!write || fault->mapping->object->shown)
		around_install(fault, &around, state);
	if (write)
		fault_mark_dirty(fault, frame);
	spin_unlock(lock);
	tlb_flush_local(fault->address);
	return 0;
}

/* [object] First touch of a private page is a write: a copy at once. @frame's count is dropped. */
static int fault_copy_page(struct fault *fault, struct frame *frame)
{
	struct frame *copy = frame_alloc(FRAME_USER, 0);

	if (copy)
		page_copy(frame_data(copy), frame_data(frame));
	frame_put(frame);
	return copy ? fault_install_owned(fault, (pte_t){ 0 }, copy) : -ENOMEM;
}

/*
 * The object stays locked until the entry is set: a truncate comes before, and the page is past the
 * end, or after, and finds the entry.
 */
int fault_object(struct fault *fault)
{
	struct mapping *mapping = fault->mapping;
	struct memory_object *object = mapping->object;
	u64 index = mapping_index(mapping, fault->address);
	struct frame *frame;
	int error;

	mutex_lock(&object->lock);
	error = object_page_inside_locked(object, index, &frame);
	if (error)
		goto out;
	if (BROKEN(RULE_2_FAULT_LOCKS_OBJECT))
		mutex_unlock(&object->lock);
	if (frame->object != object) { /* truncated while it was read in */
		frame_put(frame);
		error = -EAGAIN;
	} else if (fault->access & FAULT_WRITE && !(mapping->flags & MAPPING_SHARED)) {
		error = fault_copy_page(fault, frame);
	} else {
		error = fault_show_page(fault, frame);
	}
	if (BROKEN(RULE_2_FAULT_LOCKS_OBJECT))
		return error;
out:
	mutex_unlock(&object->lock);
	return error;
}

bool fault_must_mark(const struct fault *fault, pte_t pte)
{
	struct memory_object *object = fault->mapping->object;

	return object && object->operations->write_pages &&
	       !(atomic32_read_acquire(&frame_of(pte_frame(pte))->flags) & FRAME_DIRTY);
}

/* Write-back takes W away under the object's lock. */
int fault_dirty_shared(struct fault *fault, pte_t pte)
{
	struct memory_object *object = fault->mapping->object;
	struct frame *frame = frame_of(pte_frame(pte));
	struct spinlock *lock = pte_lock(fault->entry);
	int error = -EAGAIN;

	mutex_lock(&object->lock);
	/* The entry still counts the frame, or else it is another one now. */
	if (pte_get(fault->entry).value == pte.value && frame->object == object)
		error = object_page_make_dirty_locked(object, frame);
	if (!error) {
		spin_lock(lock);
		if (pte_get(fault->entry).value == pte.value)
			pte_set(fault->entry,
				fault_entry_make(fault, pte_frame(pte), PAGE_SHARED, true));
		else
			error = -EAGAIN;
		spin_unlock(lock);
	}
	mutex_unlock(&object->lock);
	if (!error)
		tlb_flush_local(fault->address);
	return error;
}
