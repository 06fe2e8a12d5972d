#pragma once
/* Looking through page tables, most of whose entries are empty. */
#include <arch/mmu.h>
#include <lib/atomic.h>

/*
 * The first entry of [entry, end) that is not empty, or @end; several are read at a time. The reads
 * are relaxed: without the table's lock the caller reads what it found again by pte_get().
 */
static inline pte_t *table_skip_empty(pte_t *entry, pte_t *end)
{
	if (entry < end && READ_ONCE(entry->value))
		return entry;
	for (; end - entry >= 8; entry += 8) {
		if (READ_ONCE(entry[0].value) | READ_ONCE(entry[1].value) |
		    READ_ONCE(entry[2].value) | READ_ONCE(entry[3].value) |
		    READ_ONCE(entry[4].value) | READ_ONCE(entry[5].value) |
		    READ_ONCE(entry[6].value) | READ_ONCE(entry[7].value))
			break;
	}
	while (entry < end && !READ_ONCE(entry->value))
		entry++;
	return entry;
}
