/*
 * Page faults. The space is held shared, so that mappings stay; the table's spinlock decides who
 * changes an entry. Other faults of the same space run beside this one, fork and unmap do not.
 *
 * An entry whose frame is replaced is first made not present, keeping frame and state, then shot
 * down on all CPUs, and only then set anew (break before make, mm-hazards). Because every change of
 * a mapping's rights changes its entries at once, an entry that is not present in a mapping that is
 * accessible says: another thread is replacing me. Whoever meets one gives way and tries again.
 */
#include <arch/cache.h>
#include <arch/time.h>
#include <arch/tlb.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/fault.h>
#include <mm/hazard.h>
#include <mm/shown.h>
#include <sched/cpu.h>

enum { SPURIOUS_LOUD = 3, SPURIOUS_PERIOD_NS = 1000000 };

void frame_sync_icache(struct frame *frame)
{
	if (atomic32_read_acquire(&frame->flags) & FRAME_ICACHE_SYNCED)
		return;
	if (!BROKEN(RULE_10_SYNC_ICACHE))
		icache_sync_all();
	atomic32_fetch_or(&frame->flags, FRAME_ICACHE_SYNCED);
}

/* The entry goes from empty, or from @expected, to @pte. False: another thread was first. */
static bool entry_install(struct fault *fault, pte_t expected, pte_t pte)
{
	struct spinlock *lock = pte_lock(fault->entry);
	bool same;

	spin_lock(lock);
	same = pte_get(fault->entry).value == expected.value || BROKEN(RULE_REPLACE_CHECKS);
	if (same)
		pte_set(fault->entry, pte);
	spin_unlock(lock);
	if (same)
		tlb_flush_local(fault->address);
	return same;
}

int fault_install_owned(struct fault *fault, pte_t expected, struct frame *frame)
{
	pte_t pte = fault_entry_make(fault, frame_number(frame), PAGE_OWNED, true);

	if (fault->mapping->prot & PAGE_EXEC)
		frame_sync_icache(frame);
	if (entry_install(fault, expected, pte))
		return 0;
	frame_free(frame, 0);
	return -EAGAIN;
}

static int fault_anonymous(struct fault *fault)
{
	struct frame *frame;

	if (!(fault->access & FAULT_WRITE)) {
		if (fault->mapping->prot & PAGE_EXEC)
			frame_sync_icache(frame_of(zero_frame_number));
		entry_install(fault, (pte_t){ 0 },
			      fault_entry_make(fault, zero_frame_number, PAGE_BORROWED, false));
		return 0;
	}
	frame = frame_alloc_zeroed(FRAME_USER);
	return frame ? fault_install_owned(fault, (pte_t){ 0 }, frame) : -ENOMEM;
}

/*
 * All that the mapping shows through this table at once: a framebuffer's pages cost nothing to have. From
 * empty to present there is nothing to shoot down.
 */
static int fault_device(struct fault *fault)
{
	struct mapping *mapping = fault->mapping;
	vaddr_t table = ALIGN_DOWN(fault->address, MMU_TABLE_SPAN);
	vaddr_t start = MAX(mapping->start, table);
	vaddr_t end = MIN(mapping->end, table + MMU_TABLE_SPAN);
	pte_t *entry = fault->entry - ((fault->address - start) >> PAGE_SHIFT);
	struct spinlock *lock = pte_lock(fault->entry);

	spin_lock(lock);
	for (vaddr_t at = start; at < end; at += PAGE_SIZE, entry++) {
		u64 frame = mapping->frame_base + ((at - mapping->start) >> PAGE_SHIFT);

		if (pte_empty(pte_get(entry)))
			pte_set(entry, fault_entry_make(fault, frame, PAGE_BORROWED, true));
	}
	spin_unlock(lock);
	tlb_flush_local(fault->address);
	return 0;
}

/* No CPU that runs the space shows the fault's page as it was. */
static void flush_page(struct fault *fault)
{
	struct tlb_batch batch;

	if (BROKEN(RULE_REPLACE_FLUSHES_ALL)) {
		tlb_flush_local(fault->address);
		return;
	}
	tlb_begin(&batch, &fault->space->mmu);
	tlb_add(&batch, fault->address);
	tlb_commit(&batch);
}

/* The count that fault_replace() holds, and the entry's unless a truncate took that. */
static void drop_replaced(struct frame *frame, bool entry)
{
	if (entry)
		frame_put(frame);
	if (!BROKEN(RULE_2_REPLACE_COUNTS))
		frame_put(frame);
}

/*
 * Give the entry, which is @old, a frame of its own. Its old frame is read here after the entry's
 * count may have gone (a truncate clears any entry), so it is held by a count of ours until the
 * shootdown is complete: it cannot come back under the same number, and nobody reads a freed frame.
 */
