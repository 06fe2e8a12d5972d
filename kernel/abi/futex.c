/* futex(2): the time-outs' clocks; and robust lists. */
#include <abi/handler.h>
#include <arch/time.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/clock.h>
#include <proc/process.h>
#include <sched/futex.h>

enum {
	FUTEX_WAIT = 0,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_COMMAND_MASK = 127,
	FUTEX_CLOCK_REALTIME = 256,
	ROBUST_LIST_HEAD_SIZE = 24,
};

/* FUTEX_WAIT's time-out is relative to now; FUTEX_WAIT_BITSET's is a time of its clock. */
static int deadline_in(vaddr_t timeout, int operation, u64 *deadline)
{
	u64 ns;
	int error;

	*deadline = WAIT_FOREVER;
	if (!timeout)
		return 0;
	error = time_spec_in(timeout, &ns);
	if (error)
		return error;
	*deadline = (operation & FUTEX_COMMAND_MASK) == FUTEX_WAIT ? time_now() + ns : ns;
	return 0;
}

SYSCALL_6(sys_futex, address, operation_argument, value, timeout, address2, value3)
{
	struct user_thread *user = thread_current()->user;
	int operation = (int)operation_argument, command = operation & FUTEX_COMMAND_MASK;
	bool relative = command == FUTEX_WAIT, waits = relative || command == FUTEX_WAIT_BITSET;
	u64 deadline = WAIT_FOREVER;
	long result = waits ? deadline_in(timeout, operation, &deadline) : 0;

	if (result)
		return result;
	if (relative) {
		/* Interrupted before, and no handler ran: the same wait goes on. */
		if (user->restart_deadline)
			deadline = user->restart_deadline;
		user->restart_deadline = 0;
		operation &= ~FUTEX_CLOCK_REALTIME;
	}
	result = futex_operate(address, operation, (u32)value, deadline, (u32)timeout, address2,
			       (u32)value3);
	if (relative && result == -ERESTARTNOHAND) {
		user->restart_deadline = deadline;
		return -ERESTART_RESTARTBLOCK;
	}
	return result;
}

struct user_wait { /* struct futex_waitv */
	u64 expected, address;
	u32 flags, reserved;
};
enum { FUTEX2_SIZE_U32 = 2, FUTEX2_PRIVATE = 128 };

static int requests_in(struct futex_wait_request *requests, vaddr_t from, unsigned count)
{
	struct user_wait user;

	for (unsigned i = 0; i < count; i++) {
		if (copy_in(&user, from + i * sizeof(user), sizeof(user)))
			return -EFAULT;
		if ((user.flags & ~(u32)FUTEX2_PRIVATE) != FUTEX2_SIZE_U32 || user.reserved)
			return -EINVAL;
		requests[i] = (struct futex_wait_request){
			.address = user.address,
			.expected = (u32)user.expected,
			.shared = !(user.flags & FUTEX2_PRIVATE),
		};
	}
	return 0;
}

SYSCALL_5(sys_futex_waitv, waiters, count_argument, flags, timeout, clock)
{
	unsigned count = (u32)count_argument;
	struct futex_wait_request *requests;
	u64 deadline = WAIT_FOREVER;
	long result = 0;

	if ((u32)flags || !count || count > FUTEX_WAIT_MANY_MAX || !waiters)
		return -EINVAL;
	if (timeout) {
		if ((int)clock != CLOCK_REALTIME && (int)clock != CLOCK_MONOTONIC)
			return -EINVAL;
		result = time_spec_in(timeout, &deadline);
		if (result)
			return result;
	}
	requests = kmalloc(count * sizeof(*requests));
	if (!requests)
		return -ENOMEM;
	result = requests_in(requests, waiters, count);
	if (!result)
		result = futex_wait_many(requests, count, deadline,
					 timeout && (int)clock == CLOCK_REALTIME);
	kfree(requests);
	return result;
}

SYSCALL_2(sys_set_robust_list, head, size)
{
	if (size != ROBUST_LIST_HEAD_SIZE)
		return -EINVAL;
	thread_current()->user->robust_list = head;
	return 0;
}

SYSCALL_3(sys_get_robust_list, tid, head_address, size_address)
{
	const u64 size = ROBUST_LIST_HEAD_SIZE;
	struct thread *thread = thread_find((s32)tid ? (s32)tid : thread_current()->tid);
	u64 head;

	if (!thread)
		return -ESRCH;
	if (thread->process != process_current() && !credentials_are_root(credentials_current())) {
		thread_put(thread);
		return -EPERM;
	}
	head = thread->user->robust_list;
	thread_put(thread);
	if (copy_out(size_address, &size, sizeof(size)) ||
	    copy_out(head_address, &head, sizeof(head)))
		return -EFAULT;
	return 0;
}
