#include <lib/ctype.h>
#include <lib/errno.h>
#include <lib/string.h>

static unsigned choose_base(const char **text, unsigned base)
{
	const char *at = *text;
	bool prefix = at[0] == '0' && char_to_lower(at[1]) == 'x' && char_digit_value(at[2]) < 16;

	if (prefix && (base == 0 || base == 16)) {
		*text = at + 2;
		return 16;
	}
	if (base)
		return base;
	return at[0] == '0' ? 8 : 10;
}

int parse_u64(const char *text, const char **end, unsigned base, u64 *value)
{
	u64 result = 0;
	bool overflow = false;
	const char *first;

	base = choose_base(&text, base);
	for (first = text; char_digit_value(*text) < base; text++) {
		u64 scaled;

		overflow |= __builtin_mul_overflow(result, (u64)base, &scaled);
		overflow |= __builtin_add_overflow(scaled, (u64)char_digit_value(*text), &result);
	}
	if (end)
		*end = text;
	if (text == first)
		return -EINVAL;
	if (overflow)
		return -ERANGE;
	*value = result;
	return 0;
}
