#include "hart.h"
#include "sbi.h"
#include <arch/cache.h>
#include <arch/tlb.h>
#include <debug/panic.h>
#include <mm/frame.h>
#include <sched/cpu.h>

static void flush_local_range(vaddr_t start, vaddr_t end)
{
	for (vaddr_t at = start; at < end; at += PAGE_SIZE)
		tlb_flush_local(at);
}

static void flush_remote(u64 cpus, vaddr_t start, u64 size)
{
	long error = sbi_remote_sfence(cpus, start, size);

	/* A firmware that refuses the range may still take "everything". */
	if (error)
		error = sbi_remote_sfence(cpus, 0, ~0ul);
	if (error)
		panic("the firmware refuses a remote fence: SBI error %ld", error);
}

void tlb_commit(struct tlb_batch *batch)
{
	bool all = batch->all || tlb_flushes_all;
	struct frame *table = batch->tables, *next;
	u64 cpus, self;

	assert(irq_enabled());
	if (batch->all || batch->start < batch->end) {
		/* The entries are written; now see who might hold old ones: mm-hazards 7. */
		cpus = cpumask_read(&batch->space->cpus).bits;
		self = 1ull << cpu_this()->index;
		if (cpus & self && all)
			tlb_flush_local_all();
		else if (cpus & self)
			flush_local_range(batch->start, batch->end);
		cpus &= ~self;
		if (cpus)
			flush_remote(cpus, all ? 0 : batch->start,
				     all ? ~0ul : batch->end - batch->start);
	}
	for (; table; table = next) {
		next = table->table.next;
		frame_free_table(table);
	}
	tlb_begin(batch, batch->space);
}

void icache_sync_local(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}

void icache_sync_all(void)
{
	u64 others = cpumask_read(&harts_running).bits & ~(1ull << cpu_this()->index);

	icache_sync_local();
	if (!others)
		return;
	/* fence.i orders only its own hart's stores: the others must see ours first. */
	memory_barrier();
	if (sbi_remote_fence_i(others))
		panic("the firmware refuses a remote fence.i");
}

/*
 * Where a device is not coherent, its driver uses no DMA (as on the JH7100); order is all it takes.
 */
void dma_sync_for_device(const void *data, size_t size)
{
	memory_barrier();
}

void dma_sync_for_cpu(void *data, size_t size)
{
	memory_barrier();
}
