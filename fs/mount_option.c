#include <fs/mount_option.h>
#include <lib/errno.h>
#include <lib/string.h>

bool mount_option_next(const char **data, struct mount_option *option)
{
	const char *start = *data;
	size_t length;

	while (start && *start == ',')
		start++;
	if (!start || !*start)
		return false;
	for (length = 0; start[length] && start[length] != ','; length++)
		;
	*data = start + length;
	*option = (struct mount_option){ .name = start, .name_length = length };
	for (size_t i = 0; i < length; i++) {
		if (start[i] != '=')
			continue;
		option->name_length = i;
		option->value = start + i + 1;
		option->value_length = length - i - 1;
		break;
	}
	return true;
}

static bool text_is(const char *text, size_t length, const char *expected)
{
	return strlen(expected) == length && !memcmp(text, expected, length);
}

bool mount_option_is(const struct mount_option *option, const char *name)
{
	return text_is(option->name, option->name_length, name);
}

bool mount_option_says(const struct mount_option *option, const char *value)
{
	return option->value && text_is(option->value, option->value_length, value);
}

int mount_option_number(const struct mount_option *option, unsigned base, u32 *value)
{
	const char *end;
	u64 number;

	if (!option->value || parse_u64(option->value, &end, base, &number) ||
	    end != option->value + option->value_length || number > ~(u32)0)
		return -EINVAL;
	*value = (u32)number;
	return 0;
}
