/* Keys to bytes for the console that is seen. Runs in interrupts, for one event at a time. */
#include <dev/input/input.h>
#include <dev/vt/vt.h>
#include <lib/atomic.h>
#include <lib/string.h>

enum { LED_NUM = 0, LED_CAPS = 1, LED_SCROLL = 2 };
enum { LOCK_SCROLL = 1, LOCK_NUM = 2, LOCK_CAPS = 4, LIGHTS_AS_LOCKS = 8 };
enum { RELEASED = 0, PRESSED = 1, KEYS_ONE_BYTE = 128, RAW_SAME = 88 };

static struct spinlock keyboard_lock = SPINLOCK_INIT(RANK_WAIT); /* interrupts off */
static u8
	modifier_keys[4]; /* [keyboard_lock] how many keys of shift, AltGr, control, alt are down */
static u32 locks = LOCK_NUM;	     /* [keyboard_lock; atomic read] */
static u32 lights = LIGHTS_AS_LOCKS; /* [keyboard_lock] */

static void show_lights(void)
{
	u32 shown = READ_ONCE(lights) >= LIGHTS_AS_LOCKS ? READ_ONCE(locks) : READ_ONCE(lights);

	input_set_led(LED_SCROLL, shown & LOCK_SCROLL);
	input_set_led(LED_NUM, shown & LOCK_NUM);
	input_set_led(LED_CAPS, shown & LOCK_CAPS);
}

u32 keyboard_locks(void)
{
	return READ_ONCE(locks);
}

void keyboard_set_locks(u32 wanted)
{
	WRITE_ONCE(locks, wanted);
	show_lights();
}

void keyboard_set_lights(u32 wanted)
{
	WRITE_ONCE(lights, wanted);
	show_lights();
}

static void send(struct vt_console *console, const char *text, size_t size)
{
	terminal_input(console->terminal, (const u8 *)text, size);
}

static void send_text(struct vt_console *console, const char *text)
{
	send(console, text, strlen(text));
}

static void send_character(struct vt_console *console, u32 character)
{
	char text[3];
	size_t size = 0;

	if (character < 0x80) {
		text[size++] = character;
	} else if (character < 0x800) {
		text[size++] = 0xc0 | character >> 6;
		text[size++] = 0x80 | (character & 0x3f);
	} else {
		text[size++] = 0xe0 | character >> 12;
		text[size++] = 0x80 | (character >> 6 & 0x3f);
		text[size++] = 0x80 | (character & 0x3f);
	}
	send(console, text, size);
}

/* Linux's strings: F1 to F5 its own, the others as the VT220. */
static void send_function(struct vt_console *console, u8 value)
{
	static const char *const strings[] = {
		"\033[[A",  "\033[[B",	"\033[[C",  "\033[[D",	"\033[[E",  "\033[17~", "\033[18~",
		"\033[19~", "\033[20~", "\033[21~", "\033[23~", "\033[24~", "\033[25~", "\033[26~",
		"\033[28~", "\033[29~", "\033[31~", "\033[32~", "\033[33~", "\033[34~", "\033[1~",
		"\033[2~",  "\033[3~",	"\033[4~",  "\033[5~",	"\033[6~",
	};

	if (value < ARRAY_SIZE(strings))
		send_text(console, strings[value]);
}

static void send_cursor(struct vt_console *console, u8 value)
{
	static const char letters[] = "BDCA";
	bool application = READ_ONCE(console->emulator.modes) & MODE_CURSOR_KEYS;
	char text[] = { '\033', application ? 'O' : '[', 0 };

	if (value >= sizeof(letters) - 1)
		return;
	text[2] = letters[value];
	send(console, text, sizeof(text));
}

/* Digits with Num Lock; else what is written below them. */
static void send_pad(struct vt_console *console, u8 value)
{
	static const char characters[] = "0123456789+-*/\r,.";
	static const u16 moves[] = { 0x115, 0x117, 0x600, 0x119, 0x601,
				     0,	    0x602, 0x114, 0x603, 0x118 };

	if (value == 0x10 && !(locks & LOCK_NUM)) {
		send_function(console, 0x16);
	} else if (value < ARRAY_SIZE(moves) && !(locks & LOCK_NUM)) {
		if (key_type(moves[value]) == KEY_TYPE_FUNCTION)
			send_function(console, moves[value] & 0xff);
		else if (key_type(moves[value]) == KEY_TYPE_CURSOR)
			send_cursor(console, moves[value] & 0xff);
	} else if (value < sizeof(characters) - 1) {
		send(console, &characters[value], 1);
	}
}

