#pragma once
/*
 * Memory and strings. The C11 names do what 7.24 says; the kernel's ones follow. No access is ever
 * misaligned, and none reaches outside the aligned words that hold the objects.
 */
#include <lib/types.h>

void *memcpy(void *to, const void *from, size_t size); /* no overlap */
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *in, int byte, size_t size);
size_t strlen(const char *string);
size_t strnlen(const char *string, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *string, int character);
char *strrchr(const char *string, int character);
char *strstr(const char *string, const char *part);

/*
 * Copy, append within @size bytes, always with a NUL at the end when @size > 0. The length that was
 * asked for: >= @size means that the end was cut off.
 */
size_t strlcpy(char *to, const char *from, size_t size);
size_t strlcat(char *to, const char *from, size_t size);

/*
 * Digits at @text in @base 2..36, or 0 for C's prefixes (0x hexadecimal, 0 octal, else decimal;
 * base 16 allows 0x too). No blanks, no sign. *@end (may be NULL) is the first character not used.
 * -EINVAL: no digit. -ERANGE: more than 64 bits; *@end is behind all the digits. *@value is then
 * left alone.
 */
int parse_u64(const char *text, const char **end, unsigned base, u64 *value);

static inline bool string_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool string_starts_with(const char *string, const char *prefix)
{
	return strncmp(string, prefix, strlen(prefix)) == 0;
}

/* One page of 4096 bytes, aligned to 8 at least. */
void page_zero(void *page);
void page_copy(void *to, const void *from);
