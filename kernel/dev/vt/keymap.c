/*
 * What keys mean, in sixteen tables, one for each set of modifiers, in Linux's encoding, so that
 * loadkeys(1) and its like can read and change them. They start as an American keyboard, or by
 * keymap=de a German one.
 */
#include <boot/command_line.h>
#include <dev/vt/vt.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/string.h>

/* Characters of a run of keys, in UTF-8: plain, with Shift, with AltGr. A space there is none. */
struct run {
	u8 first;
	const char *plain, *shifted, *alternate;
};

static const struct run american[] = {
	{ 2, "1234567890-=", "!@#$%^&*()_+", "" },
	{ 16, "qwertyuiop[]", "QWERTYUIOP{}", "" },
	{ 30, "asdfghjkl;'`", "ASDFGHJKL:\"~", "" },
	{ 43, "\\zxcvbnm,./", "|ZXCVBNM<>?", "" },
	{ 86, "<", ">", "|" },
	{ 0 },
};
static const struct run german[] = {
	{ 2, "1234567890ß´", "!\"§$%&/()=?`", " ²³   {[]}\\ " },
	{ 16, "qwertzuiopü+", "QWERTZUIOPÜ*", "@ €        ~" },
	{ 30, "asdfghjklöä^", "ASDFGHJKLÖÄ°", "" },
	{ 43, "#yxcvbnm,.-", "'YXCVBNM;:_", "       µ" },
	{ 86, "<", ">", "|" },
	{ 0 },
};

static const struct {
	u8 key;
	u16 value;
} others[] = {
	{ 1, 27 },	  { 14, 127 },	   { 15, 9 },	   { 28, KEY_ENTER }, { 29, 0x702 },
	{ 42, 0x700 },	  { 54, 0x700 },   { 55, 0x30c },  { 56, 0x703 },     { 57, ' ' },
	{ 58, KEY_CAPS }, { 59, 0x100 },   { 60, 0x101 },  { 61, 0x102 },     { 62, 0x103 },
	{ 63, 0x104 },	  { 64, 0x105 },   { 65, 0x106 },  { 66, 0x107 },     { 67, 0x108 },
	{ 68, 0x109 },	  { 69, KEY_NUM }, { 71, 0x307 },  { 72, 0x308 },     { 73, 0x309 },
	{ 74, 0x30b },	  { 75, 0x304 },   { 76, 0x305 },  { 77, 0x306 },     { 78, 0x30a },
	{ 79, 0x301 },	  { 80, 0x302 },   { 81, 0x303 },  { 82, 0x300 },     { 83, 0x310 },
	{ 87, 0x10a },	  { 88, 0x10b },   { 96, 0x30e },  { 97, 0x702 },     { 98, 0x30d },
	{ 100, 0x701 },	  { 102, 0x114 },  { 103, 0x603 }, { 104, 0x118 },    { 105, 0x601 },
	{ 106, 0x602 },	  { 107, 0x117 },  { 108, 0x600 }, { 109, 0x119 },    { 110, 0x115 },
	{ 111, 0x116 },
};

static u16 tables[KEYMAP_TABLES][KEYMAP_KEYS]; /* [atomic] each entry */
static const struct run *layout = american;    /* [const after boot] */

static int set_keymap(const char *value)
{
	if (value && string_equal(value, "de"))
		layout = german;
	else if (value && string_equal(value, "us"))
		layout = american;
	else
		return -EINVAL;
	return 0;
}
COMMAND_LINE("keymap", set_keymap);

u16 keymap_get(unsigned table, unsigned key)
{
	return READ_ONCE(tables[table][key]);
}

void keymap_set(unsigned table, unsigned key, u16 value)
{
	WRITE_ONCE(tables[table][key], value);
}

