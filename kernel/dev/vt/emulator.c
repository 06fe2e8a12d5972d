/* The grid: lines are pointers, so that scrolling moves no cells. */
#include <dev/vt/emulator.h>
#include <lib/string.h>

enum { TAB_STEP = 8 };

size_t emulator_memory(u32 columns, u32 rows, u32 history)
{
	size_t lines = 2 * (size_t)rows + history;

	return lines * (columns * sizeof(struct cell) + sizeof(struct cell *));
}

static struct cell blank_of(const struct emulator *emulator)
{
	/* Erased cells take the pen's background (xterm's bce, as Linux has it). */
	return (struct cell){ .foreground = emulator->cursor.pen.foreground,
			      .background = emulator->cursor.pen.background };
}

static void clear_cells(struct cell *cells, u32 count, struct cell blank)
{
	for (u32 i = 0; i < count; i++)
		cells[i] = blank;
}

static void reset_state(struct emulator *emulator)
{
	const struct emulator_cursor home = {
		.pen = { .foreground = COLOUR_FOREGROUND, .background = COLOUR_BACKGROUND },
		.sets = { 'B', '0' },
	};

	emulator->cursor = emulator->saved[0] = emulator->saved[1] = home;
	emulator->wrap_pending = false;
	emulator->top = 0;
	emulator->bottom = emulator->rows;
	emulator->modes = MODE_WRAP | MODE_CURSOR;
	emulator->state = PARSE_TEXT;
	emulator->utf8_left = 0;
	emulator->view = 0;
	memset(emulator->tabs, 0, sizeof(emulator->tabs));
	for (u32 x = TAB_STEP; x < EMULATOR_COLUMNS_MAX; x += TAB_STEP)
		emulator->tabs[x / 64] |= (u64)1 << x % 64;
}

void emulator_reset(struct emulator *emulator)
{
	if (emulator->modes & MODE_ALTERNATE)
		emulator_alternate(emulator, false, false);
	reset_state(emulator);
	emulator_erase_rows(emulator, 0, emulator->rows);
}

void emulator_init(struct emulator *emulator, void *memory, u32 columns, u32 rows, u32 history)
{
	struct cell **lines = memory;
	size_t count = 2 * (size_t)rows + history;
	struct cell *cells = (struct cell *)(lines + count);

	memset(emulator, 0, sizeof(*emulator));
	emulator->columns = columns;
	emulator->rows = rows;
	emulator->lines = lines;
	emulator->hidden = lines + rows;
	emulator->history = lines + 2 * rows;
	emulator->history_size = history;
	reset_state(emulator);
	for (size_t i = 0; i < count; i++) {
		lines[i] = cells + i * columns;
		clear_cells(lines[i], columns, blank_of(emulator));
	}
	emulator->changed = true;
}

/* A line for the place of @old, which goes into the history; at first that has cleared ones. */
static struct cell *remember(struct emulator *emulator, struct cell *old)
{
	struct cell *fresh;

	if (!emulator->history_size)
		return old;
	fresh = emulator->history[emulator->history_next];
	emulator->history[emulator->history_next] = old;
	emulator->history_next = (emulator->history_next + 1) % emulator->history_size;
	if (emulator->history_count < emulator->history_size)
		emulator->history_count++;
	/* A viewer who looks back keeps the lines in sight. */
	if (emulator->view && emulator->view < emulator->history_count)
		emulator->view++;
	return fresh;
}

static void scroll_up_once(struct emulator *emulator, u32 top, u32 bottom)
{
	struct cell *line = emulator->lines[top];

	if (top == 0 && bottom == emulator->rows && !(emulator->modes & MODE_ALTERNATE))
		line = remember(emulator, line);
	memmove(&emulator->lines[top], &emulator->lines[top + 1],
		(bottom - top - 1) * sizeof(*emulator->lines));
	clear_cells(line, emulator->columns, blank_of(emulator));
	emulator->lines[bottom - 1] = line;
}

