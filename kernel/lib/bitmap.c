#include <lib/bitmap.h>
#include <lib/bits.h>

/* Bits [bit % 64, 64) of a word. */
static u64 mask_from(size_t bit)
{
	return ~(u64)0 << bit % 64;
}

/* Search for a set bit in map ^ @flip. */
static size_t next(const u64 *map, size_t bits, size_t start, u64 flip)
{
	size_t word = start / 64;
	u64 rest;

	if (start >= bits)
		return bits;
	rest = (map[word] ^ flip) & mask_from(start);
	while (!rest) {
		if (++word >= BITMAP_WORDS(bits))
			return bits;
		rest = map[word] ^ flip;
	}
	return MIN(word * 64 + ctz64(rest), bits);
}

size_t bitmap_next_set(const u64 *map, size_t bits, size_t start)
{
	return next(map, bits, start, 0);
}

size_t bitmap_next_zero(const u64 *map, size_t bits, size_t start)
{
	return next(map, bits, start, ~(u64)0);
}

size_t bitmap_next_zero_run(const u64 *map, size_t bits, size_t start, size_t count)
{
	for (;;) {
		size_t run = bitmap_next_zero(map, bits, start);

		if (run >= bits || count > bits - run)
			return bits;
		start = bitmap_next_set(map, run + count, run);
		if (start == run + count)
			return run;
	}
}

void bitmap_set_range(u64 *map, size_t start, size_t count)
{
	size_t end = start + count;

	for (size_t bit = start; bit < end; bit = (bit / 64 + 1) * 64) {
		u64 mask = mask_from(bit);

		if (end / 64 == bit / 64)
			mask &= ~mask_from(end);
		map[bit / 64] |= mask;
	}
}

void bitmap_clear_range(u64 *map, size_t start, size_t count)
{
	size_t end = start + count;

	for (size_t bit = start; bit < end; bit = (bit / 64 + 1) * 64) {
		u64 mask = mask_from(bit);

		if (end / 64 == bit / 64)
			mask &= ~mask_from(end);
		map[bit / 64] &= ~mask;
	}
}

size_t bitmap_count(const u64 *map, size_t bits)
{
	size_t count = 0;

	for (size_t word = 0; word < bits / 64; word++)
		count += popcount64(map[word]);
	if (bits % 64)
		count += popcount64(map[bits / 64] & ~mask_from(bits));
	return count;
}
