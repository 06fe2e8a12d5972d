#pragma once
/*
 * The machine: simulated CPUs with one thread each, which run one at a time from step to step. All
 * of its state is memory: the kernel's variables, the RAM, the stacks and struct machine. So it can
 * be saved, compared and restored as a whole (state.h).
 */
#include <debug/panic.h>
#include <mm/frame.h>
#include <mm/hazard.h>
#include <mm/space.h>
#include <sched/cpu.h>

#include "../../arch/host/host.h"

enum { THREADS = HOST_CPUS, SPACES = 4, OBJECTS = 2, PAGES = 8 };
enum { STACK_SIZE = 64 << 10 };

/* What a thread is about to do; those of the port come first. */
enum step_kind {
	STEP_START = HOST_KINDS,
	STEP_LOCK,   /* a spinlock: waits until it is free */
	STEP_MUTEX,  /* or rwlock: goes to sleep by STEP_BLOCK */
	STEP_ATOMIC, /* a count, or any other atomic word */
	STEP_COPY,   /* a page */
	STEP_BLOCK,  /* asleep until woken */
	STEP_YIELD,  /* until another thread does something */
	STEP_WAIT,   /* for a word of the scenario to become non-zero */
	STEP_DONE,
};

struct machine_thread {
	void (*body)(void); /* NULL: no such thread */
	void (*run)(void);  /* the scenario's part */
	void *stack_pointer;
	u32 kind; /* enum step_kind, or of the port */
	const void *object;
	const void *place;   /* in the code */
	u32 option;	     /* of the step, for the thread to see */
	u32 spinlocks;	     /* held */
	bool irq_off, stuck; /* stuck: yielded, and nobody else has moved */
	bool dormant;	     /* a child that is not there yet */
	bool signalled;	     /* an interruptible sleep of it ends at any time */
	bool interruptible;  /* its present sleep */
	bool child;	     /* enters its space itself */
	unsigned space;	     /* in machine.spaces */
	const char *doing;   /* the call, for the trace */
	u32 doing_page;
};

/* The values that a page may have, as user mode sees it: bit n, the value n. (memory.h) */
struct page {
	u32 values;
	u32 during;	/* stored since change_begin() */
	u8 changing;	/* calls that change the page are on their way */
	u8 object;	/* number of the memory object + 1; 0: anonymous */
	u8 index;	/* in the object */
	u8 twin;	/* page + 1 that may show the same frame: mremap is on its way */
	u8 read, write; /* enum right */
	bool cow;	/* private page of an object that nobody wrote yet */
};
enum right { MUST, MAY, NEVER };

struct machine_space {
	struct space *space;
	u32 threads; /* in it */
	struct page pages[PAGES];
};

struct machine {
	struct machine_thread threads[THREADS];
	struct machine_space spaces[SPACES];
	struct memory_object *objects[OBJECTS];
	struct page object_pages[OBJECTS][PAGES];
	u8 generations[OBJECTS];
	struct frame *pinned;
	u8 disk[PAGES];
	struct fork {
		bool active;
		u32 parent, child;
		u32 thread;		  /* of the child; THREADS: it has none */
		u32 values[PAGES];	  /* that the child may find */
		struct page pages[PAGES]; /* of the parent, at the start */
	} forks[THREADS];		  /* by the forking thread */
	u32 flags[4];			  /* of the scenario, for wait_for() */
	u32 spins;			  /* rounds in which nobody did more than yield */
	u64 level_frames, level_objects;  /* in use before the scenario's set-up */
};

extern struct machine machine;
/* Which thread runs; -1: the searcher. */
int machine_current(void);
static inline struct machine_thread *self(void)
{
	return &machine.threads[machine_current()];
}

/* Once: RAM, frames, slabs, and the stacks. */
void machine_boot(void);
/* Thread @number, on the CPU of that number, will run @body in space @space. */
void machine_thread(unsigned number, void (*body)(void), unsigned space);
/* How many ways thread @number can go on: 0: it waits. Else options 0 … n - 1 of its step. */
unsigned machine_options(unsigned number);
/* Let it do its next step, up to the place before the one after. False: violation_text() says why. */
bool machine_step(unsigned number, unsigned option);
/* Call @check outside of any step; false: it ended in a violation. */
bool machine_guard(void (*check)(void));
/* Are all threads done? */
bool machine_finished(void);
/* Every lock's and atomic's inside is a step too: for scenarios about locks. */
extern bool *machine_fine;

/* A step of the harness itself. */
unsigned step(enum step_kind kind, const void *object);
/* Wrong: ends the run. Anywhere. */
__noreturn __printf(1, 2) void violation(const char *format, ...);
const char *violation_text(void);
