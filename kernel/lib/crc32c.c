#include <lib/crc32c.h>

enum { CRC32C_POLYNOMIAL = 0x82f63b78, CRC16_POLYNOMIAL = 0xa001, SLICES = 8 };

/* tables[n][b]: the CRC of byte b followed by n zeros. Eight bytes go in one step. */
static u32 tables[SLICES][256];
static bool ready;

/* Whoever comes first fills the tables; two that come at once write the same. */
static void fill_tables(void)
{
	for (u32 byte = 0; byte < 256; byte++) {
		u32 crc = byte;

		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
		WRITE_ONCE(tables[0][byte], crc);
	}
	for (unsigned slice = 1; slice < SLICES; slice++)
		for (unsigned byte = 0; byte < 256; byte++) {
			u32 before = tables[slice - 1][byte];

			WRITE_ONCE(tables[slice][byte], before >> 8 ^ tables[0][before & 0xff]);
		}
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

static inline u32 step(u32 crc, u8 byte)
{
	return crc >> 8 ^ tables[0][(crc ^ byte) & 0xff];
}

u32 crc32c(u32 crc, const void *data, size_t size)
{
	const u8 *bytes = data;

	if (unlikely(!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)))
		fill_tables();
	while (size && (uintptr_t)bytes % 8) {
		crc = step(crc, *bytes++);
		size--;
	}
	for (; size >= 8; size -= 8, bytes += 8) {
		u64 word = *(const u64 *)bytes ^ crc;

		crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^
		      tables[5][word >> 16 & 0xff] ^ tables[4][word >> 24 & 0xff] ^
		      tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
		      tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
	}
	while (size--)
		crc = step(crc, *bytes++);
	return crc;
}

u16 crc16(u16 crc, const void *data, size_t size)
{
	const u8 *bytes = data;

	while (size--) {
		crc ^= *bytes++;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (u16)(crc >> 1 ^ (crc & 1 ? CRC16_POLYNOMIAL : 0));
	}
	return crc;
}
