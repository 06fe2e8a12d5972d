#include <lib/string.h>

size_t strlen(const char *string)
{
	const char *at = string;

	/* A plain loop would be recognised, and replaced by a call of this function. */
	while (READ_ONCE(*at))
		at++;
	return at - string;
}

size_t strnlen(const char *string, size_t max)
{
	size_t length = 0;

	while (length < max && string[length])
		length++;
	return length;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max && *a && *a == *b; a++, b++, max--)
		;
	return max ? (u8)*a - (u8)*b : 0;
}

char *strchr(const char *string, int character)
{
	for (; *string != (char)character; string++)
		if (!*string)
			return NULL;
	return (char *)string;
}

char *strrchr(const char *string, int character)
{
	const char *found = NULL;

	for (;; string++) {
		if (*string == (char)character)
			found = string;
		if (!*string)
			return (char *)found;
	}
}

char *strstr(const char *string, const char *part)
{
	size_t length = strlen(part);

	for (; strncmp(string, part, length); string++)
		if (!*string)
			return NULL;
	return (char *)string;
}
