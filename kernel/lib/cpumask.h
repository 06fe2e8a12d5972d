#pragma once
/* Sets of CPUs, by CPU number (dense from 0). Changes are atomic. */
#include <lib/bits.h>
#include <lib/types.h>

enum { CPU_MAX = 64 }; /* so that a set is one word */

struct cpumask {
	u64 bits; /* [atomic] */
};

/* Full barriers on both sides, as mm-hazards 7 demands of the set of CPUs that run a space. */
static inline void cpumask_set(struct cpumask *mask, unsigned cpu)
{
	__atomic_fetch_or(&mask->bits, (u64)1 << cpu, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void cpumask_clear(struct cpumask *mask, unsigned cpu)
{
	__atomic_fetch_and(&mask->bits, ~((u64)1 << cpu), __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The set at this moment; a full barrier before, acquire after. */
static inline struct cpumask cpumask_read(const struct cpumask *mask)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (struct cpumask){ __atomic_load_n(&mask->bits, __ATOMIC_SEQ_CST) };
}

/* Relaxed. */
static inline bool cpumask_test(const struct cpumask *mask, unsigned cpu)
{
	return __atomic_load_n(&mask->bits, __ATOMIC_RELAXED) >> cpu & 1;
}

static inline bool cpumask_empty(const struct cpumask *mask)
{
	return !__atomic_load_n(&mask->bits, __ATOMIC_RELAXED);
}

static inline unsigned cpumask_count(const struct cpumask *mask)
{
	return popcount64(__atomic_load_n(&mask->bits, __ATOMIC_RELAXED));
}

/* The first CPU of the set that is at least @cpu; CPU_MAX when there is none. */
static inline unsigned cpumask_next(const struct cpumask *mask, unsigned cpu)
{
	u64 rest;

	if (cpu >= CPU_MAX)
		return CPU_MAX;
	rest = __atomic_load_n(&mask->bits, __ATOMIC_RELAXED) >> cpu;
	return rest ? cpu + ctz64(rest) : CPU_MAX;
}

static inline unsigned cpumask_first(const struct cpumask *mask)
{
	return cpumask_next(mask, 0);
}

#define cpumask_for_each(cpu, mask)                                                                \
	for ((cpu) = cpumask_first(mask); (cpu) < CPU_MAX; (cpu) = cpumask_next(mask, (cpu) + 1))
