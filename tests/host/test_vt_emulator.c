// sources: kernel/dev/vt/emulator.c kernel/dev/vt/emulator_parse.c kernel/dev/vt/emulator_csi.c
// sources: kernel/lib/printf.c kernel/lib/format.c
// flags: -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/* The terminal emulation: what bytes make of the cells, and any bytes at all. */
#include <dev/vt/emulator.h>
#include <string.h>

#include "check.h"

enum { COLUMNS = 20, ROWS = 6, HISTORY = 10 };

static struct emulator emulator;
static void *memory;
static char answered[256];

static void take_answer(struct emulator *from, const char *text, size_t size)
{
	strncat(answered, text, size);
}

static void fresh(void)
{
	size_t size = emulator_memory(COLUMNS, ROWS, HISTORY);

	free(memory);
	memory = calloc(1, size);
	emulator_init(&emulator, memory, COLUMNS, ROWS, HISTORY);
	emulator.answer = take_answer;
	answered[0] = '\0';
}

static void put(const char *text)
{
	emulator_write(&emulator, (const u8 *)text, strlen(text));
}

/* The text of a row, ASCII, without what is blank at its end. */
static const char *row(u32 y)
{
	static char text[4][COLUMNS + 1];
	static unsigned next;
	char *line = text[next++ % 4];
	const struct cell *cells = emulator_row(&emulator, y);
	size_t end = 0;

	for (u32 x = 0; x < COLUMNS; x++) {
		line[x] = cells[x].character ? (char)cells[x].character : ' ';
		if (line[x] != ' ')
			end = x + 1;
	}
	line[end] = '\0';
	return line;
}

static void text_and_wrap(void)
{
	fresh();
	put("hello\r\nworld");
	EXPECT_STRING(row(0), "hello");
	EXPECT_STRING(row(1), "world");
	EXPECT(emulator.cursor.x, 5);
	put("\033[H\033[2J01234567890123456789");
	EXPECT(emulator.cursor.y, 0); /* it wraps with the next character, not with this one */
	put("x");
	EXPECT(emulator.cursor.y, 1);
	EXPECT_STRING(row(1), "x");
	put("\033[H\033[2J\033[?7l01234567890123456789xyz");
	EXPECT_STRING(row(0), "0123456789012345678z");
	put("\033[?7h\ttab\b\bX"); /* the tab stays, the t is the last, the rest goes on below */
	EXPECT_STRING(row(1), "Xb");
}

static void scrolling(void)
{
	fresh();
	for (int i = 0; i < 9; i++) {
		char line[16];

		sprintf(line, "\r\n%d", i);
		put(line);
	}
	EXPECT_STRING(row(ROWS - 1), "8");
	EXPECT_STRING(row(0), "3");
	emulator_scroll_view(&emulator, 2);
	EXPECT_STRING(row(0), "1");
	EXPECT_STRING(row(ROWS - 1), "6");
	emulator_scroll_view(&emulator, 1000);
	EXPECT_STRING(row(1), "0");
	put("."); /* output brings back the present */
	EXPECT_STRING(row(ROWS - 1), "8.");
	put("\033[2;4r\033[4;1H\n"); /* a region scrolls alone */
	EXPECT_STRING(row(0), "3");
	EXPECT_STRING(row(1), "5");
	EXPECT_STRING(row(3), "");
	EXPECT_STRING(row(4), "7");
	put("\033[2;1H\033M");
	EXPECT_STRING(row(1), "");
	EXPECT_STRING(row(2), "5");
	put("\033[r\033[3;1H\033[2L");
	EXPECT_STRING(row(4), "5");
	put("\033[2M");
	EXPECT_STRING(row(2), "5");
	put("\033[S");
	EXPECT_STRING(row(1), "5");
	put("\033[2T");
	EXPECT_STRING(row(3), "5");
}

static void editing(void)
{
	fresh();
	put("abcdefgh\033[3G\033[2P");
	EXPECT_STRING(row(0), "abefgh");
	put("\033[2@");
	EXPECT_STRING(row(0), "ab  efgh");
	put("\033[4hXY\033[4l");
	EXPECT_STRING(row(0), "abXY  efgh");
	put("\033[6G\033[K");
	EXPECT_STRING(row(0), "abXY");
	put("\033[2G\033[1K");
	EXPECT_STRING(row(0), "  XY");
	put("\033[3G\033[1X");
	EXPECT_STRING(row(0), "   Y");
	put("\033[2J\033[H-\033[3b");
	EXPECT_STRING(row(0), "----");
	put("\0337\033[5;5Hx\0338y");
	EXPECT_STRING(row(0), "----y");
	EXPECT_STRING(row(4), "    x");
}

