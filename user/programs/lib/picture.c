#define _GNU_SOURCE
#include "picture.h"
#include "unpack.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct bytes {
	uint8_t *data;
	size_t size;
};

static const char damaged[] = "the file is damaged";
static const char unsupported[] = "a kind of picture that is not supported";
static const char no_memory[] = "out of memory";

static const char *picture_create(struct picture *picture, unsigned long width,
				  unsigned long height)
{
	if (!width || !height || width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX)
		return damaged;
	picture->width = width;
	picture->height = height;
	picture->pixels = calloc(width * height, sizeof(*picture->pixels));
	return picture->pixels ? NULL : no_memory;
}

void picture_free(struct picture *picture)
{
	free(picture->pixels);
}

/* The next number of a PPM header, with comments before it; -1: none. */
static long ppm_number(const struct bytes *file, size_t *at)
{
	long number = 0;

	while (*at < file->size && (isspace(file->data[*at]) || file->data[*at] == '#')) {
		if (file->data[*at] == '#')
			while (*at < file->size && file->data[*at] != '\n')
				++*at;
		else
			++*at;
	}
	if (*at >= file->size || !isdigit(file->data[*at]))
		return -1;
	for (; *at < file->size && isdigit(file->data[*at]) && number < 1000000; ++*at)
		number = number * 10 + file->data[*at] - '0';
	return number;
}

static const char *ppm_read(struct picture *picture, const struct bytes *file)
{
	size_t at = 2;
	long width = ppm_number(file, &at), height = ppm_number(file, &at);
	long most = ppm_number(file, &at);
	const char *error;

	if (width < 0 || height < 0 || most < 1)
		return damaged;
	if (most > 255)
		return unsupported;
	error = picture_create(picture, width, height);
	if (error)
		return error;
	at++;
	if (file->size < at || file->size - at < 3ul * width * height)
		return damaged;
	for (long i = 0; i < width * height; i++, at += 3)
		picture->pixels[i] = file->data[at] * 255 / most << 16 |
				     file->data[at + 1] * 255 / most << 8 |
				     file->data[at + 2] * 255 / most;
	return NULL;
}

static uint32_t little(const uint8_t *at, int size)
{
	uint32_t value = 0;

	while (size--)
		value = value << 8 | at[size];
	return value;
}

static const char *bmp_read(struct picture *picture, const struct bytes *file)
{
	const uint8_t *data = file->data;
	long width, height, bytes, stride;
	const char *error;
	size_t start;
	bool up;

	if (file->size < 54)
		return damaged;
	start = little(data + 10, 4);
	width = (int32_t)little(data + 18, 4);
	height = (int32_t)little(data + 22, 4);
	bytes = little(data + 28, 2) / 8;
	up = height > 0;
	height = up ? height : -height;
	if ((bytes != 3 && bytes != 4) || (little(data + 30, 4) != 0 && little(data + 30, 4) != 3))
		return unsupported;
	if (width < 0)
		return damaged;
	error = picture_create(picture, width, height);
	if (error)
		return error;
	stride = (width * bytes + 3) & ~3l;
	if (start > file->size || file->size - start < (unsigned long)(stride * height))
		return damaged;
	for (long y = 0; y < height; y++)
		for (long x = 0; x < width; x++)
			picture->pixels[(up ? height - 1 - y : y) * width + x] =
				little(data + start + y * stride + x * bytes, 3);
	return NULL;
}

/* What a PNG's chunks say. */
struct png {
	uint32_t width, height;
	int colour, channels;
	uint32_t palette[256];
	struct bytes packed;
};

