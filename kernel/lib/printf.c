#include <lib/printf.h>

int vsnprintf(char *to, size_t size, const char *format, va_list arguments)
{
	size_t length = format_buffer(to, size, format, arguments);

	return (int)MIN(length, (size_t)__INT_MAX__);
}

int vscnprintf(char *to, size_t size, const char *format, va_list arguments)
{
	size_t length = format_buffer(to, size, format, arguments);

	if (!size)
		return 0;
	return (int)MIN(length, size - 1);
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(to, size, format, arguments);
	va_end(arguments);
	return length;
}

int scnprintf(char *to, size_t size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vscnprintf(to, size, format, arguments);
	va_end(arguments);
	return length;
}
