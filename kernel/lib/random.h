#pragma once
/*
 * A generator of random bytes out of a secret of 256 bits: ChaCha20 (RFC 8439) whose key is
 * replaced after each request, so that an earlier output cannot be found from a later state. The
 * caller owns the state and its lock.
 */
#include <lib/types.h>

enum { CHACHA20_BLOCK = 64, RANDOM_SEED_SIZE = 32 };

struct random_state {
	u32 key[8];
	u64 requests; /* nonce of the next one, so that no two streams are equal */
};

/* RFC 8439 2.3: one block of the key stream. */
void chacha20_block(u8 block[CHACHA20_BLOCK], const u32 key[8], u32 counter, const u32 nonce[3]);

/* Start from what little is known; add the rest with random_mix(). */
void random_init(struct random_state *state, const u8 seed[RANDOM_SEED_SIZE]);
/* Let the key depend on @data too. What the state knew before is not lost. */
void random_mix(struct random_state *state, const void *data, size_t size);
/*
 * As random_mix() of 8 bytes, but at the next request's expense: what the key becomes then depends on
 * @value too. Nothing is lost: for any key of before there is one key of after.
 */
static inline void random_stir(struct random_state *state, u64 value)
{
	state->key[0] ^= (u32)value;
	state->key[1] ^= (u32)(value >> 32);
}
void random_generate(struct random_state *state, void *to, size_t size);
u64 random_u64(struct random_state *state);
/* Every number in [0, limit) equally likely; @limit is not 0. */
u64 random_below(struct random_state *state, u64 limit);
