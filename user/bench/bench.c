/*
 * bench [--only ROW [--last]] [--repeat N] [--scale CPUS] [--list]: times each row and prints
 * `ROW NS-PER-OPERATION`. --last: ROW is measured after the rows before it, as in a run of all.
 * The first measurement of a row warms caches and is not printed; of the others the least counts (icount)
 * or all are printed (`--all`, for medians under a real clock).
 */
#define _GNU_SOURCE
#include "bench.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *row_missing;

int scale_main(int processors); /* scale.c */
int child_main(void);		/* process.c: what spawned programs do */

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static const struct row *const tables[] = { call_rows, file_rows, memory_rows, process_rows,
					    switch_rows };

uint64_t row_untimed;

static uint64_t measure(const struct row *row)
{
	uint64_t start = now_ns();

	row_untimed = 0;
	row->run(row->count);
	return now_ns() - start - row_untimed;
}

static void print_row(const struct row *row, int repeat, int all)
{
	uint64_t best = UINT64_MAX;

	row_missing = NULL;
	if (row->prepare)
		row->prepare();
	if (row_missing) {
		fprintf(stderr, "%s: not measured: %s\n", row->name, row_missing);
		return;
	}
	measure(row);
	for (int i = 0; i < repeat; i++) {
		uint64_t time = measure(row);

		if (all)
			printf("%s %.1f\n", row->name, (double)time / row->count);
		if (time < best)
			best = time;
	}
	if (row->finish)
		row->finish();
	if (!all)
		printf("%s %.1f\n", row->name, (double)best / row->count);
	fflush(stdout);
}

static void each_row(const char *only, int last, int repeat, int all, int list)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct row *row = tables[t]; row->name; row++) {
			int wanted = !only || !strcmp(only, row->name);

			if (!wanted && !last)
				continue;
			if (list)
				printf("%s\n", row->name);
			else
				print_row(row, wanted ? repeat : 1, all);
			if (wanted && last)
				return;
		}
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	int repeat = 2, all = 0, list = 0, last = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--child"))
			return child_main();
		if (!strcmp(argv[i], "--only") && i + 1 < argc)
			only = argv[++i];
		else if (!strcmp(argv[i], "--repeat") && i + 1 < argc)
			repeat = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--scale") && i + 1 < argc)
			return scale_main(atoi(argv[++i]));
		else if (!strcmp(argv[i], "--all"))
			all = 1;
		else if (!strcmp(argv[i], "--last"))
			last = 1;
		else if (!strcmp(argv[i], "--list"))
			list = 1;
		else {
			fprintf(stderr,
				"usage: bench [--only ROW [--last]] [--repeat N] [--all] [--scale CPUS] [--list]\n");
			return 2;
		}
	}
	each_row(only, only && last, repeat, all, list);
	return 0;
}