static void special(struct vt_console *console, u16 value, bool repeated)
{
	s32 page = console->emulator.rows / 2;

	switch (value) {
	case KEY_ENTER:
		send_text(console, "\r");
		break;
	case KEY_CAPS:
	case KEY_NUM:
		if (!repeated)
			keyboard_set_locks(locks ^ (value == KEY_CAPS ? LOCK_CAPS : LOCK_NUM));
		break;
	case KEY_SCROLL_BACK:
	case KEY_SCROLL_FORWARD:
		vt_scroll(console, value == KEY_SCROLL_BACK ? page : -page);
		break;
	}
}

/* A letter changes its case with Caps Lock: it comes from the other table. */
static u16 with_caps(u16 value, u32 modifiers, u32 key)
{
	bool letter = key_type(value) == KEY_TYPE_LETTER ||
		      (key_type(value) == KEY_TYPE_COUNT && (value ^ 0xf000) >= 0xc0 &&
		       (value ^ 0xf000) < 0x250);

	return letter && locks & LOCK_CAPS ? keymap_get(modifiers ^ MODIFIER_SHIFT, key) : value;
}

static void send_value(struct vt_console *console, u16 value, bool repeated)
{
	u32 low = value & 0xff;

	switch (key_type(value)) {
	case KEY_TYPE_LATIN:
	case KEY_TYPE_LETTER:
		send_character(console, low);
		break;
	case KEY_TYPE_META:
		send_text(console, "\033");
		send_character(console, low);
		break;
	case KEY_TYPE_FUNCTION:
		send_function(console, low);
		break;
	case KEY_TYPE_SPECIAL:
		special(console, value, repeated);
		break;
	case KEY_TYPE_PAD:
		send_pad(console, low);
		break;
	case KEY_TYPE_CONSOLE:
		vt_request(low + 1);
		break;
	case KEY_TYPE_CURSOR:
		send_cursor(console, low);
		break;
	case KEY_TYPE_COUNT:
		send_character(console, value ^ 0xf000);
		break;
	}
}

/* Modifiers are counted, for there are two of most. */
static u32 track_modifiers(u32 key, s32 pressed)
{
	u16 value = keymap_get(0, key);
	u32 modifiers = 0;
	unsigned long irq = spin_lock_irqsave(&keyboard_lock);

	if (key_type(value) == KEY_TYPE_SHIFT && (value & 0xff) < ARRAY_SIZE(modifier_keys)) {
		u8 *count = &modifier_keys[value & 0xff];

		if (pressed == PRESSED)
			++*count;
		else if (pressed == RELEASED && *count)
			--*count;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(modifier_keys); i++)
		modifiers |= modifier_keys[i] ? 1u << i : 0;
	spin_unlock_irqrestore(&keyboard_lock, irq);
	return modifiers;
}

/*
 * Key numbers as they are: one byte, or three for those above 127; the highest bit means released.
 */
static void send_number(struct vt_console *console, u32 key, bool pressed)
{
	char up = pressed ? 0 : 0x80;
	char text[] = { up, 0x80 | key >> 7, 0x80 | key };

	if (key < KEYS_ONE_BYTE) {
		text[0] = up | key;
		send(console, text, 1);
	} else {
		send(console, text, sizeof(text));
	}
}

/* The codes that a PC's keyboard sends (set 1), where they differ from the key's number. */
static void send_scan_code(struct vt_console *console, u32 key, bool pressed)
{
	static const u8 extended[] = { /* from key 96 on */
				       0x1c, 0x1d, 0x35, 0x37, 0x38, 0x00, 0x47, 0x48,
				       0x49, 0x4b, 0x4d, 0x4f, 0x50, 0x51, 0x52, 0x53
	};
	char text[] = { 0xe0, pressed ? 0 : 0x80 };

	if (key <= RAW_SAME) {
		text[0] = text[1] | key;
		send(console, text, 1);
	} else if (key >= 96 && key - 96 < sizeof(extended) && extended[key - 96]) {
		text[1] |= extended[key - 96];
		send(console, text, sizeof(text));
	}
}

static void keyboard_event(struct input_device *device, u32 type, u32 key, s32 value)
{
	struct vt_console *console = vt_active();
	u32 modifiers;
	u16 meaning;

	if (type != EV_KEY || key >= BTN_LEFT || !key)
		return;
	modifiers = key < KEYMAP_KEYS ? track_modifiers(key, value) : 0;
	switch (READ_ONCE(console->keyboard_mode)) {
	case K_RAW:
		send_scan_code(console, key, value);
		return;
	case K_MEDIUMRAW:
		send_number(console, key, value);
		return;
	case K_OFF:
		return;
	}
	if (value == RELEASED || key >= KEYMAP_KEYS)
		return;
	meaning = keymap_get(modifiers, key);
	send_value(console, with_caps(meaning, modifiers, key), value != PRESSED);
}

void keyboard_init(void)
{
	static struct input_listener listener = { .event = keyboard_event };

	keymap_init();
	input_listen(&listener);
	show_lights();
}
