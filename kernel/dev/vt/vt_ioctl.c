/* ioctl_console(2): what graphics programs and keyboard tools ask a text console for. */
#include <arch/user.h>
#include <dev/tty_internal.h>
#include <dev/vt/vt.h>
#include <lib/errno.h>
#include <proc/credentials.h>
#include <proc/process.h>

enum { /* linux/kd.h, linux/vt.h */
       KDGETLED = 0x4b31,
       KDSETLED,
       KDGKBTYPE,
       KDSETMODE = 0x4b3a,
       KDGETMODE,
       KDGKBMODE = 0x4b44,
       KDSKBMODE,
       KDGKBENT,
       KDSKBENT,
       KDGKBLED = 0x4b64,
       KDSKBLED,
       VT_OPENQRY = 0x5600,
       VT_GETMODE,
       VT_SETMODE,
       VT_GETSTATE,
       VT_RELDISP = 0x5605,
       VT_ACTIVATE,
       VT_WAITACTIVE,
       VT_DISALLOCATE,
       VT_LOCKSWITCH = 0x560b,
       VT_UNLOCKSWITCH,
};
enum { KB_101 = 2, KD_TEXT0 = 2, KD_TEXT1 = 3, LIGHTS = 7 };

struct keyboard_entry { /* struct kbentry */
	u8 table, key;
	u16 value;
};

struct vt_state { /* struct vt_stat */
	u16 active, signo, in_use;
};

static long put_int(vaddr_t to, s32 value)
{
	return copy_out(to, &value, sizeof(value));
}

static long put_byte(vaddr_t to, u8 value)
{
	return copy_out(to, &value, sizeof(value));
}

/* Changing things is for those at this console, or for the super-user. */
static bool may_change(struct terminal *terminal)
{
	return process_current()->terminal == terminal || credentials_capable(CAP_SYS_TTY_CONFIG);
}

/* The first console that nobody has open, or -1; and a bit for each that somebody has. */
static s32 first_free(u16 *in_use)
{
	s32 found = -1;

	*in_use = 1;
	for (unsigned i = VT_COUNT; i-- > 0;) {
		if (terminal_opens(vt_consoles[i].terminal))
			*in_use |= 1u << vt_consoles[i].number;
		else
			found = vt_consoles[i].number;
	}
	return found;
}

static long get_state(vaddr_t to)
{
	struct vt_state state = { .active = vt_active()->number };

	(void)first_free(&state.in_use);
	return copy_out(to, &state, sizeof(state));
}

static long get_mode(struct vt_console *console, vaddr_t to)
{
	unsigned long irq = spin_lock_irqsave(&vt_lock);
	struct vt_mode mode = console->mode;

	spin_unlock_irqrestore(&vt_lock, irq);
	return copy_out(to, &mode, sizeof(mode));
}

static long set_mode(struct vt_console *console, vaddr_t from)
{
	struct vt_mode mode;
	unsigned long irq;

	if (copy_in(&mode, from, sizeof(mode)))
		return -EFAULT;
	if (mode.mode != VT_AUTO && mode.mode != VT_PROCESS)
		return -EINVAL;
	mode.unused_signal = 0;
	irq = spin_lock_irqsave(&vt_lock);
	console->mode = mode;
	console->owner = mode.mode == VT_PROCESS ? process_current()->id->number : 0;
	spin_unlock_irqrestore(&vt_lock, irq);
	return 0;
}

static long set_keyboard_mode(struct vt_console *console, unsigned long mode)
{
	if (mode > K_OFF)
		return -EINVAL;
	WRITE_ONCE(console->keyboard_mode, mode);
	return 0;
}

