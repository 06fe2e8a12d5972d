#define _GNU_SOURCE
#include "draw.h"
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/kd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

bool canvas_open(struct canvas *canvas)
{
	struct fb_var_screeninfo variable;
	struct fb_fix_screeninfo fixed;

	memset(canvas, 0, sizeof(*canvas));
	canvas->console = -1;
	canvas->fd = open("/dev/fb0", O_RDWR | O_CLOEXEC);
	if (canvas->fd < 0)
		return false;
	if (ioctl(canvas->fd, FBIOGET_VSCREENINFO, &variable) < 0 ||
	    ioctl(canvas->fd, FBIOGET_FSCREENINFO, &fixed) < 0)
		goto failed;
	canvas->width = variable.xres;
	canvas->height = variable.yres;
	canvas->bits = variable.bits_per_pixel;
	canvas->stride = fixed.line_length;
	canvas->size = fixed.smem_len;
	canvas->red.offset = variable.red.offset, canvas->red.length = variable.red.length;
	canvas->green.offset = variable.green.offset, canvas->green.length = variable.green.length;
	canvas->blue.offset = variable.blue.offset, canvas->blue.length = variable.blue.length;
	canvas->pixels =
		mmap(NULL, canvas->size, PROT_READ | PROT_WRITE, MAP_SHARED, canvas->fd, 0);
	if (canvas->pixels == MAP_FAILED)
		goto failed;
	/* The text comes back by itself when the last program has gone. */
	canvas->console = open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (canvas->console >= 0)
		ioctl(canvas->console, KDSETMODE, KD_GRAPHICS);
	return true;
failed:
	close(canvas->fd);
	canvas->fd = -1;
	return false;
}

bool canvas_create(struct canvas *canvas, const struct canvas *screen)
{
	*canvas = *screen;
	canvas->fd = canvas->console = -1;
	canvas->pixels = mmap(NULL, canvas->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return canvas->pixels != MAP_FAILED;
}

void canvas_close(struct canvas *canvas)
{
	munmap(canvas->pixels, canvas->size);
	if (canvas->fd >= 0)
		close(canvas->fd);
	if (canvas->console >= 0)
		close(canvas->console);
}

/* Only what changed is written, so that only that goes to a display that must be told. */
void canvas_show(struct canvas *to, const struct canvas *from)
{
	size_t row = (size_t)to->width * (to->bits / 8);

	for (int y = 0; y < to->height; y++) {
		uint8_t *there = to->pixels + (size_t)y * to->stride;
		const uint8_t *here = from->pixels + (size_t)y * from->stride;

		if (memcmp(there, here, row) != 0)
			memcpy(there, here, row);
	}
}

static uint32_t channel(uint32_t value, int offset, int length)
{
	return (length <= 8 ? value >> (8 - length) : value << (length - 8)) << offset;
}

static uint32_t pixel_of(const struct canvas *canvas, uint32_t colour)
{
	return channel(colour >> 16 & 255, canvas->red.offset, canvas->red.length) |
	       channel(colour >> 8 & 255, canvas->green.offset, canvas->green.length) |
	       channel(colour & 255, canvas->blue.offset, canvas->blue.length);
}

static uint32_t colour_of(const struct canvas *canvas, uint32_t pixel)
{
	uint32_t red = pixel >> canvas->red.offset & ((1u << canvas->red.length) - 1);
	uint32_t green = pixel >> canvas->green.offset & ((1u << canvas->green.length) - 1);
	uint32_t blue = pixel >> canvas->blue.offset & ((1u << canvas->blue.length) - 1);

	return red << (8 - canvas->red.length) << 16 | green << (8 - canvas->green.length) << 8 |
	       blue << (8 - canvas->blue.length);
}

static uint8_t *place(const struct canvas *canvas, int x, int y)
{
	return canvas->pixels + (size_t)y * canvas->stride + (size_t)x * (canvas->bits / 8);
}

static void store(const struct canvas *canvas, uint8_t *at, uint32_t pixel)
{
	if (canvas->bits == 32)
		*(uint32_t *)at = pixel;
	else if (canvas->bits == 16)
		*(uint16_t *)at = pixel;
	else
		at[0] = pixel, at[1] = pixel >> 8, at[2] = pixel >> 16;
}

static bool inside(const struct canvas *canvas, int x, int y)
{
	return x >= 0 && y >= 0 && x < canvas->width && y < canvas->height;
}

void draw_pixel(struct canvas *canvas, int x, int y, uint32_t colour)
{
	if (inside(canvas, x, y))
		store(canvas, place(canvas, x, y), pixel_of(canvas, colour));
}

void draw_blend(struct canvas *canvas, int x, int y, uint32_t colour, int weight)
{
	uint32_t below = 0;

	if (!inside(canvas, x, y))
		return;
	memcpy(&below, place(canvas, x, y), canvas->bits / 8);
	draw_pixel(canvas, x, y, colour_mix(colour_of(canvas, below), colour, weight));
}

void draw_fill(struct canvas *canvas, int x, int y, int width, int height, uint32_t colour)
{
	uint32_t pixel = pixel_of(canvas, colour);
	int left = x < 0 ? 0 : x, right = x + width > canvas->width ? canvas->width : x + width;
	int top = y < 0 ? 0 : y, bottom = y + height > canvas->height ? canvas->height : y + height;

	for (y = top; y < bottom; y++) {
		uint8_t *at = place(canvas, left, y);

		for (x = left; x < right; x++, at += canvas->bits / 8)
			store(canvas, at, pixel);
	}
}

void draw_gradient(struct canvas *canvas, int x, int y, int width, int height, uint32_t top,
		   uint32_t bottom)
{
	for (int row = 0; row < height; row++)
		draw_fill(canvas, x, y + row, width, 1,
			  colour_mix(top, bottom, row * 256 / (height > 1 ? height - 1 : 1)));
}

void draw_frame(struct canvas *canvas, int x, int y, int width, int height, uint32_t colour)
{
	draw_fill(canvas, x, y, width, 1, colour);
	draw_fill(canvas, x, y + height - 1, width, 1, colour);
	draw_fill(canvas, x, y, 1, height, colour);
	draw_fill(canvas, x + width - 1, y, 1, height, colour);
}

/* How far a circle of @radius is cut back in row @row from its edge. */
static int cut(int radius, int row)
{
	int distance = radius - row, x = 0;

	while (x < radius && x * x + distance * distance <= radius * radius)
		x++;
	return radius - x;
}

void draw_round(struct canvas *canvas, int x, int y, int width, int height, int radius,
		uint32_t colour)
{
	for (int row = 0; row < height; row++) {
		int from_edge = row < height - 1 - row ? row : height - 1 - row;
		int in = from_edge < radius ? cut(radius, from_edge) : 0;

		draw_fill(canvas, x + in, y + row, width - 2 * in, 1, colour);
	}
}

void draw_disc(struct canvas *canvas, int x, int y, int radius, uint32_t colour)
{
	for (int row = -radius; row <= radius; row++) {
		int half = 0;

		while ((half + 1) * (half + 1) + row * row <= radius * radius)
			half++;
		draw_fill(canvas, x - half, y + row, 2 * half + 1, 1, colour);
	}
}

static uint32_t next_character(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	int more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : 0;
	uint32_t character = more ? at[0] & (0x3f >> more) : at[0];

	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			more = 0;
			break;
		}
		character = character << 6 | (at[i] & 0x3f);
	}
	*text += more + 1;
	return character;
}

