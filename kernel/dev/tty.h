#pragma once
/*
 * Terminals: termios(3), line discipline, job control. A driver supplies the wire; the same core
 * serves serial lines, the SBI console, pseudo-terminals and screen consoles.
 */
#include <fs/poll.h>
#include <lib/types.h>
#include <sched/lock.h>
#include <sched/wait.h>

struct file;
struct terminal;
struct terminal_settings;

struct terminal_driver {
	bool pseudo; /* the exit of the session leader does not hang it up */
	/* Send up to @size bytes; how many were taken (0: full, terminal_output_ready() later). Any context. */
	size_t (*write)(struct terminal *terminal, const u8 *data, size_t size);
	/* Bytes taken that are not on the wire yet; terminal_output_ready() when none are. Optional. */
	size_t (*pending)(struct terminal *terminal);
	/* Bytes that write() would take now, for pollers. Optional: always some. */
	size_t (*room)(struct terminal *terminal);
	/* The user's settings changed (baud rate, size of character). The terminal is locked. Optional. */
	void (*configure)(struct terminal *terminal, const struct terminal_settings *old);
	/* A file is opened: 0 or -errno; and the last open file was closed. The terminal is locked. Optional. */
	int (*open)(struct terminal *terminal);
	void (*close)(struct terminal *terminal);
	/* The last reference is gone; the terminal is freed next. May sleep. Optional. */
	void (*release)(struct terminal *terminal);
	/* ioctls of the driver's own (VT, pty): -ENOTTY when unknown. Optional. */
	long (*ioctl)(struct terminal *terminal, unsigned command, unsigned long argument);
	/* Sending stops and goes on (TCXONC, ^S ^Q). The terminal is locked. Optional. */
	void (*set_stopped)(struct terminal *terminal, bool stopped);
	/* Input was thrown away; what write() took shall be, if it is still here. Locked. Optional. */
	void (*flushed)(struct terminal *terminal, bool input, bool output);
	/* A reader made room for input. Not locked. Optional. */
	void (*input_taken)(struct terminal *terminal);
};

/* A terminal /dev/@name with device @number, for good; NULL: out of memory. */
struct terminal *terminal_create(const char *name, u64 number, const struct terminal_driver *driver,
				 void *private);
/*
 * One that comes and goes, without a device node: @name as people see it ("pts/0"). Counted once, for the
 * caller; each open file and the session that it controls count it as well. NULL: out of memory.
 */
struct terminal *terminal_allocate(const char *name, u64 number,
				   const struct terminal_driver *driver, void *private);
/* Allow terminal_input() on it; once, before that. 0 or -ENOMEM. */
int terminal_listen(struct terminal *terminal);
void terminal_get(struct terminal *terminal);
void terminal_put(struct terminal *terminal); /* may sleep; its lock is not held */
/*
 * For a file_operations.open: make @file one of @terminal's, with its operations. Does not make it the
 * controlling terminal: terminal_acquire(). 0, -EIO (hung up), -EBUSY (TIOCEXCL), -ENOMEM. May sleep.
 */
int terminal_open_file(struct terminal *terminal, struct file *file);
/* Behind terminal_open_file(): a session leader without terminal gets it, unless O_NOCTTY. */
void terminal_acquire(struct file *file);
/* How many files are open. Only a moment's truth. */
unsigned terminal_opens(struct terminal *terminal);
void *terminal_private(struct terminal *terminal);
/* Characters arrived from the wire: echo, signals, editing. Any context; terminal_listen() came before. */
void terminal_input(struct terminal *terminal, const u8 *data, size_t size);
/* The driver can take more output. Any context. */
void terminal_output_ready(struct terminal *terminal);
/*
 * The line is cut: SIGHUP and SIGCONT to the session leader, which loses it; for all open files reads
 * end and writes get -EIO. With @for_good it cannot be opened again. Not locked; may sleep.
 */
void terminal_hangup(struct terminal *terminal, bool for_good);
/*
 * Make it what /dev/console means: true when it is now. console= decides; without it the line that
 * the device tree names (@preferred), else the first.
 */
bool terminal_set_console(struct terminal *terminal, bool preferred);
/* Name for /proc/PID/stat and its device number. */
u64 terminal_number(struct terminal *terminal);
s32 terminal_foreground_group(struct terminal *terminal);
/* The controlling terminal of the current process, counted, or NULL. */
struct terminal *terminal_current(void);
/* The current process, a session leader, exits: its session loses the terminal, and is told. */
void terminal_session_exit(void);
/* The name of the console's terminal ("ttyS0") for /proc/consoles, or NULL. */
const char *terminal_console_name(void);