static void scroll_down_once(struct emulator *emulator, u32 top, u32 bottom)
{
	struct cell *line = emulator->lines[bottom - 1];

	memmove(&emulator->lines[top + 1], &emulator->lines[top],
		(bottom - top - 1) * sizeof(*emulator->lines));
	clear_cells(line, emulator->columns, blank_of(emulator));
	emulator->lines[top] = line;
}

void emulator_scroll(struct emulator *emulator, u32 top, u32 bottom, s64 lines)
{
	s64 height = (s64)bottom - top;

	if (top >= bottom)
		return;
	emulator->changed = true;
	for (s64 i = MIN(lines, height); i > 0; i--)
		scroll_up_once(emulator, top, bottom);
	for (s64 i = MIN(-lines, height); i > 0; i--)
		scroll_down_once(emulator, top, bottom);
}

void emulator_line_feed(struct emulator *emulator)
{
	emulator->wrap_pending = false;
	emulator->changed = true;
	if (emulator->cursor.y + 1 == emulator->bottom)
		emulator_scroll(emulator, emulator->top, emulator->bottom, 1);
	else if (emulator->cursor.y + 1 < emulator->rows)
		emulator->cursor.y++;
}

void emulator_reverse_line_feed(struct emulator *emulator)
{
	emulator->wrap_pending = false;
	emulator->changed = true;
	if (emulator->cursor.y == emulator->top)
		emulator_scroll(emulator, emulator->top, emulator->bottom, -1);
	else if (emulator->cursor.y)
		emulator->cursor.y--;
}

void emulator_move(struct emulator *emulator, s64 x, s64 y)
{
	bool origin = emulator->modes & MODE_ORIGIN;
	s64 top = origin ? emulator->top : 0;
	s64 bottom = origin ? emulator->bottom : emulator->rows;

	emulator->cursor.x = CLAMP(x, (s64)0, (s64)emulator->columns - 1);
	emulator->cursor.y = CLAMP(y, top, bottom - 1);
	emulator->wrap_pending = false;
	emulator->changed = true;
}

void emulator_erase(struct emulator *emulator, u32 y, u32 from, u32 to)
{
	struct cell *line = emulator->lines[y];

	to = MIN(to, emulator->columns);
	if (from >= to)
		return;
	/* Half a wide character is none. */
	if (line[from].attributes & CELL_TAIL && from)
		line[from - 1].character = 0;
	if (to < emulator->columns && line[to].attributes & CELL_TAIL)
		line[to] = blank_of(emulator);
	clear_cells(line + from, to - from, blank_of(emulator));
	emulator->changed = true;
}

void emulator_erase_rows(struct emulator *emulator, u32 from, u32 to)
{
	for (u32 y = from; y < MIN(to, emulator->rows); y++)
		emulator_erase(emulator, y, 0, emulator->columns);
}

void emulator_insert(struct emulator *emulator, u32 count)
{
	struct cell *line = emulator->lines[emulator->cursor.y];
	u32 x = emulator->cursor.x, room = emulator->columns - x;

	count = MIN(count, room);
	memmove(line + x + count, line + x, (room - count) * sizeof(*line));
	clear_cells(line + x, count, blank_of(emulator));
	emulator->wrap_pending = false;
	emulator->changed = true;
}

void emulator_delete(struct emulator *emulator, u32 count)
{
	struct cell *line = emulator->lines[emulator->cursor.y];
	u32 x = emulator->cursor.x, room = emulator->columns - x;

	count = MIN(count, room);
	memmove(line + x, line + x + count, (room - count) * sizeof(*line));
	clear_cells(line + emulator->columns - count, count, blank_of(emulator));
	emulator->wrap_pending = false;
	emulator->changed = true;
}

