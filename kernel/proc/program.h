#pragma once
/*
 * A program on its way into a process, for exec, spawn and the first process: loaded first, with
 * all that can fail; entered at the very end.
 */
#include <proc/arguments.h>
#include <proc/image.h>
#include <proc/process.h>

struct file;
struct file_table;
struct signal_actions;

struct program {
	struct arguments arguments; /* the caller fills them after program_init() */
	struct image image;
	struct credentials credentials; /* as they will be */
	bool secure;
	char name[16]; /* comm */
	struct signal_actions
		*actions;	  /* own ones, where they are shared with a process; else NULL */
	struct file_table *files; /* the same for the file table */
};

void program_init(struct program *program);
/* Drop everything that was not entered. Sleeps. */
void program_free(struct program *program);
/*
 * Find, check and load the program as the current process would: @fd and @path as execveat(2)
 * (kernel string); follows #! lines. 0 or execve(2)'s errors with nothing left but what
 * program_free() drops.
 */
int program_load(struct program *program, int fd, const char *path, unsigned lookup_flags);
/*
 * Make it the current process's program: other threads end, the space is swapped, signals, files
 * and credentials become the new program's, the trap frame starts it. -EAGAIN, -EINTR: another exec
 * or the end came first, and nothing has changed. What was entered is no longer program_free()'s.
 */
int program_enter(struct program *program);
