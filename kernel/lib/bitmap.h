#pragma once
/*
 * Sets of small numbers: bit n is in word n / 64. A map of @bits bits has BITMAP_WORDS(bits) words;
 * what the last word holds beyond @bits is neither read nor changed. Nothing here is atomic: the
 * caller's lock guards a map.
 */
#include <lib/types.h>

#define BITMAP_WORDS(bits) (((size_t)(bits) + 63) / 64)

static inline void bitmap_set(u64 *map, size_t bit)
{
	map[bit / 64] |= (u64)1 << bit % 64;
}

static inline void bitmap_clear(u64 *map, size_t bit)
{
	map[bit / 64] &= ~((u64)1 << bit % 64);
}

static inline bool bitmap_test(const u64 *map, size_t bit)
{
	return map[bit / 64] >> bit % 64 & 1;
}

/* The first set, or clear, bit in [start, bits); @bits when there is none. */
size_t bitmap_next_set(const u64 *map, size_t bits, size_t start);
size_t bitmap_next_zero(const u64 *map, size_t bits, size_t start);
/* The start of the first run of @count clear bits in [start, bits); @bits when there is none. */
size_t bitmap_next_zero_run(const u64 *map, size_t bits, size_t start, size_t count);
/* All bits of [start, start + count). */
void bitmap_set_range(u64 *map, size_t start, size_t count);
void bitmap_clear_range(u64 *map, size_t start, size_t count);
/* Number of set bits in [0, bits). */
size_t bitmap_count(const u64 *map, size_t bits);

static inline size_t bitmap_first_set(const u64 *map, size_t bits)
{
	return bitmap_next_set(map, bits, 0);
}

static inline size_t bitmap_first_zero(const u64 *map, size_t bits)
{
	return bitmap_next_zero(map, bits, 0);
}

#define bitmap_for_each(bit, map, bits)                                                            \
	for ((bit) = bitmap_next_set(map, bits, 0); (bit) < (bits);                                \
	     (bit) = bitmap_next_set(map, bits, (bit) + 1))
