#include <boot/command_line.h>
#include <debug/panic.h>
#include <lib/ctype.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { LINE_MAX = 2048, INIT_ARGUMENTS_MAX = 32 };

extern const struct command_line_word __start_command_line_words[], __stop_command_line_words[];

static char whole_line[LINE_MAX];
static char words[LINE_MAX]; /* cut up; handlers keep pointers into it */
static char *init_arguments[INIT_ARGUMENTS_MAX + 1];
const char *command_line_init = "/init";
bool command_line_init_given;

static int set_init(const char *value)
{
	if (!value || value[0] != '/')
		return -EINVAL;
	command_line_init = value;
	command_line_init_given = true;
	return 0;
}
COMMAND_LINE("init", set_init);

static int set_rdinit(const char *value)
{
	return set_init(value);
}
COMMAND_LINE("rdinit", set_rdinit);

const char *command_line(void)
{
	return whole_line;
}

char **command_line_init_arguments(void)
{
	return init_arguments;
}

/* The next word of *@at, which is moved behind it; NULL at the end. Double quotes hold blanks. */
static char *next_word(char **at)
{
	char *from = *at, *word, *to;
	bool quoted = false;

	while (char_is_space(*from))
		from++;
	if (!*from)
		return NULL;
	for (word = to = from; *from && (quoted || !char_is_space(*from)); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*at = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

static __noreturn void unknown_word(const char *key)
{
	char known[200] = "";

	for (const struct command_line_word *word = __start_command_line_words;
	     word < __stop_command_line_words; word++) {
		strlcat(known, " ", sizeof(known));
		strlcat(known, word->key, sizeof(known));
	}
	boot_failure("unknown word \"%s\" on the command line; known:%s; "
		     "words after -- go to the first program",
		     key, known);
}

static void apply(char *word)
{
	char *value = strchr(word, '=');
	bool known = false;

	if (value)
		*value++ = '\0';
	for (const struct command_line_word *entry = __start_command_line_words;
	     entry < __stop_command_line_words; entry++) {
		if (!string_equal(entry->key, word))
			continue;
		known = true;
		if (entry->handler(value))
			boot_failure("the command line's word \"%s\" cannot have the value \"%s\"",
				     word, value ? value : "");
	}
	if (!known)
		unknown_word(word);
}

void command_line_parse(const char *line)
{
	unsigned count = 0;
	char *at = words, *word;

	if (strlcpy(whole_line, line, sizeof(whole_line)) >= sizeof(whole_line))
		boot_failure("the command line is longer than %d characters: make it shorter",
			     LINE_MAX - 1);
	strlcpy(words, line, sizeof(words));
	while ((word = next_word(&at)) && !string_equal(word, "--"))
		apply(word);
	while (word && (word = next_word(&at))) {
		if (count == INIT_ARGUMENTS_MAX)
			boot_failure(
				"more than %d arguments for the first program on the command line",
				INIT_ARGUMENTS_MAX);
		init_arguments[count++] = word;
	}
}
