#pragma once
/*
 * Text consoles on the first display: /dev/tty1 to tty4, of which one is seen. Output changes cells
 * (emulator.h); one thread draws those that differ from what the screen shows, at most once per
 * frame.
 *
 *   vt.c        the consoles as terminals; the thread        vt_switch.c   which one is seen
 *   vt_ioctl.c  ioctl_console(2)                              screen.c      cells to pixels
 *   keyboard.c  keys to bytes                                 keymap.c      what keys mean
 *
 * Locks: a console's `lock` guards its cells (terminal → console). vt_lock guards who is seen,
 * modes and process control; it is a spinlock, taken in interrupts.
 */
#include <dev/tty.h>
#include <dev/vt/emulator.h>
#include <lib/types.h>
#include <sched/lock.h>

struct display;

enum { VT_COUNT = 4 };
enum { KD_TEXT, KD_GRAPHICS };
enum { K_RAW, K_XLATE, K_MEDIUMRAW, K_UNICODE, K_OFF };
enum { VT_AUTO, VT_PROCESS };

struct vt_mode { /* struct vt_mode of linux/vt.h */
	u8 mode, wait_writing;
	s16 release_signal, acquire_signal, unused_signal;
};

struct vt_console {
	unsigned number; /* [const] 1 to VT_COUNT */
	struct terminal *terminal;
	struct atomic32 scroll;	  /* lines to look back that the thread has not done yet, signed */
	struct mutex lock;	  /* RANK_OBJECT */
	struct emulator emulator; /* [lock] */

	u32 shows;	     /* [vt_lock; atomic read] KD_TEXT or KD_GRAPHICS */
	u32 keyboard_mode;   /* [vt_lock; atomic read] K_* */
	struct vt_mode mode; /* [vt_lock] */
	s32 owner;	     /* [vt_lock] pid that VT_PROCESS asks, or 0 */
};

extern struct vt_console vt_consoles[VT_COUNT];
extern struct spinlock vt_lock; /* RANK_WAIT, interrupts off */

/* vt.c: have the thread look at what is to be drawn or switched. Any context. */
void vt_kick(void);
/* Look back @lines in what went by, or forward when negative. Any context. */
void vt_scroll(struct vt_console *console, s32 lines);
/* vt_switch.c */
struct vt_console *vt_active(void);
/* Show console @number (1 …) as soon as its holder lets go. Any context. */
void vt_request(unsigned number);
/* For the thread: do what was asked for, if it can be done now. */
void vt_switch_pending(void);
/* VT_RELDISP of @console. */
int vt_release_answer(struct vt_console *console, unsigned long answer);
/* Wait until console @number is seen. -EINTR, -ENXIO. */
int vt_wait_active(unsigned number);
int vt_lock_switching(bool lock);
/* A program set text or graphics. */
void vt_set_shows(struct vt_console *console, u32 shows);
/* Whoever held the console is gone: text, translated keys, no process to ask. Any context. */
void vt_reset_modes(struct vt_console *console);
/* vt_ioctl.c */
long vt_ioctl(struct terminal *terminal, unsigned command, unsigned long argument);

/* screen.c: by the thread alone, but screen_invalidate(). */
int screen_init(struct display *display, u32 *columns, u32 *rows);
/* Draw what differs from the screen. The console's cells are locked. */
void screen_draw(struct vt_console *console);
/* The screen holds something else: all cells are to be drawn. Any context. */
void screen_invalidate(void);

/* keyboard.c */
void keyboard_init(void);
/* Lock state: bit 0 scroll, 1 num, 2 caps, as KDGKBLED. */
u32 keyboard_locks(void);
void keyboard_set_locks(u32 locks);
/* Lights that a program chose, or those of the locks (> 7). */
void keyboard_set_lights(u32 lights);

/* keymap.c: Linux's encoding (linux/keyboard.h): type << 8 | value, or a character ^ 0xf000. */
enum { KEYMAP_KEYS = 128, KEYMAP_TABLES = 16 };
enum { MODIFIER_SHIFT = 1, MODIFIER_ALTGR = 2, MODIFIER_CONTROL = 4, MODIFIER_ALT = 8 };
enum {
	KEY_TYPE_LATIN,
	KEY_TYPE_FUNCTION,
	KEY_TYPE_SPECIAL,
	KEY_TYPE_PAD,
	KEY_TYPE_DEAD,
	KEY_TYPE_CONSOLE,
	KEY_TYPE_CURSOR,
	KEY_TYPE_SHIFT,
	KEY_TYPE_META,
	KEY_TYPE_ASCII,
	KEY_TYPE_LOCK,
	KEY_TYPE_LETTER,
	KEY_TYPE_COUNT,
};
enum {
	KEY_ENTER = 0x201,
	KEY_CAPS = 0x207,
	KEY_NUM = 0x208,
	KEY_SCROLL_FORWARD = 0x20a,
	KEY_SCROLL_BACK = 0x20b,
	KEY_NOTHING = 0x200
};
void keymap_init(void);
u16 keymap_get(unsigned table, unsigned key);
void keymap_set(unsigned table, unsigned key, u16 value);
static inline u32 key_type(u16 value)
{
	return (value >> 8) >= 0xf0 || value >> 8 >= KEY_TYPE_COUNT ? KEY_TYPE_COUNT : value >> 8;
}
