#pragma once
/* Some hart has erratum CIP-1200: sfence.vma with an address does not flush reliably. */
extern bool tlb_flushes_all;

static inline void tlb_flush_local_all(void)
{
	__asm__ volatile("sfence.vma" : : : "memory");
}

static inline void tlb_flush_local(vaddr_t address)
{
	if (unlikely(tlb_flushes_all))
		tlb_flush_local_all();
	else
		__asm__ volatile("sfence.vma %0, zero" : : "r"(address) : "memory");
}
