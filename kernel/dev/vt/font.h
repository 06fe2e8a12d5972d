#pragma once
/* The console's font, made by scripts/font at build time out of a distribution's package. */
#include <lib/types.h>

struct font {
	u32 width, height; /* pixels; rows of (width + 7) / 8 bytes, the leftmost pixel highest */
	u32 count;
	const u32 *characters; /* sorted; glyph n is that of characters[n] */
	const u8 *plain, *bold;
};
extern const struct font console_font;
