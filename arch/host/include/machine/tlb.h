#pragma once

void host_tlb_flush(unsigned cpu, vaddr_t start, vaddr_t end);
unsigned host_cpu(void);

static inline void tlb_flush_local(vaddr_t address)
{
	address = ALIGN_DOWN(address, PAGE_SIZE);
	host_tlb_flush(host_cpu(), address, address + PAGE_SIZE);
}

static inline void tlb_flush_local_all(void)
{
	host_tlb_flush(host_cpu(), 0, USER_END);
}
