#include <lib/errno.h>
#include <proc/script.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of a word: a blank or NUL at or before @end. */
static char *word_end(char *at, const char *end)
{
	while (at < end && !is_blank(*at) && *at)
		at++;
	return at;
}

int script_parse(char head[SCRIPT_HEAD_SIZE], size_t size, char **interpreter, char **option)
{
	char *end = head, *limit = head + (size < SCRIPT_HEAD_SIZE ? size : SCRIPT_HEAD_SIZE - 1);
	char *start, *stop;
	bool has_newline;

	if (size < 2 || head[0] != '#' || head[1] != '!')
		return -ENOEXEC;
	while (end < limit && *end != '\n')
		end++;
	/* A short file may end its only line without a newline. */
	has_newline = end < limit || size < SCRIPT_HEAD_SIZE;
	for (start = head + 2; start < end && is_blank(*start); start++)
		;
	stop = word_end(start, end);
	if (start == stop || (stop == end && !has_newline))
		return -ENOEXEC;
	while (end > stop && is_blank(end[-1]))
		end--;
	*end = 0;
	*interpreter = start;
	*option = NULL;
	if (stop < end) {
		*stop++ = 0;
		while (stop < end && is_blank(*stop))
			stop++;
		if (stop < end && *stop)
			*option = stop;
	}
	return 0;
}
