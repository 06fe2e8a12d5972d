// sources: kernel/lib/random.c
/* ChaCha20 against the vectors of RFC 8439, the generator's state, and the table hashes. */
#include <lib/hash.h>
#include <lib/random.h>
#include <string.h>

#include "check.h"

static void chacha20(void)
{
	/* RFC 8439 2.3.2 */
	static const u8 expected[CHACHA20_BLOCK] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
		0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
		0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
		0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
		0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e
	};
	static const u32 nonce[3] = { 0x09000000, 0x4a000000, 0 };
	u32 key[8];
	u8 block[CHACHA20_BLOCK];

	for (u32 i = 0; i < 8; i++)
		key[i] = 0x03020100 + i * 0x04040404;
	chacha20_block(block, key, 1, nonce);
	EXPECT(memcmp(block, expected, sizeof(block)), 0);
	/* RFC 8439 A.1, test vector 1: all zero. */
	memset(key, 0, sizeof(key));
	chacha20_block(block, key, 0, (const u32[3]){ 0 });
	EXPECT(memcmp(block, "\x76\xb8\xe0\xad\xa0\xf1\x3d\x90", 8), 0);
}

static void generator(void)
{
	static const u8 seed[RANDOM_SEED_SIZE] = "not very secret";
	struct random_state a, b;
	u8 from_a[200], from_b[200];
	u64 seen[1000];
	unsigned counts[10] = { 0 };

	random_init(&a, seed);
	random_init(&b, seed);
	random_generate(&a, from_a, sizeof(from_a));
	random_generate(&b, from_b, sizeof(from_b));
	EXPECT(memcmp(from_a, from_b, sizeof(from_a)), 0);
	random_mix(&a, "x", 1);
	EXPECT_TRUE(random_u64(&a) != random_u64(&b));
	random_mix(&a, from_b, sizeof(from_b));
	for (int i = 0; i < 1000; i++) {
		seen[i] = random_u64(&a);
		for (int k = 0; k < i; k++)
			EXPECT_TRUE(seen[i] != seen[k]);
	}
	for (int i = 0; i < 10000; i++)
		counts[random_below(&a, 10)]++;
	for (int i = 0; i < 10; i++)
		EXPECT_TRUE(counts[i] > 800 && counts[i] < 1200);
	EXPECT(random_below(&a, 1), 0);
	EXPECT_TRUE(random_below(&a, ~(u64)0) < ~(u64)0);
}

static void hashes(void)
{
	unsigned buckets[64] = { 0 }, words[64] = { 0 };
	char name[20];

	for (u64 i = 0; i < 6400; i++) {
		buckets[hash_u64(i << 12) % 64]++;
		words[hash_bytes(name, (size_t)sprintf(name, "file%lu", (unsigned long)i)) % 64]++;
		EXPECT_TRUE(hash_string(name) == hash_bytes(name, strlen(name)));
	}
	for (int i = 0; i < 64; i++)
		EXPECT_TRUE(buckets[i] > 50 && buckets[i] < 160 && words[i] > 50 && words[i] < 160);
	EXPECT_TRUE(hash_pair(1, 2) != hash_pair(2, 1));
}

int main(void)
{
	RUN(chacha20);
	RUN(generator);
	RUN(hashes);
	return CHECK_RESULT;
}
