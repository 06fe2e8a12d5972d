/*
 * The line discipline: termios(3), "Canonical and noncanonical mode". Cooked bytes lie in a ring between
 * input_head and input_tail; from line_start on they belong to the line that is still edited.
 */
#include <dev/tty_internal.h>
#include <lib/string.h>
#include <proc/signal.h>

static bool is_character(struct terminal *terminal, unsigned index, u8 byte)
{
	/* 0 is _POSIX_VDISABLE: the function is off. */
	return byte && terminal->settings.characters[index] == byte;
}

u32 terminal_readable(struct terminal *terminal)
{
	u32 end = terminal_flag_local(terminal, ICANON) ? terminal->line_start
							: terminal->input_tail;

	return end - terminal->input_head;
}

void terminal_flush_input(struct terminal *terminal)
{
	terminal->input_head = terminal->input_tail = terminal->line_start = 0;
	terminal->literal_next = false;
	terminal->line_column = terminal->column;
	if (terminal->driver->flushed)
		terminal->driver->flushed(terminal, true, false);
}

size_t terminal_input_room(struct terminal *terminal)
{
	u32 head = READ_ONCE(terminal->input_head);

	/* A line that never ends is the typist's fault: what does not fit is lost, and rings. */
	if (terminal_flag_local(terminal, ICANON) && READ_ONCE(terminal->line_start) == head)
		return TERMINAL_INPUT;
	return TERMINAL_INPUT - (READ_ONCE(terminal->input_tail) - head) - 1;
}

void terminal_mode_changed(struct terminal *terminal, u32 old_local)
{
	bool canonical = terminal_flag_local(terminal, ICANON);

	if (canonical == !!(old_local & ICANON))
		return;
	if (canonical) {
		/* What raw mode left unread is one line, ready to be read. */
		if (terminal->input_tail != terminal->input_head)
			terminal->marks[(terminal->input_tail - 1) % TERMINAL_INPUT] =
				INPUT_LINE_END;
		terminal->line_start = terminal->input_tail;
	}
	terminal_input_changed(terminal);
}

/* Canonical input keeps room for the end of the line, so that a full buffer can still be sent. */
static bool append(struct terminal *terminal, u8 byte, enum input_mark mark)
{
	u32 room = TERMINAL_INPUT - (terminal->input_tail - terminal->input_head);

	if (room <= (terminal_flag_local(terminal, ICANON) && mark == INPUT_DATA ? 1 : 0))
		return false;
	terminal->input[terminal->input_tail % TERMINAL_INPUT] = byte;
	terminal->marks[terminal->input_tail % TERMINAL_INPUT] = mark;
	terminal->input_tail++;
	return true;
}

static void bell_when_full(struct terminal *terminal)
{
	if (terminal->settings.input & IMAXBEL)
		terminal_print(terminal, "\a", 1);
}

/* Columns that the edited bytes up to @end take on the screen, counted from where the line began. */
static u32 column_at(struct terminal *terminal, u32 end)
{
	u32 column = terminal->line_column;

	for (u32 at = terminal->line_start; at != end; at++) {
		u8 byte = terminal->input[at % TERMINAL_INPUT];

		if (byte == '\t')
			column = (column | 7) + 1;
		else if (byte < 32 || byte == 127)
			column += terminal_flag_local(terminal, ECHOCTL) ? 2 : 0;
		else if (!(terminal->settings.input & IUTF8) || (byte & 0xc0) != 0x80)
			column++;
	}
	return column;
}

/* Take the last character (all bytes of it in UTF-8) off the edited line, and off the screen. */
static bool erase_character(struct terminal *terminal)
{
	u32 before;

	if (terminal->input_tail == terminal->line_start)
		return false;
	before = column_at(terminal, terminal->input_tail);
	do {
		terminal->input_tail--;
	} while (terminal->settings.input & IUTF8 && terminal->input_tail != terminal->line_start &&
		 (terminal->input[terminal->input_tail % TERMINAL_INPUT] & 0xc0) == 0x80);
	if (terminal_flag_local(terminal, ECHO) && !terminal_flag_local(terminal, ECHOE)) {
		terminal_echo(terminal, terminal->settings.characters[VERASE]);
	} else if (terminal_flag_local(terminal, ECHO)) {
		u32 after = column_at(terminal, terminal->input_tail);

		while (before-- > after)
			terminal_print(terminal, "\b \b", 3);
	}
	return true;
}

static bool is_word(u8 byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 128;
}

static u8 last_edited(struct terminal *terminal)
{
	return terminal->input[(terminal->input_tail - 1) % TERMINAL_INPUT];
}

static void erase_word(struct terminal *terminal)
{
	while (terminal->input_tail != terminal->line_start && !is_word(last_edited(terminal)))
		erase_character(terminal);
	while (terminal->input_tail != terminal->line_start && is_word(last_edited(terminal)))
		erase_character(terminal);
}

static void erase_line(struct terminal *terminal, u8 byte)
{
	if (terminal_flag_local(terminal, ECHO) && terminal_flag_local(terminal, ECHOKE) &&
	    terminal_flag_local(terminal, ECHOE)) {
		while (erase_character(terminal))
			;
		return;
	}
	terminal->input_tail = terminal->line_start;
	terminal_echo(terminal, byte);
	if (terminal_flag_local(terminal, ECHOK))
		terminal_print(terminal, "\n", 1);
	terminal->line_column = terminal->column;
}

