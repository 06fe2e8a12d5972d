/*
 * The kernel's half, the same in all spaces. Its root entries are complete after mmu_init(): the
 * two windows get their second-level tables there, so that no root has to follow a change.
 */
#include "hart.h"
#include "sbi.h"
#include "tables.h"
#include <arch/mmu.h>
#include <arch/tlb.h>
#include <boot/memory.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <mm/frame.h>
#include <sched/cpu.h>

enum {
	KERNEL_R = PTE_V | PTE_R | PTE_A,
	KERNEL_RX = KERNEL_R | PTE_X,
	KERNEL_RW = KERNEL_R | PTE_W | PTE_D,
};

extern char _text[], _etext[], _erodata[], _data[], _end[];
extern char boot_stack_guard[], boot_stack[];

pte_t kernel_root[TABLE_ENTRIES] __aligned_to(4096);
u16 kernel_entries[TABLE_ENTRIES / 2];
unsigned kernel_entry_count;
unsigned kernel_map_generation;

static struct spinlock window_lock = SPINLOCK_INIT(RANK_NONE);
static vaddr_t device_next = DEVICE_WINDOW_BASE; /* [window_lock] */

static paddr_t boot_table(void)
{
	return boot_memory_allocate(PAGE_SIZE);
}

/* Before the frame allocator: map with the largest pages that the alignments allow. */
static void map_boot(vaddr_t address, paddr_t physical, u64 size, u64 flags)
{
	while (size) {
		unsigned level = 2;
		pte_t *table = kernel_root;

		while (level &&
		       ((address | physical) & (table_span(level) - 1) || size < table_span(level)))
			level--;
		for (unsigned at = 2; at > level; at--) {
			pte_t *entry = &table[table_index(address, at)];

			if (pte_empty(*entry))
				*entry = table_entry(boot_table());
			table = table_of(*entry);
		}
		table[table_index(address, level)].value =
			physical >> PAGE_SHIFT << PTE_FRAME_SHIFT | flags;
		address += table_span(level);
		physical += table_span(level);
		size -= table_span(level);
	}
}

/* [start, end) of RAM; what holds the image's text and constants has no writable alias. */
static void map_direct(paddr_t start, paddr_t end)
{
	paddr_t constant = direct_unmap(_text), constant_end = direct_unmap(_erodata);

	while (start < end) {
		bool inside = start >= constant && start < constant_end;
		paddr_t stop = end;

		if (inside)
			stop = MIN(end, constant_end);
		else if (start < constant)
			stop = MIN(end, constant);
		map_boot((vaddr_t)direct_map(start), start, stop - start,
			 inside ? KERNEL_R : KERNEL_RW);
		start = stop;
	}
}

static void map_bank(const struct memory_range *bank)
{
	paddr_t start = bank->start, end = MIN(bank->end, DIRECT_MAP_SIZE);

	for (unsigned i = 0; i < boot_memory.reserved_count && start < end; i++) {
		const struct memory_range *hole = &boot_memory.reserved[i];

		if (!hole->no_map || hole->end <= start || hole->start >= end)
			continue;
		if (hole->start > start)
			map_direct(start, hole->start);
		start = hole->end;
	}
	if (start < end)
		map_direct(start, end);
}

static void map_image(const char *start, const char *end, u64 flags)
{
	map_boot((vaddr_t)start, direct_unmap(start), end - start, flags);
}

void mmu_init(void)
{
	for (unsigned i = 0; i < boot_memory.bank_count; i++)
		map_bank(&boot_memory.banks[i]);
	map_image(_text, _etext, KERNEL_RX);
	map_image(_etext, _erodata, KERNEL_R);
	map_image(_data, boot_stack_guard, KERNEL_RW);
	map_image(boot_stack, _end, KERNEL_RW);
	kernel_root[table_index(DEVICE_WINDOW_BASE, 2)] = table_entry(boot_table());
	kernel_root[table_index(STACK_WINDOW_BASE, 2)] = table_entry(boot_table());
	/* Consoles are mapped before there are frames. */
	table_of(kernel_root[table_index(DEVICE_WINDOW_BASE, 2)])[0] = table_entry(boot_table());
	for (unsigned i = TABLE_ENTRIES / 2; i < TABLE_ENTRIES; i++) {
		if (!pte_empty(kernel_root[i]))
			kernel_entries[kernel_entry_count++] = i;
	}

	csr_write(satp, SATP_SV39_MODE | direct_unmap(kernel_root) >> PAGE_SHIFT);
	tlb_flush_local_all();
}

