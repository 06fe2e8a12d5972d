#include <lib/ctype.h>
#include <lib/printf.h>
#include <lib/string.h>

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG };

struct conversion {
	bool left, zero, plus, space, alternate, upper;
	bool has_precision;
	int width, precision;
	enum length length;
	char kind;
};

struct output {
	format_put put;
	void *context;
	size_t written;
};

static void emit(struct output *output, const char *text, size_t size)
{
	if (size)
		output->put(output->context, text, size);
	output->written += size;
}

static void emit_repeated(struct output *output, char character, int count)
{
	char run[16];

	memset(run, character, sizeof(run));
	for (; count > 0; count -= (int)sizeof(run))
		emit(output, run, MIN(count, (int)sizeof(run)));
}

/* @text of @length with blanks up to the width on the side that the flags say. */
static void emit_padded(struct output *output, const struct conversion *conversion,
			const char *text, size_t length)
{
	int blanks = length < (size_t)conversion->width ? conversion->width - (int)length : 0;

	if (!conversion->left)
		emit_repeated(output, ' ', blanks);
	emit(output, text, length);
	if (conversion->left)
		emit_repeated(output, ' ', blanks);
}

/* @prefix is a sign or 0x; zeros come between it and the digits. */
static void emit_number(struct output *output, const struct conversion *conversion, u64 value,
			unsigned base, const char *prefix)
{
	const char *digits = conversion->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	int length = 0, prefix_length = (int)strlen(prefix), minimum = 1, zeros, blanks;

	for (u64 rest = value; rest; rest /= base)
		text[sizeof(text) - (size_t)++length] = digits[rest % base];
	if (conversion->has_precision)
		minimum = conversion->precision;
	else if (conversion->zero && !conversion->left)
		minimum = MAX(1, conversion->width - prefix_length);
	zeros = MAX(minimum - length, 0);
	if (base == 8 && conversion->alternate && !zeros)
		zeros = 1;
	blanks = conversion->width - prefix_length - zeros - length;
	if (!conversion->left)
		emit_repeated(output, ' ', blanks);
	emit(output, prefix, (size_t)prefix_length);
	emit_repeated(output, '0', zeros);
	emit(output, text + sizeof(text) - length, (size_t)length);
	if (conversion->left)
		emit_repeated(output, ' ', blanks);
}

static void emit_signed(struct output *output, const struct conversion *conversion, s64 value)
{
	const char *sign = conversion->plus ? "+" : conversion->space ? " " : "";

	if (value < 0)
		emit_number(output, conversion, -(u64)value, 10, "-");
	else
		emit_number(output, conversion, (u64)value, 10, sign);
}

static void emit_unsigned(struct output *output, const struct conversion *conversion, u64 value)
{
	unsigned base = conversion->kind == 'o' ? 8 : conversion->kind == 'u' ? 10 : 16;
	const char *prefix = "";

	if (base == 16 && conversion->alternate && value)
		prefix = conversion->upper ? "0X" : "0x";
	emit_number(output, conversion, value, base, prefix);
}

static s64 narrow_signed(s64 value, enum length length)
{
	switch (length) {
	case LENGTH_CHAR:
		return (signed char)value;
	case LENGTH_SHORT:
		return (short)value;
	case LENGTH_INT:
		return (int)value;
	default:
		return value;
	}
}

static u64 narrow_unsigned(u64 value, enum length length)
{
	switch (length) {
	case LENGTH_CHAR:
		return (unsigned char)value;
	case LENGTH_SHORT:
		return (unsigned short)value;
	case LENGTH_INT:
		return (unsigned)value;
	default:
		return value;
	}
}

/* A run of digits, or a number that does not fit an int: then INT_MAX. */
static int parse_count(const char **format)
{
	int count = 0;

	for (; char_is_digit(**format); ++*format)
		if (__builtin_mul_overflow(count, 10, &count) ||
		    __builtin_add_overflow(count, **format - '0', &count))
			count = __INT_MAX__ / 10;
	return count;
}

static const char *parse_flags(const char *format, struct conversion *conversion)
{
	for (;; format++) {
		switch (*format) {
		case '-':
			conversion->left = true;
			break;
		case '0':
			conversion->zero = true;
			break;
		case '+':
			conversion->plus = true;
			break;
		case ' ':
			conversion->space = true;
			break;
		case '#':
			conversion->alternate = true;
			break;
		default:
			return format;
		}
	}
}

