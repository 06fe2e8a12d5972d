#include <lib/bits.h>
#include <lib/crc32.h>

/*
 * Four tables, so that four bytes go at once: tables[k][n] is the remainder of byte n followed by k
 * zero bytes, for the reflected polynomial 0xedb88320. It is linear in n: eight numbers say it all.
 */
#define BYTE_0(n)                                                                                  \
	(LINE(n, 0, 0x77073096) ^ LINE(n, 1, 0xee0e612c) ^ LINE(n, 2, 0x076dc419) ^                \
	 LINE(n, 3, 0x0edb8832) ^ LINE(n, 4, 0x1db71064) ^ LINE(n, 5, 0x3b6e20c8) ^                \
	 LINE(n, 6, 0x76dc4190) ^ LINE(n, 7, 0xedb88320))
#define BYTE_1(n)                                                                                  \
	(LINE(n, 0, 0x191b3141) ^ LINE(n, 1, 0x32366282) ^ LINE(n, 2, 0x646cc504) ^                \
	 LINE(n, 3, 0xc8d98a08) ^ LINE(n, 4, 0x4ac21251) ^ LINE(n, 5, 0x958424a2) ^                \
	 LINE(n, 6, 0xf0794f05) ^ LINE(n, 7, 0x3b83984b))
#define BYTE_2(n)                                                                                  \
	(LINE(n, 0, 0x01c26a37) ^ LINE(n, 1, 0x0384d46e) ^ LINE(n, 2, 0x0709a8dc) ^                \
	 LINE(n, 3, 0x0e1351b8) ^ LINE(n, 4, 0x1c26a370) ^ LINE(n, 5, 0x384d46e0) ^                \
	 LINE(n, 6, 0x709a8dc0) ^ LINE(n, 7, 0xe1351b80))
#define BYTE_3(n)                                                                                  \
	(LINE(n, 0, 0xb8bc6765) ^ LINE(n, 1, 0xaa09c88b) ^ LINE(n, 2, 0x8f629757) ^                \
	 LINE(n, 3, 0xc5b428ef) ^ LINE(n, 4, 0x5019579f) ^ LINE(n, 5, 0xa032af3e) ^                \
	 LINE(n, 6, 0x9b14583d) ^ LINE(n, 7, 0xed59b63b))
#define LINE(n, bit, remainder) ((n) >> (bit)&1 ? remainder##u : 0u)
#define FOUR(entry, n)		entry((n)), entry((n) + 1), entry((n) + 2), entry((n) + 3)
#define SIXTEEN(entry, n)                                                                          \
	FOUR(entry, (n)), FOUR(entry, (n) + 4), FOUR(entry, (n) + 8), FOUR(entry, (n) + 12)
#define ROW(entry, n)                                                                              \
	SIXTEEN(entry, (n)), SIXTEEN(entry, (n) + 16), SIXTEEN(entry, (n) + 32),                   \
		SIXTEEN(entry, (n) + 48)
#define TABLE(entry)                                                                               \
	{                                                                                          \
		ROW(entry, 0), ROW(entry, 64), ROW(entry, 128), ROW(entry, 192)                    \
	}

static const u32 tables[4][256] = { TABLE(BYTE_0), TABLE(BYTE_1), TABLE(BYTE_2), TABLE(BYTE_3) };

u32 crc32(u32 crc, const void *data, size_t size)
{
	const u8 *bytes = data;

	crc = ~crc;
	for (; size >= 4; bytes += 4, size -= 4) {
		crc ^= load_le32(bytes);
		crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^
		      tables[1][crc >> 16 & 255] ^ tables[0][crc >> 24];
	}
	for (; size; bytes++, size--)
		crc = crc >> 8 ^ tables[0][(crc ^ *bytes) & 255];
	return ~crc;
}
