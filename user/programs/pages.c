/*
 * pages [PID]: the mappings of a process with the states of their pages: who owns what (docs: kernel/mm/ownership.h).
 * In colour on a terminal.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATES = 4, BAR = 24, KIB_PER_PAGE = 4 };

/* The fields of /proc/PID/smaps that count pages by state, in kB. */
static const struct {
	const char *field, *name, *colour;
	char mark;
} states[STATES] = {
	{ "Owned:", "owned", "\033[32m", 'o' },
	{ "Shared_Pages:", "shared", "\033[36m", 's' },
	{ "Cow:", "cow", "\033[33m", 'c' },
	{ "Borrowed:", "borrowed", "\033[90m", 'b' },
};

struct mapping {
	unsigned long start, end;
	char rights[8], name[256];
	unsigned long kib[STATES];
};

static bool coloured;

static const char *colour(int state)
{
	return coloured ? states[state].colour : "";
}

/* One cell of the bar per 1/BAR of the mapping, at least one for each state that occurs. */
static void print_bar(const struct mapping *mapping)
{
	unsigned long size = (mapping->end - mapping->start) / 1024;
	int used = 0;

	for (int state = 0; state < STATES; state++) {
		int cells = mapping->kib[state] * BAR / size;

		if (mapping->kib[state] && !cells)
			cells = 1;
		printf("%s", colour(state));
		for (; cells > 0 && used < BAR; cells--, used++)
			putchar(states[state].mark);
	}
	printf("%s%*s", coloured ? "\033[0m" : "", BAR - used, "");
}

static void print_mapping(const struct mapping *mapping)
{
	printf("%012lx %8lu K %s |", mapping->start, (mapping->end - mapping->start) / 1024,
	       mapping->rights);
	print_bar(mapping);
	printf("|");
	for (int state = 0; state < STATES; state++)
		printf(" %6lu", mapping->kib[state] / KIB_PER_PAGE);
	printf("  %s\n", mapping->name);
}

/* A line of fields, or the head of the next mapping. */
static void read_field(struct mapping *mapping, const char *line)
{
	for (int state = 0; state < STATES; state++) {
		size_t length = strlen(states[state].field);

		if (!strncmp(line, states[state].field, length))
			mapping->kib[state] = strtoul(line + length, NULL, 10);
	}
}

static bool read_head(struct mapping *mapping, const char *line)
{
	struct mapping head = { 0 };

	if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255[^\n]", &head.start, &head.end, head.rights,
		   head.name) < 3)
		return false;
	*mapping = head;
	return true;
}

static void add(struct mapping *total, const struct mapping *mapping)
{
	for (int state = 0; state < STATES; state++)
		total->kib[state] += mapping->kib[state];
}

static void print_file(FILE *file)
{
	struct mapping mapping = { 0 }, total = { 0 };
	char line[512];

	printf("%-12s %10s %s  %-*s", "address", "size", "mode", BAR + 2, " pages");
	for (int state = 0; state < STATES; state++)
		printf(" %s%6.6s%s", colour(state), states[state].name, coloured ? "\033[0m" : "");
	printf("\n");
	while (fgets(line, sizeof(line), file)) {
		struct mapping next;

		if (!read_head(&next, line)) {
			read_field(&mapping, line);
			continue;
		}
		if (mapping.end)
			print_mapping(&mapping);
		add(&total, &mapping);
		mapping = next;
	}
	if (mapping.end)
		print_mapping(&mapping);
	add(&total, &mapping);
	printf("%*s", 12 + 1 + 10 + 1 + 4 + 2 + BAR + 2 - 1, "in all");
	for (int state = 0; state < STATES; state++)
		printf(" %6lu", total.kib[state] / KIB_PER_PAGE);
	printf("  pages\n");
}

int pages_main(int argc, char **argv);
int pages_main(int argc, char **argv)
{
	char path[64];
	FILE *file;

	if (argc > 2 || (argc == 2 && strspn(argv[1], "0123456789") != strlen(argv[1]))) {
		fprintf(stderr, "usage: pages [PID]\n");
		return 2;
	}
	snprintf(path, sizeof(path), "/proc/%s/smaps", argc == 2 ? argv[1] : "self");
	file = fopen(path, "r");
	if (!file) {
		perror(path);
		return 1;
	}
	coloured = isatty(STDOUT_FILENO);
	print_file(file);
	return 0;
}

#ifndef PAGES_IN_INIT
int main(int argc, char **argv)
{
	return pages_main(argc, argv);
}
#endif
