#pragma once
/* poll(2), select(2) and epoll(7): files report readiness and the queues that announce changes. */
#include <lib/types.h>
#include <sched/wait.h>

struct file;

enum {
	POLLIN = 1,
	POLLPRI = 2,
	POLLOUT = 4,
	POLLERR = 8,
	POLLHUP = 16,
	POLLNVAL = 32,
	POLLRDNORM = 64,
	POLLRDBAND = 128,
	POLLWRNORM = 256,
	POLLWRBAND = 512,
	POLLRDHUP = 0x2000,
};

/* Given to file_operations.poll; NULL: only the state is wanted. */
struct poll_table {
	/* Join @queue for @table->events; called by poll_wait(). */
	void (*join)(struct poll_table *table, struct file *file, struct wait_queue *queue);
	u32 events;
};

static inline void poll_wait(struct file *file, struct wait_queue *queue, struct poll_table *table)
{
	if (table)
		table->join(table, file, queue);
}
u32 file_poll(struct file *file, struct poll_table *table);
