#pragma once
/*
 * Page tables. A port encodes and decodes entries; what an entry means (ownership, copy-on-write)
 * is decided in kernel/mm alone. <machine/mmu.h> supplies the inline bodies, struct mmu_space and:
 * PAGE_SHIFT, PAGE_SIZE, USER_START, USER_END, MMU_TABLE_SPAN (bytes that a leaf table covers).
 */
#include <lib/cpumask.h>
#include <lib/types.h>

/* Who owns the frame of a leaf entry: design.md 3 and kernel/mm/README.md. */
enum page_state { PAGE_BORROWED, PAGE_OWNED, PAGE_SHARED, PAGE_COW };

/* What the hardware allows. Write implies read. None of READ/WRITE/EXEC: kept but not present. */
enum page_prot { PAGE_READ = 1, PAGE_WRITE = 2, PAGE_EXEC = 4, PAGE_USER = 8, PAGE_DEVICE = 16 };

typedef struct {
	u64 value;
} pte_t;
struct mmu_space; /* .cpus: struct cpumask of the CPUs that run it, kept by mmu_switch() */
struct tlb_batch;

/* Entries. A is preset, D = W at creation, so the walker never writes (mm-hazards 11). */
static inline pte_t pte_make(u64 frame, unsigned prot, enum page_state state);
static inline bool pte_empty(pte_t pte); /* the whole entry is 0 */
static inline u64 pte_frame(pte_t pte);
static inline unsigned pte_prot(pte_t pte); /* enum page_prot bits; 0 when not present */
static inline enum page_state pte_state(pte_t pte);
static inline pte_t pte_get(const pte_t *entry);     /* atomic, acquire */
static inline void pte_set(pte_t *entry, pte_t pte); /* atomic, release */
static inline bool pte_cas(pte_t *entry, pte_t expected, pte_t pte);

/* Direct map of all RAM: physical address to kernel pointer and back. */
static inline void *direct_map(paddr_t address);
static inline paddr_t direct_unmap(const void *pointer);

/* A user space whose kernel half is the kernel's. -ENOMEM. */
int mmu_space_init(struct mmu_space *space);
/* Free all tables. Every user entry is empty, no CPU runs the space. */
void mmu_space_destroy(struct mmu_space *space);
/*
 * The leaf entry of @address; missing tables are made when @create (atomically, so any number of
 * CPUs may walk at once). NULL: no table, or out of memory. Space lock held in any mode.
 */
pte_t *mmu_walk(struct mmu_space *space, vaddr_t address, bool create);
/*
 * The first address in [*address, end) whose leaf table exists: updates *address, returns its entry
 * (its neighbours are contiguous up to the next multiple of MMU_TABLE_SPAN), or NULL.
 */
pte_t *mmu_find(struct mmu_space *space, vaddr_t *address, vaddr_t end);
/*
 * Unlink the tables wholly inside [start, end), all of whose entries are empty, and give their
 * frames to @batch, freed at commit. Space lock held exclusively.
 */
void mmu_free_tables(struct mmu_space *space, vaddr_t start, vaddr_t end, struct tlb_batch *batch);
/* Run @space (NULL: the kernel's tables only) on this CPU. Interrupts off. Order: mm-hazards 7. */
void mmu_switch(struct mmu_space *space);

/* Build the final kernel tables from boot_memory (kernel/boot/memory.h) and switch to them. */
void mmu_init(void);
/* Map device registers for ever; NULL when out of space. [address, address + size) any alignment. */
void *mmu_map_device(paddr_t address, size_t size);
/* A window of kernel address space for stacks with guards. */
vaddr_t mmu_stack_window(size_t *size);
/* Map one page there; @prot 0: clear its entry, which CPUs may remember until the fence. -ENOMEM. */
int mmu_map_kernel(vaddr_t address, u64 frame, unsigned prot);
/* On return no CPU remembers a cleared entry. Interrupts on, no spinlock held. */
void mmu_kernel_fence(void);

#include <machine/mmu.h>
