#pragma once
#include <lib/types.h>

/*
 * Sort @count elements of @size bytes at @base in place, so that @compare (as for qsort) is never
 * positive for neighbours. Heap sort: n log n always, no recursion, not stable.
 */
void sort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
