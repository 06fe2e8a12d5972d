#pragma once
/* The page of time data in front of the vDSO's text: ../vdso.c and ../time.c write it. */
#include <stdint.h>

enum { VDSO_TIME_SHIFT = 32 };

struct vdso_data {
	uint32_t sequence; /* odd: being written */
	uint64_t boot_ticks;
	uint64_t multiplier;	 /* ns per tick, times 2^VDSO_TIME_SHIFT */
	int64_t realtime_offset; /* ns: CLOCK_REALTIME − CLOCK_MONOTONIC */
};

/* In the kernel: the page. */
struct vdso_data *vdso_time_data(void);

static inline uint64_t vdso_scale(uint64_t ticks, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)ticks * multiplier >> VDSO_TIME_SHIFT);
}
