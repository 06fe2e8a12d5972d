#pragma once
/*
 * Address spaces: a tree of mappings over page tables whose entries say who owns each frame
 * (mm/ownership.h). Faults hold the space's lock shared and the page table's spinlock around the entry;
 * whatever changes mappings or forks holds it exclusively, until its shootdown is complete.
 * Order: space → object → page table.
 */
#include <arch/mmu.h>
#include <arch/trap.h>
#include <lib/atomic.h>
#include <lib/rbtree.h>
#include <mm/object.h>
#include <sched/lock.h>
#include <sched/thread.h>

struct file; /* fs's; opaque here */

enum mapping_flags {
	MAPPING_SHARED = 1 << 0,     /* MAP_SHARED: entries SHARED; else private: COW and OWNED */
	MAPPING_GROWS_DOWN = 1 << 1, /* the stack */
	MAPPING_DEVICE = 1 << 2,     /* BORROWED frames from frame_base on; object is NULL */
	MAPPING_LOCKED = 1 << 3,     /* mlock */
	MAPPING_NO_RESERVE = 1 << 4,
	MAPPING_DONT_FORK = 1 << 5,    /* MADV_DONTFORK */
	MAPPING_WIPE_ON_FORK = 1 << 6, /* MADV_WIPEONFORK */
	MAPPING_NO_EXPAND = 1 << 7,    /* vDSO: mprotect and merge leave it alone */
	MAPPING_BRK = 1 << 8,	       /* the heap, named so in /proc/PID/maps */
};

struct mapping {
	struct rb_node node; /* [space] */
	vaddr_t start, end;  /* [space] bytes, page-aligned, half open */
	unsigned prot;	     /* [space] PAGE_READ | PAGE_WRITE | PAGE_EXEC */
	unsigned prot_max;   /* [const] what mprotect may give (shared file opened read-only) */
	unsigned flags;	     /* [space] enum mapping_flags */
	struct space *space; /* [const] */
	struct memory_object *object; /* [const] counted, or NULL: anonymous private, or device */
	u64 offset;		      /* [space and object] page index of start in the object */
	u64 frame_base;		      /* [const] device: frame of start */
	struct file *file;	      /* [const] counted through mapping_file_hooks, or NULL */
	const char *name;	      /* [const] "[vdso]", "[stack]": static; or NULL */
	struct list_node object_link; /* [object] */
};

struct space {
	struct mmu_space mmu;
	struct rwlock lock;	    /* RANK_SPACE */
	struct rb_root mappings;    /* [space] by start */
	unsigned mapping_count;	    /* [space] limit 65530: ENOMEM */
	struct atomic32 references; /* processes and transient users */
	struct atomic32 users;	    /* processes: 0 starts the teardown */
	u64 pages_mapped;	    /* [space] sum of the mappings, for RLIMIT_AS and statm */
	u64 pages_locked;	    /* [space] */
	bool lock_future;	    /* [space; atomic read] mlockall(MCL_FUTURE) */

	vaddr_t brk_start, brk; /* [space] */
	vaddr_t map_top;	/* [const after exec] mmap searches downwards from here */
	vaddr_t stack_top;	/* [const after exec] */
	u64 stack_limit;	/* [space] RLIMIT_STACK at exec, bytes */
	vaddr_t argument_start, argument_end, environment_start, environment_end; /* [space] */
	vaddr_t code_start, code_end, data_start, data_end; /* [const after exec] */
	vaddr_t vdso;		 /* [const after exec] address of its ELF header */
	u64 auxv[2 * 24];	 /* [const after exec] for /proc/PID/auxv */
	struct file *executable; /* [const after exec] counted, or NULL */

	struct list_node all_link; /* [all-spaces lock] */
	/* No gap of gap_length bytes is in [gap_limit, map_top); gap_length 0: not known. */
	vaddr_t gap_limit; /* [space] */
	u64 gap_length;	   /* [space] */
};

/* fs tells at boot how to count a struct file; mm never looks inside. put may sleep, lock-free. */
struct mapping_file_hooks {
	void (*get)(struct file *file);
	void (*put)(struct file *file);
	int (*sync)(struct file *file); /* msync(MS_SYNC): 0 or -EIO; NULL: nothing to write back */
};
extern struct mapping_file_hooks mapping_file_hooks;

