#pragma once
/*
 * Sv39 (Privileged spec 4.4). A present leaf: bits 53:10 frame, 9:8 enum page_state, D A G U X W R
 * V. A kept but not present one has V = 0 and KEPT set in place of all of those, so it is never 0.
 */
enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };
#define MMU_TABLE_SPAN (512ul * PAGE_SIZE)
#define USER_START     0x10000ul
#define USER_END       0x4000000000ul

/* The kernel's half; see arch/riscv/README.md. */
#define DIRECT_MAP_BASE	   0xffffffc000000000ul
#define DIRECT_MAP_SIZE	   (128ul << 30)
#define DEVICE_WINDOW_BASE 0xffffffe000000000ul
#define STACK_WINDOW_BASE  0xfffffff000000000ul
#define WINDOW_SIZE	   (1ul << 30)
#define KERNEL_IMAGE_BASE  0xffffffff80000000ul

enum {
	PTE_V = 1 << 0,
	PTE_R = 1 << 1,
	PTE_W = 1 << 2,
	PTE_X = 1 << 3,
	PTE_U = 1 << 4,
	PTE_G = 1 << 5,
	PTE_A = 1 << 6,
	PTE_D = 1 << 7,
	PTE_KEPT = PTE_G, /* only where V = 0 */
	PTE_STATE_SHIFT = 8,
	PTE_FRAME_SHIFT = 10,
};
#define PTE_FRAME_MASK ((1ul << 44) - 1)

struct mmu_space {
	struct cpumask cpus;
	pte_t *root;
};

/* Where the image lies; set before the first C function. */
extern paddr_t kernel_image_physical;

static inline pte_t pte_make(u64 frame, unsigned prot, enum page_state state)
{
	u64 value = frame << PTE_FRAME_SHIFT | (u64)state << PTE_STATE_SHIFT;

	if (!(prot & (PAGE_READ | PAGE_WRITE | PAGE_EXEC)))
		return (pte_t){ value | PTE_KEPT };
	value |= PTE_V | PTE_A;
	if (prot & PAGE_WRITE)
		value |= PTE_R | PTE_W | PTE_D;
	if (prot & PAGE_READ)
		value |= PTE_R;
	if (prot & PAGE_EXEC)
		value |= PTE_X;
	if (prot & PAGE_USER)
		value |= PTE_U;
	return (pte_t){ value };
}

static inline bool pte_empty(pte_t pte)
{
	return pte.value == 0;
}

static inline u64 pte_frame(pte_t pte)
{
	return pte.value >> PTE_FRAME_SHIFT & PTE_FRAME_MASK;
}

static inline unsigned pte_prot(pte_t pte)
{
	unsigned prot = pte.value >> 1 & (PAGE_READ | PAGE_WRITE | PAGE_EXEC | PAGE_USER);

	static_assert(PTE_R >> 1 == PAGE_READ && PTE_W >> 1 == PAGE_WRITE &&
			      PTE_X >> 1 == PAGE_EXEC && PTE_U >> 1 == PAGE_USER,
		      "one shift decodes");
	return pte.value & PTE_V ? prot : 0;
}

static inline enum page_state pte_state(pte_t pte)
{
	return (enum page_state)(pte.value >> PTE_STATE_SHIFT & 3);
}

static inline pte_t pte_get(const pte_t *entry)
{
	return (pte_t){ __atomic_load_n(&entry->value, __ATOMIC_ACQUIRE) };
}

static inline void pte_set(pte_t *entry, pte_t pte)
{
	__atomic_store_n(&entry->value, pte.value, __ATOMIC_RELEASE);
}

static inline bool pte_cas(pte_t *entry, pte_t expected, pte_t pte)
{
	return __atomic_compare_exchange_n(&entry->value, &expected.value, pte.value, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline void *direct_map(paddr_t address)
{
	return (void *)(address + DIRECT_MAP_BASE);
}

/* Takes addresses in the kernel image as well. */
static inline paddr_t direct_unmap(const void *pointer)
{
	vaddr_t address = (vaddr_t)pointer;

	if (address >= KERNEL_IMAGE_BASE)
		return address - KERNEL_IMAGE_BASE + kernel_image_physical;
	return address - DIRECT_MAP_BASE;
}
