#pragma once
/*
 * What the parts of the terminal share.
 *
 *   tty.c         the object, input from the wire            tty_file.c    open, read, write, poll
 *   tty_input.c   line discipline: editing                   tty_output.c  output processing and echo
 *   tty_job.c     sessions, foreground groups, hang-up       tty_ioctl.c   ioctl_tty(2)
 *
 * Locks: the terminal's mutex guards its settings, cooked input and job control. Drivers deliver
 * input in interrupts, so it first goes to a raw ring under a spinlock; one kernel thread runs the line
 * discipline of all terminals on it. Order: terminal → process tree.
 *
 * Life: an open file counts its terminal, and a session counts its controlling one. While the process
 * tree is locked, process->terminal is therefore there: leaving a session clears it in all members first.
 */
#include <dev/tty.h>
#include <fs/file.h>
#include <lib/list.h>
#include <sched/lock.h>

struct process;

enum { /* termios(3) for riscv64 = asm-generic */
       NCCS = 19,
       VINTR = 0,
       VQUIT,
       VERASE,
       VKILL,
       VEOF,
       VTIME,
       VMIN,
       VSWTC,
       VSTART,
       VSTOP,
       VSUSP,
       VEOL,
       VREPRINT,
       VDISCARD,
       VWERASE,
       VLNEXT,
       VEOL2,

       IGNBRK = 01,
       BRKINT = 02,
       ISTRIP = 040,
       INLCR = 0100,
       IGNCR = 0200,
       ICRNL = 0400,
       IUCLC = 01000,
       IXON = 02000,
       IXANY = 04000,
       IXOFF = 010000,
       IMAXBEL = 020000,
       IUTF8 = 040000,

       OPOST = 01,
       OLCUC = 02,
       ONLCR = 04,
       OCRNL = 010,
       ONOCR = 020,
       ONLRET = 040,
       TABDLY = 014000,
       XTABS = 014000,

       CBAUD = 010017,
       B38400 = 017,
       B115200 = 010002,
       CS8 = 060,
       CREAD = 0200,
       HUPCL = 02000,
       CLOCAL = 04000,

       ISIG = 01,
       ICANON = 02,
       ECHO = 010,
       ECHOE = 020,
       ECHOK = 040,
       ECHONL = 0100,
       NOFLSH = 0200,
       TOSTOP = 0400,
       ECHOCTL = 01000,
       ECHOPRT = 02000,
       ECHOKE = 04000,
       IEXTEN = 0100000,
};

struct terminal_settings { /* struct termios of the kernel ABI, and termios2's speeds behind */
	u32 input, output, control, local;
	u8 line;
	u8 characters[NCCS];
	u32 input_speed, output_speed;
};
enum { TERMIOS_SIZE = 36, TERMIOS2_SIZE = 44 };
static_assert(sizeof(struct terminal_settings) == TERMIOS2_SIZE, "struct termios2");

struct window_size {
	u16 rows, columns, width, height;
};

enum { TERMINAL_INPUT = 4096, TERMINAL_RAW = 4096 };

/* What a byte of cooked input is. */
enum input_mark { INPUT_DATA, INPUT_LINE_END, INPUT_END_OF_FILE };

/* What comes from interrupts, until the terminals' thread takes it. */
struct terminal_wire {
	struct spinlock lock; /* RANK_WAIT, interrupts off */
	u32 head, tail;	      /* [lock] free-running */
	u8 raw[TERMINAL_RAW]; /* [lock] ring */
};

/* file->private of an open terminal. */
struct terminal_file {
	struct terminal *terminal; /* [const] counted */
	u32 hangups;		   /* [const] terminal->hangups when it was opened */
	bool console;		   /* [const] opened as /dev/console: no hang-up ends it */
};

struct terminal {
	struct atomic32 references;
	char name[32];			      /* [const] */
	u64 number;			      /* [const] DEVICE_NUMBER */
	const struct terminal_driver *driver; /* [const] */
	void *private;			      /* [const] */
	struct list_node link;		      /* [terminals lock] when there is a wire */
	struct terminal_wire *wire;	      /* [const] NULL: input comes without interrupts */

