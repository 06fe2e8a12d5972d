/* Control sequences: ECMA-48 8.3, DEC's private modes, console_codes(4). */
#include <dev/vt/emulator.h>
#include <lib/printf.h>
#include <lib/string.h>

void emulator_answer(struct emulator *emulator, const char *text)
{
	if (emulator->answer)
		emulator->answer(emulator, text, strlen(text));
}

/* Parameter @index, at least 1. */
static u32 count_of(const struct emulator *emulator, u32 index)
{
	return MAX(emulator->parameters[index], 1u);
}

/* The nearest colour of the palette's cube of 6 × 6 × 6, or of its greys. */
static u8 nearest_colour(u32 red, u32 green, u32 blue)
{
	u32 low = MIN(MIN(red, green), blue), high = MAX(MAX(red, green), blue);

	if (high - low < 12 && high >= 8 && low <= 238)
		return 232 + MIN((high - 3) / 10, 23u);
	return 16 + 36 * ((red * 5 + 127) / 255) + 6 * ((green * 5 + 127) / 255) +
	       (blue * 5 + 127) / 255;
}

/* 38 and 48: 5;N or 2;R;G;B. How many parameters that were. */
static u32 extended_colour(const struct emulator *emulator, u32 at, u8 *colour)
{
	const u32 *parameters = emulator->parameters;
	u32 left = emulator->parameter_count - at - 1;

	if (left >= 2 && parameters[at + 1] == 5) {
		*colour = MIN(parameters[at + 2], 255u);
		return 2;
	}
	if (left >= 4 && parameters[at + 1] == 2) {
		*colour = nearest_colour(MIN(parameters[at + 2], 255u),
					 MIN(parameters[at + 3], 255u),
					 MIN(parameters[at + 4], 255u));
		return 4;
	}
	return left;
}

static void set_attribute(struct cell *pen, u32 parameter)
{
	static const u16 on[10] = { 0,		 CELL_BOLD,	 CELL_DIM,
				    CELL_ITALIC, CELL_UNDERLINE, CELL_BLINK,
				    CELL_BLINK,	 CELL_REVERSE,	 CELL_HIDDEN,
				    CELL_STRIKE };
	static const u16 off[10] = { 0,		  CELL_BOLD,	  CELL_BOLD | CELL_DIM,
				     CELL_ITALIC, CELL_UNDERLINE, CELL_BLINK,
				     CELL_BLINK,  CELL_REVERSE,	  CELL_HIDDEN,
				     CELL_STRIKE };

	if (parameter >= 1 && parameter <= 9)
		pen->attributes |= on[parameter];
	else if (parameter == 21)
		pen->attributes |= CELL_UNDERLINE;
	else if (parameter >= 22 && parameter <= 29)
		pen->attributes &= ~off[parameter - 20];
	else if (parameter >= 30 && parameter <= 37)
		pen->foreground = parameter - 30;
	else if (parameter == 39)
		pen->foreground = COLOUR_FOREGROUND;
	else if (parameter >= 40 && parameter <= 47)
		pen->background = parameter - 40;
	else if (parameter == 49)
		pen->background = COLOUR_BACKGROUND;
	else if (parameter >= 90 && parameter <= 97)
		pen->foreground = parameter - 90 + 8;
	else if (parameter >= 100 && parameter <= 107)
		pen->background = parameter - 100 + 8;
}

static void select_graphics(struct emulator *emulator)
{
	struct cell *pen = &emulator->cursor.pen;

	for (u32 i = 0; i < emulator->parameter_count; i++) {
		u32 parameter = emulator->parameters[i];

		if (parameter == 0)
			*pen = (struct cell){ .foreground = COLOUR_FOREGROUND,
					      .background = COLOUR_BACKGROUND };
		else if (parameter == 38)
			i += extended_colour(emulator, i, &pen->foreground);
		else if (parameter == 48)
			i += extended_colour(emulator, i, &pen->background);
		else
			set_attribute(pen, parameter);
	}
}

