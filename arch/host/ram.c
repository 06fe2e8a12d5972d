/* RAM, and what kernel/boot would say of it. */
#include "host.h"
#include <arch/mmu.h>
#include <boot/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define WINDOW_SIZE (16ull << 30)

unsigned char *host_ram;
struct boot_memory boot_memory;

void host_ram_init(const struct host_bank *banks, unsigned count)
{
	void *ram = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ram == MAP_FAILED) {
		perror("host RAM");
		exit(EXIT_FAILURE);
	}
	host_ram = ram;
	boot_memory.bank_count = count;
	for (unsigned i = 0; i < count; i++)
		boot_memory.banks[i] = (struct memory_range){
			.start = banks[i].start,
			.end = banks[i].start + banks[i].size,
		};
}

/* From the top of the highest bank downwards. */
paddr_t boot_memory_allocate(size_t size)
{
	struct memory_range *bank = &boot_memory.banks[boot_memory.bank_count - 1];
	struct memory_range *taken = &boot_memory.reserved[0];
	paddr_t top = boot_memory.reserved_count ? taken->start : bank->end;

	boot_memory.reserved_count = 1;
	taken->start = top - ALIGN_UP(size, PAGE_SIZE);
	taken->end = bank->end;
	return taken->start;
}

void boot_memory_each_free(void (*visit)(paddr_t start, paddr_t end))
{
	for (unsigned i = 0; i < boot_memory.bank_count; i++) {
		const struct memory_range *bank = &boot_memory.banks[i];
		bool last = i == boot_memory.bank_count - 1 && boot_memory.reserved_count;

		visit(bank->start, last ? boot_memory.reserved[0].start : bank->end);
	}
}
