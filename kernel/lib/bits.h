#pragma once
/* Counting bits, without calls into a library of the compiler's. */
#include <lib/types.h>

static inline unsigned popcount64(u64 x)
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return x * 0x0101010101010101 >> 56;
}

/* Number of zeros above the highest set bit; @x is not 0. */
static inline unsigned clz64(u64 x)
{
	unsigned zeros = 0;

	for (unsigned step = 32; step; step /= 2) {
		if (!(x >> (64 - step))) {
			x <<= step;
			zeros += step;
		}
	}
	return zeros;
}

/* Number of zeros below the lowest set bit; @x is not 0. */
static inline unsigned ctz64(u64 x)
{
	return popcount64((x & -x) - 1);
}

/* Number of the lowest, the highest set bit, counted from 1; 0 when @x is 0. */
static inline unsigned ffs64(u64 x)
{
	return x ? ctz64(x) + 1 : 0;
}

static inline unsigned fls64(u64 x)
{
	return x ? 64 - clz64(x) : 0;
}

/* Rounded down; @x is not 0. */
static inline unsigned ilog2(u64 x)
{
	return 63 - clz64(x);
}

static inline bool is_power_of_two(u64 x)
{
	return x && !(x & (x - 1));
}

/* The smallest power of two that is at least @x; @x is in [1, 2^63]. */
static inline u64 round_up_power_of_two(u64 x)
{
	return x <= 1 ? 1 : (u64)1 << (64 - clz64(x - 1));
}

static inline u16 swap16(u16 x)
{
	return (u16)(x << 8 | x >> 8);
}

static inline u32 swap32(u32 x)
{
	return (u32)swap16((u16)x) << 16 | swap16((u16)(x >> 16));
}

static inline u64 swap64(u64 x)
{
	return (u64)swap32((u32)x) << 32 | swap32((u32)(x >> 32));
}

/* Big- and little-endian numbers at any address. */
static inline u32 load_be32(const void *from)
{
	const u8 *bytes = from;

	return (u32)bytes[0] << 24 | (u32)bytes[1] << 16 | (u32)bytes[2] << 8 | bytes[3];
}

static inline u64 load_be64(const void *from)
{
	return (u64)load_be32(from) << 32 | load_be32((const u8 *)from + 4);
}

static inline u16 load_le16(const void *from)
{
	const u8 *bytes = from;

	return (u16)(bytes[0] | bytes[1] << 8);
}

static inline u32 load_le32(const void *from)
{
	const u8 *bytes = from;

	return (u32)bytes[3] << 24 | (u32)bytes[2] << 16 | (u32)bytes[1] << 8 | bytes[0];
}

static inline u64 load_le64(const void *from)
{
	return (u64)load_le32((const u8 *)from + 4) << 32 | load_le32(from);
}

static inline u16 load_be16(const void *from)
{
	const u8 *bytes = from;

	return (u16)(bytes[0] << 8 | bytes[1]);
}

static inline void store_be16(void *to, u16 value)
{
	u8 *bytes = to;

	bytes[0] = (u8)(value >> 8);
	bytes[1] = (u8)value;
}

static inline void store_be32(void *to, u32 value)
{
	store_be16(to, (u16)(value >> 16));
	store_be16((u8 *)to + 2, (u16)value);
}

static inline void store_be64(void *to, u64 value)
{
	store_be32(to, (u32)(value >> 32));
	store_be32((u8 *)to + 4, (u32)value);
}

static inline void store_le32(void *to, u32 value)
{
	u8 *bytes = to;

	bytes[0] = (u8)value;
	bytes[1] = (u8)(value >> 8);
	bytes[2] = (u8)(value >> 16);
	bytes[3] = (u8)(value >> 24);
}