static void set_private_mode(struct emulator *emulator, u32 mode, bool on)
{
	u32 bit = 0;

	switch (mode) {
	case 1:
		bit = MODE_CURSOR_KEYS;
		break;
	case 5:
		bit = MODE_REVERSE;
		emulator->changed = true;
		break;
	case 6:
		bit = MODE_ORIGIN;
		break;
	case 7:
		bit = MODE_WRAP;
		break;
	case 25:
		bit = MODE_CURSOR;
		emulator->changed = true;
		break;
	case 47:
	case 1047:
		emulator_alternate(emulator, on, mode == 1047);
		break;
	case 1048:
		if (on)
			emulator_save(emulator);
		else
			emulator_restore(emulator);
		break;
	case 1049:
		if (on)
			emulator_save(emulator);
		emulator_alternate(emulator, on, true);
		if (!on)
			emulator_restore(emulator);
		break;
	case 2004:
		bit = MODE_PASTE;
		break;
	}
	emulator->modes = on ? emulator->modes | bit : emulator->modes & ~bit;
	if (mode == 6)
		emulator_move(emulator, 0, on ? emulator->top : 0);
}

static void set_modes(struct emulator *emulator, bool on)
{
	for (u32 i = 0; i < emulator->parameter_count; i++) {
		u32 mode = emulator->parameters[i];
		u32 bit = mode == 4 ? MODE_INSERT : mode == 20 ? MODE_NEW_LINE : 0;

		if (emulator->marker == '?')
			set_private_mode(emulator, mode, on);
		else
			emulator->modes = on ? emulator->modes | bit : emulator->modes & ~bit;
	}
}

static void erase_display(struct emulator *emulator, u32 how)
{
	const struct emulator_cursor *cursor = &emulator->cursor;

	switch (how) {
	case 0:
		emulator_erase(emulator, cursor->y, cursor->x, emulator->columns);
		emulator_erase_rows(emulator, cursor->y + 1, emulator->rows);
		break;
	case 1:
		emulator_erase_rows(emulator, 0, cursor->y);
		emulator_erase(emulator, cursor->y, 0, cursor->x + 1);
		break;
	case 3:
		emulator->history_count = 0;
		__fallthrough;
	case 2:
		emulator_erase_rows(emulator, 0, emulator->rows);
		break;
	}
	emulator->wrap_pending = false;
}

static void erase_line(struct emulator *emulator, u32 how)
{
	const struct emulator_cursor *cursor = &emulator->cursor;
	u32 from = how == 0 ? cursor->x : 0;
	u32 to = how == 1 ? cursor->x + 1 : emulator->columns;

	if (how <= 2)
		emulator_erase(emulator, cursor->y, from, to);
	emulator->wrap_pending = false;
}

static void set_region(struct emulator *emulator)
{
	u32 top = count_of(emulator, 0) - 1, bottom = emulator->parameters[1];

	bottom = bottom ? MIN(bottom, emulator->rows) : emulator->rows;
	if (top + 1 >= bottom)
		return;
	emulator->top = top;
	emulator->bottom = bottom;
	emulator_move(emulator, 0, emulator->modes & MODE_ORIGIN ? top : 0);
}

static void report(struct emulator *emulator, u32 what)
{
	u32 first = emulator->modes & MODE_ORIGIN ? emulator->top : 0;
	char text[32];

	if (what == 5) {
		emulator_answer(emulator, "\033[0n");
	} else if (what == 6) {
		snprintf(text, sizeof(text), "\033[%u;%uR", emulator->cursor.y - first + 1,
			 emulator->cursor.x + 1);
		emulator_answer(emulator, text);
	}
}

/* Lines at the cursor, inside the region only. */
static void shift_lines(struct emulator *emulator, s64 lines)
{
	if (emulator->cursor.y < emulator->top || emulator->cursor.y >= emulator->bottom)
		return;
	emulator_scroll(emulator, emulator->cursor.y, emulator->bottom, lines);
	emulator->cursor.x = 0;
	emulator->wrap_pending = false;
}

static void clear_tabs(struct emulator *emulator, u32 how)
{
	u32 x = emulator->cursor.x;

	if (how == 0)
		emulator->tabs[x / 64] &= ~((u64)1 << x % 64);
	else if (how == 3)
		memset(emulator->tabs, 0, sizeof(emulator->tabs));
}

