#pragma once
/* The options of mount(2)'s last argument: "name,name=value,…". */
#include <lib/types.h>

struct mount_option {
	const char *name, *value; /* not ended by NUL; @value NULL: none */
	size_t name_length, value_length;
};

/* The next of *@data, which moves on; false: no more. Empty ones are skipped. */
bool mount_option_next(const char **data, struct mount_option *option);
bool mount_option_is(const struct mount_option *option, const char *name);
/* Its value is the text @value. */
bool mount_option_says(const struct mount_option *option, const char *value);
/* Its value as a number of at most 32 bits: 0 or -EINVAL. */
int mount_option_number(const struct mount_option *option, unsigned base, u32 *value);
