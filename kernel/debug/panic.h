#pragma once
/* Bugs in the kernel, and nothing else, end here. */
#include <lib/types.h>

struct trap_frame;

/*
 * Print the message, this CPU's registers and symbolised backtrace, what the others were doing, and
 * power off with failure (`panic=halt` on the command line: stay). @frame may be NULL. Any context.
 */
__noreturn __printf(2, 3) void panic_at(const struct trap_frame *frame, const char *format, ...);
#define panic(...) panic_at(NULL, __VA_ARGS__)
/* Cannot boot for a reason that the user can mend: message without backtrace, power off, failure. */
__noreturn __printf(1, 2) void boot_failure(const char *format, ...);

/* From the start of a panic on, locks are not waited for and not checked. */
extern bool panic_started;
static inline bool panic_in_progress(void)
{
	return unlikely(READ_ONCE(panic_started));
}

/* An impossible state. BUG_ON stays in every build, assert only in debug builds. */
#define BUG_ON(condition)                                                                          \
	do {                                                                                       \
		if (unlikely(condition))                                                           \
			panic("%s:%d: %s: impossible: %s", __FILE__, __LINE__, __func__,           \
			      #condition);                                                         \
	} while (0)
#if defined(SELENE_DEBUG) || defined(SELENE_ASSERT)
#define assert(condition) BUG_ON(!(condition))
#else
#define assert(condition) ((void)sizeof(condition))
#endif

/* Name of the function at @pc and the offset in it; NULL when outside the kernel's text. */
const char *symbol_lookup(vaddr_t pc, size_t *offset);
void backtrace_print(const struct trap_frame *frame);
