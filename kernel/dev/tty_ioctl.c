/* ioctl_tty(2), the part that is about the line itself. */
#include <arch/user.h>
#include <dev/tty_internal.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/credentials.h>

enum { /* asm-generic/ioctls.h */
       TCGETS = 0x5401,
       TCSETS,
       TCSETSW,
       TCSETSF,
       TCGETA,
       TCSETA,
       TCSETAW,
       TCSETAF,
       TCSBRK,
       TCXONC,
       TCFLSH,
       TIOCEXCL,
       TIOCNXCL,
       TIOCSCTTY,
       TIOCGPGRP,
       TIOCSPGRP,
       TIOCOUTQ,
       TIOCSTI,
       TIOCGWINSZ,
       TIOCSWINSZ,
       TIOCMGET,
       TIOCINQ = 0x541b,
       TIOCNOTTY = 0x5422,
       TIOCSETD,
       TIOCGETD,
       TCSBRKP,
       TIOCGSID = 0x5429,
       TIOCVHANGUP = 0x5437,
};
#define TCGETS2	  0x802c542au
#define TCSETS2	  0x402c542bu
#define TCSETSW2  0x402c542cu
#define TCSETSF2  0x402c542du
#define TIOCGDEV  0x80045432u
#define TIOCGEXCL 0x80045440u

enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
enum { TCOOFF, TCOON, TCIOFF, TCION };

static long get_settings(struct terminal *terminal, vaddr_t to, size_t size)
{
	struct terminal_settings settings;

	mutex_lock(&terminal->lock);
	settings = terminal->settings;
	mutex_unlock(&terminal->lock);
	return copy_out(to, &settings, size);
}

static size_t output_pending(struct terminal *terminal)
{
	return terminal->driver->pending ? terminal->driver->pending(terminal) : 0;
}

/* tcdrain(3): until all that was written is on the wire. */
static long drain(struct terminal *terminal)
{
	u32 hangups = READ_ONCE(terminal->hangups);
	int error = wait_event_interruptible(&terminal->output_wait,
					     !output_pending(terminal) || terminal->hung_up ||
						     hangups != READ_ONCE(terminal->hangups));

	return error == -EINTR ? -ERESTARTSYS : error;
}

static long set_settings(struct terminal *terminal, vaddr_t from, size_t size, bool wait,
			 bool flush)
{
	struct terminal_settings settings;
	struct terminal_settings old;
	int error = terminal_job_check(terminal, SIGTTOU);

	if (error)
		return error;
	mutex_lock(&terminal->lock);
	settings = terminal->settings;
	mutex_unlock(&terminal->lock);
	error = copy_in(&settings, from, size);
	if (!error && wait)
		error = drain(terminal);
	if (error)
		return error;
	mutex_lock(&terminal->lock);
	old = terminal->settings;
	if (flush)
		terminal_flush_input(terminal);
	terminal->settings = settings;
	terminal_mode_changed(terminal, old.local);
	if (!(settings.input & IXON))
		terminal_set_stopped(terminal, false);
	if (terminal->driver->configure)
		terminal->driver->configure(terminal, &old);
	mutex_unlock(&terminal->lock);
	terminal_input_changed(terminal);
	return 0;
}

static long set_window(struct terminal *terminal, vaddr_t from)
{
	struct window_size window;
	int error = copy_in(&window, from, sizeof(window));

	if (error)
		return error;
	mutex_lock(&terminal->lock);
	if (memcmp(&window, &terminal->window, sizeof(window))) {
		terminal->window = window;
		terminal_signal_foreground(terminal, SIGWINCH);
	}
	mutex_unlock(&terminal->lock);
	return 0;
}

static long get_window(struct terminal *terminal, vaddr_t to)
{
	struct window_size window;

	mutex_lock(&terminal->lock);
	window = terminal->window;
	mutex_unlock(&terminal->lock);
	return copy_out(to, &window, sizeof(window));
}

static long flush(struct terminal *terminal, unsigned long which)
{
	int error = terminal_job_check(terminal, SIGTTOU);

	if (error)
		return error;
	if (which > TCIOFLUSH)
		return -EINVAL;
	mutex_lock(&terminal->lock);
	if (which != TCOFLUSH)
		terminal_flush_input(terminal);
	if (which != TCIFLUSH)
		terminal_flush_output(terminal);
	mutex_unlock(&terminal->lock);
	return 0;
}

/* Suspending input would mean to send ^S and ^Q to the other end. */
static long flow(struct terminal *terminal, unsigned long action)
{
	int error = terminal_job_check(terminal, SIGTTOU);

	if (error)
		return error;
	if (action > TCION)
		return -EINVAL;
	mutex_lock(&terminal->lock);
	if (action == TCOOFF || action == TCOON)
		terminal_set_stopped(terminal, action == TCOOFF);
	else
		terminal_print(
			terminal,
			(char *)&terminal->settings.characters[action == TCIOFF ? VSTOP : VSTART],
			1);
	mutex_unlock(&terminal->lock);
	terminal_output_ready(terminal);
	return 0;
}

static long put_word(vaddr_t to, u32 value)
{
	return copy_out(to, &value, sizeof(value));
}

static long input_count(struct terminal *terminal, vaddr_t to)
{
	u32 count;

	mutex_lock(&terminal->lock);
	count = terminal_readable(terminal);
	mutex_unlock(&terminal->lock);
	return put_word(to, count);
}

long terminal_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	if (terminal_file_is_hung_up(file))
		return command == TIOCSPGRP ? -ENOTTY : -EIO;
	return terminal_line_ioctl(terminal_of(file), file, command, argument);
}

long terminal_line_ioctl(struct terminal *terminal, struct file *file, unsigned command,
			 unsigned long argument)
{
	long result;

	switch (command) {
	case TCGETS:
		return get_settings(terminal, argument, TERMIOS_SIZE);
	case TCGETS2:
		return get_settings(terminal, argument, TERMIOS2_SIZE);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_settings(terminal, argument, TERMIOS_SIZE, command != TCSETS,
				    command == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_settings(terminal, argument, TERMIOS2_SIZE, command != TCSETS2,
				    command == TCSETSF2);
	case TIOCGWINSZ:
		return get_window(terminal, argument);
	case TIOCSWINSZ:
		return set_window(terminal, argument);
	case TCFLSH:
		return flush(terminal, argument);
	case TCXONC:
		return flow(terminal, argument);
	case TCSBRK:
	case TCSBRKP:
		/* tcsendbreak(3) (0) sends nothing, which POSIX allows; else it is tcdrain(3). */
		result = terminal_job_check(terminal, SIGTTOU);
		return result || !argument ? result : drain(terminal);
	case TIOCINQ:
		return input_count(terminal, argument);
	case TIOCOUTQ:
		return put_word(argument, output_pending(terminal));
	case TIOCGETD:
		return put_word(argument, 0);
	case TIOCGDEV:
		return put_word(argument, terminal->number);
	case TIOCEXCL:
	case TIOCNXCL:
		mutex_lock(&terminal->lock);
		terminal->exclusive = command == TIOCEXCL;
		mutex_unlock(&terminal->lock);
		return 0;
	case TIOCGEXCL:
		return put_word(argument, terminal->exclusive);
	case TIOCVHANGUP:
		if (!credentials_capable(CAP_SYS_ADMIN))
			return -EPERM;
		terminal_hangup(terminal, false);
		return 0;
	}
	result = terminal_job_ioctl(terminal, file, command, argument);
	if (result == -ENOTTY && terminal->driver->ioctl)
		result = terminal->driver->ioctl(terminal, command, argument);
	return result;
}
