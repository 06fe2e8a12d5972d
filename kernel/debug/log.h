#pragma once
/* Kernel messages: kept in a ring (/dev/kmsg, syslog) and written to the consoles. Any context. */
#include <lib/types.h>
#include <stdarg.h>

enum log_level { LOG_EMERGENCY, LOG_ALERT, LOG_CRITICAL, LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO,
		 LOG_DEBUG };

__printf(2, 3) void log_write(enum log_level level, const char *format, ...);
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* Messages of a level below @level reach the consoles. */
void log_set_console_level(int level);

/* A console is a sink; before the first is registered, messages go to firmware_write(). */
struct log_console {
	const char *name;			/* "ttyS0" */
	void (*write)(struct log_console *console, const char *data, size_t size); /* any context */
	struct log_console *next;		/* [console] */
};
void log_console_register(struct log_console *console);

/*
 * Read from the ring at *@sequence (bytes since boot; advanced, past what was overwritten):
 * formatted as "<level>[ssss.uuuuuu] text\n" per record. Returns bytes, 0: nothing new.
 */
size_t log_read(u64 *sequence, char *buffer, size_t size);
u64 log_end(void);
/* Hook called (any context, no locks of the log held) after new records, to wake readers. */
extern void (*log_notify)(void);