/* An empty space, references and users 1. NULL: out of memory. */
struct space *space_create(void);
static inline void space_get(struct space *space)
{
	atomic32_inc(&space->references);
}
void space_put(struct space *space);
/* A process leaves the space; the last one frees all pages (no CPU runs it any more). May sleep. */
void space_leave(struct space *space);
/* The space of the current thread, or NULL. */
static inline struct space *space_current(void)
{
	struct mmu_space *mmu = thread_current()->mmu;

	return mmu ? container_of(mmu, struct space, mmu) : NULL;
}
/* A copy for fork(2), copy-on-write. -ENOMEM leaves the parent intact. May sleep. ERR_PTR. */
struct space *space_fork(struct space *parent);

struct map_request {
	vaddr_t address;	 /* hint, or the place when @fixed */
	u64 length;		 /* bytes, > 0; rounded up to pages */
	unsigned prot, prot_max; /* prot_max 0: all */
	unsigned flags;		 /* enum mapping_flags */
	bool fixed;		 /* exactly at address, unmapping what is there */
	bool no_replace;	 /* with fixed: -EEXIST instead of unmapping */
	bool populate;
	struct memory_object *object; /* the mapping takes its own reference; NULL: anonymous */
	u64 offset;		      /* in pages */
	u64 frame_base;		      /* MAPPING_DEVICE */
	struct file *file;
	const char *name;
	u64 limit_pages; /* RLIMIT_AS in pages, ~0: none */
};
/* mmap(2): the address, or -ENOMEM, -EINVAL, -EEXIST, -EAGAIN. May sleep. */
s64 space_map(struct space *space, const struct map_request *request);
/* munmap(2), mprotect(2), madvise(2), msync(2), mincore(2), mlock(2): 0 or -errno as there. */
int space_unmap(struct space *space, vaddr_t address, u64 length);
int space_protect(struct space *space, vaddr_t address, u64 length, unsigned prot);
int space_advise(struct space *space, vaddr_t address, u64 length, int advice);
int space_sync(struct space *space, vaddr_t address, u64 length, int flags);
int space_resident(struct space *space, vaddr_t address, u64 length, vaddr_t vector);
int space_lock_pages(struct space *space, vaddr_t address, u64 length, bool lock, u64 limit_pages);
/* mlockall(2): what is mapped, or will be; munlockall(2): both false. 0, -ENOMEM. May sleep. */
int space_lock_all(struct space *space, bool current_pages, bool future, u64 limit_pages);
/* mremap(2): address or -errno. */
s64 space_remap(struct space *space, vaddr_t old_address, u64 old_length, u64 new_length, int flags,
		vaddr_t new_address, u64 limit_pages);
/* brk(2): the new break, or the old one when it cannot be had. @limit: RLIMIT_DATA, bytes. */
vaddr_t space_set_brk(struct space *space, vaddr_t brk, u64 limit);

/*
 * Make @access at @address possible. 0; -EFAULT (nothing mapped: SEGV_MAPERR), -EACCES (SEGV_ACCERR),
 * -ENXIO (past the end of the object: SIGBUS BUS_ADRERR), -EIO (SIGBUS), -ENOMEM. Sleeps.
 */
int space_fault(struct space *space, vaddr_t address, enum fault_access access);
/*
 * Copy between the kernel and another space (exec's stack, process_vm_readv, ptrace). @force: break
 * write protection of private pages (hazard 4). Bytes copied; when none -EFAULT or -ENOMEM. Sleeps.
 */
ssize_t space_read(struct space *space, vaddr_t from, void *to, size_t size);
/* Reads what the program itself may not: PROT_NONE. */
ssize_t space_read_forced(struct space *space, vaddr_t from, void *to, size_t size);
ssize_t space_write(struct space *space, vaddr_t to, const void *from, size_t size, bool force);

/* What a futex sleeps on: see mm-hazards 6. object is counted for shared keys, else NULL. */
struct futex_key {
	u64 base;   /* object id, or the space's address */
	u64 offset; /* byte in the object, or the user address */
	struct memory_object *object;
};
/* -EFAULT: not mapped. May sleep. */
int space_futex_key(vaddr_t address, bool shared, struct futex_key *key);

/* The mapping that holds @address or the next above; NULL. Space lock held in any mode. */
struct mapping *space_mapping_from(struct space *space, vaddr_t address);
static inline struct mapping *mapping_next(struct mapping *mapping)
{
	struct rb_node *next = rb_next(&mapping->node);

	return next ? container_of(next, struct mapping, node) : NULL;
}
/* Number of live spaces; visit each, with a reference held; the visitor may sleep. */
u64 space_count(void);
void space_for_each(void (*visit)(struct space *space, void *context), void *context);