static const char *parse_length(const char *format, struct conversion *conversion)
{
	conversion->length = LENGTH_INT;
	if (*format == 'h') {
		format++;
		conversion->length = LENGTH_SHORT;
		if (*format == 'h') {
			format++;
			conversion->length = LENGTH_CHAR;
		}
	} else if (*format == 'l') {
		format += format[1] == 'l' ? 2 : 1;
		conversion->length = LENGTH_LONG;
	} else if (*format == 'z' || *format == 't' || *format == 'j') {
		format++;
		conversion->length = LENGTH_LONG;
	}
	return format;
}

static_assert(sizeof(long) == 8 && sizeof(long long) == 8 && sizeof(void *) == 8, "LP64");

/* va_list may be an array type, which cannot be handed on by address; a structure can. */
struct arguments {
	va_list list;
};

/* What stands between % and the letter of the conversion. */
static const char *parse_conversion(const char *format, struct conversion *conversion,
				    struct arguments *arguments)
{
	*conversion = (struct conversion){ .length = LENGTH_INT };
	format = parse_flags(format, conversion);
	if (*format == '*') {
		format++;
		conversion->width = va_arg(arguments->list, int);
		if (conversion->width < 0) {
			conversion->left = true;
			conversion->width = conversion->width == -__INT_MAX__ - 1
						    ? __INT_MAX__
						    : -conversion->width;
		}
	} else {
		conversion->width = parse_count(&format);
	}
	if (*format == '.') {
		format++;
		conversion->has_precision = true;
		if (*format == '*') {
			format++;
			conversion->precision = va_arg(arguments->list, int);
			conversion->has_precision = conversion->precision >= 0;
		} else {
			conversion->precision = parse_count(&format);
		}
	}
	format = parse_length(format, conversion);
	conversion->kind = *format;
	return format;
}

/* False: a letter that is not known. */
static bool convert(struct output *output, struct conversion *conversion,
		    struct arguments *arguments)
{
	bool wide = conversion->length == LENGTH_LONG;
	const char *text;
	char character;

	switch (conversion->kind) {
	case 'd':
	case 'i': {
		s64 value = wide ? va_arg(arguments->list, long) : va_arg(arguments->list, int);

		emit_signed(output, conversion, narrow_signed(value, conversion->length));
		return true;
	}
	case 'X':
		conversion->upper = true;
		__fallthrough;
	case 'u':
	case 'x':
	case 'o': {
		u64 value = wide ? va_arg(arguments->list, unsigned long)
				 : va_arg(arguments->list, unsigned);

		emit_unsigned(output, conversion, narrow_unsigned(value, conversion->length));
		return true;
	}
	case 'p':
		emit_number(output, conversion, (uintptr_t)va_arg(arguments->list, void *), 16,
			    "0x");
		return true;
	case 'c':
		character = (char)va_arg(arguments->list, int);
		emit_padded(output, conversion, &character, 1);
		return true;
	case 's':
		text = va_arg(arguments->list, const char *);
		if (!text)
			text = "(null)";
		emit_padded(output, conversion, text,
			    conversion->has_precision ? strnlen(text, (size_t)conversion->precision)
						      : strlen(text));
		return true;
	case '%':
		emit(output, "%", 1);
		return true;
	default:
		return false;
	}
}

size_t format_string(format_put put, void *context, const char *format, va_list list)
{
	struct output output = { .put = put, .context = context };
	struct arguments arguments;

	va_copy(arguments.list, list);
	while (*format) {
		const char *percent = strchr(format, '%');
		struct conversion conversion;

		if (!percent) {
			emit(&output, format, strlen(format));
			break;
		}
		emit(&output, format, (size_t)(percent - format));
		format = parse_conversion(percent + 1, &conversion, &arguments);
		if (*format)
			format++;
		if (!convert(&output, &conversion, &arguments))
			emit(&output, percent, (size_t)(format - percent));
	}
	va_end(arguments.list);
	return output.written;
}

struct buffer {
	char *to;
	size_t left; /* without the NUL */
};

static void put_in_buffer(void *context, const char *text, size_t size)
{
	struct buffer *buffer = context;
	size_t part = MIN(size, buffer->left);

	if (!part)
		return;
	memcpy(buffer->to, text, part);
	buffer->to += part;
	buffer->left -= part;
}

size_t format_buffer(char *to, size_t size, const char *format, va_list arguments)
{
	struct buffer buffer = { .to = to, .left = size ? size - 1 : 0 };
	size_t length = format_string(put_in_buffer, &buffer, format, arguments);

	if (size)
		*buffer.to = '\0';
	return length;
}
