/*
 * fbshare [FRAMES]: one framebuffer, drawn in by several processes at once. Two are started by
 * spawn(), a third by fork(); half-way the first execs another program, which draws on, and the
 * second is killed. Nobody unmaps or copies anything, and the picture keeps moving. With FRAMES
 * each draws so many and the picture stays, for tests: it says `ready` and waits for a line of
 * input.
 */
#define _GNU_SOURCE
#include "lib/draw.h"
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PANES = 3, GAP = 16, HEAD = 64, FOOT = 56, FRAME_NS = 33333333, FOREVER = 0, HALF_WAY = 90 };

extern char **environ;

struct pane {
	int x, y, width, height;
};

static struct pane pane_of(const struct canvas *canvas, int index)
{
	int width = (canvas->width - (PANES + 1) * GAP) / PANES;

	return (struct pane){ GAP + index * (width + GAP), HEAD, width,
			      canvas->height - HEAD - FOOT };
}

static void label(struct canvas *canvas, int index, uint32_t colour, const char *text)
{
	struct pane pane = pane_of(canvas, index);
	int y = pane.y + pane.height + 12;

	draw_fill(canvas, pane.x, y, pane.width, 32, 0x101418);
	draw_text(canvas, pane.x + (pane.width - draw_text_width(1, text)) / 2, y + 8, 1, true,
		  colour, text);
}

static void wait_frame(void)
{
	nanosleep(&(struct timespec){ 0, FRAME_NS }, NULL);
}

/* Waves that run through each other, in blocks of four pixels. */
static void draw_plasma(struct canvas *canvas, struct pane pane, int frame, int hue)
{
	for (int y = 0; y < pane.height; y += 4)
		for (int x = 0; x < pane.width; x += 4) {
			int value = wave(x * 3 + frame * 9) + wave(y * 2 - frame * 7) +
				    wave(x + y * 2 + frame * 5);
			uint32_t colour = colour_mix(0x080c14, colour_wheel(hue + value / 4),
						     96 + (value + 768) / 10);

			draw_fill(canvas, pane.x + x, pane.y + y,
				  x + 4 > pane.width ? pane.width - x : 4,
				  y + 4 > pane.height ? pane.height - y : 4, colour);
		}
}

/* Discs on a path of two waves, over a dark ground. */
static void draw_chain(struct canvas *canvas, struct pane pane, int frame, int hue)
{
	int middle_x = pane.x + pane.width / 2, middle_y = pane.y + pane.height / 2;

	draw_gradient(canvas, pane.x, pane.y, pane.width, pane.height, 0x101828, 0x04060c);
	for (int i = 0; i < 48; i++) {
		int at = frame * 6 + i * 14, radius = 4 + i / 3;
		int x = middle_x + (pane.width / 2 - 24) * wave(at) / 256;
		int y = middle_y + (pane.height / 2 - 24) * wave(at * 3 / 2 + 256) / 256;

		draw_disc(canvas, x, y, radius,
			  colour_mix(0x04060c, colour_wheel(hue + i * 12), 64 + i * 4));
	}
}

/* Rings that run outwards. */
static void draw_rings(struct canvas *canvas, struct pane pane, int frame, int hue)
{
	int most = pane.width / 2 < pane.height / 2 ? pane.width / 2 : pane.height / 2;

	draw_fill(canvas, pane.x, pane.y, pane.width, pane.height, 0x0a0e16);
	for (int radius = most; radius > 6; radius -= 6)
		draw_disc(canvas, pane.x + pane.width / 2, pane.y + pane.height / 2, radius,
			  colour_mix(0x0a0e16, colour_wheel(hue + radius * 2),
				     128 + wave(radius * 16 - frame * 24) / 3));
}

