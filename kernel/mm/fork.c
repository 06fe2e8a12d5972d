/*
 * fork: the child's entries are made one by one from the parent's (never a byte copy: mm-hazards
 * 13). The parent is held exclusively, with faults waiting, until every CPU that runs it has lost
 * its writable view; the child exists for nobody before that.
 */
#include <lib/err.h>
#include <lib/string.h>
#include <mm/batch.h>
#include <mm/hazard.h>
#include <mm/mapping.h>
#include <sched/cpu.h>

/* A device writes to this page by the parent's address: the child gets the copy (mm-hazards 5). */
static int copy_pinned(pte_t pte, pte_t *result)
{
	struct frame *copy = frame_alloc(FRAME_USER, 0);

	if (!copy)
		return -ENOMEM;
	page_copy(frame_data(copy), frame_data(frame_of(pte_frame(pte))));
	*result = pte_make(frame_number(copy), pte_prot(pte), PAGE_OWNED);
	return 0;
}

static bool is_pinned(pte_t pte)
{
	return pte_state(pte) == PAGE_OWNED && !BROKEN(RULE_5_PINNED_COPIED) &&
	       atomic32_read(&frame_of(pte_frame(pte))->flags) & FRAME_PINNED;
}

/*
 * The entries [address, end) of one table; @to are the child's. The parent's table is locked; the
 * child's need not be: only a truncate could know of it, by a mapping whose object we hold.
 */
static int fork_table(pte_t *from, pte_t *to, vaddr_t address, vaddr_t end, struct tlb_batch *batch)
{
	for (; address < end; address += PAGE_SIZE, from++, to++) {
		bool changed = false;
		pte_t pte = *from;

		if (pte_empty(pte))
			continue;
		if (unlikely(is_pinned(pte))) {
			int error = copy_pinned(pte, &pte);

			if (error)
				return error;
		} else {
			pte = ownership_fork(from, &changed);
		}
		pte_set(to, pte);
		if (changed)
			tlb_add(batch, address);
	}
	return 0;
}

/* What @mapping shows; its object, if any, is locked. */
static int fork_entries(struct space *child, struct mapping *mapping, struct tlb_batch *batch)
{
	struct mmu_space *parent = &mapping->space->mmu;
	vaddr_t start = mapping->start;
	pte_t *from, *to;

	while (start < mapping->end && (from = mmu_find(parent, &start, mapping->end))) {
		vaddr_t table_end = ALIGN_DOWN(start, MMU_TABLE_SPAN) + MMU_TABLE_SPAN;
		vaddr_t stop = MIN(mapping->end, table_end);
		struct spinlock *lock = pte_lock(from);
		int error;

		to = mmu_walk(&child->mmu, start, true);
		if (!to)
			return -ENOMEM;
		if (BROKEN(RULE_13_TABLES_START_EMPTY))
			page_copy(frame_data(frame_of_data(to)), frame_data(frame_of_data(from)));
		spin_lock(lock);
		error = fork_table(from, to, start, stop, batch);
		spin_unlock(lock);
		if (error)
			return error;
		start = stop;
		schedule_if_needed();
	}
	return 0;
}

/* The mapping goes to the right of all that the child has. */
static void insert_last(struct space *child, struct mapping *mapping)
{
	struct rb_node *last = rb_last(&child->mappings);

	rb_insert_at(&child->mappings, &mapping->node, last,
		     last ? &last->right : &child->mappings.top);
	child->mapping_count++;
	child->pages_mapped += (mapping->end - mapping->start) >> PAGE_SHIFT;
}

/*
 * The object is locked from the moment that the child's mapping is on its list until the entries
 * are copied: a truncate that had passed the child's mapping while it was empty would leave what is
 * copied afterwards.
 */
static int fork_mapping(struct space *child, struct mapping *mapping, struct tlb_batch *batch)
{
	struct memory_object *object = mapping->object;
	struct mapping *copy = mapping_create(mapping);
	int error = 0;

	if (!copy)
		return -ENOMEM;
	copy->space = child;
	copy->flags &= ~MAPPING_LOCKED;
	insert_last(child, copy);
	if (object) {
		mutex_lock(&object->lock);
		list_add_tail(&object->mappings, &copy->object_link);
	}
	if (object && BROKEN(RULE_2_FORK_LOCKS_OBJECT)) {
		mutex_unlock(&object->lock);
		object = NULL;
	}
	if (!(mapping->flags & MAPPING_WIPE_ON_FORK))
		error = fork_entries(child, mapping, batch);
	if (object)
		mutex_unlock(&object->lock);
	return error;
}

static void copy_layout(struct space *child, struct space *parent)
{
	child->brk_start = parent->brk_start;
	child->brk = parent->brk;
	child->map_top = parent->map_top;
	child->stack_top = parent->stack_top;
	child->stack_limit = parent->stack_limit;
	child->argument_start = parent->argument_start;
	child->argument_end = parent->argument_end;
	child->environment_start = parent->environment_start;
	child->environment_end = parent->environment_end;
	child->code_start = parent->code_start;
	child->code_end = parent->code_end;
	child->data_start = parent->data_start;
	child->data_end = parent->data_end;
	child->vdso = parent->vdso;
	memcpy(child->auxv, parent->auxv, sizeof(child->auxv));
	child->executable = parent->executable;
	if (child->executable)
		mapping_file_hooks.get(child->executable);
}

struct space *space_fork(struct space *parent)
{
	struct space *child = space_allocate();
	struct mapping *mapping;
	struct tlb_batch batch;
	int error = 0;

	if (!child)
		return ERR_PTR(-ENOMEM);
	write_lock(&parent->lock);
	copy_layout(child, parent);
	tlb_begin(&batch, &parent->mmu);
	mapping = space_mapping_from(parent, 0);
	for (; mapping && !error; mapping = mapping_next(mapping)) {
		if (!(mapping->flags & MAPPING_DONT_FORK))
			error = fork_mapping(child, mapping, &batch);
	}
	/* All CPUs of the parent, before anyone may write again and before the child starts. */
	if (BROKEN(RULE_CHILD_AFTER_FLUSH) && !error)
		space_publish(child);
	if (BROKEN(RULE_FORK_FLUSH_LOCKED))
		write_unlock(&parent->lock);
	if (BROKEN(RULE_FORK_FLUSHES_ALL))
		tlb_flush_local_all();
	else
		tlb_commit(&batch);
	if (!BROKEN(RULE_FORK_FLUSH_LOCKED))
		write_unlock(&parent->lock);
	if (error) {
		/* What the parent lent it takes back page by page, when it writes. */
		space_teardown(child);
		space_put(child);
		return ERR_PTR(error);
	}
	if (!BROKEN(RULE_CHILD_AFTER_FLUSH))
		space_publish(child);
	return child;
}
