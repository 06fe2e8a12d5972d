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
#include <mm/table.h>
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

static __force_inline bool is_pinned(const struct frame_bank *bank, pte_t pte)
{
	return pte_state(pte) == PAGE_OWNED && !BROKEN(RULE_5_PINNED_COPIED) &&
	       atomic32_read(&frame_of_in(bank, pte_frame(pte))->flags) & FRAME_PINNED;
}

/* A fork on its way, and the last pair of tables that it copied between. */
struct fork {
	struct space *parent, *child;
	struct tlb_batch batch; /* of the parent */
	vaddr_t table_start;	/* of the pair; FORK_NO_TABLE: none yet */
	pte_t *from, *to;	/* their first entries */
};
#define FORK_NO_TABLE (~(vaddr_t)0)

/* Moves *@start on to the first leaf table of the parent in [*start, end); 0: none, or -ENOMEM. */
static int fork_tables(struct fork *fork, vaddr_t *start, vaddr_t end)
{
	vaddr_t offset = *start % MMU_TABLE_SPAN;

	if (*start - offset == fork->table_start)
		return 1;
	fork->from = mmu_find(&fork->parent->mmu, start, end);
	if (!fork->from)
		return 0;
	fork->to = mmu_walk(&fork->child->mmu, *start, true);
	if (!fork->to)
		return -ENOMEM;
	if (BROKEN(RULE_13_TABLES_START_EMPTY))
		page_copy(frame_data(frame_of_data(fork->to)),
			  frame_data(frame_of_data(fork->from)));
	offset = *start % MMU_TABLE_SPAN;
	fork->table_start = *start - offset;
	fork->from -= offset >> PAGE_SHIFT;
	fork->to -= offset >> PAGE_SHIFT;
	return 1;
}

/*
 * The entries [start, end) of the pair of tables. The parent's table is locked; the child's need not
 * be: only a truncate could know of it, by a mapping whose object we hold.
 */
static int fork_entries(struct fork *fork, vaddr_t start, vaddr_t end)
{
	pte_t *first = fork->from + ((start - fork->table_start) >> PAGE_SHIFT);
	pte_t *stop = first + ((end - start) >> PAGE_SHIFT);
	s64 to_child = fork->to - fork->from;
	const struct frame_bank bank = frame_banks[0];

	for (pte_t *from = first; (from = table_skip_empty(from, stop)) < stop; from++) {
		bool narrowed = false;
		pte_t pte = *from;

		if (unlikely(is_pinned(&bank, pte))) {
			int error = copy_pinned(pte, &pte);

			if (error)
				return error;
		} else {
			pte = ownership_fork(&bank, from, pte, &narrowed);
		}
		from[to_child] = pte;
		if (narrowed)
			tlb_add(&fork->batch, start + ((u64)(from - first) << PAGE_SHIFT));
	}
	return 0;
}

/* What @mapping shows; its object, if any, is locked. */
static int fork_pages(struct fork *fork, const struct mapping *mapping)
{
	vaddr_t start = mapping->start;
	int found = 1;

	while (start < mapping->end && (found = fork_tables(fork, &start, mapping->end)) > 0) {
		vaddr_t stop = MIN(mapping->end, fork->table_start + MMU_TABLE_SPAN);
		struct spinlock *lock = pte_lock(fork->from);
		int error;

		spin_lock(lock);
		error = fork_entries(fork, start, stop);
		spin_unlock(lock);
		if (error)
			return error;
		start = stop;
		schedule_if_needed();
	}
	return MIN(found, 0);
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
static int fork_mapping(struct fork *fork, struct mapping *mapping)
{
	struct memory_object *object = mapping->object;
	struct mapping *copy = mapping_create(mapping);
	int error = 0;

	if (!copy)
		return -ENOMEM;
	copy->space = fork->child;
	copy->flags &= ~MAPPING_LOCKED;
	insert_last(fork->child, copy);
	if (object) {
		mutex_lock(&object->lock);
		list_add_tail(&object->mappings, &copy->object_link);
	}
	if (object && BROKEN(RULE_2_FORK_LOCKS_OBJECT)) {
		mutex_unlock(&object->lock);
		object = NULL;
	}
	if (!(mapping->flags & MAPPING_WIPE_ON_FORK))
		error = fork_pages(fork, mapping);
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
	struct fork fork = { .parent = parent, .child = child, .table_start = FORK_NO_TABLE };
	struct mapping *mapping;
	int error = 0;

	if (!child)
		return ERR_PTR(-ENOMEM);
	write_lock(&parent->lock);
	copy_layout(child, parent);
	tlb_begin(&fork.batch, &parent->mmu);
	mapping = space_mapping_from(parent, 0);
	for (; mapping && !error; mapping = mapping_next(mapping)) {
		if (!(mapping->flags & MAPPING_DONT_FORK))
			error = fork_mapping(&fork, mapping);
	}
	/* All CPUs of the parent, before anyone may write again and before the child starts. */
	if (BROKEN(RULE_CHILD_AFTER_FLUSH) && !error)
		space_publish(child);
	if (BROKEN(RULE_FORK_FLUSH_LOCKED))
		write_unlock(&parent->lock);
	if (BROKEN(RULE_FORK_FLUSHES_ALL))
		tlb_flush_local_all();
	else
		tlb_commit(&fork.batch);
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
