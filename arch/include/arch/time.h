#pragma once
#include <lib/types.h>

/* Nanoseconds since boot, monotonic, the same on every CPU. */
u64 time_now(void);
/* One timer_interrupt() on this CPU at @deadline (ns; in the past: at once); replaces the former. */
void time_set_event(u64 deadline);
void time_clear_event(void);
