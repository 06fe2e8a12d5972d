#pragma once
/*
 * One benchmark row is a function that does its operation @count times; the whole call is timed. Under
 * `-icount shift=0` one ns is one guest instruction.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
	const char *name;
	const char *unit; /* what one operation is, when not "call" */
	unsigned count;	  /* operations in one measurement */
	void (*run)(unsigned count);
	void (*prepare)(void); /* not timed; may be NULL */
	void (*finish)(void);  /* not timed; may be NULL */
};

extern const struct row call_rows[], file_rows[], memory_rows[], process_rows[], switch_rows[];

uint64_t now_ns(void);

/* Set by a row's prepare() when the kernel lacks what the row measures: the row is left out. */
extern const char *row_missing;

/* ns of the running measurement that are not to count; run() adds to it. */
extern uint64_t row_untimed;

/* A failed operation makes every figure worthless: say which and stop. */
#define MUST(expression)                                                                           \
	({                                                                                         \
		long result_ = (long)(expression);                                                 \
		if (result_ < 0) {                                                                 \
			perror(#expression);                                                       \
			exit(1);                                                                   \
		}                                                                                  \
		result_;                                                                           \
	})