	struct mutex lock;		   /* RANK_TERMINAL */
	struct terminal_settings settings; /* [lock] */
	struct window_size window;	   /* [lock] */
	u8 input[TERMINAL_INPUT];	   /* [lock] ring of cooked bytes */
	u8 marks[TERMINAL_INPUT];	   /* [lock] enum input_mark */
	u32 input_head, input_tail;	   /* [lock] free-running: read at head, written at tail */
	u32 line_start;			   /* [lock] first byte that is still being edited */
	bool literal_next;		   /* [lock] after ^V */
	u32 column, line_column;	   /* [lock] cursor now, and where the edited line began */
	u8 rest[8];		 /* [lock] expanded output that the driver had no room for */
	u8 rest_size;		 /* [lock] */
	bool stopped;		 /* [lock] ^S */
	bool hung_up;		 /* [lock] for good */
	bool exclusive;		 /* [lock] TIOCEXCL */
	unsigned opens;		 /* [lock; atomic read] open files */
	u32 hangups;		 /* [lock; atomic read] files opened before the last one are dead */
	s32 session, foreground; /* [lock] 0: none */

	struct mutex output_lock; /* RANK_TERMINAL: one writer at a time; before lock */
	struct wait_queue input_wait, output_wait;
};

/* Do ^S and ^Q, and no other keys, stop output and let it go on? */
static inline bool terminal_flow_by_keys(const struct terminal_settings *settings)
{
	return settings->input & IXON && settings->characters[VSTOP] == 023 &&
	       settings->characters[VSTART] == 021;
}

static inline bool terminal_flag_local(const struct terminal *terminal, u32 flag)
{
	return terminal->settings.local & flag;
}

/* tty.c */
struct terminal *terminal_console(void); /* NULL: none */
/* Wake readers and pollers. */
void terminal_input_changed(struct terminal *terminal);

/* tty_file.c */
extern const struct file_operations terminal_file_operations;
struct terminal *terminal_of(struct file *file);
bool terminal_file_is_hung_up(struct file *file);
int terminal_files_register(void); /* /dev/tty and /dev/console */

/* tty_input.c: the terminal is locked. */
void terminal_discipline(struct terminal *terminal, const u8 *data, size_t size);
void terminal_flush_input(struct terminal *terminal);
/* Bytes of input that there is room for: not 0 while the edited line alone fills it. Any time. */
size_t terminal_input_room(struct terminal *terminal);
/* Bytes that a read would get now: whole lines when canonical. */
u32 terminal_readable(struct terminal *terminal);
/* Editing became on or off: what is half typed becomes readable, or the other way round. */
void terminal_mode_changed(struct terminal *terminal, u32 old_local);

/* tty_output.c: the terminal is locked. */
/* Process @size bytes of output; how many of @data were consumed before the driver was full. */
size_t terminal_output(struct terminal *terminal, const u8 *data, size_t size);
void terminal_echo(struct terminal *terminal, u8 byte); /* ^X form for control characters */
void terminal_print(struct terminal *terminal, const char *text, size_t size);

/* Stop output, or go on. */
void terminal_set_stopped(struct terminal *terminal, bool stopped);
void terminal_flush_output(struct terminal *terminal);

/* tty_ioctl.c */
long terminal_ioctl(struct file *file, unsigned command, unsigned long argument);
/* The same for a terminal that is not hung up; @file may be the master of a pseudo-terminal. */
long terminal_line_ioctl(struct terminal *terminal, struct file *file, unsigned command,
			 unsigned long argument);

/* tty_job.c */
/*
 * May the current process go on? @signo SIGTTIN (reading) or SIGTTOU (changing). 0, -EIO for
 * an orphaned group or (SIGTTIN) an ignored signal, or -ERESTARTSYS after the signal was sent.
 */
int terminal_job_check(struct terminal *terminal, int signo);
/* @file: the terminal's own, or that of the master of a pseudo-terminal. */
long terminal_job_ioctl(struct terminal *terminal, struct file *file, unsigned command,
			unsigned long argument);
/* The terminal is locked. */
void terminal_signal_foreground(struct terminal *terminal, int signo);
