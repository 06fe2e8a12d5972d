/* CPUs with TLBs that forget nothing by themselves, and the accesses of user mode. */
#include "host.h"
#include <arch/cache.h>
#include <arch/tlb.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/hazard.h>
#include <mm/space.h>
#include <sched/cpu.h>

enum { TLB_ENTRIES = 64, ICACHE_ENTRIES = 4, FAULTS_MAX = 12 };

struct tlb_entry {
	vaddr_t page;
	pte_t pte; /* 0: not valid */
};

static struct host_cpu {
	struct thread thread;
	struct mmu_space *space;
	struct tlb_entry tlb[TLB_ENTRIES];
	unsigned used; /* no valid entry is above */
	unsigned next; /* to be pushed out */
	struct {
		u64 frame; /* + 1 */
		u8 byte;
	} icache[ICACHE_ENTRIES]; /* first bytes of pages that were fetched */
} host_cpus[HOST_CPUS];

struct thread *host_thread;
bool host_interrupts_off;
vaddr_t host_prefetch;
unsigned (*host_step)(enum host_step_kind kind, const void *object);
u64 host_faults, host_shootdowns, host_icache_syncs;

unsigned host_cpu(void)
{
	return host_thread->cpu->index;
}

void host_run_on(unsigned cpu)
{
	struct thread *thread = &host_cpus[cpu].thread;

	thread->cpu = &cpus[cpu];
	cpus[cpu].index = cpu;
	cpus[cpu].current = thread;
	host_thread = thread;
}

struct mmu_space *host_space(void)
{
	return host_cpus[host_cpu()].space;
}

static bool permits(pte_t pte, enum fault_access access)
{
	unsigned needed = access == FAULT_WRITE	 ? PAGE_WRITE
			  : access == FAULT_EXEC ? PAGE_EXEC
						 : PAGE_READ;

	return pte_prot(pte) & needed;
}

static struct tlb_entry *find(struct host_cpu *cpu, vaddr_t page)
{
	for (unsigned i = 0; i < cpu->used; i++) {
		if (!pte_empty(cpu->tlb[i].pte) && cpu->tlb[i].page == page)
			return &cpu->tlb[i];
	}
	return NULL;
}

/* What the walker finds, remembered; NULL when it is not present, which is not. */
static struct tlb_entry *fill(struct host_cpu *cpu, vaddr_t page)
{
	pte_t *entry = mmu_walk(cpu->space, page, false);
	struct tlb_entry *victim = cpu->tlb;

	if (!entry || !pte_prot(*entry))
		return NULL;
	while (victim < cpu->tlb + cpu->used && !pte_empty(victim->pte))
		victim++;
	if (victim == cpu->tlb + TLB_ENTRIES)
		victim = &cpu->tlb[cpu->next++ % TLB_ENTRIES];
	else if (victim == cpu->tlb + cpu->used)
		cpu->used++;
	*victim = (struct tlb_entry){ .page = page, .pte = *entry };
	return victim;
}

/* User mode never meets a frame that is free, or that has become something else. */
static void check_frame(pte_t pte, enum fault_access access)
{
	struct frame *frame = frame_of(pte_frame(pte));

	if (pte_state(pte) == PAGE_BORROWED) {
		if (pte_frame(pte) == zero_frame_number && access == FAULT_WRITE)
			panic("the page of zeros is written");
	} else if (frame->kind < FRAME_USER) {
		panic("frame %lx is used after it was freed", (unsigned long)pte_frame(pte));
	}
}

void mmu_switch(struct mmu_space *space)
{
	unsigned cpu = host_cpu();
	struct host_cpu *this = &host_cpus[cpu];

	host_at(HOST_SWITCH, space);
	if (space && !BROKEN(RULE_7_CPU_SET))
		cpumask_set(&space->cpus, cpu);
	host_tlb_flush(cpu, 0, USER_END);
	if (this->space && this->space != space)
		cpumask_clear(&this->space->cpus, cpu);
	this->space = space;
	this->thread.mmu = space;
	if (space && host_prefetch) {
		host_at(HOST_SWITCH, space);
		fill(this, host_prefetch);
	}
	if (space && BROKEN(RULE_7_CPU_SET)) {
		host_at(HOST_SWITCH, space);
		cpumask_set(&space->cpus, cpu);
	}
}

void host_tlb_flush(unsigned cpu, vaddr_t start, vaddr_t end)
{
	struct host_cpu *this = &host_cpus[cpu];

	for (unsigned i = 0; i < this->used; i++) {
		struct tlb_entry *entry = &this->tlb[i];

		if (entry->page >= start && entry->page < end)
			*entry = (struct tlb_entry){ 0 };
	}
	while (this->used && pte_empty(this->tlb[this->used - 1].pte))
		this->used--;
}

void host_tlb_drop(unsigned which)
{
	host_cpus[host_cpu()].tlb[which % TLB_ENTRIES] = (struct tlb_entry){ 0 };
}

