#pragma once
/* splice(2), tee(2), vmsplice(2): between pipes, files and memory. */
#include <lib/types.h>

struct file;
struct io_iterator;

enum { SPLICE_MOVE = 1, SPLICE_NONBLOCK = 2, SPLICE_MORE = 4, SPLICE_GIFT = 8, SPLICE_ALL = 15 };

/*
 * All may sleep; bytes moved, 0 at the end, or -errno as the calls of these names. The access modes were
 * checked; @flags are SPLICE_*. *@position NULL: the file's own.
 */
ssize_t splice_from_pipe(struct file *pipe, struct file *to, s64 *position, u64 size, u32 flags);
ssize_t splice_to_pipe(struct file *from, s64 *position, struct file *pipe, u64 size, u32 flags);
/* Two pipes; @copy: what is moved stays in @from as well (tee). */
ssize_t splice_between(struct file *from, struct file *to, u64 size, u32 flags, bool copy);
/* What @memory's segments hold, or are to hold: by its direction. */
ssize_t splice_memory(struct file *pipe, struct io_iterator *memory, u32 flags);
bool splice_is_pipe(const struct file *file);
/* Are they ends of one pipe? */
bool splice_same_pipe(const struct file *a, const struct file *b);
