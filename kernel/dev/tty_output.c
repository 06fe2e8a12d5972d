/* Output processing: termios(3), c_oflag; and echo. */
#include <dev/tty_internal.h>
#include <lib/string.h>

enum { EXPANDED_MAX = 8 }; /* what one byte becomes at most: a tab */

/* What @byte becomes on the wire, into @expanded; the new column into *@column. */
static size_t expand(const struct terminal *terminal, u8 byte, u8 *expanded, u32 *column)
{
	u32 flags = terminal->settings.output;
	size_t count = 0;

	if (!(flags & OPOST)) {
		expanded[0] = byte;
		*column = byte == '\r' || byte == '\n' ? 0 : *column + 1;
		return 1;
	}
	switch (byte) {
	case '\n':
		if (flags & ONLCR)
			expanded[count++] = '\r';
		if (flags & (ONLCR | ONLRET))
			*column = 0;
		expanded[count++] = '\n';
		return count;
	case '\r':
		if (flags & ONOCR && *column == 0)
			return 0;
		expanded[0] = flags & OCRNL ? '\n' : '\r';
		if (!(flags & OCRNL) || flags & ONLRET)
			*column = 0;
		return 1;
	case '\t':
		do {
			expanded[count++] = ' ';
		} while (++*column % 8);
		if ((flags & TABDLY) == XTABS)
			return count;
		expanded[0] = '\t';
		return 1;
	case '\b':
		if (*column)
			--*column;
		break;
	default:
		/* Continuation bytes of UTF-8 take no column of their own. */
		if (byte >= 32 && (!(terminal->settings.input & IUTF8) || (byte & 0xc0) != 0x80))
			++*column;
	}
	expanded[0] = byte;
	return 1;
}

/* What is left of the last expansion; true: nothing any more. */
static bool send_rest(struct terminal *terminal)
{
	size_t sent;

	if (!terminal->rest_size)
		return true;
	sent = terminal->driver->write(terminal, terminal->rest, terminal->rest_size);
	terminal->rest_size -= sent;
	memmove(terminal->rest, terminal->rest + sent, terminal->rest_size);
	return !terminal->rest_size;
}

size_t terminal_output(struct terminal *terminal, const u8 *data, size_t size)
{
	size_t done = 0;

	if (!send_rest(terminal))
		return 0;
	while (done < size) {
		u8 buffer[256];
		u16 ends[256]; /* per byte of data: where its expansion ends in buffer */
		u32 columns[256];
		size_t filled = 0, count = 0, sent, taken;

		for (u32 column = terminal->column;
		     done + count < size && filled + EXPANDED_MAX <= sizeof(buffer); count++) {
			filled += expand(terminal, data[done + count], buffer + filled, &column);
			ends[count] = filled;
			columns[count] = column;
		}
		sent = terminal->driver->write(terminal, buffer, filled);
		for (taken = 0; taken < count && ends[taken] <= sent; taken++)
			terminal->column = columns[taken];
		done += taken;
		if (taken == count)
			continue;
		/* The wire took part of an expansion: the rest goes first next time. */
		if (sent > (taken ? ends[taken - 1] : 0)) {
			terminal->rest_size = ends[taken] - sent;
			memcpy(terminal->rest, buffer + sent, terminal->rest_size);
			terminal->column = columns[taken];
			done++;
		}
		break;
	}
	return done;
}

void terminal_set_stopped(struct terminal *terminal, bool stopped)
{
	if (terminal->stopped == stopped)
		return;
	terminal->stopped = stopped;
	if (terminal->driver->set_stopped)
		terminal->driver->set_stopped(terminal, stopped);
	if (!stopped)
		terminal_output_ready(terminal);
}

void terminal_flush_output(struct terminal *terminal)
{
	terminal->rest_size = 0;
	if (terminal->driver->flushed)
		terminal->driver->flushed(terminal, false, true);
}

void terminal_print(struct terminal *terminal, const char *text, size_t size)
{
	terminal_output(terminal, (const u8 *)text, size);
}

void terminal_echo(struct terminal *terminal, u8 byte)
{
	u8 caret[2] = { '^', byte ^ 0x40 };

	if (!terminal_flag_local(terminal, ECHO))
		return;
	if ((byte < 32 && byte != '\t' && byte != '\n') || byte == 127) {
		if (terminal_flag_local(terminal, ECHOCTL)) {
			terminal_output(terminal, caret, sizeof(caret));
			return;
		}
	}
	terminal_output(terminal, &byte, 1);
}
