#pragma once
#include <machine/step.h>
/*
 * Entries: frame in bits 63:12, state in 9:8, PTE_USED and the rights of enum page_prot below.
 * Unlike RISC-V's on purpose. A table entry is PTE_USED | frame.
 */
enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };
#define MMU_TABLE_SPAN (512ul * PAGE_SIZE)
#define USER_START     0x10000ul
#define USER_END       0x4000000000ul

enum { PTE_STATE_SHIFT = 8, PTE_USED = 1 << 6 };

struct mmu_space {
	struct cpumask cpus;
	pte_t *root;
};

extern unsigned char *host_ram; /* physical address 0 */

static inline pte_t pte_make(u64 frame, unsigned prot, enum page_state state)
{
	if (!(prot & (PAGE_READ | PAGE_WRITE | PAGE_EXEC)))
		prot = 0;
	if (prot & PAGE_WRITE)
		prot |= PAGE_READ;
	return (pte_t){ frame << PAGE_SHIFT | (u64)state << PTE_STATE_SHIFT | PTE_USED | prot };
}

static inline bool pte_empty(pte_t pte)
{
	return pte.value == 0;
}

static inline u64 pte_frame(pte_t pte)
{
	return pte.value >> PAGE_SHIFT;
}

static inline unsigned pte_prot(pte_t pte)
{
	return pte.value & 0x1f;
}

static inline enum page_state pte_state(pte_t pte)
{
	return (enum page_state)(pte.value >> PTE_STATE_SHIFT & 3);
}

static inline pte_t pte_get(const pte_t *entry)
{
	host_at(HOST_ENTRY_READ, entry);
	return (pte_t){ __atomic_load_n(&entry->value, __ATOMIC_ACQUIRE) };
}

static inline void pte_set(pte_t *entry, pte_t pte)
{
	host_at(HOST_ENTRY_WRITE, entry);
	__atomic_store_n(&entry->value, pte.value, __ATOMIC_RELEASE);
}

static inline bool pte_cas(pte_t *entry, pte_t expected, pte_t pte)
{
	host_at(HOST_ENTRY_WRITE, entry);
	return __atomic_compare_exchange_n(&entry->value, &expected.value, pte.value, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline void *direct_map(paddr_t address)
{
	return host_ram + address;
}

static inline paddr_t direct_unmap(const void *pointer)
{
	return (paddr_t)((const unsigned char *)pointer - host_ram);
}
