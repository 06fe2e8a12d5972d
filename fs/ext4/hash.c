/* Hashes of names, as the indexes of directories sort by: Linux's Documentation, "Hash Tree Directories". */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

static u32 rotate(u32 value, unsigned by)
{
	return value << by | value >> (32 - by);
}

/* RFC 1320's three functions, each round with half of MD4's steps. */
static u32 choose(u32 x, u32 y, u32 z)
{
	return z ^ (x & (y ^ z));
}

static u32 majority(u32 x, u32 y, u32 z)
{
	return (x & y) + ((x ^ y) & z);
}

static u32 parity(u32 x, u32 y, u32 z)
{
	return x ^ y ^ z;
}

struct md4_round {
	u32 (*function)(u32 x, u32 y, u32 z);
	u32 constant;
	u8 order[8], shifts[4];
};

static void half_md4(u32 state[4], const u32 in[8])
{
	static const struct md4_round rounds[] = {
		{ choose, 0, { 0, 1, 2, 3, 4, 5, 6, 7 }, { 3, 7, 11, 19 } },
		{ majority, 0x5a827999, { 1, 3, 5, 7, 0, 2, 4, 6 }, { 3, 5, 9, 13 } },
		{ parity, 0x6ed9eba1, { 3, 7, 2, 6, 1, 5, 0, 4 }, { 3, 9, 11, 15 } },
	};
	u32 a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned i = 0; i < ARRAY_SIZE(rounds); i++) {
		const struct md4_round *round = &rounds[i];

		for (unsigned step = 0; step < 8; step++) {
			u32 sum = a + round->function(b, c, d) + in[round->order[step]] +
				  round->constant;

			a = d;
			d = c;
			c = b;
			b = rotate(sum, round->shifts[step % 4]);
		}
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

static void tea(u32 state[4], const u32 in[4])
{
	u32 sum = 0, x = state[0], y = state[1];

	for (unsigned i = 0; i < 16; i++) {
		sum += 0x9e3779b9;
		x += ((y << 4) + in[0]) ^ (y + sum) ^ ((y >> 5) + in[1]);
		y += ((x << 4) + in[2]) ^ (x + sum) ^ ((x >> 5) + in[3]);
	}
	state[0] += x;
	state[1] += y;
}

static u32 character(const char *name, size_t at, bool is_unsigned)
{
	return is_unsigned ? (u32)(u8)name[at] : (u32)(s32)(s8)name[at];
}

static u32 legacy(const char *name, size_t length, bool is_unsigned)
{
	u32 hash0 = 0x12a3fe2d, hash1 = 0x37abe8f9;

	for (size_t i = 0; i < length; i++) {
		u32 hash = hash1 + (hash0 ^ character(name, i, is_unsigned) * 7152373);

		if (hash & 0x80000000)
			hash -= 0x7fffffff;
		hash1 = hash0;
		hash0 = hash;
	}
	return hash0 << 1;
}

/* Up to 4 @count bytes of the name as big-endian words, padded with its length. */
static void words(const char *name, size_t length, u32 *to, unsigned count, bool is_unsigned)
{
	u32 pad = (u32)length | (u32)length << 8, value;
	size_t limit = MIN(length, (size_t)count * 4);

	pad |= pad << 16;
	value = pad;
	for (size_t i = 0; i < limit; i++) {
		value = character(name, i, is_unsigned) + (value << 8);
		if (i % 4 == 3) {
			*to++ = value;
			value = pad;
			count--;
		}
	}
	if (count) {
		*to++ = value;
		count--;
	}
	while (count--)
		*to++ = pad;
}

static void scramble(u32 state[4], const char *name, size_t length, unsigned per_step,
		     bool is_unsigned)
{
	u32 in[8];

	for (size_t at = 0; at < length; at += per_step * 4) {
		words(name + at, length - at, in, per_step, is_unsigned);
		if (per_step == 8)
			half_md4(state, in);
		else
			tea(state, in);
	}
}

int ext4_hash_name(const struct ext4 *ext4, unsigned version, const char *name, size_t length,
		   struct ext4_hash *hash)
{
	u32 state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	const u32 *seed = ext4->super->hash_seed;
	bool is_unsigned = version >= EXT4_HASH_LEGACY_UNSIGNED;

	if (seed[0] | seed[1] | seed[2] | seed[3])
		memcpy(state, seed, sizeof(state));
	switch (version) {
	case EXT4_HASH_LEGACY:
	case EXT4_HASH_LEGACY_UNSIGNED:
		*hash = (struct ext4_hash){ legacy(name, length, is_unsigned), 0 };
		break;
	case EXT4_HASH_HALF_MD4:
	case EXT4_HASH_HALF_MD4_UNSIGNED:
		scramble(state, name, length, 8, is_unsigned);
		*hash = (struct ext4_hash){ state[1], state[2] };
		break;
	case EXT4_HASH_TEA:
	case EXT4_HASH_TEA_UNSIGNED:
		scramble(state, name, length, 4, is_unsigned);
		*hash = (struct ext4_hash){ state[0], state[1] };
		break;
	default:
		return -EUCLEAN;
	}
	/* The last bit of an index entry says that the hash goes on in the next block. */
	hash->major &= ~1u;
	if (hash->major == 0xfffffffe)
		hash->major = 0xfffffffc;
	return 0;
}