static long keyboard_entry(vaddr_t at, bool set, bool allowed)
{
	struct keyboard_entry entry;

	if (copy_in(&entry, at, sizeof(entry)))
		return -EFAULT;
	if (set && !allowed)
		return -EPERM;
	if (set && (entry.table >= KEYMAP_TABLES || entry.key >= KEYMAP_KEYS))
		return -EINVAL;
	if (set) {
		keymap_set(entry.table, entry.key, entry.value);
		return 0;
	}
	/* 0x27f, K_NOSUCHMAP, in key 0 says that there is no such table. */
	if (entry.table >= KEYMAP_TABLES)
		entry.value = entry.key ? KEY_NOTHING : 0x27f;
	else
		entry.value = entry.key < KEYMAP_KEYS ? keymap_get(entry.table, entry.key)
						      : KEY_NOTHING;
	return copy_out(at, &entry, sizeof(entry));
}

static long set_shows(struct vt_console *console, unsigned long shows)
{
	if (shows == KD_TEXT0 || shows == KD_TEXT1)
		shows = KD_TEXT;
	if (shows != KD_TEXT && shows != KD_GRAPHICS)
		return -EINVAL;
	vt_set_shows(console, shows);
	return 0;
}

static long activate(unsigned long number)
{
	if (number < 1 || number > VT_COUNT)
		return -ENXIO;
	vt_request(number);
	return 0;
}

static long wait_active(unsigned long number)
{
	int error = number > VT_COUNT ? -ENXIO : vt_wait_active(number);

	return error == -EINTR ? -ERESTARTSYS : error;
}

/* Consoles are for good: one that is in use cannot go, and none needs to. */
static long disallocate(unsigned long number)
{
	if (number > VT_COUNT)
		return -ENXIO;
	if (number &&
	    (terminal_opens(vt_consoles[number - 1].terminal) || vt_active()->number == number))
		return -EBUSY;
	return 0;
}

static long change(struct vt_console *console, unsigned command, unsigned long argument)
{
	switch (command) {
	case KDSETMODE:
		return set_shows(console, argument);
	case KDSKBMODE:
		return set_keyboard_mode(console, argument);
	case KDSETLED:
		keyboard_set_lights(argument);
		return 0;
	case KDSKBLED:
		if (argument & ~0x77ul)
			return -EINVAL;
		keyboard_set_locks(argument & LIGHTS);
		return 0;
	case VT_SETMODE:
		return set_mode(console, argument);
	case VT_RELDISP:
		return vt_release_answer(console, argument);
	case VT_ACTIVATE:
		return activate(argument);
	case VT_WAITACTIVE:
		return wait_active(argument);
	case VT_DISALLOCATE:
		return disallocate(argument);
	case VT_LOCKSWITCH:
	case VT_UNLOCKSWITCH:
		return vt_lock_switching(command == VT_LOCKSWITCH);
	}
	return -ENOTTY;
}

long vt_ioctl(struct terminal *terminal, unsigned command, unsigned long argument)
{
	struct vt_console *console = terminal_private(terminal);
	bool allowed = may_change(terminal);
	u16 in_use;

	switch (command) {
	case KDGKBTYPE:
		return put_byte(argument, KB_101);
	case KDGETMODE:
		return put_int(argument, READ_ONCE(console->shows));
	case KDGKBMODE:
		return put_int(argument, READ_ONCE(console->keyboard_mode));
	case KDGETLED:
	case KDGKBLED:
		return put_byte(argument, keyboard_locks());
	case KDGKBENT:
	case KDSKBENT:
		return keyboard_entry(argument, command == KDSKBENT, allowed);
	case VT_OPENQRY:
		return put_int(argument, first_free(&in_use));
	case VT_GETMODE:
		return get_mode(console, argument);
	case VT_GETSTATE:
		return get_state(argument);
	case KDSETMODE:
	case KDSKBMODE:
	case KDSETLED:
	case KDSKBLED:
	case VT_SETMODE:
	case VT_RELDISP:
	case VT_ACTIVATE:
	case VT_WAITACTIVE:
	case VT_DISALLOCATE:
	case VT_LOCKSWITCH:
	case VT_UNLOCKSWITCH:
		return allowed ? change(console, command, argument) : -EPERM;
	}
	return -ENOTTY;
}
