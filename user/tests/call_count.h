#pragma once
/*
 * How many calls were made (callgrammar.c). Random calls can write wherever their process can, on Linux as well:
 * also to the memory where they are counted. So each count is kept twice, far apart, and after each round it is
 * added to the parent's own figures only where both agree.
 */
#include "check.h"
#include <sys/mman.h>

enum count_kind { COUNT_MADE, COUNT_SUCCEEDED, COUNT_KINDS };
enum { COUNT_MOST = 512, COUNT_TORN = 64 }; /* torn: threads killed between the two */

struct count_pages {
	long up[COUNT_KINDS][COUNT_MOST];
};

static struct count_pages *counts, *counts_mirror; /* of this round; the mirror counts down */
static long call_counts[COUNT_KINDS][COUNT_MOST];  /* of the rounds before, the parent's */
static long counts_spoiled;
static size_t counts_used;

CHECK_HELPER struct count_pages *count_map(uintptr_t address)
{
	/* Nowhere near what calls are given, and at no address that is a number of theirs. */
	return mmap((void *)address, sizeof(struct count_pages), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

CHECK_HELPER bool counts_make(size_t used)
{
	counts = count_map(0x1357924000);
	counts_mirror = count_map(0x2468ace000);
	counts_used = used;
	return used <= COUNT_MOST && counts != MAP_FAILED && counts_mirror != MAP_FAILED;
}

CHECK_HELPER void count_call(size_t index, enum count_kind kind)
{
	__atomic_add_fetch(&counts->up[kind][index], 1, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&counts_mirror->up[kind][index], 1, __ATOMIC_RELAXED);
}

/* All children of a round have ended. */
CHECK_HELPER void counts_fold(void)
{
	for (int kind = 0; kind < COUNT_KINDS; kind++) {
		for (size_t i = 0; i < counts_used; i++) {
			unsigned long up = counts->up[kind][i];
			unsigned long torn = up + (unsigned long)counts_mirror->up[kind][i];
			if (torn <= COUNT_TORN)
				call_counts[kind][i] += (long)up;
			else
				counts_spoiled++;
		}
	}
	memset(counts, 0, sizeof(*counts));
	memset(counts_mirror, 0, sizeof(*counts_mirror));
}

CHECK_HELPER long count_total(enum count_kind kind)
{
	long sum = 0;
	for (size_t i = 0; i < counts_used; i++)
		sum += call_counts[kind][i];
	return sum;
}