static int fault_replace(struct fault *fault, pte_t old)
{
	bool zero = pte_frame(old) == zero_frame_number;
	bool counted = pte_state(old) != PAGE_BORROWED; /* else: a private view of a device */
	pte_t broken = BROKEN(RULE_BREAK_BEFORE_MAKE) ? old
						      : pte_make(pte_frame(old), 0, pte_state(old));
	struct frame *from = frame_of(pte_frame(old));
	struct frame *copy = zero ? frame_alloc_zeroed(FRAME_USER) : frame_alloc(FRAME_USER, 0);
	struct spinlock *lock = pte_lock(fault->entry);
	int error;

	if (!copy)
		return -ENOMEM;
	spin_lock(lock);
	if (pte_get(fault->entry).value != old.value) {
		spin_unlock(lock);
		frame_free(copy, 0);
		return -EAGAIN;
	}
	if (counted && !BROKEN(RULE_2_REPLACE_COUNTS))
		frame_get(from);
	pte_set(fault->entry, broken);
	spin_unlock(lock);

	if (counted && BROKEN(RULE_DROP_AFTER_FLUSH))
		drop_replaced(from, true);
	if (!BROKEN(RULE_BREAK_BEFORE_MAKE))
		flush_page(fault);
	if (!zero)
		page_copy(frame_data(copy), counted ? frame_data(from) : lent_data(pte_frame(old)));
	error = fault_install_owned(fault, broken, copy);
	if (BROKEN(RULE_BREAK_BEFORE_MAKE))
		flush_page(fault);
	if (counted && !BROKEN(RULE_DROP_AFTER_FLUSH))
		drop_replaced(from, !error);
	return error;
}

static bool permits(pte_t pte, enum fault_access access)
{
	unsigned prot = pte_prot(pte);

	return access & FAULT_WRITE  ? prot & PAGE_WRITE
	       : access & FAULT_EXEC ? prot & PAGE_EXEC
				     : prot & (PAGE_READ | PAGE_WRITE);
}

/*
 * The entry permits the access already: another CPU changed it, or a TLB remembers that it was less
 * (riscv: even that it was empty). A local flush mends it; the same again and again within a moment is
 * a bug in a port or here, and says so (mm-hazards 9). Now and then it is no more than a sibling's
 * mprotect or take-over, which shoot nobody down.
 */
static int fault_spurious(struct fault *fault, pte_t pte)
{
	static struct spurious {
		struct space *space;
		struct thread *thread; /* several that waited for one page are no repeat */
		vaddr_t address;
		enum fault_access access;
		u64 pte;
		u64 since; /* ns */
		unsigned count;
	} last[CPU_MAX]; /* [own cpu] interrupts off */
	unsigned long irq = irq_save();
	struct spurious *seen = &last[cpu_this()->index];
	u64 now = time_now();
	unsigned count;

	if (now - seen->since > SPURIOUS_PERIOD_NS || seen->space != fault->space ||
	    seen->thread != thread_current() || seen->address != fault->address ||
	    seen->access != fault->access || seen->pte != pte.value)
		*seen = (struct spurious){ .space = fault->space,
					   .thread = thread_current(),
					   .address = fault->address,
					   .access = fault->access,
					   .pte = pte.value,
					   .since = now };
	count = ++seen->count;
	if (!BROKEN(RULE_9_SPURIOUS_FLUSH))
		tlb_flush_local(fault->address);
	if (count >= SPURIOUS_LOUD && !BROKEN(RULE_9_SPURIOUS_FLUSH))
		tlb_flush_local_all();
	irq_restore(irq);
	if (count == SPURIOUS_LOUD)
		log_error("mm: fault %u at %lx is not over: access %x, entry %lx", count,
			  (unsigned long)fault->address, (unsigned)fault->access,
			  (unsigned long)pte.value);
	return 0;
}

/* [table] The last holder of anonymous memory takes it over, without a shootdown (mm-hazards). */
static bool may_claim(pte_t pte)
{
	struct frame *frame = frame_of(pte_frame(pte));

	if (BROKEN(RULE_CLAIM_LAST))
		return false;
	if (BROKEN(RULE_2_CACHE_COUNTS) && frame->kind == FRAME_OBJECT)
		return frame_references(frame) == 2;
	return frame->kind == FRAME_USER && frame_references(frame) == 1;
}

