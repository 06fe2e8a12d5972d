#pragma once
/*
 * Drawing on /dev/fb0, or in memory with the same calls. Coordinates are pixels from the upper
 * left; what lies outside is not drawn. Colours are 0xRRGGBB whatever the screen's format is.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct canvas {
	int width, height;
	int stride; /* bytes from row to row */
	int bits;   /* of a pixel: 16, 24 or 32 */
	struct {
		int offset, length;
	} red, green, blue;
	uint8_t *pixels;
	size_t size;	 /* bytes that are mapped */
	int fd, console; /* /dev/fb0 and /dev/tty0, or -1 */
};

/* Map /dev/fb0 shared and have the text console keep off. False: errno says why. */
bool canvas_open(struct canvas *canvas);
/* A canvas in memory like @screen. False: out of memory. */
bool canvas_create(struct canvas *canvas, const struct canvas *screen);
void canvas_close(struct canvas *canvas);
/* Copy what differs from @from, a canvas of the same shape, row by row. */
void canvas_show(struct canvas *to, const struct canvas *from);

void draw_pixel(struct canvas *canvas, int x, int y, uint32_t colour);
void draw_fill(struct canvas *canvas, int x, int y, int width, int height, uint32_t colour);
/* The same from @top at the upper edge to @bottom at the lower. */
void draw_gradient(struct canvas *canvas, int x, int y, int width, int height, uint32_t top,
		   uint32_t bottom);
void draw_frame(struct canvas *canvas, int x, int y, int width, int height, uint32_t colour);
/* Corners of @radius are left out. */
void draw_round(struct canvas *canvas, int x, int y, int width, int height, int radius,
		uint32_t colour);
void draw_disc(struct canvas *canvas, int x, int y, int radius, uint32_t colour);
/* @weight of 256 parts of @colour over what is there. */
void draw_blend(struct canvas *canvas, int x, int y, uint32_t colour, int weight);
/* UTF-8 in the console's font, @scale times its size: the x behind it. */
int draw_text(struct canvas *canvas, int x, int y, int scale, bool bold, uint32_t colour,
	      const char *text);
int draw_text_width(int scale, const char *text);

/* Between two colours: @weight of 256 parts of @two. */
uint32_t colour_mix(uint32_t one, uint32_t two, int weight);
/* Around the colour circle: 0 to 1535 is once around. */
uint32_t colour_wheel(int place);
/* 256 times the sine; 1024 is once around. */
int wave(int place);

/* glyph.c: the bitmap of a character (one of some, if it has none), its size. */
const unsigned char *glyph_find(uint32_t character, bool bold, int *width, int *height);