/* The next character of UTF-8 text of at most two or three bytes each, which is right. */
static u32 next_character(const char **text)
{
	const u8 *at = (const u8 *)*text;
	u32 size = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : 3;

	*text += size;
	return size == 1   ? at[0]
	       : size == 2 ? (at[0] & 0x1fu) << 6 | (at[1] & 0x3f)
			   : (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3f);
}

static u16 encode(u32 character)
{
	bool letter = (character | 32) >= 'a' && (character | 32) <= 'z';

	if (letter)
		return KEY_TYPE_LETTER << 8 | character;
	/*
	 * Letters beyond ASCII, which Caps Lock changes as well, as Linux has them: U(character).
	 */
	return character < 128 ? character : character ^ 0xf000;
}

/* With Control: what ASCII has at its place (console_codes(4) and Linux's default map). */
static u16 control_of(u32 character)
{
	static const char digits[] = "\0\033\034\035\036\037\177"; /* of 2 to 8 */

	if ((character | 32) >= 'a' && (character | 32) <= 'z')
		return character & 0x1f;
	if (character >= '2' && character <= '8')
		return (u8)digits[character - '2'];
	switch (character) {
	case '[':
	case '\\':
	case ']':
		return character & 0x1f;
	case ' ':
	case '`':
		return 0;
	case '/':
	case '-':
		return 0x1f;
	}
	return KEY_NOTHING;
}

static void set_all(unsigned key, u16 value)
{
	for (unsigned table = 0; table < KEYMAP_TABLES; table++)
		tables[table][key] = value;
}

static void set_character(unsigned key, u32 plain, u32 shifted, u32 alternate)
{
	u16 control = control_of(plain);

	set_all(key, KEY_NOTHING);
	tables[0][key] = encode(plain);
	tables[MODIFIER_SHIFT][key] = encode(shifted);
	tables[MODIFIER_ALTGR][key] = alternate != ' ' ? encode(alternate) : encode(plain);
	tables[MODIFIER_ALTGR | MODIFIER_SHIFT][key] = encode(shifted);
	tables[MODIFIER_CONTROL][key] = control;
	tables[MODIFIER_CONTROL | MODIFIER_SHIFT][key] =
		shifted == '_' || shifted == '?' ? (shifted == '_' ? 0x1f : 0x7f) : control;
	if (plain < 128)
		tables[MODIFIER_ALT][key] = KEY_TYPE_META << 8 | plain;
	if (shifted < 128)
		tables[MODIFIER_ALT | MODIFIER_SHIFT][key] = KEY_TYPE_META << 8 | shifted;
	if (control < 128)
		tables[MODIFIER_ALT | MODIFIER_CONTROL][key] = KEY_TYPE_META << 8 | control;
}

void keymap_init(void)
{
	for (unsigned key = 0; key < KEYMAP_KEYS; key++)
		set_all(key, KEY_NOTHING);
	for (const struct run *run = layout; run->first; run++) {
		const char *plain = run->plain, *shifted = run->shifted, *other = run->alternate;

		for (unsigned key = run->first; *plain; key++)
			set_character(key, next_character(&plain), next_character(&shifted),
				      *other ? next_character(&other) : ' ');
	}
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		set_all(others[i].key, others[i].value);
	set_character(57, ' ', ' ', ' ');
	tables[MODIFIER_ALT][14] = KEY_TYPE_META << 8 | 127;
	tables[MODIFIER_ALT][1] = KEY_TYPE_META << 8 | 27;
	tables[MODIFIER_SHIFT][104] = KEY_SCROLL_BACK;
	tables[MODIFIER_SHIFT][109] = KEY_SCROLL_FORWARD;
	for (unsigned i = 0; i < 12; i++) {
		unsigned key = i < 10 ? 59 + i : 77 + i;

		tables[MODIFIER_ALT][key] = KEY_TYPE_CONSOLE << 8 | i;
		tables[MODIFIER_ALT | MODIFIER_CONTROL][key] = KEY_TYPE_CONSOLE << 8 | i;
	}
}
