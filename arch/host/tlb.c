/* CPUs with TLBs that forget nothing by themselves, and the accesses of user mode. */
#include "host.h"
#include <arch/cache.h>
#include <arch/tlb.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <mm/frame.h>
#include <mm/space.h>
#include <sched/cpu.h>

enum { TLB_ENTRIES = 64, FAULTS_MAX = 100 };

struct tlb_entry {
	bool valid;
	vaddr_t page;
	pte_t pte;
};

static struct host_cpu {
	struct thread thread;
	struct mmu_space *space;
	struct tlb_entry tlb[TLB_ENTRIES];
	unsigned next;
} host_cpus[HOST_CPUS];

struct thread *host_thread;
bool host_interrupts_off;
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

void mmu_switch(struct mmu_space *space)
{
	unsigned cpu = host_cpu();
	struct host_cpu *this = &host_cpus[cpu];

	if (space)
		cpumask_set(&space->cpus, cpu);
	host_tlb_flush(cpu, 0, USER_END);
	if (this->space && this->space != space)
		cpumask_clear(&this->space->cpus, cpu);
	this->space = space;
	this->thread.mmu = space;
}

void host_tlb_flush(unsigned cpu, vaddr_t start, vaddr_t end)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++) {
		struct tlb_entry *entry = &host_cpus[cpu].tlb[i];

		if (entry->page >= start && entry->page < end)
			entry->valid = false;
	}
}

void host_tlb_drop(unsigned which)
{
	host_cpus[host_cpu()].tlb[which % TLB_ENTRIES].valid = false;
}

void tlb_commit(struct tlb_batch *batch)
{
	struct frame *table = batch->tables, *next;
	struct cpumask targets = cpumask_read(&batch->space->cpus);
	unsigned cpu;

	BUG_ON(!irq_enabled());
	if (batch->all || batch->start < batch->end) {
		host_shootdowns++;
		cpumask_for_each(cpu, &targets)
			host_tlb_flush(cpu, batch->all ? 0 : batch->start,
				       batch->all ? USER_END : batch->end);
	}
	for (; table; table = next) {
		next = table->table.next;
		frame_free_table(table);
	}
	tlb_begin(batch, batch->space);
}

void icache_sync_local(void)
{
}

void icache_sync_all(void)
{
	BUG_ON(!irq_enabled());
	host_icache_syncs++;
}

void dma_sync_for_device(const void *data, size_t size)
{
}

void dma_sync_for_cpu(void *data, size_t size)
{
}

static bool permits(pte_t pte, enum fault_access access)
{
	unsigned needed = access == FAULT_WRITE	 ? PAGE_WRITE
			  : access == FAULT_EXEC ? PAGE_EXEC
						 : PAGE_READ;

	return pte_prot(pte) & needed;
}

/* The entry that the hardware uses for @page: an old one as long as the TLB has it. */
static pte_t lookup(struct host_cpu *cpu, vaddr_t page)
{
	struct tlb_entry *victim;
	pte_t *entry;

	for (unsigned i = 0; i < TLB_ENTRIES; i++) {
		if (cpu->tlb[i].valid && cpu->tlb[i].page == page)
			return cpu->tlb[i].pte;
	}
	entry = mmu_walk(cpu->space, page, false);
	if (!entry || !pte_prot(*entry))
		return (pte_t){ 0 };
	victim = &cpu->tlb[cpu->next++ % TLB_ENTRIES];
	*victim = (struct tlb_entry){ .valid = true, .page = page, .pte = *entry };
	return *entry;
}

/* The byte at @address for @access, after as many faults as it takes; NULL: *@error. */
static u8 *translate(vaddr_t address, enum fault_access access, int *error)
{
	struct host_cpu *cpu = &host_cpus[host_cpu()];
	vaddr_t page = ALIGN_DOWN(address, PAGE_SIZE);

	*error = -EFAULT;
	for (unsigned tries = 0; address < USER_END && tries < FAULTS_MAX; tries++) {
		pte_t pte = lookup(cpu, page);

		if (permits(pte, access)) {
			*error = 0;
			return (u8 *)direct_map(pte_frame(pte) << PAGE_SHIFT) + address % PAGE_SIZE;
		}
		host_faults++;
		*error = space_fault(container_of(cpu->space, struct space, mmu), address, access);
		if (*error)
			return NULL;
	}
	BUG_ON(address < USER_END);
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
	int error = 0;

	translate(from, FAULT_EXEC, &error);
	return error;
}
