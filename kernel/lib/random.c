#include <lib/bits.h>
#include <lib/random.h>
#include <lib/string.h>

static u32 rotate(u32 x, unsigned count)
{
	return x << count | x >> (32 - count);
}

/* RFC 8439 2.1 */
static __force_inline void quarter_round(u32 *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
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
	for (unsigned round = 0; round < 20; round += 2) {
		quarter_round(x, 0, 4, 8, 12);
		quarter_round(x, 1, 5, 9, 13);
		quarter_round(x, 2, 6, 10, 14);
		quarter_round(x, 3, 7, 11, 15);
		quarter_round(x, 0, 5, 10, 15);
		quarter_round(x, 1, 6, 11, 12);
		quarter_round(x, 2, 7, 8, 13);
		quarter_round(x, 3, 4, 9, 14);
	}
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
	u8 *out = to;

	/* Half of block 0 is the next key, so that this one is forgotten. */
	stream_block(state, 0, first);
	for (u32 counter = 1; size > 0; counter++) {
		size_t part = MIN(size, CHACHA20_BLOCK);

		/* A request of 256 GiB would wrap the counter. */
		if (!counter)
			state->requests++;
		stream_block(state, counter, block);
		memcpy(out, block, part);
		out += part;
		size -= part;
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
