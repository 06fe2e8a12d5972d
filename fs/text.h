#pragma once
/*
 * Files whose contents are made when they are read (procfs, sysfs). Each open file keeps its text while it
 * is read on; reading at offset 0 makes it anew.
 */
#include <lib/types.h>

struct file;
struct io_iterator;

/* Text that grows; out of memory is remembered and reported once, at the end. */
struct text {
	char *data;
	size_t size, capacity;
	bool failed;
};
/* A line of at most 511 characters. */
__printf(2, 3) void text_format(struct text *text, const char *format, ...);
void text_append(struct text *text, const void *data, size_t size);

/* For file_operations: file->private is the struct text. 0 or -ENOMEM. */
int text_file_open(struct file *file);
void text_file_release(struct file *file);
/* @make fills the text, which is empty: 0 or -errno. */
ssize_t text_file_read(struct file *file, struct io_iterator *iterator, s64 *position,
		       int (*make)(struct file *file, struct text *text));
