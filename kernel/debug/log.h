#pragma once
/* Kernel messages: kept in a ring (/dev/kmsg, syslog) and written to the consoles. Any context. */
#include <lib/types.h>
#include <stdarg.h>

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
 * Read from the ring at *@sequence (bytes since boot; advanced, past what was overwritten):
 * formatted as "<level>[ssss.uuuuuu] text\n" per record. Returns bytes, 0: nothing new.
 */
size_t log_read(u64 *sequence, char *buffer, size_t size);
u64 log_end(void);
/*
 * Hook to wake readers after new records. Messages come from any context, also from under the locks
 * that a wake-up needs, so the hook is called later: by log_deliver(), from the timer interrupt and the
 * idle loop, with no locks held.
 */
extern void (*log_notify)(void);
void log_deliver(void);
/* The first byte still in the ring, as a sequence for log_read(). */
u64 log_start(void);
/* Call @visit for each console; returns when it does false. For /proc/consoles. May sleep. */
void log_console_for_each(bool (*visit)(struct log_console *console, void *context), void *context);
