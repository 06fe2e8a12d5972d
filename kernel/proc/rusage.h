#pragma once
/* getrusage(2): struct rusage of the 64-bit ABI. */
#include <lib/types.h>

struct process;

struct resource_usage {
	struct {
		s64 seconds, microseconds;
	} user_time, system_time;
	s64 max_resident; /* KiB */
	s64 unused[3];	  /* Linux fills them with 0 too */
	s64 minor_faults, major_faults, swaps;
	s64 blocks_in, blocks_out, messages_sent, messages_received, signals;
	s64 voluntary_switches, involuntary_switches;
};

enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };

struct usage_counts;
/* From times in ns and @counts, as wait4(2) has them. */
void rusage_from(u64 user, u64 system, const struct usage_counts *counts,
		 struct resource_usage *usage);
/* getrusage(2) of the current process: 0 or -EINVAL. */
int rusage_current(int who, struct resource_usage *usage);