static int draw_character(struct canvas *canvas, int x, int y, int scale, bool bold,
			  uint32_t colour, uint32_t character)
{
	int width, height;
	const unsigned char *glyph = glyph_find(character, bold, &width, &height);

	for (int row = 0; row < height; row++)
		for (int column = 0; column < width; column++)
			if (glyph[row * ((width + 7) / 8) + column / 8] & (0x80 >> column % 8))
				draw_fill(canvas, x + column * scale, y + row * scale, scale, scale,
					  colour);
	return width * scale;
}

int draw_text(struct canvas *canvas, int x, int y, int scale, bool bold, uint32_t colour,
	      const char *text)
{
	while (*text)
		x += draw_character(canvas, x, y, scale, bold, colour, next_character(&text));
	return x;
}

int draw_text_width(int scale, const char *text)
{
	int width, height, total = 0;

	while (*text) {
		glyph_find(next_character(&text), false, &width, &height);
		total += width * scale;
	}
	return total;
}

uint32_t colour_mix(uint32_t one, uint32_t two, int weight)
{
	uint32_t mixed = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		int from = one >> shift & 255, to = two >> shift & 255;

		mixed |= (uint32_t)(from + (to - from) * weight / 256) << shift;
	}
	return mixed;
}

uint32_t colour_wheel(int place)
{
	int part = (place % 1536 + 1536) % 1536, rise = part % 256, fall = 255 - rise;

	switch (part / 256) {
	case 0:
		return 255 << 16 | rise << 8;
	case 1:
		return fall << 16 | 255 << 8;
	case 2:
		return 255 << 8 | rise;
	case 3:
		return fall << 8 | 255;
	case 4:
		return rise << 16 | 255;
	default:
		return 255 << 16 | fall;
	}
}

/* Two parabolas, close enough to a sine for pictures, and the same on every machine. */
int wave(int place)
{
	int part = (place % 1024 + 1024) % 1024, x = part % 512 - 256;
	int half = 256 - x * x / 256;

	return part < 512 ? half : -half;
}
