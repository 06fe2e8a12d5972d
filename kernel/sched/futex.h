#pragma once
/* futex(2). Keys: (memory object, index, offset) for shared memory, (space, address) else. */
#include <lib/types.h>

/* The whole call; @timeout as absolute ns of the clock that @operation names, or WAIT_FOREVER. */
long futex_operate(vaddr_t address, int operation, u32 value, u64 deadline, u32 value2,
		   vaddr_t address2, u32 value3);
/* futex_waitv(2). */
struct futex_wait_request {
	vaddr_t address;
	u32 expected;
	bool shared;
};
enum { FUTEX_WAIT_MANY_MAX = 128 };
/*
 * Sleep until one of @count words is woken: its index. -EAGAIN: a word is not what was expected; -ETIMEDOUT at
 * @deadline (of CLOCK_REALTIME, or of time_now()), -ERESTARTSYS, -EFAULT, -EINVAL, -ENOMEM.
 */
long futex_wait_many(const struct futex_wait_request *requests, unsigned count, u64 deadline,
		     bool realtime);
/* For thread exit: wake one waiter at @address after it was cleared (CLONE_CHILD_CLEARTID). */
void futex_wake_cleared(vaddr_t address);
/* Walk the robust list at thread exit: get_robust_list(2). */
void futex_exit_robust(vaddr_t head, s32 tid);
