#pragma once
/* Waiters of futexes, for sched/futex.c and sched/futex_waitv.c. */
#include <lib/list.h>
#include <mm/space.h>
#include <sched/futex.h>

struct bucket;
struct thread;

struct futex_waiter {
	struct list_node link; /* [bucket->lock] */
	struct bucket *bucket; /* [bucket->lock; atomic read] */
	struct futex_key key;  /* [bucket->lock] with a reference on its object */
	struct thread *thread; /* [const] */
	u32 bitset;	       /* [const] */
	bool woken;	       /* [bucket->lock; atomic read] off the list */
};

/* The key of the word at @address: 0, -EINVAL, -EFAULT; it is put by futex_key_put(). May sleep. */
int futex_key_get(vaddr_t address, bool shared, struct futex_key *key);
void futex_key_put(struct futex_key *key);
/*
 * Have the current thread woken by who wakes @waiter's key. 0, or -EAGAIN (the word is not @expected), -EFAULT and
 * it has not joined. May sleep.
 */
int futex_join(struct futex_waiter *waiter, vaddr_t address, u32 expected);
/* The end of that. True: it had been woken, whatever else happened. */
bool futex_leave(struct futex_waiter *waiter);
/* From an absolute time of CLOCK_REALTIME to one of time_now(). */
u64 futex_deadline_from_realtime(u64 deadline);
