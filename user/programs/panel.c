/*
 * panel [SECONDS]: the machine at a glance, on the screen: the load of each hart, what RAM holds,
 * and whose pages the processes' entries show (kernel/mm/ownership.h). Twice a second; q or ^C ends
 * it.
 */
#define _GNU_SOURCE
#include "lib/draw.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { HARTS_MAX = 8, HISTORY = 100, ROWS_MAX = 24, STATES = 4, KINDS = 4, INTERVAL_MS = 500 };
enum { GROUND = 0x0b0f16, CARD = 0x151b26, LINE = 0x232c3b, DIM = 0x77849a, TEXT = 0xdde5f0 };
enum { MARGIN = 16, TITLE = 56, HEAD = 30 };

static const struct {
	const char *field, *name;
	uint32_t colour;
} states[STATES] = {
	{ "Owned:", "owned", 0x4ade80 },
	{ "Cow:", "copy-on-write", 0xfbbf24 },
	{ "Shared_Pages:", "shared", 0x38bdf8 },
	{ "Borrowed:", "borrowed", 0xa78bfa },
};
static const char *const kind_names[KINDS] = { "programs", "files", "kernel", "free" };
static const uint32_t kind_colours[KINDS] = { 0x4ade80, 0x38bdf8, 0xf472b6, 0x2b3546 };

struct hart {
	unsigned long long busy, total; /* ticks, as of the last look */
	unsigned char load[HISTORY];	/* percent, oldest first */
};

struct process {
	int pid;
	char name[20];
	unsigned long kib[STATES], sum;
};

static struct hart harts[HARTS_MAX];
static int hart_count;
static unsigned long memory_total, memory[KINDS][HISTORY]; /* KiB, oldest first */
static struct process processes[256];
static int process_count;

static void shift(void *history, size_t size)
{
	memmove(history, (char *)history + size, size * (HISTORY - 1));
}

static void read_load(void)
{
	FILE *stream = fopen("/proc/stat", "r");
	char line[256];

	while (stream && fgets(line, sizeof(line), stream)) {
		unsigned long long user, nice, system, idle, busy, total;
		int number;

		if (sscanf(line, "cpu%d %llu %llu %llu %llu", &number, &user, &nice, &system,
			   &idle) != 5 ||
		    number < 0 || number >= HARTS_MAX)
			continue;
		struct hart *hart = &harts[number];
		busy = user + nice + system;
		total = busy + idle;
		shift(hart->load, 1);
		hart->load[HISTORY - 1] =
			total > hart->total ? (busy - hart->busy) * 100 / (total - hart->total) : 0;
		if (hart->load[HISTORY - 1] > 100)
			hart->load[HISTORY - 1] = 100;
		hart->busy = busy;
		hart->total = total;
		if (number >= hart_count)
			hart_count = number + 1;
	}
	if (stream)
		fclose(stream);
}

static void read_memory(void)
{
	unsigned long total = 0, free_kib = 0, cached = 0, shared = 0, anonymous = 0;
	FILE *stream = fopen("/proc/meminfo", "r");
	char line[128];

	while (stream && fgets(line, sizeof(line), stream)) {
		sscanf(line, "MemTotal: %lu", &total);
		sscanf(line, "MemFree: %lu", &free_kib);
		sscanf(line, "Cached: %lu", &cached);
		sscanf(line, "Shmem: %lu", &shared);
		sscanf(line, "AnonPages: %lu", &anonymous);
	}
	if (stream)
		fclose(stream);
	memory_total = total;
	for (int kind = 0; kind < KINDS; kind++)
		shift(memory[kind], sizeof(memory[kind][0]));
	memory[0][HISTORY - 1] = anonymous;
	memory[1][HISTORY - 1] = cached;
	memory[3][HISTORY - 1] = free_kib;
	unsigned long known = anonymous + cached + free_kib;
	memory[2][HISTORY - 1] = total > known ? total - known : 0;
}

static void read_process(int pid)
{
	struct process *process = &processes[process_count];
	char path[64], line[512];
	FILE *stream;

	*process = (struct process){ .pid = pid };
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	stream = fopen(path, "r");
	if (stream && fgets(process->name, sizeof(process->name), stream))
		process->name[strcspn(process->name, "\n")] = '\0';
	if (stream)
		fclose(stream);
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	stream = fopen(path, "r");
	while (stream && fgets(line, sizeof(line), stream))
		for (int state = 0; state < STATES; state++) {
			size_t length = strlen(states[state].field);

			if (!strncmp(line, states[state].field, length))
				process->kib[state] += strtoul(line + length, NULL, 10);
		}
	if (stream)
		fclose(stream);
	for (int state = 0; state < STATES; state++)
		process->sum += process->kib[state];
	if (process->sum)
		process_count++;
}