/* Up and down stop at the region's edges when they begin inside of it. */
static void move_vertically(struct emulator *emulator, s64 rows)
{
	s64 y = emulator->cursor.y, to = y + rows;

	if (rows < 0 && y >= emulator->top)
		to = MAX(to, (s64)emulator->top);
	if (rows > 0 && y < emulator->bottom)
		to = MIN(to, (s64)emulator->bottom - 1);
	emulator_move(emulator, emulator->cursor.x, to);
}

static bool move_sequence(struct emulator *emulator, u8 final)
{
	const struct emulator_cursor *cursor = &emulator->cursor;
	s64 first = emulator->modes & MODE_ORIGIN ? emulator->top : 0;
	s64 count = count_of(emulator, 0);

	switch (final) {
	case 'A':
	case 'F':
		move_vertically(emulator, -count);
		break;
	case 'B':
	case 'E':
	case 'e':
		move_vertically(emulator, count);
		break;
	case 'C':
	case 'a':
		emulator_move(emulator, cursor->x + count, cursor->y);
		break;
	case 'D':
		emulator_move(emulator, (s64)cursor->x - count, cursor->y);
		break;
	case 'G':
	case '`':
		emulator_move(emulator, count - 1, cursor->y);
		break;
	case 'H':
	case 'f':
		emulator_move(emulator, (s64)count_of(emulator, 1) - 1, first + count - 1);
		break;
	case 'd':
		emulator_move(emulator, cursor->x, first + count - 1);
		break;
	case 'I':
		emulator_tab(emulator, count);
		break;
	case 'Z':
		emulator_tab(emulator, -count);
		break;
	default:
		return false;
	}
	if (final == 'E' || final == 'F')
		emulator->cursor.x = 0;
	return true;
}

static bool edit_sequence(struct emulator *emulator, u8 final)
{
	u32 count = count_of(emulator, 0), how = emulator->parameters[0];

	switch (final) {
	case '@':
		emulator_insert(emulator, count);
		break;
	case 'J':
		erase_display(emulator, how);
		break;
	case 'K':
		erase_line(emulator, how);
		break;
	case 'L':
		shift_lines(emulator, -(s64)count);
		break;
	case 'M':
		shift_lines(emulator, count);
		break;
	case 'P':
		emulator_delete(emulator, count);
		break;
	case 'S':
		emulator_scroll(emulator, emulator->top, emulator->bottom, count);
		break;
	case 'T':
		emulator_scroll(emulator, emulator->top, emulator->bottom, -(s64)count);
		break;
	case 'X':
		emulator_erase(emulator, emulator->cursor.y, emulator->cursor.x,
			       emulator->cursor.x + count);
		emulator->wrap_pending = false;
		break;
	case 'b':
		for (count = MIN(count, emulator->columns * emulator->rows);
		     count && emulator->last_character; count--)
			emulator_put(emulator, emulator->last_character);
		break;
	default:
		return false;
	}
	return true;
}

void emulator_csi(struct emulator *emulator, u8 final)
{
	bool plain = !emulator->marker && !emulator->intermediate;

	if (final == 'h' || final == 'l') {
		set_modes(emulator, final == 'h');
		return;
	}
	/* DECSED and DECSEL protect nothing here. */
	if (!plain && !(emulator->marker == '?' && (final == 'J' || final == 'K')))
		return;
	if (move_sequence(emulator, final) || edit_sequence(emulator, final))
		return;
	switch (final) {
	case 'c':
		emulator_answer(emulator, "\033[?6c");
		break;
	case 'g':
		clear_tabs(emulator, emulator->parameters[0]);
		break;
	case 'm':
		select_graphics(emulator);
		break;
	case 'n':
		report(emulator, emulator->parameters[0]);
		break;
	case 'r':
		set_region(emulator);
		break;
	case 's':
		emulator_save(emulator);
		break;
	case 'u':
		emulator_restore(emulator);
		break;
	}
}
