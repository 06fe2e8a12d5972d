#pragma once
/* What a test does with the simulated machine. */
#include <arch/mmu.h>
#include <arch/tlb.h>
#include <arch/trap.h>

enum { HOST_CPUS = 4 };

/* RAM in banks, as the device tree would tell: sets up boot_memory. Once per program. */
struct host_bank {
	paddr_t start, size;
};
void host_ram_init(const struct host_bank *banks, unsigned count);

/* From now on CPU @cpu runs, as it was left. Its number is host_cpu(). */
void host_run_on(unsigned cpu);
/* The space that this CPU runs; NULL: none. */
struct mmu_space *host_space(void);

/*
 * User-mode accesses on the current CPU in its current space, byte by byte through its TLB, with
 * faults resolved by space_fault(). 0 or the error of the fault at the first byte that failed.
 */
int host_load(vaddr_t from, void *to, size_t size);
int host_store(vaddr_t to, const void *from, size_t size);
/* An instruction fetch of one byte. */
int host_fetch(vaddr_t from);
/* The byte that is fetched: a page's first one, as this CPU's instruction cache has it. */
int host_fetch_byte(vaddr_t from, u8 *byte);
/* Drop one entry of this CPU's TLB, as hardware may at any time. */
void host_tlb_drop(unsigned which);
/* Look into @cpu's TLB: entries 0 … used - 1, empty ones among them; and is its entry an old one? */
unsigned host_tlb_used(unsigned cpu);
pte_t host_tlb_entry(unsigned cpu, unsigned which, vaddr_t *page);
bool host_tlb_stale(unsigned cpu, vaddr_t address);
/* Each CPU reads the entry of this page ahead as soon as it runs a space; 0: none does. */
extern vaddr_t host_prefetch;

/* Counters since the start. */
extern u64 host_faults, host_shootdowns, host_icache_syncs;