static int by_size(const void *one, const void *two)
{
	const struct process *left = one, *right = two;

	return (right->sum > left->sum) - (right->sum < left->sum);
}

static void read_processes(void)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	process_count = 0;
	while (directory && (entry = readdir(directory)))
		if (isdigit(entry->d_name[0]) && process_count < 256)
			read_process(atoi(entry->d_name));
	if (directory)
		closedir(directory);
	qsort(processes, process_count, sizeof(processes[0]), by_size);
}

static void card(struct canvas *canvas, int x, int y, int width, int height, const char *title)
{
	draw_round(canvas, x, y, width, height, 8, CARD);
	draw_text(canvas, x + 14, y + 9, 1, true, TEXT, title);
}

/*
 * A filled curve: bright at its edge, fading downwards, with the edge between two pixels blended.
 */
static void draw_curve(struct canvas *canvas, int x, int y, int width, int height,
		       const unsigned char *values, uint32_t colour)
{
	for (int line = 1; line < 4; line++)
		draw_fill(canvas, x, y + height * line / 4, width, 1, LINE);
	for (int column = 0; column < width; column++) {
		int at = column * (HISTORY - 1) * 256 / (width - 1), index = at / 256,
		    part = at % 256;
		int value = values[index] * (256 - part) +
			    (index + 1 < HISTORY ? values[index + 1] : values[index]) * part;
		int level = value * (height - 2) / 100; /* 256ths of a pixel */
		int top = y + height - 1 - level / 256;

		draw_blend(canvas, x + column, top - 1, colour, level % 256);
		for (int row = top; row < y + height; row++) {
			int depth = row - top;

			draw_blend(canvas, x + column, row, colour,
				   depth < 2 ? 255 : 150 - 110 * depth / height);
		}
	}
}

static void draw_harts(struct canvas *canvas, int x, int y, int width, int height)
{
	int columns = hart_count > 2 ? 2 : 1, rows = (hart_count + columns - 1) / columns;
	int cell_width = (width - 14 * (columns + 1)) / columns;
	int cell_height = (height - HEAD - 12 * rows) / (rows ? rows : 1);

	card(canvas, x, y, width, height, "Load of each hart");
	for (int i = 0; i < hart_count; i++) {
		int left = x + 14 + i % columns * (cell_width + 14);
		int top = y + HEAD + i / columns * (cell_height + 12);
		uint32_t colour = colour_mix(colour_wheel(820 + i * 150), 0xffffff, 70);
		int load = harts[i].load[HISTORY - 1];
		char text[32];

		draw_round(canvas, left, top, cell_width, cell_height, 5, GROUND);
		draw_curve(canvas, left + 1, top + 26, cell_width - 2, cell_height - 28,
			   harts[i].load, colour);
		snprintf(text, sizeof(text), "hart %d", i);
		draw_text(canvas, left + 10, top + 6, 1, false, DIM, text);
		snprintf(text, sizeof(text), "%d %%", load);
		draw_text(canvas, left + cell_width - 10 - draw_text_width(1, text), top + 6, 1,
			  true, load > 75 ? 0xffffff : colour, text);
	}
}

/* Layers upon each other, over time; what is free is the ground. */
static void draw_memory(struct canvas *canvas, int x, int y, int width, int height)
{
	int left = x + 14, top = y + HEAD, inner = width - 28, tall = height - HEAD - 42;
	unsigned long used = 0, most = 1;
	int at = left;
	char text[48];

	card(canvas, x, y, width, height, "Memory");
	/* The scale: what is used fills two thirds at most. */
	for (int i = 0; i < HISTORY; i++) {
		used = memory[0][i] + memory[1][i] + memory[2][i];
		most = used * 3 / 2 > most ? used * 3 / 2 : most;
	}
	draw_round(canvas, left, top, inner, tall, 5, GROUND);
	for (int column = 1; column < inner - 1; column++) {
		int index = column * (HISTORY - 1) / (inner - 1);
		unsigned long below = 0;

		for (int kind = 0; kind < KINDS - 1; kind++) {
			int from = below * (tall - 2) / most, to;

			below += memory[kind][index];
			to = below * (tall - 2) / most;
			draw_fill(canvas, left + column, top + tall - 1 - to, 1, to - from,
				  colour_mix(kind_colours[kind], GROUND, 90));
			draw_fill(canvas, left + column, top + tall - 1 - to, 1, to > from ? 2 : 0,
				  kind_colours[kind]);
		}
	}
	for (int kind = 0; kind < KINDS; kind++) {
		snprintf(text, sizeof(text), "%s %.1f M", kind_names[kind],
			 memory[kind][HISTORY - 1] / 1024.0);
		draw_disc(canvas, at + 5, y + height - 20, 5, kind_colours[kind]);
		at = draw_text(canvas, at + 16, y + height - 28, 1, false, TEXT, text) + 18;
	}
}