/* Until it has drawn @frames, or for ever. @kind: what and what it says of itself. */
static int work(int index, char kind, int first, int frames)
{
	struct canvas canvas, buffer;

	if (!canvas_open(&canvas) || !canvas_create(&buffer, &canvas)) {
		fprintf(stderr, "fbshare: /dev/fb0: %s\n", strerror(errno));
		return 1;
	}
	struct pane pane = pane_of(&canvas, index);
	struct pane local = { 0, 0, pane.width, pane.height };
	size_t row = (size_t)pane.width * (canvas.bits / 8);

	label(&canvas, index, 0xd8e0e8,
	      kind == 'p'   ? "started by spawn"
	      : kind == 'r' ? "exec'd: another program"
	      : kind == 'c' ? "started by fork"
			    : "started by spawn, too");
	for (int frame = first; frames == FOREVER || frame < frames; frame++) {
		if (kind == 'p')
			draw_plasma(&buffer, local, frame, 900);
		else if (kind == 'r')
			draw_rings(&buffer, local, frame, 900);
		else if (kind == 'c')
			draw_plasma(&buffer, local, frame, 100);
		else
			draw_chain(&buffer, local, frame, 400);
		for (int y = 0; y < pane.height; y++)
			memcpy(canvas.pixels + (size_t)(pane.y + y) * canvas.stride +
				       (size_t)pane.x * (canvas.bits / 8),
			       buffer.pixels + (size_t)y * buffer.stride, row);
		/*
		 * Another program takes over: its image, its address space, the same framebuffer.
		 */
		if (kind == 'p' && frame == HALF_WAY) {
			char text[2][16];

			snprintf(text[0], sizeof(text[0]), "%d", frame + 1);
			snprintf(text[1], sizeof(text[1]), "%d", frames);
			execl("/proc/self/exe", "fbshare", "--work", "0", "r", text[0], text[1],
			      (char *)NULL);
		}
		wait_frame();
	}
	return 0;
}

static pid_t start(const char *index, const char *kind, const char *frames)
{
	char *argv[] = {
		"fbshare", "--work", (char *)index, (char *)kind, "0", (char *)frames, NULL
	};
	char path[512] = "";
	pid_t pid = -1;
	/* The link itself would be looked up by the child, who is no program yet. */
	int error = readlink("/proc/self/exe", path, sizeof(path) - 1) < 0
			    ? errno
			    : posix_spawn(&pid, path, NULL, NULL, argv, environ);

	if (error)
		fprintf(stderr, "fbshare: spawn: %s\n", strerror(error));
	return pid;
}

static void draw_title(struct canvas *canvas)
{
	const char *title = "one framebuffer, many owners: none";

	draw_fill(canvas, 0, 0, canvas->width, canvas->height, 0x101418);
	draw_text(canvas, (canvas->width - draw_text_width(2, title)) / 2, 16, 2, true, 0xffc860,
		  title);
}

int main(int argc, char **argv)
{
	struct canvas canvas;
	const char *frames = argc > 1 ? argv[1] : "0";
	char line[16];

	if (argc == 6 && !strcmp(argv[1], "--work"))
		return work(atoi(argv[2]), argv[3][0], atoi(argv[4]), atoi(argv[5]));
	if (!canvas_open(&canvas)) {
		fprintf(stderr, "fbshare: /dev/fb0: %s\n", strerror(errno));
		return 1;
	}
	draw_title(&canvas);
	pid_t first = start("0", "p", frames), second = start("1", "d", "0");
	pid_t third = fork();
	if (third == 0)
		_exit(work(2, 'c', 0, atoi(frames)));
	/* The second draws for ever: it is killed while it does. */
	for (int i = 0; i < HALF_WAY; i++)
		wait_frame();
	kill(second, SIGKILL);
	waitpid(second, NULL, 0);
	struct pane pane = pane_of(&canvas, 1);
	draw_gradient(&canvas, pane.x, pane.y, pane.width, pane.height, 0x301018, 0x100408);
	label(&canvas, 1, 0xff6060, "killed; the others go on");
	if (atoi(frames) == FOREVER)
		fprintf(stderr, "fbshare: processes %d and %d go on; ^C ends them\n", first, third);
	waitpid(first, NULL, 0);
	waitpid(third, NULL, 0);
	if (atoi(frames) != FOREVER) {
		puts("ready");
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return 1;
	}
	canvas_close(&canvas);
	return 0;
}