/* The entry holds a frame. */
static int fault_present(struct fault *fault)
{
	struct spinlock *lock = pte_lock(fault->entry);
	bool write = fault->access & FAULT_WRITE;
	enum page_state state;
	pte_t pte;

	spin_lock(lock);
	pte = pte_get(fault->entry);
	state = pte_state(pte);
	if (pte_empty(pte) || (!pte_prot(pte) && fault->mapping->prot && !fault->force &&
			       !BROKEN(RULE_REPLACING_WAITS))) {
		spin_unlock(lock);
		return -EAGAIN; /* gone, or being replaced */
	}
	if (permits(pte, fault->access)) {
		spin_unlock(lock);
		return fault_spurious(fault, pte);
	}
	if (write && state == PAGE_COW && may_claim(pte))
		state = PAGE_OWNED;
	if (write &&
	    (state == PAGE_COW || (state == PAGE_BORROWED && !mapping_lends(fault->mapping)))) {
		spin_unlock(lock);
		return fault_replace(fault, pte);
	}
	if (write && state == PAGE_SHARED && fault_must_mark(fault, pte)) {
		spin_unlock(lock);
		return fault_dirty_shared(fault, pte);
	}
	if (write && state == PAGE_SHARED)
		fault_mark_dirty(fault, frame_of(pte_frame(pte)));
	pte_set(fault->entry, fault_entry_make(fault, pte_frame(pte), state, write));
	spin_unlock(lock);
	tlb_flush_local(fault->address);
	return 0;
}

static bool mapping_allows(const struct fault *fault)
{
	const struct mapping *mapping = fault->mapping;

	if (fault->access & FAULT_WRITE)
		return mapping->prot & PAGE_WRITE ||
		       (fault->force && !(mapping->flags & (MAPPING_SHARED | MAPPING_DEVICE)));
	if (fault->access & FAULT_EXEC)
		return mapping->prot & PAGE_EXEC;
	return mapping->prot & (PAGE_READ | PAGE_WRITE) || fault->force;
}

/* [space] The mapping is found. */
static int fault_mapped(struct fault *fault)
{
	struct mapping *mapping = fault->mapping;
	int error;

	if (!mapping_allows(fault))
		return -EACCES;
	fault->entry = mmu_walk(&fault->space->mmu, fault->address, true);
	if (!fault->entry)
		return -ENOMEM;
	fault->dirtied = NULL;
	if (!pte_empty(pte_get(fault->entry)))
		error = fault_present(fault);
	else if (mapping->flags & MAPPING_DEVICE)
		error = fault_device(fault);
	else if (mapping->object)
		error = fault_object(fault);
	else
		error = fault_anonymous(fault);
	if (fault->dirtied && fault->dirtied->operations->dirtied)
		for (u64 i = 0; i < fault->dirty_count; i++)
			fault->dirtied->operations->dirtied(fault->dirtied, fault->dirty_index + i);
	return error;
}

/* Nothing is mapped at @address: a stack above it may grow down to there. 0: try again. */
static int stack_grow(struct space *space, vaddr_t address)
{
	struct mapping *mapping, *below = NULL;
	struct rb_node *node;
	int error = -EFAULT;

	write_lock(&space->lock);
	mapping = space_mapping_from(space, address);
	if (!mapping || (mapping->start > address && !(mapping->flags & MAPPING_GROWS_DOWN)))
		goto out;
	error = 0;
	if (mapping->start <= address)
		goto out;
	node = rb_previous(&mapping->node);
	if (node)
		below = container_of(node, struct mapping, node);
	if (mapping->end - address > space->stack_limit || address < MAP_ADDRESS_MIN ||
	    (below && below->prot && !(below->flags & MAPPING_GROWS_DOWN) &&
	     address - below->end < STACK_GUARD_PAGES * PAGE_SIZE))
		error = -EFAULT;
	else
		mapping_set_range(mapping, address, mapping->end);
out:
	write_unlock(&space->lock);
	return error;
}

static int fault_once(struct fault *fault)
{
	struct space *space = fault->space;
	struct mapping *above;
	bool stack;
	int error;

	fault->stack_grown = false;
	/* A forced write changes what faults beside it take for granted: it wants to be alone. */
	if (fault->force)
		write_lock(&space->lock);
	else if (!BROKEN(RULE_FAULT_LOCKS_SPACE))
		read_lock(&space->lock);
	above = space_mapping_from(space, fault->address);
	fault->mapping = above && above->start <= fault->address ? above : NULL;
	stack = !fault->mapping && above && above->flags & MAPPING_GROWS_DOWN;
	error = fault->mapping ? fault_mapped(fault) : -EFAULT;
	if (fault->force)
		write_unlock(&space->lock);
	else if (!BROKEN(RULE_FAULT_LOCKS_SPACE))
		read_unlock(&space->lock);
	if (!stack)
		return error;
	error = stack_grow(space, fault->address);
	fault->stack_grown = !error;
	return error ? error : -EAGAIN;
}

int fault_handle(struct space *space, vaddr_t address, enum fault_access access, bool force)
{
	struct fault fault = {
		.space = space,
		.address = ALIGN_DOWN(address, PAGE_SIZE),
		.access = access,
		.force = force,
	};
	int error;

	if (address >= USER_END)
		return -EFAULT;
	while ((error = fault_once(&fault)) == -EAGAIN) {
		if (!fault.stack_grown)
			thread_yield();
	}
	return error;
}

int space_fault(struct space *space, vaddr_t address, enum fault_access access)
{
	return fault_handle(space, address, access, false);
}
