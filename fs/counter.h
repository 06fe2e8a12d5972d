#pragma once
/* Numbers that drivers count and /proc/selene/counters shows, a `name value` line each. */
#include <lib/atomic.h>

struct counter {
	const char *name;
	struct atomic64 value;
	struct counter *next; /* [const after registration] */
};

/* For good. Any context. */
void counter_register(struct counter *counter);
static inline void counter_add(struct counter *counter, u64 n)
{
	atomic64_add(&counter->value, n);
}
