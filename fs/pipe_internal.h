#pragma once
/* The ring of a pipe, for fs/pipe.c and fs/splice.c. */
#include <fs/file.h>

struct frame;

struct pipe_slot {
	struct frame *frame;
	u16 offset, length;
	bool packet; /* O_DIRECT: one read takes it all, and nothing else */
};

struct pipe {
	struct mutex lock; /* RANK_INODE: the user copy happens under it */
	struct wait_queue read_wait, write_wait;
	u32 head, tail; /* [lock; atomic read] slots [head, tail) are filled */
	u32 slot_count; /* [lock] a power of two */
	u32 reserved;	/* [lock; atomic read] free slots that a splice is about to fill */
	bool claimed; /* [lock; atomic read] a splice looks at the data: nobody else may take it */
	u32 readers, writers;		/* [lock; atomic read] open ends */
	u32 reader_opens, writer_opens; /* [lock; atomic read] ever: for those who wait in open() */
	u32 files;			/* [lock] open files of any mode */
	struct frame *spare;		/* [lock] the last page that was emptied */
	struct pipe_slot *slots;	/* [lock] */
};

static inline struct pipe_slot *pipe_slot_at(struct pipe *pipe, u32 index)
{
	return &pipe->slots[index & (pipe->slot_count - 1)];
}
static inline bool pipe_empty(struct pipe *pipe)
{
	return READ_ONCE(pipe->head) == READ_ONCE(pipe->tail);
}
static inline bool pipe_full(struct pipe *pipe)
{
	return READ_ONCE(pipe->tail) - READ_ONCE(pipe->head) + READ_ONCE(pipe->reserved) >=
	       READ_ONCE(pipe->slot_count);
}
/* Is there something for a reader to take? */
static inline bool pipe_readable(struct pipe *pipe)
{
	return !pipe_empty(pipe) && !READ_ONCE(pipe->claimed);
}
/* The pipe that @file is an end of, or NULL. */
struct pipe *pipe_of(const struct file *file);
/* Nobody reads any more: SIGPIPE to the current thread; -EPIPE. */
ssize_t pipe_broken(void);
/* [lock] The first slot is empty: its page is kept for the next write. */
void pipe_slot_drop(struct pipe *pipe);
/* Wake @queue's sleepers, if there are any. */
void pipe_wake(struct wait_queue *queue);
