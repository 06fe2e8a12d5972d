#pragma once
/* `#!` lines: execve(2), "Interpreter scripts". */
#include <lib/types.h>

enum { SCRIPT_HEAD_SIZE = 256 };

/*
 * Take apart the first line in @head, the first @size bytes of a file (at most SCRIPT_HEAD_SIZE, of
 * which 255 count), changing it in place. *@option is NULL or all the rest of the line. -ENOEXEC:
 * no #! line, or the interpreter's name is missing or does not end within the bytes that count.
 */
int script_parse(char head[SCRIPT_HEAD_SIZE], size_t size, char **interpreter, char **option);
