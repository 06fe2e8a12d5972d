/*
 * Cells to pixels. What the screen shows is remembered, so that only cells that differ are drawn.
 */
#include <dev/display/display.h>
#include <dev/vt/font.h>
#include <dev/vt/vt.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { PALETTE = 256, CUBE = 16, GREYS = 232, UNKNOWN = 0xfffd, NOTHING_SHOWN = 0xff };

/* How a cell looks in the end. */
struct look {
	u32 character;
	u8 foreground, background, attributes, cursor;
};

static struct {
	struct display *display;
	u32 columns, rows;
	struct look *shown;    /* what each cell of the screen holds */
	u32 pixels[PALETTE];   /* colours in the display's format */
	struct atomic32 stale; /* the screen holds something else */
} screen;

static const u8 base_colours[16][3] = {
	{ 0, 0, 0 },	 { 170, 0, 0 },	   { 0, 170, 0 },    { 170, 85, 0 },
	{ 0, 0, 170 },	 { 170, 0, 170 },  { 0, 170, 170 },  { 170, 170, 170 },
	{ 85, 85, 85 },	 { 255, 85, 85 },  { 85, 255, 85 },  { 255, 255, 85 },
	{ 85, 85, 255 }, { 255, 85, 255 }, { 85, 255, 255 }, { 255, 255, 255 },
};

static u32 channel(struct display_channel channel, u32 value)
{
	u32 scaled = channel.length <= 8 ? value >> (8 - channel.length)
					 : value << (channel.length - 8);

	return scaled << channel.offset;
}

static u32 pixel_of(const struct display_mode *mode, u32 red, u32 green, u32 blue)
{
	u32 opaque = ((1u << mode->alpha.length) - 1) << mode->alpha.offset;

	return channel(mode->red, red) | channel(mode->green, green) | channel(mode->blue, blue) |
	       opaque;
}

static void make_palette(const struct display_mode *mode)
{
	static const u8 steps[6] = { 0, 95, 135, 175, 215, 255 };

	for (u32 i = 0; i < PALETTE; i++) {
		u32 cube = i - CUBE, grey = 8 + 10 * (i - GREYS);

		if (i < CUBE)
			screen.pixels[i] = pixel_of(mode, base_colours[i][0], base_colours[i][1],
						    base_colours[i][2]);
		else if (i < GREYS)
			screen.pixels[i] = pixel_of(mode, steps[cube / 36], steps[cube / 6 % 6],
						    steps[cube % 6]);
		else
			screen.pixels[i] = pixel_of(mode, grey, grey, grey);
	}
}

int screen_init(struct display *display, u32 *columns, u32 *rows)
{
	screen.columns = MIN(display->mode.width / console_font.width, (u32)EMULATOR_COLUMNS_MAX);
	screen.rows = display->mode.height / console_font.height;
	if (screen.columns < 2 || screen.rows < 2)
		return -EINVAL;
	screen.shown = kzalloc((size_t)screen.columns * screen.rows * sizeof(*screen.shown));
	if (!screen.shown)
		return -ENOMEM;
	screen.display = display;
	make_palette(&display->mode);
	screen_invalidate();
	*columns = screen.columns;
	*rows = screen.rows;
	return 0;
}

void screen_invalidate(void)
{
	atomic32_set(&screen.stale, 1);
}

