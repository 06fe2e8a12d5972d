#pragma once
/*
 * The tree of mappings of a space, inside kernel/mm. Unless said otherwise the space is held
 * exclusively. Structures that leave the tree go to a list of the caller's, released once the
 * space's lock is dropped: only then may a file be put.
 */
#include <mm/hazard.h>
#include <mm/ownership.h>
#include <mm/space.h>

enum { MAPPING_COUNT_MAX = 65530, STACK_GUARD_PAGES = 256 };
enum { PROT_ALL = PAGE_READ | PAGE_WRITE | PAGE_EXEC };
#define MAP_ADDRESS_MIN MAX((vaddr_t)65536, (vaddr_t)USER_START) /* mmap_min_addr */

/* A copy of @like in no tree, with its own references to object and file; NULL: out of memory. */
struct mapping *mapping_create(const struct mapping *like);
/* Put into the tree, which has room there, and on the object's list. */
void mapping_insert(struct space *space, struct mapping *mapping);
/* Out of the tree, off the object's list, onto @dead. Its entries are the caller's affair. */
void mapping_remove(struct mapping *mapping, struct list_node *dead);
/* Free a list of removed mappings. No locks held. May sleep. */
void mapping_release(struct list_node *dead);
/* Move the ends, keeping what each address shows. */
void mapping_set_range(struct mapping *mapping, vaddr_t start, vaddr_t end);
/* Split at @address, inside: @mapping keeps the lower part. The upper part, or NULL: no memory. */
struct mapping *mapping_split(struct mapping *mapping, vaddr_t address);
/* Join with equal neighbours; the survivor. */
struct mapping *mapping_merge(struct mapping *mapping, struct list_node *dead);
/*
 * Split at both ends of [start, end), so that every mapping is inside or outside. -ENOMEM: it is all
 * as before.
 */
int mapping_isolate(struct space *space, vaddr_t start, vaddr_t end, struct list_node *dead);
/* Cut @mapping down to [start, end) in place: the part in it. NULL: out of memory. */
struct mapping *mapping_cut(struct mapping *mapping, vaddr_t start, vaddr_t end,
			    struct list_node *dead);

/* The mapping that holds @address, or NULL. Lock in any mode. */
struct mapping *mapping_at(struct space *space, vaddr_t address);
/* Where a mapping of @length bytes fits, as high as possible; 0: nowhere. */
vaddr_t mapping_find_gap(struct space *space, u64 length);
/* Nothing is mapped in [start, end), nor a stack so close above that its guard would be. */
bool mapping_range_free(struct space *space, vaddr_t start, vaddr_t end);

/* The page of the object that @address shows. */
static inline u64 mapping_index(const struct mapping *mapping, vaddr_t address)
{
	return mapping->offset + ((address - mapping->start) >> PAGE_SHIFT);
}

/* Its BORROWED frames are written in place; all others' are copied at the first write. */
static inline bool mapping_lends(const struct mapping *mapping)
{
	return (mapping->flags & (MAPPING_DEVICE | MAPPING_SHARED)) ==
	       (MAPPING_DEVICE | MAPPING_SHARED);
}

/*
 * What the hardware may allow for an entry of @mapping with @state over @frame. W implies R before
 * W is taken away, else the entry of a write-only mapping would look like one that is being
 * replaced.
 */
static inline unsigned mapping_entry_prot(const struct mapping *mapping, u64 frame,
					  enum page_state state, bool dirty)
{
	unsigned prot = mapping->prot;
	bool device = mapping->flags & MAPPING_DEVICE;

	if (prot & PAGE_WRITE)
		prot |= PAGE_READ;
	if (state == PAGE_BORROWED && !mapping_lends(mapping) && !BROKEN(RULE_3_ZERO_PAGE))
		prot &= ~PAGE_WRITE; /* the zero page (mm-hazards 3), or a private view */
	prot = ownership_prot(state, prot, dirty);
	return device && prot && !frame_of(frame) ? prot | PAGE_DEVICE : prot;
}

/* [address, address + length) rounded outwards to pages is inside user space: its end, else 0. */
static inline vaddr_t range_end(vaddr_t address, u64 length)
{
	if (address > USER_END || length > USER_END - address)
		return 0;
	return ALIGN_UP(address + length, PAGE_SIZE);
}

/* mm/map.c: unmap [start, end). -ENOMEM: nothing has changed. */
int unmap_locked(struct space *space, vaddr_t start, vaddr_t end, struct list_node *dead);
/* mm/fault.c: as space_fault(); @force: write into private mappings without PROT_WRITE. */
int fault_handle(struct space *space, vaddr_t address, enum fault_access access, bool force);
/* mm/residence.c: fault in [start, end) as mlock(2) does. No locks held. First error of a page. */
int space_populate(struct space *space, vaddr_t start, vaddr_t end);
/* mm/space.c: an empty space that space_for_each() does not show yet, and showing it. */
struct space *space_allocate(void);
void space_publish(struct space *space);
/* mm/space.c: take away all mappings and pages. No lock held; no CPU runs the space. */
void space_teardown(struct space *space);
/* mm/fault.c: all CPUs will fetch what @frame holds now (mm-hazards 10). No spinlock held. */
void frame_sync_icache(struct frame *frame);
