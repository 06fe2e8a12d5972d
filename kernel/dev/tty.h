#pragma once
/*
 * Terminals: termios(3), line discipline, job control. A driver supplies the wire; the same core
 * serves serial lines, the SBI console, pseudo-terminals and screen consoles.
 */
#include <fs/poll.h>
#include <lib/types.h>
#include <sched/lock.h>
#include <sched/wait.h>

struct terminal;

struct terminal_driver {
	/* Send up to @size bytes; how many were taken (0: full, terminal_output_ready() later). Any context. */
	size_t (*write)(struct terminal *terminal, const u8 *data, size_t size);
	/* Bytes taken that are not on the wire yet; terminal_output_ready() when none are. Optional. */
	size_t (*pending)(struct terminal *terminal);
	/* The user's settings changed (baud rate, size of character). Optional. */
	void (*configure)(struct terminal *terminal);
	void (*release)(struct terminal *terminal);
	/* ioctls of the driver's own (VT, pty): -ENOTTY when unknown. Optional. */
	long (*ioctl)(struct terminal *terminal, unsigned command, unsigned long argument);
	/* Sending stops and goes on (TCXONC, ^S ^Q). Optional. */
	void (*set_stopped)(struct terminal *terminal, bool stopped);
};

/* A terminal /dev/@name with device @number; NULL: out of memory. */
struct terminal *terminal_create(const char *name, u64 number, const struct terminal_driver *driver,
				 void *private);
void *terminal_private(struct terminal *terminal);
/* Characters arrived from the wire: echo, signals, editing. Any context. */
void terminal_input(struct terminal *terminal, const u8 *data, size_t size);
/* The driver can take more output. Any context. */
void terminal_output_ready(struct terminal *terminal);
/* The other end is gone: SIGHUP to the session, reads end, writes -EIO. May sleep. */
void terminal_hangup(struct terminal *terminal);
/*
 * Make it what /dev/console means: true when it is now. console= decides; without it the line that
 * the device tree names (@preferred), else the first.
 */
bool terminal_set_console(struct terminal *terminal, bool preferred);
/* Name for /proc/PID/stat and its device number. */
u64 terminal_number(struct terminal *terminal);
s32 terminal_foreground_group(struct terminal *terminal);
/* A session leader exits: SIGHUP to the foreground group, the session loses its terminal. */
void terminal_session_exit(struct terminal *terminal);
/* The name of the console's terminal ("ttyS0") for /proc/consoles, or NULL. */
const char *terminal_console_name(void);
