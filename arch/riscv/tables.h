#pragma once
/* Sv39 tables: 512 entries of 8 bytes on levels 2 (root), 1 and 0. */
#include <arch/mmu.h>

enum { TABLE_ENTRIES = 512 };
#define SATP_SV39_MODE (8ul << 60)

extern pte_t kernel_root[TABLE_ENTRIES];
/* The indexes of its entries that are not empty. [const] after mmu_init() */
extern u16 kernel_entries[TABLE_ENTRIES / 2];
extern unsigned kernel_entry_count;

/* Bytes that an entry of @level maps. */
static inline u64 table_span(unsigned level)
{
	return 1ul << (PAGE_SHIFT + 9 * level);
}

static inline unsigned table_index(vaddr_t address, unsigned level)
{
	return address >> (PAGE_SHIFT + 9 * level) & (TABLE_ENTRIES - 1);
}

/* An entry that points to a table: A, D, U and the state stay 0 there. */
static inline pte_t table_entry(paddr_t table)
{
	return (pte_t){ table >> PAGE_SHIFT << PTE_FRAME_SHIFT | PTE_V };
}

static inline bool entry_is_table(pte_t entry)
{
	return (entry.value & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V;
}

static inline pte_t *table_of(pte_t entry)
{
	return direct_map(pte_frame(entry) << PAGE_SHIFT);
}