pte_t mmu_kernel_entry(vaddr_t address)
{
	pte_t entry = pte_get(&kernel_root[table_index(address, 2)]);

	for (unsigned level = 1; entry_is_table(entry); level--) {
		entry = pte_get(&table_of(entry)[table_index(address, level)]);
		if (!level)
			break;
	}
	return entry;
}

/* The entry of @level for a window's address; NULL: no frame for a table, or a larger page. */
static pte_t *window_entry(vaddr_t address, unsigned level)
{
	pte_t *entry = &kernel_root[table_index(address, 2)];

	for (unsigned below = 1;; below--) {
		pte_t value = pte_get(entry);

		if (pte_empty(value)) {
			struct frame *frame = frame_alloc_table();

			if (!frame)
				return NULL;
			value = table_entry(frame_address(frame));
			if (!pte_cas(entry, (pte_t){ 0 }, value)) {
				frame_free_table(frame);
				value = pte_get(entry);
			}
		}
		if (!entry_is_table(value))
			return NULL;
		entry = &table_of(value)[table_index(address, below)];
		if (below == level)
			return entry;
	}
}

/* Other CPUs flush when they switch threads or fault (hart.h). */
static void window_changed(void)
{
	__atomic_fetch_add(&kernel_map_generation, 1, __ATOMIC_SEQ_CST);
	tlb_flush_local_all();
}

int mmu_map_kernel(vaddr_t address, u64 frame, unsigned prot)
{
	bool present = prot & (PAGE_READ | PAGE_WRITE | PAGE_EXEC);
	pte_t *entry = window_entry(address, 0);

	if (!entry)
		return -ENOMEM;
	pte_set(entry, present ? pte_make(frame, prot & ~PAGE_USER, PAGE_BORROWED) : (pte_t){ 0 });
	if (present)
		window_changed();
	return 0;
}

void mmu_kernel_fence(void)
{
	u64 others = cpumask_read(&harts_running).bits & ~(1ull << cpu_this()->index);
	long error;

	window_changed();
	error = sbi_remote_sfence(others, 0, ~0ul);
	BUG_ON(error);
}

vaddr_t mmu_stack_window(size_t *size)
{
	*size = WINDOW_SIZE;
	return STACK_WINDOW_BASE;
}

/*
 * Addresses for @size bytes, in step with @address for 2 MiB pages where these pay; 0: none left.
 */
static vaddr_t device_reserve(paddr_t address, u64 size)
{
	unsigned long state = spin_lock_irqsave(&window_lock);
	vaddr_t at = device_next;

	if (size >= table_span(1))
		at = ALIGN_UP(at, table_span(1)) + (address & (table_span(1) - 1));
	if (size > DEVICE_WINDOW_BASE + WINDOW_SIZE - at)
		at = 0;
	else
		device_next = at + size;
	spin_unlock_irqrestore(&window_lock, state);
	return at;
}

void *mmu_map_device(paddr_t address, size_t size)
{
	paddr_t start = ALIGN_DOWN(address, PAGE_SIZE);
	u64 length = ALIGN_UP(address + size, PAGE_SIZE) - start;
	vaddr_t base, at;

	if (!size || address + size < address || length > WINDOW_SIZE)
		return NULL;
	base = device_reserve(start, length);
	if (!base)
		return NULL;
	for (at = base; length;) {
		bool large = !((at | start) & (table_span(1) - 1)) && length >= table_span(1);
		u64 span = table_span(large);
		pte_t *entry = window_entry(at, large);

		if (!entry)
			return NULL;
		pte_set(entry, pte_make(start >> PAGE_SHIFT, PAGE_READ | PAGE_WRITE | PAGE_DEVICE,
					PAGE_BORROWED));
		at += span;
		start += span;
		length -= span;
	}
	window_changed();
	return (void *)(base + (address & (PAGE_SIZE - 1)));
}
