/*
 * The text consoles as terminals, the kernel's messages on the first of them, and the thread that
 * draws.
 */
#include <arch/time.h>
#include <boot/initcall.h>
#include <debug/log.h>
#include <dev/display/display.h>
#include <dev/tty_internal.h>
#include <dev/vt/vt.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/thread.h>

enum { HISTORY_LINES = 500, LOG_LEVELS = 8 };

static struct display *display; /* [atomic] the one with the consoles; NULL: none yet */
static struct atomic32 work;	/* the thread has something to look at */
static struct wait_queue work_wait = WAIT_QUEUE_INIT(work_wait);
static struct log_cursor log_shown; /* [thread] what of the log is on the screen */
static void (*next_notify)(void);

void vt_kick(void)
{
	if (!atomic32_xchg(&work, 1))
		wait_wake_all(&work_wait);
}

static void console_write(struct vt_console *console, const u8 *data, size_t size)
{
	mutex_lock(&console->lock);
	emulator_write(&console->emulator, data, size);
	mutex_unlock(&console->lock);
	if (console == vt_active())
		vt_kick();
}

static size_t vt_write(struct terminal *terminal, const u8 *data, size_t size)
{
	console_write(terminal_private(terminal), data, size);
	return size;
}

/* The last file is closed: nobody is left who could set it right. */
static void vt_close(struct terminal *terminal)
{
	vt_reset_modes(terminal_private(terminal));
}

static const struct terminal_driver vt_driver = {
	.write = vt_write,
	.close = vt_close,
	.ioctl = vt_ioctl,
};

static void vt_answer(struct emulator *emulator, const char *text, size_t size)
{
	struct vt_console *console = emulator->private;

	terminal_input(console->terminal, (const u8 *)text, size);
}

/* /dev/tty0 is the console that is seen when it is opened. */
static int tty0_open(struct vnode *vnode, struct file *file)
{
	int error = terminal_open_file(vt_active()->terminal, file);

	if (!error)
		terminal_acquire(file);
	return error;
}

static const struct file_operations tty0_operations = { .open = tty0_open };

static int create_console(unsigned number, u32 columns, u32 rows)
{
	struct vt_console *console = &vt_consoles[number - 1];
	void *memory = kzalloc(emulator_memory(columns, rows, HISTORY_LINES));
	u32 history = memory ? HISTORY_LINES : 0;
	char name[8];

	if (!memory)
		memory = kzalloc(emulator_memory(columns, rows, 0));
	if (!memory)
		return -ENOMEM;
	console->number = number;
	console->keyboard_mode = K_UNICODE;
	mutex_init(&console->lock, RANK_OBJECT);
	emulator_init(&console->emulator, memory, columns, rows, history);
	console->emulator.answer = vt_answer;
	console->emulator.private = console;
	snprintf(name, sizeof(name), "tty%u", number);
	console->terminal =
		terminal_create(name, DEVICE_NUMBER(MAJOR_TTY, number), &vt_driver, console);
	if (!console->terminal)
		return -ENOMEM;
	mutex_lock(&console->terminal->lock);
	console->terminal->window = (struct window_size){ .rows = rows, .columns = columns };
	mutex_unlock(&console->terminal->lock);
	return 0;
}

/* All messages until a program has the console, then those that matter. */
static void show_log(void)
{
	static struct log_record record;
	static char prefix[32];
	int result;

	while ((result = log_read_record(&log_shown, &record))) {
		bool mine = !terminal_opens(vt_consoles[0].terminal);
		int size;

		if (result < 0 || (!mine && record.priority % LOG_LEVELS > LOG_WARNING))
			continue;
		size = scnprintf(prefix, sizeof(prefix), "[%4lu.%06lu] ",
				 (unsigned long)(record.microseconds / 1000000),
				 (unsigned long)(record.microseconds % 1000000));
		console_write(&vt_consoles[0], (const u8 *)prefix, (size_t)size);
		console_write(&vt_consoles[0], (const u8 *)record.text, record.size);
		console_write(&vt_consoles[0], (const u8 *)"\n\r", 2);
	}
}

static void log_news(void)
{
	if (next_notify)
		next_notify();
	vt_kick();
}

void vt_scroll(struct vt_console *console, s32 lines)
{
	atomic32_add(&console->scroll, (u32)lines);
	vt_kick();
}

static void draw(void)
{
	struct vt_console *console = vt_active();
	s32 scroll = (s32)atomic32_xchg(&console->scroll, 0);

	if (READ_ONCE(console->shows) != KD_TEXT)
		return;
	mutex_lock(&console->lock);
	if (scroll)
		emulator_scroll_view(&console->emulator, scroll);
	screen_draw(console);
	mutex_unlock(&console->lock);
}

static void vt_thread(void *unused)
{
	for (;;) {
		wait_event(&work_wait, atomic32_read(&work));
		atomic32_set(&work, 0);
		atomic_fence();
		vt_switch_pending();
		show_log();
		draw();
		(void)thread_sleep_ns(DISPLAY_FRAME_NS, WAIT_UNINTERRUPTIBLE);
	}
}

/*
 * The last program that drew is gone, however it went: text is back. What was only written to the
 * framebuffer (cat picture >/dev/fb0) stays to be looked at.
 */
static void released(struct display *released_display, bool drawn)
{
	if (released_display != read_acquire(&display))
		return;
	for (unsigned i = 0; i < VT_COUNT; i++) {
		if (drawn || READ_ONCE(vt_consoles[i].shows) == KD_GRAPHICS)
			vt_reset_modes(&vt_consoles[i]);
	}
	if (drawn)
		screen_invalidate();
	vt_kick();
}

static int start(struct display *found)
{
	struct thread *thread;
	u32 columns, rows;
	int error = screen_init(found, &columns, &rows);

	for (unsigned number = 1; !error && number <= VT_COUNT; number++)
		error = create_console(number, columns, rows);
	if (!error)
		error = device_node_register("tty0", S_IFCHR | 0620, DEVICE_NUMBER(MAJOR_TTY, 0),
					     &tty0_operations, NULL);
	if (error)
		return error;
	keyboard_init();
	thread = thread_create("vt", vt_thread, NULL);
	if (!thread)
		return -ENOMEM;
	terminal_set_console(vt_consoles[0].terminal, false);
	log_shown = log_first();
	next_notify = log_notify;
	log_notify = log_news;
	store_release(&display, found);
	thread_start(thread);
	vt_kick();
	return 0;
}

static void registered(struct display *found)
{
	int error = found->index || read_acquire(&display) ? 0 : start(found);

	if (error)
		log_error("vt: no text consoles: error %d\n", -error);
}

static const struct display_listener listener = { .registered = registered, .released = released };

static int vt_start(void)
{
	display_listen(&listener);
	return 0;
}
INITCALL_DEVICE(vt_start);
