#pragma once
/*
 * Formatted output as in C11 7.21.6.1, without floating point, wide characters and %n: conversions
 * d i u x X o c s p %, flags - 0 + space #, width and precision (numbers or *), lengths hh h l ll z
 * t j. %p prints 0x and the address in hexadecimal; %s of NULL prints (null). A conversion that is
 * not known is printed as it stands and takes no argument.
 */
#include <lib/types.h>
#include <stdarg.h>

typedef void (*format_put)(void *context, const char *text, size_t size);

/* The output in pieces to @put. The number of bytes. Any context; little stack. */
size_t format_string(format_put put, void *context, const char *format, va_list arguments)
	__printf(3, 0);

/* The same into @to, of which at most @size bytes with the NUL are written. The whole length. */
size_t format_buffer(char *to, size_t size, const char *format, va_list arguments) __printf(3, 0);

/* At most @size bytes with the NUL. snprintf: the whole length; scnprintf: what was written. */
int vsnprintf(char *to, size_t size, const char *format, va_list arguments) __printf(3, 0);
int snprintf(char *to, size_t size, const char *format, ...) __printf(3, 4);
int vscnprintf(char *to, size_t size, const char *format, va_list arguments) __printf(3, 0);
int scnprintf(char *to, size_t size, const char *format, ...) __printf(3, 4);