static void colours(void)
{
	const struct cell *cells;

	fresh();
	put("\033[1;31;44mA\033[0mB\033[38;5;200mC\033[48;2;255;0;0mD\033[39;49;97mE\033[7mF\033[27mG");
	cells = emulator_row(&emulator, 0);
	EXPECT(cells[0].foreground, 1);
	EXPECT(cells[0].background, 4);
	EXPECT(cells[0].attributes, CELL_BOLD);
	EXPECT(cells[1].foreground, COLOUR_FOREGROUND);
	EXPECT(cells[2].foreground, 200);
	EXPECT(cells[3].background, 196);
	EXPECT(cells[4].foreground, 15);
	EXPECT(cells[4].background, COLOUR_BACKGROUND);
	EXPECT(cells[5].attributes, CELL_REVERSE);
	EXPECT(cells[6].attributes, 0);
	put("\033[42m\033[K");
	EXPECT(emulator_row(&emulator, 0)[COLUMNS - 1].background, 2);
	put("\033[38m\033[48;5m\033[38;2;1mZ"); /* cut off */
}

static void utf8(void)
{
	const struct cell *cells;

	fresh();
	put("ä€😀\xff\xc3(\xe2\x82x");
	cells = emulator_row(&emulator, 0);
	EXPECT(cells[0].character, 0xe4);
	EXPECT(cells[1].character, 0x20ac);
	EXPECT(cells[2].character, 0x1f600);
	EXPECT(cells[3].attributes & CELL_TAIL, CELL_TAIL);
	EXPECT(cells[4].character, 0xfffd);
	EXPECT(cells[5].character, 0xfffd);
	EXPECT(cells[6].character, '(');
	EXPECT(cells[7].character, 0xfffd);
	EXPECT(cells[8].character, 'x');
	put("\r\033[3C漢"); /* over half of the wide one */
	EXPECT(cells[2].character, 0);
	put("\033[2;1H\033(0lqk\033(Bq\016x\017x");
	cells = emulator_row(&emulator, 1);
	EXPECT(cells[0].character, 0x250c);
	EXPECT(cells[1].character, 0x2500);
	EXPECT(cells[2].character, 0x2510);
	EXPECT(cells[3].character, 'q');
	EXPECT(cells[4].character, 0x2502);
	EXPECT(cells[5].character, 'x');
}

static void screens_and_answers(void)
{
	u32 x, y;

	fresh();
	put("main\033[?1049hother");
	EXPECT_STRING(row(0), "    other");
	put("\033[?1049l");
	EXPECT_STRING(row(0), "main");
	EXPECT(emulator.cursor.x, 4);
	put("\033[6n\033[5n\033[c");
	EXPECT_STRING(answered, "\033[1;5R\033[0n\033[?6c");
	EXPECT_TRUE(emulator_cursor_at(&emulator, &x, &y));
	put("\033[?25l");
	EXPECT_TRUE(!emulator_cursor_at(&emulator, &x, &y));
	put("\033]0;title\a\033]2;more\033\\\033P$q\033\\\033]R\033]P0123456|\033[[Aok");
	EXPECT_STRING(row(0), "main|ok");
	put("\033c");
	EXPECT_STRING(row(0), "");
	put("\033[?1h");
	EXPECT(emulator.modes & MODE_CURSOR_KEYS, MODE_CURSOR_KEYS);
	put("\033[3;5r\033[?6h");
	EXPECT(emulator.cursor.y, 2);
	put("\033[99;99H");
	EXPECT(emulator.cursor.y, 4);
	EXPECT(emulator.cursor.x, COLUMNS - 1);
}

/*
 * Whatever comes, the cursor stays on the screen and nothing outside of the memory is touched
 * (ASan).
 */
static void random_bytes(void)
{
	static const char pieces[][12] = { "\033[", "\033",  ";",     "?",	  "99999999",
					   "H",	    "J",     "K",     "L",	  "M",
					   "P",	    "@",     "m",     "r",	  "h",
					   "l",	    "S",     "T",     "b",	  "\n",
					   "\t",    "1049",  "漢",    "\xf0\x9f", "text",
					   "\b",    "\0337", "\0338", "38;2;",	  "6" };

	check_random_seed();
	fresh();
	for (int i = 0; i < 300000; i++) {
		u8 byte = check_random();

		if (check_random() % 2)
			put(pieces[check_random() % ARRAY_SIZE(pieces)]);
		else
			emulator_write(&emulator, &byte, 1);
		if (check_random() % 500 == 0)
			emulator_scroll_view(&emulator, (s32)(check_random() % 30) - 10);
		if (emulator.cursor.x >= COLUMNS || emulator.cursor.y >= ROWS ||
		    emulator.top >= emulator.bottom || emulator.bottom > ROWS ||
		    emulator.view > HISTORY) {
			CHECK_FAIL("after %d pieces the cursor is at %u, %u", i, emulator.cursor.x,
				   emulator.cursor.y);
			return;
		}
		for (u32 y = 0; y < ROWS; y++)
			check_random_state += emulator_row(&emulator, y)[COLUMNS - 1].character & 0;
	}
}

int main(void)
{
	RUN(text_and_wrap);
	RUN(scrolling);
	RUN(editing);
	RUN(colours);
	RUN(utf8);
	RUN(screens_and_answers);
	RUN(random_bytes);
	free(memory);
	return CHECK_RESULT;
}