static void draw_processes(struct canvas *canvas, int x, int y, int width, int height)
{
	int top = y + HEAD + 26, rows = (height - HEAD - 36) / 24, at = x + 14;
	int bar = width - 28 - 190;
	unsigned long most = process_count ? processes[0].sum : 1;

	card(canvas, x, y, width, height, "Whose pages the processes show");
	for (int state = 0; state < STATES; state++) {
		draw_disc(canvas, at + 5, y + HEAD + 9, 5, states[state].colour);
		at = draw_text(canvas, at + 16, y + HEAD + 1, 1, false, DIM, states[state].name) +
		     14;
	}
	for (int row = 0; row < rows && row < process_count; row++, top += 24) {
		const struct process *process = &processes[row];
		char text[64];
		int left = x + 14 + 130;

		snprintf(text, sizeof(text), "%-10.10s %4d", process->name, process->pid);
		draw_text(canvas, x + 14, top + 2, 1, false, TEXT, text);
		draw_round(canvas, left, top + 3, bar, 14, 4, GROUND);
		for (int state = 0; state < STATES; state++) {
			int part = process->kib[state] * bar / most;

			if (process->kib[state] && part < 2)
				part = 2;
			if (part > x + 14 + 130 + bar - left)
				part = x + 14 + 130 + bar - left;
			draw_gradient(canvas, left, top + 3, part, 14,
				      colour_mix(states[state].colour, 0xffffff, 40),
				      colour_mix(states[state].colour, GROUND, 60));
			left += part;
		}
		snprintf(text, sizeof(text), "%lu K", process->sum);
		draw_text(canvas, x + width - 14 - draw_text_width(1, text), top + 2, 1, false, DIM,
			  text);
	}
}

static void draw_all(struct canvas *canvas)
{
	int width = canvas->width - 2 * MARGIN, height = canvas->height - TITLE - MARGIN;
	int left = width * 11 / 20, upper = height * 3 / 5;
	struct utsname name;
	struct timespec up;
	char text[512];

	uname(&name);
	clock_gettime(CLOCK_MONOTONIC, &up);
	draw_gradient(canvas, 0, 0, canvas->width, canvas->height, 0x0e1420, 0x07090e);
	int x = draw_text(canvas, MARGIN, 14, 2, true, 0xffc860, "Selene");
	snprintf(text, sizeof(text), "%s, %s, %d hart%s, %lu MiB", name.release, name.machine,
		 hart_count, hart_count == 1 ? "" : "s", memory_total / 1024);
	draw_text(canvas, x + 20, 26, 1, false, DIM, text);
	snprintf(text, sizeof(text), "up %ld:%02ld:%02ld", up.tv_sec / 3600, up.tv_sec / 60 % 60,
		 up.tv_sec % 60);
	draw_text(canvas, canvas->width - MARGIN - draw_text_width(1, text), 26, 1, false, TEXT,
		  text);
	draw_harts(canvas, MARGIN, TITLE, left - 8, upper - 8);
	draw_memory(canvas, MARGIN, TITLE + upper + 8, left - 8, height - upper - 8);
	draw_processes(canvas, MARGIN + left + 8, TITLE, width - left - 8, height);
}

/* True: a key says that it is enough. */
static bool wait_or_key(int milliseconds, bool terminal)
{
	struct pollfd input = { .fd = terminal ? 0 : -1, .events = POLLIN };
	char key;

	return poll(&input, 1, milliseconds) == 1 && (read(0, &key, 1) != 1 || key == 'q');
}

int main(int argc, char **argv)
{
	struct canvas screen, buffer;
	struct termios before, raw;
	bool terminal = tcgetattr(0, &before) == 0;
	long rounds = argc > 1 ? atol(argv[1]) * 1000 / INTERVAL_MS : -1;

	if (!canvas_open(&screen) || !canvas_create(&buffer, &screen)) {
		fprintf(stderr, "panel: /dev/fb0: %s\n", strerror(errno));
		return 1;
	}
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	if (terminal)
		tcsetattr(0, TCSANOW, &raw);
	read_load();
	for (; rounds; rounds -= rounds > 0) {
		if (wait_or_key(INTERVAL_MS, terminal))
			break;
		read_load();
		read_memory();
		read_processes();
		draw_all(&buffer);
		canvas_show(&screen, &buffer);
	}
	if (terminal)
		tcsetattr(0, TCSANOW, &before);
	canvas_close(&screen);
	return 0;
}
