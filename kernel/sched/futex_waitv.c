/* futex_waitv(2): sleeping on several words at once. */
#include <lib/errno.h>
#include <mm/slab.h>
#include <sched/cpu.h>
#include <sched/futex_internal.h>

/* Leave the first @count: the last that had been woken, or -1. Their keys are put. */
static long leave_all(struct futex_waiter *waiters, unsigned count)
{
	long woken = -1;

	for (unsigned i = 0; i < count; i++) {
		if (futex_leave(&waiters[i]))
			woken = i;
		futex_key_put(&waiters[i].key);
	}
	return woken;
}

static bool any_woken(const struct futex_waiter *waiters, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (read_acquire(&waiters[i].woken))
			return true;
	}
	return false;
}

static int join_one(struct futex_waiter *waiter, const struct futex_wait_request *request)
{
	int error = futex_key_get(request->address, request->shared, &waiter->key);

	if (error)
		return error;
	waiter->thread = thread_current();
	waiter->bitset = ~0u;
	error = futex_join(waiter, request->address, request->expected);
	if (error)
		futex_key_put(&waiter->key);
	return error;
}

long futex_wait_many(const struct futex_wait_request *requests, unsigned count, u64 deadline,
		     bool realtime)
{
	struct futex_waiter *waiters = kzalloc(count * sizeof(*waiters));
	unsigned joined = 0;
	long woken;
	int error = 0;

	if (!waiters)
		return -ENOMEM;
	if (realtime)
		deadline = futex_deadline_from_realtime(deadline);
	while (joined < count && !error) {
		error = join_one(&waiters[joined], &requests[joined]);
		joined += !error;
	}
	while (!error && !any_woken(waiters, count))
		error = thread_block(deadline, WAIT_INTERRUPTIBLE);
	woken = leave_all(waiters, joined);
	kfree(waiters);
	if (woken >= 0)
		return woken;
	return error == -EINTR ? -ERESTARTSYS : error;
}
