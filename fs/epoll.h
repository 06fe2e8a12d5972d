#pragma once
/*
 * epoll(7). Wake-ups of the watched files put their items on a ready list: a wait looks at those
 * alone, however many files are watched.
 */
#include <lib/types.h>

struct file;

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET	       (1u << 31)

struct epoll_event { /* not packed on this ABI */
	u32 events;
	u32 padding;
	u64 data;
};

/* A new instance; ERR_PTR(-ENOMEM). */
struct file *epoll_create(void);
bool epoll_is(const struct file *file);
/* epoll_ctl(2) on @epoll_file, which is one, and @fd's @target; both are held by the caller. May sleep. */
int epoll_change(struct file *epoll_file, int operation, struct file *target, int fd,
		 struct epoll_event event);
/*
 * epoll_wait(2): up to @count events to user memory at @to; 0 at @deadline (0: one look), -EINTR,
 * -EFAULT.
 */
long epoll_wait(struct file *epoll_file, vaddr_t to, unsigned count, u64 deadline);
/* The last reference of a watched file is gone: file_put(). May sleep. */
void epoll_file_gone(struct file *file);
