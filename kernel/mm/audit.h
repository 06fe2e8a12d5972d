#pragma once
/*
 * The ownership audit: walks every space and object, recounts every frame, and compares with the
 * counters, the kinds and the free lists. Meant for a quiet machine; stops no CPU.
 */
#include <lib/types.h>

/*
 * Write a report through @put: its first line is "audit: clean" or "audit: N errors"; then counts (free,
 * cached, by kind, slab objects), then one line per error naming frame, state and holders.
 * Returns the number of errors. May sleep; takes the locks of every space and object, one by one.
 */
int audit_run(void (*put)(void *context, const char *text, size_t size), void *context);
