#pragma once
/* The page of data in front of the vDSO's text: ../vdso.c, ../time.c and ../hwprobe.c write it. */
#include <stdint.h>

enum { VDSO_TIME_SHIFT = 32, VDSO_PROBE_KEYS = 10 };

struct vdso_data {
	uint32_t sequence; /* odd: being written */
	uint64_t boot_ticks;
	uint64_t multiplier;	 /* ns per tick, times 2^VDSO_TIME_SHIFT */
	int64_t realtime_offset; /* ns: CLOCK_REALTIME − CLOCK_MONOTONIC */
	uint64_t
		probe[VDSO_PROBE_KEYS]; /* what all CPUs have in common, by key; set once at boot */
};

/* In the kernel: the page. */
struct vdso_data *vdso_time_data(void);

static inline uint64_t vdso_scale(uint64_t ticks, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)ticks * multiplier >> VDSO_TIME_SHIFT);
}
