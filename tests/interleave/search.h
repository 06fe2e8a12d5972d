#pragma once
/* Through all interleavings of a scenario. */
#include "machine.h"

struct scenario {
	const char *name, *what;
	void (*set_up)(void);
	void (*check_end)(void); /* NULL: nothing more than memory_finish() */
	bool fine;		 /* inside of locks and atomics too */
};

struct search_limits {
	int preemptions; /* per run; -1: any number */
	double seconds;	 /* of CPU time, so that a busy host changes nothing */
	u64 states;
};

struct search_result {
	bool found, complete;
	u64 states, steps, runs; /* different states; steps done; runs that came to their end */
	unsigned length;	 /* of the counterexample, steps */
	double seconds;
};

/* Once, before the base is saved: a pointer that is restored with it must not change. */
void search_make(void);
/* From the scenario's set-up, with broken_rule broken. */
struct search_result search(const struct scenario *scenario, const struct search_limits *limits);
/* The counterexample of the last search, step by step. */
void search_print_trace(void);
