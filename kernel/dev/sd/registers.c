/* What a card's registers say (chapter 5), and the checksums of the bus (4.5). */
#include <dev/sd/sd.h>
#include <lib/errno.h>

/* Bits [low, low + count) of a register of 128 bits. */
static u32 bits(const u32 words[4], unsigned low, unsigned count)
{
	unsigned word = 3 - low / 32, shift = low % 32;
	u64 value = words[word];

	if (word)
		value |= (u64)words[word - 1] << 32;
	return (u32)(value >> shift & (((u64)1 << count) - 1));
}

int sd_card_read_csd(struct sd_card *card)
{
	const u32 *csd = card->csd;
	unsigned version = bits(csd, 126, 2);

	if (version == 0) { /* 5.3.2: capacity in blocks of its own length */
		unsigned shift = bits(csd, 47, 3) + 2 + bits(csd, 80, 4);

		card->size = (u64)(bits(csd, 62, 12) + 1) << shift;
	} else if (version == 1) { /* 5.3.3: in units of 512 KiB */
		card->size = (u64)(bits(csd, 48, 22) + 1) << 19;
	} else {
		return -EINVAL;
	}
	card->size &= ~(u64)(SD_BLOCK - 1);
	card->protected = bits(csd, 12, 2) != 0;
	return card->size ? 0 : -EINVAL;
}

/* x^16 + x^12 + x^5 + 1 */
u16 sd_crc16(const void *data, size_t size)
{
	const u8 *bytes = data;
	u16 crc = 0;

	while (size--) {
		crc = (u16)(crc >> 8 | crc << 8) ^ *bytes++;
		crc ^= (crc & 0xff) >> 4;
		crc ^= (u16)(crc << 12);
		crc ^= (u16)((crc & 0xff) << 5);
	}
	return crc;
}

/* x^7 + x^3 + 1 */
u8 sd_crc7(const void *data, size_t size)
{
	const u8 *bytes = data;
	u8 crc = 0;

	while (size--) {
		crc ^= *bytes++;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 0x80 ? (u8)(crc << 1) ^ (0x09 << 1) : (u8)(crc << 1);
	}
	return crc >> 1;
}
