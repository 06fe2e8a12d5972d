#pragma once
#include <lib/types.h>

/* The CRC of gzip, PNG and Ethernet (RFC 1952 section 8). @crc: 0, or of what came before. */
u32 crc32(u32 crc, const void *data, size_t size);
