#pragma once
/* The clocks of clock_gettime(2) and those that measure CPU time: clock_getcpuclockid(3). */
#include <lib/types.h>

struct id;

enum {
	CLOCK_REALTIME,
	CLOCK_MONOTONIC,
	CLOCK_PROCESS_CPUTIME_ID,
	CLOCK_THREAD_CPUTIME_ID,
	CLOCK_MONOTONIC_RAW,
	CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,
	CLOCK_BOOTTIME,
	CLOCK_REALTIME_ALARM,
	CLOCK_BOOTTIME_ALARM,
	CLOCK_TAI = 11,
};
enum { TIMER_ABSTIME = 1 };

/* Now on @clock, for the current thread: 0 or -EINVAL. */
int clock_read(int clock, u64 *ns);
/* CLOCK_REALTIME, ns since the epoch. */
u64 clock_realtime(void);

/* A clock of a process or thread, which need not live. */
struct cpu_clock {
	struct id *id; /* counted */
	bool is_thread;
	u8 kind; /* enum cpu_clock_kind */
};
enum cpu_clock_kind { CPU_CLOCK_PROFILE, CPU_CLOCK_VIRTUAL, CPU_CLOCK_SCHEDULE };
static inline bool clock_is_cpu(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}
/* What @clock measures, which clock_is_cpu(): 0, -EINVAL; cpu_clock_put() after success. */
int cpu_clock_get(int clock, struct cpu_clock *which);
void cpu_clock_put(struct cpu_clock *which);
/*
 * Its time, and how many threads may add to it at once. False: whom it measures is gone. The tree is
 * locked.
 */
bool cpu_clock_read_locked(const struct cpu_clock *which, u64 *ns, unsigned *threads);
/* The same with no lock held. */
bool cpu_clock_read(const struct cpu_clock *which, u64 *ns, unsigned *threads);
/*
 * How long to wait, in time that passes, until such a clock that reads @now can read @target: all @threads may
 * run at once.
 */
u64 cpu_clock_patience(u64 now, u64 target, unsigned threads);
