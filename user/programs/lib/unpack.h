#pragma once
/* Raw deflate data (RFC 1951), by the kernel's own decompressor. */
#include <stdbool.h>
#include <stddef.h>

/* Exactly @size bytes of output; false: the data is damaged or has another length. */
bool unpack_deflate(const void *packed, size_t packed_size, void *output, size_t size);
