#pragma once
/*
 * The strings that a program is started with. They are gathered before the new space exists, from
 * the caller's memory or the kernel's: execve(2), "Limits on size of arguments and environment".
 */
#include <lib/types.h>

struct space;

enum {
	ARGUMENT_STRING_MAX = 128 << 10, /* one string with its NUL: E2BIG */
	ARGUMENT_MIN = 128 << 10,
	ARGUMENT_MAX = 6 << 20,
};

struct arguments {
	u8 **pages; /* the strings one behind the other, each with its NUL */
	unsigned page_count, page_room;
	u64 used;  /* bytes in pages */
	u64 limit; /* of strings and pointers together */
	unsigned argument_count, environment_count;
	u64 environment_start; /* where in the pages the environment begins */

	/* A #! line puts strings in front of argv and takes its argv[0] away. */
	char *prefix; /* kmalloc'ed: strings one behind the other */
	u64 prefix_size;
	unsigned prefix_count;
	u64 skipped; /* bytes at the start of pages that no longer count */
};

/* @stack_limit: RLIMIT_STACK in bytes, a quarter of which the strings may fill. */
void arguments_init(struct arguments *arguments, u64 stack_limit);
void arguments_free(struct arguments *arguments);
/*
 * Copy arrays of strings in; 0 stands for an empty one. argv without strings becomes { "" }, as on
 * Linux. -EFAULT, -E2BIG, -ENOMEM, -EINTR when killed. Sleeps.
 */
int arguments_copy_user(struct arguments *arguments, vaddr_t argv, vaddr_t envp);
int arguments_copy_kernel(struct arguments *arguments, char *const argv[], char *const envp[]);
/*
 * For `#!interpreter [option]` of the script @path: the new argv starts interpreter, option, path.
 */
int arguments_put_interpreter(struct arguments *arguments, const char *interpreter,
			      const char *option, const char *path);
/* argc and bytes of strings that the program will see. */
unsigned arguments_count(const struct arguments *arguments);
u64 arguments_size(const struct arguments *arguments);
/* Write all strings to @to in @space, in order: 0 or -errno. Sleeps. */
int arguments_write(const struct arguments *arguments, struct space *space, vaddr_t to);
/*
 * Call @put for each string's address, given that they begin at @base: argv's, then envp's; argv's
 * first. Stops at an error and returns it.
 */
int arguments_each(const struct arguments *arguments, vaddr_t base,
		   int (*put)(void *context, vaddr_t string, bool environment), void *context);
