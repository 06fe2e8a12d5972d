/* Bytes to characters (UTF-8, RFC 3629) and control sequences (ECMA-48, 5.4). */
#include <dev/vt/emulator.h>
#include <lib/string.h>

enum { REPLACEMENT = 0xfffd, PARAMETER_MAX = 65535 };

static const struct {
	u32 first, last;
} wide[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },	  { 0x3400, 0x4dbf },
	{ 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },   { 0xac00, 0xd7a3 },	  { 0xf900, 0xfaff },
	{ 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },	  { 0x1f300, 0x1f64f },
	{ 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
}, narrow[] = {
	{ 0x300, 0x36f },   { 0x483, 0x489 },	{ 0x591, 0x5bd },   { 0x610, 0x61a },
	{ 0x64b, 0x65f },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f },
	{ 0x202a, 0x202e }, { 0x2060, 0x2064 }, { 0x20d0, 0x20f0 }, { 0xfe00, 0xfe0f },
	{ 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff }, { 0xe0100, 0xe01ef },
};

u32 character_width(u32 character)
{
	if (character < 0x300)
		return 1;
	for (unsigned i = 0; i < ARRAY_SIZE(narrow); i++) {
		if (character >= narrow[i].first && character <= narrow[i].last)
			return 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(wide); i++) {
		if (character >= wide[i].first && character <= wide[i].last)
			return 2;
	}
	return 1;
}

/* DEC's special graphics, from ` to ~. */
static u32 line_drawing(u32 character)
{
	static const u16 table[] = {
		0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1,
		0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba,
		0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c,
		0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
	};

	return character >= 0x60 && character <= 0x7e ? table[character - 0x60] : character;
}

static void text(struct emulator *emulator, u32 character)
{
	u8 set = emulator->cursor.sets[emulator->cursor.shift];

	if (set == '0')
		character = line_drawing(character);
	else if (set == 'A' && character == '#')
		character = 0xa3;
	emulator_put(emulator, character);
}

static void control(struct emulator *emulator, u8 byte)
{
	switch (byte) {
	case '\a':
		if (emulator->bell)
			emulator->bell(emulator);
		break;
	case '\b':
		if (emulator->cursor.x && !emulator->wrap_pending)
			emulator->cursor.x--;
		emulator->wrap_pending = false;
		emulator->changed = true;
		break;
	case '\t':
		emulator_tab(emulator, 1);
		break;
	case '\n':
	case '\v':
	case '\f':
		if (emulator->modes & MODE_NEW_LINE)
			emulator->cursor.x = 0;
		emulator_line_feed(emulator);
		break;
	case '\r':
		emulator->cursor.x = 0;
		emulator->wrap_pending = false;
		emulator->changed = true;
		break;
	case 14:
	case 15:
		emulator->cursor.shift = byte == 14;
		break;
	case 24:
	case 26:
		emulator->state = PARSE_TEXT;
		break;
	case 27:
		emulator->state = PARSE_ESCAPE;
		break;
	}
}

static void start_csi(struct emulator *emulator)
{
	memset(emulator->parameters, 0, sizeof(emulator->parameters));
	emulator->parameter_count = 0;
	emulator->marker = emulator->intermediate = 0;
	emulator->state = PARSE_CSI;
}

static void escape(struct emulator *emulator, u8 byte)
{
	emulator->state = PARSE_TEXT;
	switch (byte) {
	case '[':
		start_csi(emulator);
		break;
	case ']':
	case 'P':
	case '^':
	case '_':
	case 'X':
		emulator->state = PARSE_STRING;
		emulator->intermediate = byte;
		break;
	case '(':
	case ')':
		emulator->intermediate = byte == ')';
		emulator->state = PARSE_CHARSET;
		break;
	case '#':
	case '%':
	case ' ':
	case '*':
	case '+':
		emulator->state = PARSE_SKIP_ONE;
		break;
	case '7':
		emulator_save(emulator);
		break;
	case '8':
		emulator_restore(emulator);
		break;
	case 'D':
		emulator_line_feed(emulator);
		break;
	case 'E':
		emulator->cursor.x = 0;
		emulator_line_feed(emulator);
		break;
	case 'H':
		emulator->tabs[emulator->cursor.x / 64] |= (u64)1 << emulator->cursor.x % 64;
		break;
	case 'M':
		emulator_reverse_line_feed(emulator);
		break;
	case 'Z':
		emulator_answer(emulator, "\033[?6c");
		break;
	case 'c':
		emulator_reset(emulator);
		break;
	case '=':
		emulator->modes |= MODE_KEYPAD;
		break;
	case '>':
		emulator->modes &= ~(u32)MODE_KEYPAD;
		break;
	}
}

