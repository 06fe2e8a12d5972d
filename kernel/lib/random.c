#include <lib/bits.h>
#include <lib/random.h>
#include <lib/string.h>

static u32 rotate(u32 x, unsigned count)
{
	return x << count | x >> (32 - count);
}

/* RFC 8439 2.1 */
static __force_inline void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

/* Sixteen variables, not an array, so that they live in registers. */
static void twenty_rounds(u32 x[16])
{
	u32 x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5], x6 = x[6], x7 = x[7];
	u32 x8 = x[8], x9 = x[9], x10 = x[10], x11 = x[11], x12 = x[12], x13 = x[13], x14 = x[14];
	u32 x15 = x[15];

	for (unsigned round = 0; round < 20; round += 2) {
		quarter_round(&x0, &x4, &x8, &x12);
		quarter_round(&x1, &x5, &x9, &x13);
		quarter_round(&x2, &x6, &x10, &x14);
		quarter_round(&x3, &x7, &x11, &x15);
		quarter_round(&x0, &x5, &x10, &x15);
		quarter_round(&x1, &x6, &x11, &x12);
		quarter_round(&x2, &x7, &x8, &x13);
		quarter_round(&x3, &x4, &x9, &x14);
	}
	x[0] = x0, x[1] = x1, x[2] = x2, x[3] = x3, x[4] = x4, x[5] = x5, x[6] = x6, x[7] = x7;
	x[8] = x8, x[9] = x9, x[10] = x10, x[11] = x11, x[12] = x12, x[13] = x13, x[14] = x14;
	x[15] = x15;
}

void chacha20_block(u8 block[CHACHA20_BLOCK], const u32 key[8], u32 counter, const u32 nonce[3])
{
	/* "expand 32-byte k" */
	u32 start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	u32 x[16];

	memcpy(start + 4, key, 8 * sizeof(u32));
	start[12] = counter;
	memcpy(start + 13, nonce, 3 * sizeof(u32));
	memcpy(x, start, sizeof(x));
	twenty_rounds(x);
	for (unsigned i = 0; i < 16; i++)
		store_le32(block + 4 * i, x[i] + start[i]);
}

/* Block @counter of the key stream of the current request. */
static void stream_block(const struct random_state *state, u32 counter, u8 block[CHACHA20_BLOCK])
{
	u32 nonce[3] = { 0, (u32)state->requests, (u32)(state->requests >> 32) };

	chacha20_block(block, state->key, counter, nonce);
}

void random_init(struct random_state *state, const u8 seed[RANDOM_SEED_SIZE])
{
	for (unsigned i = 0; i < ARRAY_SIZE(state->key); i++)
		state->key[i] = load_le32(seed + 4 * i);
	state->requests = 0;
}

void random_mix(struct random_state *state, const void *data, size_t size)
{
	const u8 *bytes = data;
	u8 block[CHACHA20_BLOCK];

	do {
		size_t part = MIN(size, RANDOM_SEED_SIZE);

		stream_block(state, 0, block);
		for (size_t i = 0; i < part; i++)
			block[i] ^= bytes[i];
		for (unsigned i = 0; i < ARRAY_SIZE(state->key); i++)
			state->key[i] = load_le32(block + 4 * i);
		state->requests++;
		bytes += part;
		size -= part;
	} while (size);
	memset(block, 0, sizeof(block));
}

void random_generate(struct random_state *state, void *to, size_t size)
{
	u8 block[CHACHA20_BLOCK], first[CHACHA20_BLOCK];
	size_t part = MIN(size, CHACHA20_BLOCK - RANDOM_SEED_SIZE);
	u8 *out = to;

	/* One half of block 0 is the next key, so that this one is forgotten; the other serves a small request. */
	stream_block(state, 0, first);
	memcpy(out, first + RANDOM_SEED_SIZE, part);
	for (u32 counter = 1; size > part; counter++) {
		out += part;
		size -= part;
		part = MIN(size, CHACHA20_BLOCK);
		/* A request of 256 GiB would wrap the counter. */
		if (!counter)
			state->requests++;
		stream_block(state, counter, block);
		memcpy(out, block, part);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(state->key); i++)
		state->key[i] = load_le32(first + 4 * i);
	state->requests++;
	memset(block, 0, sizeof(block));
	memset(first, 0, sizeof(first));
}

u64 random_u64(struct random_state *state)
{
	u64 value;

	random_generate(state, &value, sizeof(value));
	return value;
}

u64 random_below(struct random_state *state, u64 limit)
{
	/* 2^64 modulo limit: the values below it would make the low results likelier. */
	u64 uneven = -limit % limit;
	u64 value;

	do {
		value = random_u64(state);
	} while (value < uneven);
	return value % limit;
}
