#pragma once
/* Hashes for tables: well distributed, no defence against an adversary. Take the low bits. */
#include <lib/types.h>

/* A bijection in which each bit of the result depends on all bits of @x. */
static inline u64 hash_u64(u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

static inline u64 hash_pair(u64 a, u64 b)
{
	return hash_u64(hash_u64(a) + b);
}

static inline u64 hash_pointer(const void *pointer)
{
	return hash_u64((uintptr_t)pointer);
}

/* FNV-1a with a final mix. */
static inline u64 hash_bytes(const void *data, size_t size)
{
	const u8 *bytes = data;
	u64 hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash_u64(hash);
}

/* The same as hash_bytes() over the string without its NUL. */
static inline u64 hash_string(const char *string)
{
	u64 hash = 0xcbf29ce484222325;

	for (; *string; string++)
		hash = (hash ^ (u8)*string) * 0x100000001b3;
	return hash_u64(hash);
}
