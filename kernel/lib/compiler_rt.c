/*
 * What compilers call where the CPU has no instruction; the kernel is linked without their library.
 * Names and types are the compilers' (GCC internals, "The GCC low-level runtime library").
 */
#include <lib/bits.h>

typedef int int128 __attribute__((mode(TI)));
typedef unsigned int uint128 __attribute__((mode(TI)));

int __clzsi2(unsigned x);
int __clzdi2(unsigned long x);
int __ctzsi2(unsigned x);
int __ctzdi2(unsigned long x);
int __ffsdi2(unsigned long x);
int __popcountsi2(unsigned x);
int __popcountdi2(unsigned long x);
int __paritydi2(unsigned long x);
u32 __bswapsi2(u32 x);
u64 __bswapdi2(u64 x);
uint128 __ashlti3(uint128 x, int count);
uint128 __lshrti3(uint128 x, int count);
int128 __ashrti3(int128 x, int count);

int __clzsi2(unsigned x)
{
	return (int)clz64(x) - 32;
}

int __clzdi2(unsigned long x)
{
	return (int)clz64(x);
}

int __ctzsi2(unsigned x)
{
	return (int)ctz64(x);
}

int __ctzdi2(unsigned long x)
{
	return (int)ctz64(x);
}

int __ffsdi2(unsigned long x)
{
	return (int)ffs64(x);
}

int __popcountsi2(unsigned x)
{
	return (int)popcount64(x);
}

int __popcountdi2(unsigned long x)
{
	return (int)popcount64(x);
}

int __paritydi2(unsigned long x)
{
	return popcount64(x) & 1;
}

/* Swapped piece by piece: the compiler knows the idiom of swap32() and would call this function. */
u32 __bswapsi2(u32 x)
{
	u32 pairs = (x & 0x00ff00ff) << 8;

	__asm__("" : "+r"(x), "+r"(pairs));
	pairs |= x >> 8 & 0x00ff00ff;
	__asm__("" : "+r"(pairs));
	return pairs << 16 | pairs >> 16;
}

u64 __bswapdi2(u64 x)
{
	return (u64)__bswapsi2((u32)x) << 32 | __bswapsi2((u32)(x >> 32));
}

union halves {
	uint128 whole;
	struct {
		u64 low, high;
	};
};

uint128 __ashlti3(uint128 x, int count)
{
	union halves value = { .whole = x };

	if (count >= 64) {
		value.high = value.low << (count - 64);
		value.low = 0;
	} else if (count) {
		value.high = value.high << count | value.low >> (64 - count);
		value.low <<= count;
	}
	return value.whole;
}

uint128 __lshrti3(uint128 x, int count)
{
	union halves value = { .whole = x };

	if (count >= 64) {
		value.low = value.high >> (count - 64);
		value.high = 0;
	} else if (count) {
		value.low = value.low >> count | value.high << (64 - count);
		value.high >>= count;
	}
	return value.whole;
}

int128 __ashrti3(int128 x, int count)
{
	union halves value = { .whole = (uint128)x };
	s64 high = (s64)value.high;

	if (count >= 64) {
		value.low = (u64)(high >> (count - 64));
		value.high = (u64)(high >> 63);
	} else if (count) {
		value.low = value.low >> count | value.high << (64 - count);
		value.high = (u64)(high >> count);
	}
	return (int128)value.whole;
}