static int find_character(u32 character)
{
	u32 low = 0, high = console_font.count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (console_font.characters[middle] == character)
			return middle;
		if (console_font.characters[middle] < character)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static const u8 *glyph_of(const struct look *look)
{
	const u8 *glyphs = look->attributes & CELL_BOLD ? console_font.bold : console_font.plain;
	u32 bytes = (console_font.width + 7) / 8 * console_font.height;
	int glyph = find_character(look->character);

	if (glyph < 0)
		glyph = find_character(UNKNOWN);
	if (glyph < 0)
		glyph = find_character('?');
	return glyphs + MAX(glyph, 0) * bytes;
}

static void put_pixel(u8 *at, u32 bits, u32 pixel)
{
	if (bits == 32) {
		*(u32 *)at = pixel;
	} else if (bits == 16) {
		*(u16 *)at = pixel;
	} else {
		at[0] = pixel;
		at[1] = pixel >> 8;
		at[2] = pixel >> 16;
	}
}

static void draw_cell(u32 x, u32 y, const struct look *look)
{
	const struct display_mode *mode = &screen.display->mode;
	u32 bytes = mode->bits / 8, row_bytes = (console_font.width + 7) / 8;
	u32 foreground = screen.pixels[look->foreground],
	    background = screen.pixels[look->background];
	const u8 *glyph = look->character ? glyph_of(look) : NULL;
	u32 height = console_font.height;
	u8 *line = screen.display->pixels + (u64)y * height * mode->stride +
		   (u64)x * console_font.width * bytes;

	for (u32 row = 0; row < height; row++, line += mode->stride) {
		bool ruled = (look->attributes & CELL_UNDERLINE && row == height - 2) ||
			     (look->attributes & CELL_STRIKE && row == height / 2);
		u8 *at = line;

		for (u32 column = 0; column < console_font.width; column++, at += bytes) {
			bool ink = ruled || (glyph && glyph[row * row_bytes + column / 8] &
							      (0x80 >> column % 8));

			put_pixel(at, mode->bits, ink ? foreground : background);
		}
	}
}

static struct look look_of(const struct cell *cell, bool reversed, bool cursor)
{
	struct look look = {
		.character = cell->character == ' ' ? 0 : cell->character,
		.foreground = cell->foreground,
		.background = cell->background,
		.attributes = cell->attributes & (CELL_BOLD | CELL_UNDERLINE | CELL_STRIKE),
		.cursor = cursor,
	};

	if (cell->attributes & CELL_BOLD && look.foreground < 8)
		look.foreground += 8;
	if (cell->attributes & CELL_DIM && !(cell->attributes & CELL_BOLD))
		look.foreground = 8;
	if (cell->attributes & CELL_HIDDEN)
		look.character = 0;
	if (!!(cell->attributes & CELL_REVERSE) != reversed) {
		u8 colour = look.foreground;

		look.foreground = look.background;
		look.background = colour;
	}
	if (cursor) {
		/* A block that is seen on any colour. */
		u8 colour = look.foreground;

		look.foreground = look.background;
		look.background = colour == look.background ? 15 : colour;
	}
	return look;
}

static bool same_look(const struct look *one, const struct look *two)
{
	return one->character == two->character && one->foreground == two->foreground &&
	       one->background == two->background && one->attributes == two->attributes &&
	       one->cursor == two->cursor;
}

static void forget_screen(void)
{
	u64 size = (u64)screen.display->mode.stride * screen.display->mode.height;

	/* What text never covers, at the right and below, is black as well. */
	memset(screen.display->pixels, 0, size);
	display_damage(screen.display, 0, size);
	for (u32 i = 0; i < screen.columns * screen.rows; i++)
		screen.shown[i].attributes = NOTHING_SHOWN;
}

void screen_draw(struct vt_console *console)
{
	struct emulator *emulator = &console->emulator;
	u64 row_size = (u64)screen.display->mode.stride * console_font.height;
	u32 cursor_x, cursor_y;
	bool cursor = emulator_cursor_at(emulator, &cursor_x, &cursor_y);

	if (atomic32_xchg(&screen.stale, 0))
		forget_screen();
	emulator->changed = false;
	for (u32 y = 0; y < screen.rows; y++) {
		const struct cell *cells = emulator_row(emulator, y);
		struct look *shown = &screen.shown[y * screen.columns];
		bool drawn = false;

		for (u32 x = 0; x < screen.columns; x++) {
			struct look look = look_of(&cells[x], emulator->modes & MODE_REVERSE,
						   cursor && x == cursor_x && y == cursor_y);

			if (same_look(&look, &shown[x]))
				continue;
			draw_cell(x, y, &look);
			shown[x] = look;
			drawn = true;
		}
		if (drawn)
			display_damage(screen.display, y * row_size, row_size);
	}
}
