#include <arch/tlb.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/mapping.h>
#include <mm/shown.h>
#include <sched/cpu.h>

static struct lent_memory *lent; /* [atomic] only ever grows */

void lent_memory_register(struct lent_memory *memory)
{
	memory->next = read_acquire(&lent);
	while (!atomic_replace_value(&lent, &memory->next, memory))
		;
}

const void *lent_data(u64 frame)
{
	for (struct lent_memory *memory = read_acquire(&lent); memory; memory = memory->next) {
		if (frame - memory->start < memory->count)
			return memory->data + ((frame - memory->start) << PAGE_SHIFT);
	}
	BUG_ON(!frame_of(frame));
	return frame_data(frame_of(frame));
}

int shown_object_init(struct memory_object *object, u64 count,
		      const struct object_operations *operations, void **data)
{
	struct frame *first = frame_alloc_run(FRAME_OBJECT, count);
	int error = first ? 0 : -ENOMEM;

	object_init(object, operations, count << PAGE_SHIFT);
	for (u64 index = 0; !error && index < count; index++) {
		error = radix_insert(&object->pages, index, &first[index]);
		if (error)
			break;
		first[index].object = object;
		first[index].index = index;
		object->page_count++;
	}
	if (error) {
		for (u64 i = object->page_count; first && i < count; i++)
			frame_free(&first[i], 0);
		object_destroy_pages(object);
		return error;
	}
	object->shown = true;
	*data = frame_data(first);
	memset(*data, 0, count << PAGE_SHIFT);
	return 0;
}

void shown_object_discard(struct memory_object *object)
{
	object->shown = false;
	object_destroy_pages(object);
}

/* Inside one table. The mapping's rights are not ours to read here: what the entry has is kept. */
static void protect_table(struct tlb_batch *batch, pte_t *entry, vaddr_t address, vaddr_t end)
{
	struct spinlock *lock = pte_lock(entry);

	spin_lock(lock);
	for (; address < end; address += PAGE_SIZE, entry++) {
		pte_t pte = pte_get(entry);
		unsigned prot = pte_prot(pte);

		if (pte_state(pte) != PAGE_SHARED || !(prot & PAGE_WRITE))
			continue;
		pte_set(entry, pte_make(pte_frame(pte), prot & ~PAGE_WRITE, PAGE_SHARED));
		tlb_add(batch, address);
	}
	spin_unlock(lock);
}

/* [object] As mapping_zap() in object.c, whose comment says why the tables stay. */
static void protect_mapping(struct mapping *mapping, u64 first, u64 last)
{
	u64 pages = (mapping->end - mapping->start) >> PAGE_SHIFT;
	u64 from = MAX(first, mapping->offset), to = MIN(last, mapping->offset + pages - 1);
	struct mmu_space *mmu = &mapping->space->mmu;
	struct tlb_batch batch;
	vaddr_t start, end;
	pte_t *entry;

	if (from > to || !(mapping->flags & MAPPING_SHARED))
		return;
	start = mapping->start + ((from - mapping->offset) << PAGE_SHIFT);
	end = start + ((to - from + 1) << PAGE_SHIFT);
	tlb_begin(&batch, mmu);
	while (start < end && (entry = mmu_find(mmu, &start, end))) {
		vaddr_t stop = MIN(end, ALIGN_DOWN(start, MMU_TABLE_SPAN) + MMU_TABLE_SPAN);

		protect_table(&batch, entry, start, stop);
		start = stop;
	}
	tlb_commit(&batch);
}

/*
 * The flag goes first: whoever writes while the entries lose W sets it again and tells, or finds it set
 * by one who has told since.
 */
void object_clean_pages(struct memory_object *object, u64 first, u64 last)
{
	struct mapping *mapping;
	u64 index = first;
	struct frame *frame;

	mutex_lock(&object->lock);
	for (; (frame = radix_next(&object->pages, &index)) && index <= last; index++)
		atomic32_and(&frame->flags, ~(u32)FRAME_DIRTY);
	list_for_each_entry(mapping, &object->mappings, object_link)
		protect_mapping(mapping, first, last);
	mutex_unlock(&object->lock);
}