pte_t host_tlb_entry(unsigned cpu, unsigned which, vaddr_t *page)
{
	const struct tlb_entry *entry = &host_cpus[cpu].tlb[which];

	if (which >= host_cpus[cpu].used)
		return (pte_t){ 0 };
	*page = entry->page;
	return entry->pte;
}

unsigned host_tlb_used(unsigned cpu)
{
	return host_cpus[cpu].used;
}

bool host_tlb_stale(unsigned cpu, vaddr_t address)
{
	const struct tlb_entry *entry = find(&host_cpus[cpu], ALIGN_DOWN(address, PAGE_SIZE));
	pte_t *now;

	if (!entry)
		return false;
	now = mmu_walk(host_cpus[cpu].space, entry->page, false);
	return !now || now->value != entry->pte.value;
}

void tlb_commit(struct tlb_batch *batch)
{
	struct frame *table = batch->tables, *next;
	struct cpumask targets = cpumask_read(&batch->space->cpus);
	unsigned cpu;

	BUG_ON(!irq_enabled());
	if (batch->all || batch->start < batch->end) {
		host_shootdowns++;
		cpumask_for_each(cpu, &targets) {
			if (cpu != host_cpu())
				host_at(HOST_FLUSH, (void *)(uintptr_t)cpu);
			host_tlb_flush(cpu, batch->all ? 0 : batch->start,
				       batch->all ? USER_END : batch->end);
		}
	}
	for (; table; table = next) {
		next = table->table.next;
		frame_free_table(table);
	}
	tlb_begin(batch, batch->space);
}

static void icache_clear(unsigned cpu)
{
	memset(host_cpus[cpu].icache, 0, sizeof(host_cpus[cpu].icache));
}

void icache_sync_local(void)
{
	icache_clear(host_cpu());
}

void icache_sync_all(void)
{
	BUG_ON(!irq_enabled());
	host_icache_syncs++;
	for (unsigned cpu = 0; cpu < HOST_CPUS; cpu++)
		icache_clear(cpu);
}

void dma_sync_for_device(const void *data, size_t size)
{
}

void dma_sync_for_cpu(void *data, size_t size)
{
}

/* The byte at @address for @access, after as many faults as it takes; NULL: *@error. */
static u8 *translate(vaddr_t address, enum fault_access access, int *error)
{
	struct host_cpu *cpu = &host_cpus[host_cpu()];
	vaddr_t page = ALIGN_DOWN(address, PAGE_SIZE);
	unsigned faults = 0;

	*error = -EFAULT;
	while (address < USER_END) {
		bool drop = host_at(HOST_ACCESS, (void *)address);
		struct tlb_entry *entry = find(cpu, page);

		if (entry && drop)
			*entry = (struct tlb_entry){ 0 };
		if (!entry || drop) {
			/* With steps, what the walker has read may be old when it is used. */
			entry = fill(cpu, page);
			if (entry && host_step)
				continue;
		}
		if (entry && permits(entry->pte, access)) {
			check_frame(entry->pte, access);
			*error = 0;
			return (u8 *)direct_map(pte_frame(entry->pte) << PAGE_SHIFT) +
			       address % PAGE_SIZE;
		}
		host_faults++;
		if (++faults == FAULTS_MAX)
			panic("the fault at %lx is never over", (unsigned long)address);
		*error = space_fault(container_of(cpu->space, struct space, mmu), address, access);
		if (*error)
			return NULL;
	}
	return NULL;
}

int host_load(vaddr_t from, void *to, size_t size)
{
	int error = 0;

	for (size_t i = 0; i < size && !error; i++) {
		const u8 *byte = translate(from + i, FAULT_READ, &error);

		if (byte)
			((u8 *)to)[i] = *byte;
	}
	return error;
}

int host_store(vaddr_t to, const void *from, size_t size)
{
	int error = 0;

	for (size_t i = 0; i < size && !error; i++) {
		u8 *byte = translate(to + i, FAULT_WRITE, &error);

		if (byte)
			*byte = ((const u8 *)from)[i];
	}
	return error;
}

int host_fetch(vaddr_t from)
{
	u8 byte;

	return host_fetch_byte(from, &byte);
}

int host_fetch_byte(vaddr_t from, u8 *byte)
{
	struct host_cpu *cpu = &host_cpus[host_cpu()];
	int error = 0;
	u8 *data = translate(from, FAULT_EXEC, &error);
	unsigned i = 0;
	u64 frame;

	if (!data)
		return error;
	frame = (direct_unmap(data) >> PAGE_SHIFT) + 1;
	while (i < ICACHE_ENTRIES && cpu->icache[i].frame && cpu->icache[i].frame != frame)
		i++;
	i %= ICACHE_ENTRIES;
	if (cpu->icache[i].frame != frame) {
		cpu->icache[i].frame = frame;
		cpu->icache[i].byte = *data;
	}
	*byte = cpu->icache[i].byte;
	return 0;
}