static void csi(struct emulator *emulator, u8 byte)
{
	u32 *parameter =
		&emulator->parameters[MIN(emulator->parameter_count, (u32)EMULATOR_PARAMETERS - 1)];

	if (byte >= '0' && byte <= '9') {
		*parameter = MIN(*parameter * 10 + byte - '0', (u32)PARAMETER_MAX);
	} else if (byte == ';' || byte == ':') {
		emulator->parameter_count =
			MIN(emulator->parameter_count + 1, (u32)EMULATOR_PARAMETERS);
	} else if (byte >= '<' && byte <= '?') {
		emulator->marker = byte;
	} else if (byte == '[' && !emulator->parameter_count && !*parameter) {
		emulator->state = PARSE_LINUX_FUNCTION;
	} else if (byte >= 0x20 && byte <= 0x2f) {
		emulator->intermediate = byte;
	} else if (byte >= 0x40 && byte <= 0x7e) {
		emulator->state = PARSE_TEXT;
		emulator->parameter_count =
			MIN(emulator->parameter_count + 1, (u32)EMULATOR_PARAMETERS);
		emulator_csi(emulator, byte);
	} else {
		emulator->state = PARSE_TEXT;
	}
}

static void utf8_start(struct emulator *emulator, u8 byte)
{
	if (byte >= 0xc2 && byte <= 0xdf) {
		emulator->utf8_left = 1;
		emulator->utf8_value = byte & 0x1f;
		emulator->utf8_minimum = 0x80;
	} else if (byte >= 0xe0 && byte <= 0xef) {
		emulator->utf8_left = 2;
		emulator->utf8_value = byte & 0x0f;
		emulator->utf8_minimum = 0x800;
	} else if (byte >= 0xf0 && byte <= 0xf4) {
		emulator->utf8_left = 3;
		emulator->utf8_value = byte & 0x07;
		emulator->utf8_minimum = 0x10000;
	} else {
		text(emulator, REPLACEMENT);
	}
}

static void utf8_continue(struct emulator *emulator, u8 byte)
{
	u32 value = emulator->utf8_value << 6 | (byte & 0x3f);

	emulator->utf8_value = value;
	if (--emulator->utf8_left)
		return;
	if (value < emulator->utf8_minimum || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		value = REPLACEMENT;
	text(emulator, value);
}

static void text_byte(struct emulator *emulator, u8 byte)
{
	if (emulator->utf8_left) {
		if ((byte & 0xc0) == 0x80) {
			utf8_continue(emulator, byte);
			return;
		}
		emulator->utf8_left = 0;
		text(emulator, REPLACEMENT);
	}
	if (byte < 0x80)
		text(emulator, byte);
	else
		utf8_start(emulator, byte);
}

/* Linux's own ESC ] R and ESC ] P with seven digits have no end; palettes are not changed here. */
static void string_byte(struct emulator *emulator, u8 byte)
{
	u8 first = emulator->intermediate;

	emulator->intermediate = 0;
	if (first == ']' && byte == 'R')
		emulator->state = PARSE_TEXT;
	else if (first == ']' && byte == 'P')
		emulator->state = PARSE_PALETTE;
	else if (byte == '\a' || byte == 24 || byte == 26)
		emulator->state = PARSE_TEXT;
	else if (byte == 27)
		emulator->state = PARSE_STRING_ESCAPE;
}

static void take_byte(struct emulator *emulator, u8 byte)
{
	if (emulator->state == PARSE_STRING) {
		string_byte(emulator, byte);
		return;
	}
	if (emulator->state == PARSE_STRING_ESCAPE) {
		emulator->state = PARSE_TEXT;
		if (byte != '\\')
			escape(emulator, byte);
		return;
	}
	if (byte < 0x20 || byte == 0x7f) {
		if (emulator->utf8_left) {
			emulator->utf8_left = 0;
			text(emulator, REPLACEMENT);
		}
		control(emulator, byte);
		return;
	}
	switch (emulator->state) {
	case PARSE_ESCAPE:
		escape(emulator, byte);
		break;
	case PARSE_CHARSET:
		emulator->cursor.sets[emulator->intermediate] = byte;
		emulator->state = PARSE_TEXT;
		break;
	case PARSE_CSI:
		csi(emulator, byte);
		break;
	case PARSE_PALETTE:
		if (++emulator->intermediate == 7)
			emulator->state = PARSE_TEXT;
		break;
	case PARSE_SKIP_ONE:
	case PARSE_LINUX_FUNCTION:
		emulator->state = PARSE_TEXT;
		break;
	default:
		text_byte(emulator, byte);
	}
}

void emulator_write(struct emulator *emulator, const u8 *data, size_t size)
{
	/* New output brings the viewer back. */
	if (size && emulator->view) {
		emulator->view = 0;
		emulator->changed = true;
	}
	while (size--)
		take_byte(emulator, *data++);
}