static uint32_t big(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static const char *png_header(struct png *png, const uint8_t *body, uint32_t size)
{
	static const int channels[7] = { 1, 0, 3, 1, 2, 0, 4 };

	if (size < 13)
		return damaged;
	png->width = big(body);
	png->height = big(body + 4);
	png->colour = body[9];
	if (body[8] != 8 || png->colour > 6 || !channels[png->colour] || body[12])
		return unsupported;
	png->channels = channels[png->colour];
	return NULL;
}

static const char *png_chunks(struct png *png, const struct bytes *file)
{
	size_t at = 8;
	const char *error;

	while (file->size - at >= 12) {
		uint32_t size = big(file->data + at);
		const uint8_t *kind = file->data + at + 4, *body = kind + 4;

		if (size > file->size - at - 12)
			return damaged;
		if (!memcmp(kind, "IHDR", 4)) {
			error = png_header(png, body, size);
			if (error)
				return error;
		} else if (!memcmp(kind, "PLTE", 4)) {
			for (uint32_t i = 0; i < size / 3 && i < 256; i++)
				png->palette[i] = body[3 * i] << 16 | body[3 * i + 1] << 8 |
						  body[3 * i + 2];
		} else if (!memcmp(kind, "IDAT", 4)) {
			/* In place: what it covers was read. */
			memmove(png->packed.data + png->packed.size, body, size);
			png->packed.size += size;
		} else if (!memcmp(kind, "IEND", 4)) {
			break;
		}
		at += 12 + (size_t)size;
	}
	return png->channels && png->packed.size > 6 ? NULL : damaged;
}

static int paeth(int left, int above, int corner)
{
	int guess = left + above - corner;
	int a = abs(guess - left), b = abs(guess - above), c = abs(guess - corner);

	return a <= b && a <= c ? left : b <= c ? above : corner;
}

/* Undo the filter of one row (PNG specification, 9.2). */
static bool png_unfilter(uint8_t *row, const uint8_t *above, size_t size, int channels, int filter)
{
	for (size_t i = 0; i < size; i++) {
		int left = i >= (size_t)channels ? row[i - channels] : 0;
		int up = above ? above[i] : 0;
		int corner = above && i >= (size_t)channels ? above[i - channels] : 0;

		switch (filter) {
		case 0:
			break;
		case 1:
			row[i] += left;
			break;
		case 2:
			row[i] += up;
			break;
		case 3:
			row[i] += (left + up) / 2;
			break;
		case 4:
			row[i] += paeth(left, up, corner);
			break;
		default:
			return false;
		}
	}
	return true;
}

static uint32_t png_pixel(const struct png *png, const uint8_t *at)
{
	static const uint32_t grey = 0x010101;
	int alpha = png->colour == 4 ? at[1] : png->colour == 6 ? at[3] : 255;
	uint32_t colour;

	if (png->colour == 3)
		return png->palette[at[0]];
	colour = png->channels < 3 ? at[0] * grey : (uint32_t)at[0] << 16 | at[1] << 8 | at[2];
	/* Over black. */
	return (colour >> 16 & 255) * alpha / 255 << 16 | (colour >> 8 & 255) * alpha / 255 << 8 |
	       (colour & 255) * alpha / 255;
}

static const char *png_rows(struct picture *picture, const struct png *png, uint8_t *rows)
{
	size_t size = (size_t)png->width * png->channels;
	const uint8_t *above = NULL;

	for (uint32_t y = 0; y < png->height; y++) {
		uint8_t *row = rows + y * (size + 1) + 1;

		if (!png_unfilter(row, above, size, png->channels, row[-1]))
			return damaged;
		for (uint32_t x = 0; x < png->width; x++)
			picture->pixels[(size_t)y * png->width + x] =
				png_pixel(png, row + x * png->channels);
		above = row;
	}
	return NULL;
}

static const char *png_read(struct picture *picture, const struct bytes *file)
{
	struct png png = { .packed = { file->data, 0 } };
	const char *error = png_chunks(&png, file);
	size_t size;
	uint8_t *rows;

	if (!error)
		error = picture_create(picture, png.width, png.height);
	if (error)
		return error;
	size = ((size_t)png.width * png.channels + 1) * png.height;
	rows = malloc(size);
	if (!rows)
		return no_memory;
	/* Two bytes of zlib's header in front (RFC 1950), its checksum behind. */
	if (!unpack_deflate(png.packed.data + 2, png.packed.size - 6, rows, size))
		error = damaged;
	if (!error)
		error = png_rows(picture, &png, rows);
	free(rows);
	return error;
}

static const char *file_load(struct bytes *file, const char *path)
{
	FILE *stream = fopen(path, "rb");
	struct stat status;

	if (!stream)
		return strerror(errno);
	if (fstat(fileno(stream), &status) < 0 || !S_ISREG(status.st_mode) ||
	    !(file->data = malloc(status.st_size + 1))) {
		fclose(stream);
		return "cannot be read";
	}
	file->size = fread(file->data, 1, status.st_size, stream);
	fclose(stream);
	return NULL;
}

const char *picture_read(struct picture *picture, const char *path)
{
	struct bytes file = { 0 };
	const char *error = file_load(&file, path);

	picture->pixels = NULL;
	if (error)
		return error;
	if (file.size > 8 && !memcmp(file.data, "\x89PNG\r\n\x1a\n", 8))
		error = png_read(picture, &file);
	else if (file.size > 2 && !memcmp(file.data, "P6", 2))
		error = ppm_read(picture, &file);
	else if (file.size > 2 && !memcmp(file.data, "BM", 2))
		error = bmp_read(picture, &file);
	else
		error = unsupported;
	free(file.data);
	if (error)
		picture_free(picture);
	return error;
}
