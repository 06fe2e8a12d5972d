#pragma once
/* The kernel command line: words `key` or `key=value` up to `--`; the rest is for init. */
#include <lib/types.h>

/* Each word that the kernel knows is declared where it is used: COMMAND_LINE("quiet", handler). */
struct command_line_word {
	const char *key;
	int (*handler)(const char *value); /* NULL value: bare word; -EINVAL: a bad value */
};
#define COMMAND_LINE(key_, handler_)                                                               \
	static const struct command_line_word                                                      \
		__attribute__((used, section("command_line_words"), aligned(8)))                   \
		command_line_word_##handler_ = { key_, handler_ }

/* Parse /chosen/bootargs; boot_failure() names the first word that is unknown or ill-formed. */
void command_line_parse(const char *line);
/* The whole line, for /proc/cmdline; and init's arguments after `--` (NULL-terminated array). */
const char *command_line(void);
extern const char *command_line_init; /* init= or rdinit=, default "/init" */
extern bool command_line_init_given;
char **command_line_init_arguments(void);
