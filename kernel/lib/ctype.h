#pragma once
/* ASCII characters. (C's own names would clash with the host's <ctype.h>.) */
#include <lib/types.h>

static inline bool char_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool char_is_lower(int c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool char_is_upper(int c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool char_is_letter(int c)
{
	return char_is_lower(c) || char_is_upper(c);
}

static inline bool char_is_space(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Printable, blank included. */
static inline bool char_is_print(int c)
{
	return c >= 0x20 && c < 0x7f;
}

static inline int char_to_lower(int c)
{
	return char_is_upper(c) ? c + ('a' - 'A') : c;
}

static inline int char_to_upper(int c)
{
	return char_is_lower(c) ? c - ('a' - 'A') : c;
}

/* 0..35 for 0-9, a-z and A-Z; 36 for anything else. */
static inline unsigned char_digit_value(int c)
{
	if (char_is_digit(c))
		return c - '0';
	return char_is_letter(c) ? char_to_lower(c) - 'a' + 10 : 36;
}
