#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/string.h>
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

/*
 * The flag goes first: whoever writes while the entries lose W sets it again and tells, or finds it
 * set by one who has told since.
 */
void object_clean_pages(struct memory_object *object, u64 first, u64 last)
{
	u64 index = first;
	struct frame *frame;

	mutex_lock(&object->lock);
	for (; (frame = radix_next(&object->pages, &index)) && index <= last; index++)
		atomic32_and(&frame->flags, ~(u32)FRAME_DIRTY);
	object_write_protect_locked(object, first, last);
	mutex_unlock(&object->lock);
}
