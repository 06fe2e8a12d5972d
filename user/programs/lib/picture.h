#pragma once
/* Pictures in files: PPM (P6), PNG and BMP, any bytes in them are safe. */
#include <stdint.h>

enum { PICTURE_SIDE_MAX = 16384 };

struct picture {
	int width, height;
	uint32_t *pixels; /* 0xRRGGBB, row by row */
};

/* NULL, or what is wrong, in words. */
const char *picture_read(struct picture *picture, const char *path);
void picture_free(struct picture *picture);
