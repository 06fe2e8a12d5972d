/*
 * The text consoles' font, for programs. Built with the kernel's headers, which its source
 * includes.
 */
#include <dev/vt/font.h>

const unsigned char *glyph_find(u32 character, bool bold, int *width, int *height);

static int find(u32 character)
{
	u32 low = 0, high = console_font.count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (console_font.characters[middle] == character)
			return middle;
		if (console_font.characters[middle] < character)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

const unsigned char *glyph_find(u32 character, bool bold, int *width, int *height)
{
	int glyph = find(character);

	if (glyph < 0)
		glyph = find('?');
	*width = console_font.width;
	*height = console_font.height;
	return (bold ? console_font.bold : console_font.plain) +
	       (glyph < 0 ? 0 : glyph) * ((console_font.width + 7) / 8 * console_font.height);
}
