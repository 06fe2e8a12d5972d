// sources: kernel/lib/format.c kernel/lib/printf.c
// flags: -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf -Wno-format
/* Formatted printing (renamed by the flags above) against the C library's, on random formats. */
#include <lib/printf.h>
#include <string.h>

#include "check.h"

int libc_snprintf(char *, size_t, const char *, ...) __asm__("snprintf");

static u64 some_value(void)
{
	static const u64 special[] = { 0, 1, ~(u64)0, 0x80000000, 0x7fffffff, 1UL << 63, 0xff, 8 };

	if (check_random() % 2)
		return special[check_random() % ARRAY_SIZE(special)];
	return check_random() >> check_random() % 57;
}

/* A conversion of @kind with whatever the standard allows beside it; how many * it has. */
static int make_format(char *format, const char *lengths[], unsigned length_count,
		       const char *flags, char kind)
{
	int stars = 0;

	*format++ = '<';
	*format++ = '%';
	for (; *flags; flags++)
		if (check_random() % 4 == 0)
			*format++ = *flags;
	if (check_random() % 4 == 0) {
		*format++ = '*';
		stars++;
	} else if (check_random() % 2) {
		format += sprintf(format, "%u", (unsigned)(check_random() % 30) + 1);
	}
	if (check_random() % 3 == 0) {
		*format++ = '.';
		if (check_random() % 3 == 0) {
			*format++ = '*';
			stars += 2;
		} else if (check_random() % 4) {
			format += sprintf(format, "%u", (unsigned)(check_random() % 25));
		}
	}
	if (length_count)
		format += sprintf(format, "%s", lengths[check_random() % length_count]);
	*format++ = kind;
	*format++ = '>';
	*format = '\0';
	return stars;
}

#define COMPARE(stars, format, value)                                                              \
	do {                                                                                       \
		char ours[160], theirs[160];                                                       \
		int w = (int)(check_random() % 40) - 20, p = (int)(check_random() % 30) - 5;       \
		size_t size = check_random() % 8 ? sizeof(ours) : check_random() % 20;             \
		typeof(value) v = (value);                                                         \
		int a, b;                                                                          \
		ours[0] = theirs[0] = 0;                                                           \
		switch (stars) {                                                                   \
		case 0:                                                                            \
			a = snprintf(ours, size, format, v);                                       \
			b = libc_snprintf(theirs, size, format, v);                                \
			break;                                                                     \
		case 1:                                                                            \
			a = snprintf(ours, size, format, w, v);                                    \
			b = libc_snprintf(theirs, size, format, w, v);                             \
			break;                                                                     \
		case 2:                                                                            \
			a = snprintf(ours, size, format, p, v);                                    \
			b = libc_snprintf(theirs, size, format, p, v);                             \
			break;                                                                     \
		default:                                                                           \
			a = snprintf(ours, size, format, w, p, v);                                 \
			b = libc_snprintf(theirs, size, format, w, p, v);                          \
		}                                                                                  \
		if (a != b || strcmp(ours, theirs))                                                \
			CHECK_FAIL("%s: expected %d \"%s\", came %d \"%s\"", format, b, theirs, a, \
				   ours);                                                          \
	} while (0)

static void printf_numbers(void)
{
	static const char *int_lengths[] = { "", "h", "hh" };
	static const char *long_lengths[] = { "l", "ll", "z", "t", "j" };
	static const char kinds[] = "diuxXo";
	char format[64];

	for (int i = 0; i < 60000; i++) {
		char kind = kinds[check_random() % 6];
		/* The others are undefined with these conversions. */
		const char *flags = kind == 'd' || kind == 'i' ? "-0+ "
				    : kind == 'u'	       ? "-0"
							       : "-0#";
		int stars;

		if (check_random() % 2) {
			stars = make_format(format, int_lengths, 3, flags, kind);
			COMPARE(stars, format, (unsigned)some_value());
		} else {
			stars = make_format(format, long_lengths, 5, flags, kind);
			COMPARE(stars, format, (unsigned long)some_value());
		}
	}
}

static void printf_text(void)
{
	static const char *texts[] = { "", "a", "hello", "a somewhat longer text" };
	char format[64];

	for (int i = 0; i < 5000; i++) {
		int stars = make_format(format, NULL, 0, "-", 's');

		COMPARE(stars, format, (const char *)texts[check_random() % 4]);
		snprintf(format, sizeof(format), "<%%%d%c>", (int)(check_random() % 20) - 10, 'c');
		COMPARE(0, format, (int)(check_random() % 90 + 33));
		stars = make_format(format, NULL, 0, "-", 'p');
		if (!strchr(format, '.'))
			COMPARE(stars, format, (void *)(some_value() | 1));
	}
}

static void printf_odd(void)
{
	char to[32];

	EXPECT(snprintf(to, sizeof(to), "%s %p", (char *)NULL, NULL), 10);
	EXPECT_STRING(to, "(null) 0x0");
	EXPECT(snprintf(to, sizeof(to), "100%% %q %", 1), 9);
	EXPECT_STRING(to, "100% %q %");
	EXPECT(scnprintf(to, 4, "%d", 123456), 3);
	EXPECT_STRING(to, "123");
	EXPECT(scnprintf(to, 0, "%d", 123456), 0);
	EXPECT(snprintf(NULL, 0, "%d", 123456), 6);
	EXPECT(snprintf(to, sizeof(to), "%*d|%-99999999999999d", -2147483647 - 1, 1, 1),
	       __INT_MAX__);
}

int main(void)
{
	RUN(printf_numbers);
	RUN(printf_text);
	RUN(printf_odd);
	return CHECK_RESULT;
}
