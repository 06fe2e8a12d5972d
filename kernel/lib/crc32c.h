#pragma once
#include <lib/types.h>

/*
 * Castagnoli's CRC (RFC 3720 B.4) as ext4 and its journal chain it: @crc is ~0 or what came before, and
 * nothing is inverted at the end.
 */
u32 crc32c(u32 crc, const void *data, size_t size);
/* CRC-16/ARC, as the group descriptors of ext4 without metadata_csum have it. @crc: as above. */
u16 crc16(u16 crc, const void *data, size_t size);
