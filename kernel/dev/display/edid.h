#pragma once
/* VESA's E-EDID 1.4: what a monitor says of itself. */
#include <lib/types.h>

/*
 * The size in pixels of the preferred timing (3.10.2, the first detailed descriptor) of @size bytes
 * of EDID. -EINVAL: not an EDID, or one without it.
 */
int edid_size(const u8 *edid, size_t size, u32 *width, u32 *height);
