#pragma once
/* Kernel messages: kept in a ring (/dev/kmsg, syslog) and written to the consoles. Any context. */
#include <lib/types.h>
#include <stdarg.h>

struct wait_queue;

enum log_level {
	LOG_EMERGENCY,
	LOG_ALERT,
	LOG_CRITICAL,
	LOG_ERROR,
	LOG_WARNING,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};

__printf(2, 3) void log_write(enum log_level level, const char *format, ...);
#define log_error(...)	 log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_DEBUG, __VA_ARGS__)

/* Messages of a level below @level reach the consoles. */
void log_set_console_level(int level);

/* A console is a sink; before the first is registered, messages go to firmware_write(). */
struct log_console {
	const char *name;							   /* "ttyS0" */
	void (*write)(struct log_console *console, const char *data, size_t size); /* any context */
	struct log_console *next;						   /* [console] */
};
void log_console_register(struct log_console *console);

/*
 * Read from the ring at *@position (bytes since boot; advanced, past what was overwritten): records as
 * "<priority>[ssss.uuuuuu] text\n". Returns bytes, 0: nothing new.
 */
size_t log_read(u64 *position, char *buffer, size_t size);
u64 log_end(void);
/* Bytes from @position on that log_read() would give. */
u64 log_unread(u64 position);
enum { LOG_RING_SIZE = 64 << 10, LOG_TEXT_MAX = 360 };

/* Where a reader of records is. */
struct log_cursor {
	u64 position; /* as for log_read() */
	u64 number;   /* of the record there, since boot */
};
struct log_record {
	u64 number, microseconds; /* since boot */
	unsigned priority;	  /* syslog(3): 8 * facility + level */
	size_t size;
	char text[LOG_TEXT_MAX]; /* without a line end */
};
struct log_cursor log_first(void); /* the oldest record that is still there */
struct log_cursor log_last(void);  /* behind the newest */
/* 1: the record at *@cursor, which moves on; 0: none is there yet; -EPIPE: it is gone, and *@cursor at the oldest. */
int log_read_record(struct log_cursor *cursor, struct log_record *record);
/* A record of a program: /dev/kmsg. @text ends with '\0'. */
void log_write_priority(unsigned priority, const char *text);
/* syslog(2), CLEAR: what is older is not shown by those who ask for what is not cleared. */
void log_clear(void);
struct log_cursor log_cleared(void);

/*
 * New records: readers wait on log_wait, and log_notify is called. Messages come from any context, also from under
 * the locks that a wake-up needs, so both are done later: by log_deliver(), from the timer interrupt and the
 * idle loop, with no locks held.
 */
extern struct wait_queue log_wait;
extern void (*log_notify)(void);
void log_deliver(void);
/* Call @visit for each console; returns when it does false. For /proc/consoles. May sleep. */
void log_console_for_each(bool (*visit)(struct log_console *console, void *context), void *context);
