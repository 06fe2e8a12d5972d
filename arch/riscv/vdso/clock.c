/*
 * The vDSO's functions, in user mode: time from the time counter and the page of data in front of
 * the text. Clocks that it does not know go to the kernel. vdso(7), "riscv functions".
 */
#include "call.h"

struct timespec {
	int64_t seconds, nanoseconds;
};

struct timeval {
	int64_t seconds, microseconds;
};

enum {
	CLOCK_REALTIME = 0,
	CLOCK_MONOTONIC = 1,
	CLOCK_MONOTONIC_RAW = 4,
	CLOCK_REALTIME_COARSE = 5,
	CLOCK_MONOTONIC_COARSE = 6,
	CLOCK_BOOTTIME = 7,
};

int __vdso_clock_gettime(int clock, struct timespec *time);
int __vdso_clock_getres(int clock, struct timespec *resolution);
int __vdso_gettimeofday(struct timeval *time, void *zone);
int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
int __vdso_flush_icache(uintptr_t start, uintptr_t end, unsigned long flags);

/* Nanoseconds of CLOCK_MONOTONIC, and what CLOCK_REALTIME is ahead of it. */
static inline uint64_t __attribute__((always_inline)) read_clock(int64_t *offset)
{
	const struct vdso_data *data = &vdso_data;
	uint32_t sequence;
	uint64_t ticks;

	do {
		sequence = __atomic_load_n(&data->sequence, __ATOMIC_ACQUIRE);
		*offset = *(const volatile int64_t *)&data->realtime_offset;
		__asm__ volatile("csrr %0, time" : "=r"(ticks) : : "memory");
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (sequence & 1 || sequence != __atomic_load_n(&data->sequence, __ATOMIC_RELAXED));
	return vdso_scale(ticks - data->boot_ticks, data->multiplier);
}

int __vdso_clock_gettime(int clock, struct timespec *time)
{
	const uint64_t second = 1000000000;
	bool real = false;
	int64_t offset;
	uint64_t now;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		real = true;
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		break;
	default:
		return (int)vdso_call(CALL_CLOCK_GETTIME, clock, (long)time, 0, 0, 0);
	}
	now = read_clock(&offset);
	if (real)
		now += (uint64_t)offset;
	time->seconds = (int64_t)(now / second);
	time->nanoseconds = (int64_t)(now % second);
	return 0;
}

int __vdso_gettimeofday(struct timeval *time, void *zone)
{
	struct timespec now;

	if (zone)
		return (int)vdso_call(CALL_GETTIMEOFDAY, (long)time, (long)zone, 0, 0, 0);
	if (time) {
		__vdso_clock_gettime(CLOCK_REALTIME, &now);
		time->seconds = now.seconds;
		time->microseconds = now.nanoseconds / 1000;
	}
	return 0;
}

int __vdso_clock_getres(int clock, struct timespec *resolution)
{
	return (int)vdso_call(CALL_CLOCK_GETRES, clock, (long)resolution, 0, 0, 0);
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	return (int)vdso_call(CALL_GETCPU, (long)cpu, (long)node, (long)unused, 0, 0);
}

int __vdso_flush_icache(uintptr_t start, uintptr_t end, unsigned long flags)
{
	return (int)vdso_call(CALL_FLUSH_ICACHE, (long)start, (long)end, (long)flags, 0, 0);
}