static void reprint_line(struct terminal *terminal, u8 byte)
{
	terminal_echo(terminal, byte);
	terminal_print(terminal, "\n", 1);
	terminal->line_column = 0;
	for (u32 at = terminal->line_start; at != terminal->input_tail; at++)
		terminal_echo(terminal, terminal->input[at % TERMINAL_INPUT]);
}

/* INTR, QUIT, SUSP: true when @byte was one of them. */
static bool signal_character(struct terminal *terminal, u8 byte)
{
	int signo = is_character(terminal, VINTR, byte)	  ? SIGINT
		    : is_character(terminal, VQUIT, byte) ? SIGQUIT
		    : is_character(terminal, VSUSP, byte) ? SIGTSTP
							  : 0;

	if (!signo || !terminal_flag_local(terminal, ISIG))
		return false;
	if (!terminal_flag_local(terminal, NOFLSH)) {
		terminal_flush_input(terminal);
		terminal_flush_output(terminal);
	}
	terminal_set_stopped(terminal, false);
	terminal_echo(terminal, byte);
	terminal_signal_foreground(terminal, signo);
	return true;
}

/* ^S and ^Q: true when @byte was one of them (or woke stopped output by IXANY). */
static bool flow_character(struct terminal *terminal, u8 byte)
{
	bool start = is_character(terminal, VSTART, byte),
	     stop = is_character(terminal, VSTOP, byte);

	if (!(terminal->settings.input & IXON))
		return false;
	if (start || (terminal->stopped && terminal->settings.input & IXANY && !stop)) {
		terminal_set_stopped(terminal, false);
		return start;
	}
	if (stop)
		terminal_set_stopped(terminal, true);
	return stop;
}

static void end_line(struct terminal *terminal, u8 byte, enum input_mark mark)
{
	if (!append(terminal, byte, mark)) {
		bell_when_full(terminal);
		return;
	}
	terminal->line_start = terminal->input_tail;
	terminal->line_column = terminal->column;
	terminal_input_changed(terminal);
}

/* A character with a function while a line is edited: true when @byte was one. */
static bool edit_character(struct terminal *terminal, u8 byte)
{
	bool extended = terminal_flag_local(terminal, IEXTEN);

	if (is_character(terminal, VERASE, byte))
		erase_character(terminal);
	else if (is_character(terminal, VKILL, byte))
		erase_line(terminal, byte);
	else if (is_character(terminal, VWERASE, byte) && extended)
		erase_word(terminal);
	else if (is_character(terminal, VREPRINT, byte) && extended)
		reprint_line(terminal, byte);
	else if (is_character(terminal, VEOF, byte))
		end_line(terminal, 0, INPUT_END_OF_FILE);
	else
		return false;
	return true;
}

static void plain_character(struct terminal *terminal, u8 byte)
{
	if (!append(terminal, byte, INPUT_DATA)) {
		bell_when_full(terminal);
		return;
	}
	if (terminal->input_tail - terminal->line_start == 1)
		terminal->line_column = terminal->column;
	terminal_echo(terminal, byte);
	if (!terminal_flag_local(terminal, ICANON))
		terminal_input_changed(terminal);
}

static void canonical_character(struct terminal *terminal, u8 byte)
{
	bool extended = terminal_flag_local(terminal, IEXTEN);

	if (edit_character(terminal, byte))
		return;
	if (byte == '\n') {
		if (terminal_flag_local(terminal, ECHO) || terminal_flag_local(terminal, ECHONL))
			terminal_print(terminal, "\n", 1);
		end_line(terminal, byte, INPUT_LINE_END);
	} else if (is_character(terminal, VEOL, byte) ||
		   (is_character(terminal, VEOL2, byte) && extended)) {
		terminal_echo(terminal, byte);
		end_line(terminal, byte, INPUT_LINE_END);
	} else {
		plain_character(terminal, byte);
	}
}

static void input_character(struct terminal *terminal, u8 byte)
{
	u32 input = terminal->settings.input;

	if (input & ISTRIP)
		byte &= 0x7f;
	if (terminal->literal_next) {
		terminal->literal_next = false;
		plain_character(terminal, byte);
		return;
	}
	if (flow_character(terminal, byte) || signal_character(terminal, byte))
		return;
	if (byte == '\r') {
		if (input & IGNCR)
			return;
		if (input & ICRNL)
			byte = '\n';
	} else if (byte == '\n' && input & INLCR) {
		byte = '\r';
	}
	if (is_character(terminal, VLNEXT, byte) && terminal_flag_local(terminal, IEXTEN) &&
	    terminal_flag_local(terminal, ICANON)) {
		terminal->literal_next = true;
		if (terminal_flag_local(terminal, ECHO) && terminal_flag_local(terminal, ECHOCTL))
			terminal_print(terminal, "^\b", 2);
		return;
	}
	if (terminal_flag_local(terminal, ICANON))
		canonical_character(terminal, byte);
	else
		plain_character(terminal, byte);
}

void terminal_discipline(struct terminal *terminal, const u8 *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		input_character(terminal, data[i]);
}
