#pragma once
/*
 * A terminal in memory: a grid of cells that bytes change as they would change Linux's console,
 * with what xterm adds and programs use (ECMA-48; console_codes(4); UTF-8). It draws nothing, takes
 * no lock and allocates nothing; kernel/dev/vt/screen.c shows it.
 *
 *   emulator.c        the grid: lines, scrolling, erasing, history
 *   emulator_parse.c  bytes to characters and control sequences
 *   emulator_csi.c    what control sequences do
 */
#include <lib/types.h>

enum { EMULATOR_COLUMNS_MAX = 1024, EMULATOR_PARAMETERS = 16 };

enum cell_attribute {
	CELL_BOLD = 1 << 0,
	CELL_DIM = 1 << 1,
	CELL_ITALIC = 1 << 2,
	CELL_UNDERLINE = 1 << 3,
	CELL_BLINK = 1 << 4,
	CELL_REVERSE = 1 << 5,
	CELL_HIDDEN = 1 << 6,
	CELL_STRIKE = 1 << 7,
	CELL_TAIL = 1 << 8, /* the right half of a wide character */
};

struct cell {
	u32 character;		   /* Unicode; 0: nothing was written */
	u8 foreground, background; /* of the palette of 256 */
	u16 attributes;
};

enum { COLOUR_FOREGROUND = 7, COLOUR_BACKGROUND = 0 };

enum emulator_mode {
	MODE_WRAP = 1 << 0,	   /* DECAWM */
	MODE_ORIGIN = 1 << 1,	   /* DECOM: rows count from the scroll region */
	MODE_INSERT = 1 << 2,	   /* IRM */
	MODE_NEW_LINE = 1 << 3,	   /* LNM */
	MODE_CURSOR = 1 << 4,	   /* DECTCEM: it is seen */
	MODE_REVERSE = 1 << 5,	   /* DECSCNM */
	MODE_CURSOR_KEYS = 1 << 6, /* DECCKM: arrows send ESC O */
	MODE_KEYPAD = 1 << 7,	   /* DECKPAM */
	MODE_ALTERNATE = 1 << 8,   /* the second screen is shown */
	MODE_PASTE = 1 << 9,	   /* bracketed paste: kept for those who ask */
};

struct emulator_cursor {
	u32 x, y;
	struct cell pen; /* what is written next looks like */
	u8 sets[2];	 /* of G0 and G1: 'B', '0', 'A' */
	u8 shift;	 /* which of them */
	bool origin;
};

enum parse_state {
	PARSE_TEXT,
	PARSE_ESCAPE,
	PARSE_CHARSET, /* ESC ( and ) */
	PARSE_SKIP_ONE,
	PARSE_CSI,
	PARSE_STRING, /* OSC, DCS, PM, APC: up to BEL or ST */
	PARSE_STRING_ESCAPE,
	PARSE_PALETTE,	      /* ESC ] P and seven digits */
	PARSE_LINUX_FUNCTION, /* ESC [ [ and one character */
};

struct emulator {
	u32 columns, rows;
	struct cell **lines;   /* what is shown, from above */
	struct cell **hidden;  /* the other screen */
	struct cell **history; /* a ring of history_size lines */
	u32 history_size, history_count, history_next;
	u32 view; /* lines that the viewer has gone back; 0: live */

	struct emulator_cursor cursor, saved[2]; /* saved for each screen */
	bool wrap_pending; /* the last column was written: the next character goes to a new line */
	u32 top, bottom;   /* scroll region, half open */
	u32 modes;	   /* enum emulator_mode */
	u64 tabs[EMULATOR_COLUMNS_MAX / 64];
	u32 last_character;
	bool changed; /* something on the screen, since the viewer cleared this */

	enum parse_state state;
	u32 parameters[EMULATOR_PARAMETERS], parameter_count;
	u8 marker;	 /* '?', '>', … in front of the parameters */
	u8 intermediate; /* behind them; or which set PARSE_CHARSET means */
	u32 utf8_left, utf8_value, utf8_minimum;

	/* The answer to a question of the program. Optional. */
	void (*answer)(struct emulator *emulator, const char *text, size_t size);
	void (*bell)(struct emulator *emulator);
	void *private;
};

/* Bytes of memory that emulator_init() wants. */
size_t emulator_memory(u32 columns, u32 rows, u32 history);
/* Fresh, in @memory, which is zeroed. 2 ≤ columns ≤ EMULATOR_COLUMNS_MAX, 2 ≤ rows. */
void emulator_init(struct emulator *emulator, void *memory, u32 columns, u32 rows, u32 history);
void emulator_write(struct emulator *emulator, const u8 *data, size_t size);
/* As it was at the start; the history stays. */
void emulator_reset(struct emulator *emulator);
/* Go back @lines in the history, or forward when negative. */
void emulator_scroll_view(struct emulator *emulator, s32 lines);
/* The cells of @row as the viewer sees them. */
const struct cell *emulator_row(const struct emulator *emulator, u32 row);
/* Where the cursor is seen; false: nowhere. */
bool emulator_cursor_at(const struct emulator *emulator, u32 *x, u32 *y);

/* emulator.c, for the other parts. */
void emulator_put(struct emulator *emulator, u32 character);
void emulator_line_feed(struct emulator *emulator);
void emulator_reverse_line_feed(struct emulator *emulator);
void emulator_move(struct emulator *emulator, s64 x, s64 y); /* clamped to the screen or region */
void emulator_scroll(struct emulator *emulator, u32 top, u32 bottom, s64 lines); /* > 0: up */
void emulator_erase(struct emulator *emulator, u32 y, u32 from, u32 to);
void emulator_erase_rows(struct emulator *emulator, u32 from, u32 to);
void emulator_insert(struct emulator *emulator, u32 count);
void emulator_delete(struct emulator *emulator, u32 count);
void emulator_tab(struct emulator *emulator, s32 count); /* < 0: back */
void emulator_save(struct emulator *emulator);
void emulator_restore(struct emulator *emulator);
void emulator_alternate(struct emulator *emulator, bool on, bool clear);
/* emulator_csi.c */
void emulator_csi(struct emulator *emulator, u8 final);
void emulator_answer(struct emulator *emulator, const char *text);
/* Columns that a character takes: 0 (combining), 1, 2. */
u32 character_width(u32 character);