void emulator_tab(struct emulator *emulator, s32 count)
{
	u32 x = emulator->cursor.x;

	for (; count > 0 && x + 1 < emulator->columns; count--) {
		do
			x++;
		while (x + 1 < emulator->columns && !(emulator->tabs[x / 64] >> x % 64 & 1));
	}
	for (; count < 0 && x; count++) {
		do
			x--;
		while (x && !(emulator->tabs[x / 64] >> x % 64 & 1));
	}
	emulator->cursor.x = x;
	emulator->wrap_pending = false;
	emulator->changed = true;
}

static void put_cell(struct emulator *emulator, u32 character, u16 attributes)
{
	struct emulator_cursor *cursor = &emulator->cursor;
	struct cell *line = emulator->lines[cursor->y];
	struct cell cell = cursor->pen;

	cell.character = character;
	cell.attributes |= attributes;
	if (line[cursor->x].attributes & CELL_TAIL && !(attributes & CELL_TAIL) && cursor->x)
		line[cursor->x - 1].character = 0;
	if (cursor->x + 1 < emulator->columns && line[cursor->x + 1].attributes & CELL_TAIL)
		line[cursor->x + 1] = blank_of(emulator);
	line[cursor->x] = cell;
	if (cursor->x + 1 < emulator->columns)
		cursor->x++;
	else
		emulator->wrap_pending = emulator->modes & MODE_WRAP;
}

void emulator_put(struct emulator *emulator, u32 character)
{
	u32 width = character_width(character);

	if (!width)
		return;
	/* A wide one that no longer fits on the line starts the next. */
	if (emulator->wrap_pending || (width == 2 && emulator->modes & MODE_WRAP &&
				       emulator->cursor.x + 1 == emulator->columns)) {
		emulator->cursor.x = 0;
		emulator_line_feed(emulator);
	}
	if (emulator->modes & MODE_INSERT)
		emulator_insert(emulator, width);
	put_cell(emulator, character, 0);
	if (width == 2 && !emulator->wrap_pending)
		put_cell(emulator, 0, CELL_TAIL);
	emulator->last_character = character;
	emulator->changed = true;
}

void emulator_save(struct emulator *emulator)
{
	struct emulator_cursor *saved = &emulator->saved[!!(emulator->modes & MODE_ALTERNATE)];

	*saved = emulator->cursor;
	saved->origin = emulator->modes & MODE_ORIGIN;
}

void emulator_restore(struct emulator *emulator)
{
	const struct emulator_cursor *saved =
		&emulator->saved[!!(emulator->modes & MODE_ALTERNATE)];

	emulator->cursor = *saved;
	emulator->modes &= ~(u32)MODE_ORIGIN;
	emulator->modes |= saved->origin ? MODE_ORIGIN : 0;
	emulator_move(emulator, saved->x, saved->y);
}

void emulator_alternate(struct emulator *emulator, bool on, bool clear)
{
	if (on != !!(emulator->modes & MODE_ALTERNATE)) {
		struct cell **lines = emulator->lines;

		emulator->lines = emulator->hidden;
		emulator->hidden = lines;
		emulator->modes ^= MODE_ALTERNATE;
		emulator->view = 0;
		emulator->changed = true;
	}
	if (on && clear)
		emulator_erase_rows(emulator, 0, emulator->rows);
}

void emulator_scroll_view(struct emulator *emulator, s32 lines)
{
	s64 view = (s64)emulator->view + lines;
	s64 most = emulator->modes & MODE_ALTERNATE ? 0 : emulator->history_count;

	emulator->view = CLAMP(view, (s64)0, most);
	emulator->changed = true;
}

const struct cell *emulator_row(const struct emulator *emulator, u32 row)
{
	u32 back;

	if (row >= emulator->view)
		return emulator->lines[row - emulator->view];
	back = emulator->view - row; /* 1: the youngest line of the history */
	return emulator->history[(emulator->history_next + emulator->history_size - back) %
				 emulator->history_size];
}

bool emulator_cursor_at(const struct emulator *emulator, u32 *x, u32 *y)
{
	*x = emulator->cursor.x;
	*y = emulator->cursor.y + emulator->view;
	return emulator->modes & MODE_CURSOR && *y < emulator->rows;
}
