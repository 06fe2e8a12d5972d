#pragma once
/*
 * The harts that the device tree offers, by CPU number: 0 is the boot hart. Hart ids are arbitrary
 * and have holes.
 */
#include "discover.h"
#include <arch/mmu.h>
#include <lib/cpumask.h>
#include <lib/fdt.h>

struct thread;
struct trap_frame;

struct hart {
	struct hart_description is;			    /* [const] */
	unsigned long vendor, architecture, implementation; /* [own cpu] set when it starts */

	struct mmu_space *space;  /* [own cpu] what satp holds; NULL: the kernel's tables */
	struct thread *fpu_owner; /* [own cpu] whose FPU state its registers hold */
	unsigned kernel_map_seen; /* [own cpu] kernel_map_generation at its last full flush */
};

extern struct hart harts[CPU_MAX];
extern unsigned hart_count;
extern struct cpumask harts_running;

/* From start.S: id of the boot hart and where its device tree lies. */
extern unsigned long boot_hart_id;
extern paddr_t boot_tree_address;

/* The checked device tree, or NULL. Boot CPU, from boot_memory_discover() on. */
const struct fdt *machine_tree(void);
/* Fill harts[] once. Boot CPU. */
void harts_discover(void);
/* Does every hart have @feature? */
bool harts_all_have(enum hart_feature feature);
/* Note the calling hart's identity and errata; it is in harts_running from now on. */
void hart_running(unsigned cpu);
/* Set up what is per hart in the supervisor's registers: interrupts, counters. */
void hart_init_registers(void);
/* A stop was asked for by smp_stop_others(): halts if so. */
void hart_check_stop(void);

extern u64 time_frequency; /* Hz of the time counter; set once at boot */
int timer_init_hardware(const struct fdt *tree);
int plic_init(const struct fdt *tree);
/* Claim and dispatch all that is pending on this CPU. */
void plic_interrupt(void);

/* FPU state: entry to and exit from a thread on this CPU, and the first use (true: retry). */
void fpu_switch(struct thread *from, struct thread *to);
bool fpu_first_use(struct trap_frame *frame);
/* Bring thread->fpu of the current thread up to date. */
void fpu_sync_current(void);

/*
 * Changes with each new kernel mapping; a CPU that saw an older one flushes before it relies on it.
 */
extern unsigned kernel_map_generation;
/* The entry that maps a kernel window address, for the fault handler; 0: none. */
pte_t mmu_kernel_entry(vaddr_t address);
