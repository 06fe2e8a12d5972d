/*
 * view PICTURE...: shows PPM (P6), PNG (8 bits: grey, colour, palette, with or without alpha, not
 * interlaced) and BMP (24 and 32 bits) pictures on the screen, as large as they fit. Enter or a
 * space goes on to the next, q ends; where standard input is no terminal each stays until a line
 * comes.
 */
#define _GNU_SOURCE
#include "lib/draw.h"
#include "lib/picture.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/*
 * Enlarged or made smaller so that it fits, in the middle. Smaller: the mean of what falls on a
 * pixel.
 */
static void show(struct canvas *canvas, const struct picture *picture)
{
	int width = canvas->width, height = width * picture->height / picture->width;

	if (height > canvas->height) {
		height = canvas->height;
		width = height * picture->width / picture->height;
	}
	if (width > picture->width && height > picture->height &&
	    picture->width * 2 > canvas->width) {
		width = picture->width; /* not twice as large: as it is */
		height = picture->height;
	}
	int left = (canvas->width - width) / 2, top = (canvas->height - height) / 2;
	draw_fill(canvas, 0, 0, canvas->width, canvas->height, 0x000000);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			int x0 = (long)x * picture->width / width;
			int x1 = (long)(x + 1) * picture->width / width;
			int y0 = (long)y * picture->height / height;
			int y1 = (long)(y + 1) * picture->height / height;
			unsigned long sum[3] = { 0 }, count = 0;

			x1 += x1 == x0, y1 += y1 == y0;
			for (int v = y0; v < y1; v++)
				for (int u = x0; u < x1; u++, count++) {
					uint32_t colour = picture->pixels[v * picture->width + u];

					sum[0] += colour >> 16 & 255;
					sum[1] += colour >> 8 & 255;
					sum[2] += colour & 255;
				}
			draw_pixel(canvas, left + x, top + y,
				   sum[0] / count << 16 | sum[1] / count << 8 | sum[2] / count);
		}
}

/* False: the viewer has seen enough. */
static bool wait_key(void)
{
	struct termios before, raw;
	char key = 'q';

	if (tcgetattr(0, &before) < 0)
		return read(0, &key, 1) == 1;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(0, TCSANOW, &raw);
	while (read(0, &key, 1) == 1 && key != ' ' && key != '\n' && key != 'q')
		;
	tcsetattr(0, TCSANOW, &before);
	return key != 'q';
}

int main(int argc, char **argv)
{
	struct canvas canvas;
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: view PICTURE...\n");
		return 2;
	}
	if (!canvas_open(&canvas)) {
		fprintf(stderr, "view: /dev/fb0: %s\n", strerror(errno));
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		struct picture picture;
		const char *error = picture_read(&picture, argv[i]);

		if (error) {
			fprintf(stderr, "view: %s: %s\n", argv[i], error);
			status = 1;
			continue;
		}
		show(&canvas, &picture);
		picture_free(&picture);
		printf("%s\n", argv[i]);
		fflush(stdout);
		if (!wait_key())
			break;
	}
	canvas_close(&canvas);
	return status;
}
