// sources: arch/riscv/prologue.c
// flags: -Iarch/riscv
/*
 * What backtraces read from the kernel's instructions, against what the compiler wrote into the
 * kernel's debugging information (DWARF 5, 6.4), for each function of build/selene.elf.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "prologue.h"

#define KERNEL "build/selene.elf"

static struct {
	unsigned char *file;
	const Elf64_Phdr *text;
	char *frames; /* what readelf says */
} kernel;

static void *file_read(const char *name)
{
	FILE *stream = fopen(name, "rb");
	char *data;
	long size;

	if (!stream) {
		fprintf(stderr, "no %s: build it with `make kernel`\n", name);
		exit(EXIT_FAILURE);
	}
	fseek(stream, 0, SEEK_END);
	size = ftell(stream);
	rewind(stream);
	data = malloc((size_t)size);
	if (!data || fread(data, 1, (size_t)size, stream) != (size_t)size)
		abort();
	fclose(stream);
	return data;
}

static void kernel_read(void)
{
	static const char *const readelf[] = { "readelf", "--debug-dump=frames-interp", KERNEL,
					       NULL };
	const Elf64_Ehdr *header;
	size_t size;

	kernel.file = file_read(KERNEL);
	header = (const void *)kernel.file;
	for (unsigned i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *part = (const void *)(kernel.file + header->e_phoff);

		if (part[i].p_flags & PF_X)
			kernel.text = &part[i];
	}
	kernel.frames = check_filter(readelf, "", 0, &size);
	if (!kernel.text || !kernel.frames)
		abort();
	kernel.frames = realloc(kernel.frames, size + 1);
	kernel.frames[size] = 0;
}

static const u16 *code_at(uint64_t address)
{
	return (const void *)(kernel.file + kernel.text->p_offset + address - kernel.text->p_vaddr);
}

/* A line of the table: from @address on. */
struct row {
	uint64_t address;
	unsigned size;
	int below; /* −1: ra is in its register */
};

static struct totals {
	unsigned functions, calls, places, wrong_places;
} totals;

/* Is what is read at @pc as @row says? */
static bool as_the_compiler_says(uint64_t start, uint64_t pc, const struct row *row)
{
	struct prologue found = prologue_read(code_at(start), code_at(pc));

	if (found.size != row->size)
		return false;
	return row->below < 0 || (found.return_saved && (int)found.return_below == row->below);
}

static void compare_until(uint64_t start, const struct row *row, uint64_t end)
{
	uint64_t next;

	for (uint64_t pc = row->address; pc < end; pc = next) {
		next = pc + ((*code_at(pc) & 3) == 3 ? 4 : 2);
		totals.places++;
		totals.wrong_places += !as_the_compiler_says(start, pc, row);
		if (!prologue_follows_call(code_at(pc), code_at(next)))
			continue;
		totals.calls++;
		if (!as_the_compiler_says(start, next, row))
			CHECK_FAIL("function %" PRIx64 ", call at %" PRIx64
				   ": the compiler says size %u, ra %d below",
				   start, pc, row->size, row->below);
	}
}

/* Where in a line of the table the column of ra is; −1: there is none. */
static int column_of_ra(const char *heading)
{
	char word[16];
	int column = 0, used;

	for (; sscanf(heading, " %15s%n", word, &used) == 1 && *heading != '\n'; heading += used) {
		if (!strcmp(word, "ra"))
			return column;
		column++;
		if (heading[used] == '\n')
			break;
	}
	return -1;
}

static bool row_parse(const char *line, int ra_column, struct row *row)
{
	char word[16];
	int used;

	if (sscanf(line, "%" SCNx64 " sp+%u%n", &row->address, &row->size, &used) != 2)
		return false;
	row->below = -1;
	line += used;
	for (int column = 2; column <= ra_column; column++, line += used) {
		if (sscanf(line, " %15s%n", word, &used) != 1)
			return false;
		if (column == ra_column)
			sscanf(word, "c-%d", &row->below);
	}
	return true;
}

static void function_compare(const char *table, uint64_t start, uint64_t end)
{
	const char *line = strchr(table, '\n') + 1;
	int ra_column = column_of_ra(line);
	struct row row = { 0 }, next;
	bool any = false;

	totals.functions++;
	while ((line = strchr(line, '\n')) && row_parse(++line, ra_column, &next)) {
		if (any)
			compare_until(start, &row, next.address);
		row = next;
		any = true;
	}
	if (any)
		compare_until(start, &row, end);
}

static void every_function(void)
{
	const char *at = kernel.frames;
	uint64_t start, end;

	while ((at = strstr(at, " pc="))) {
		if (sscanf(at, " pc=%" SCNx64 "..%" SCNx64, &start, &end) == 2 &&
		    start >= kernel.text->p_vaddr &&
		    end <= kernel.text->p_vaddr + kernel.text->p_filesz)
			function_compare(at, start, end);
		at++;
	}
	printf("# %u functions, %u calls, %u instructions (%u wrong)\n", totals.functions,
	       totals.calls, totals.places, totals.wrong_places);
	EXPECT_TRUE(totals.functions > 1000 && totals.calls > 5000);
	/* An interrupted place is looked at only where a trap came: a wrong one costs a line. */
	EXPECT_TRUE(totals.wrong_places * 200 < totals.places);
}

int main(void)
{
	kernel_read();
	RUN(every_function);
	return CHECK_RESULT;
}
