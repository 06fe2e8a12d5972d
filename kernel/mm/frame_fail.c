/* For tests: the n-th allocation of a process fails (/proc/selene/fail). */
#include <mm/frame.h>
#include <sched/cpu.h>

u64 frame_fail_countdown;
static bool frame_fail_done;		 /* [atomic] */
static struct process *frame_fail_owner; /* [atomic] whose allocations count; compared only */

bool frame_fail_tick(void)
{
	u64 left = READ_ONCE(frame_fail_countdown);

	struct thread *thread = thread_current();

	/* A thread of a process that has no space yet is a spawn's, most likely of the owner's. */
	if (thread->process != READ_ONCE(frame_fail_owner) && (!thread->process || thread->mmu))
		return false;
	while (left) {
		if (atomic_replace_value(&frame_fail_countdown, &left, left - 1)) {
			if (left == 1)
				WRITE_ONCE(frame_fail_done, true);
			return left == 1;
		}
	}
	return false;
}

void frame_fail_after(u64 n)
{
	WRITE_ONCE(frame_fail_owner, thread_current()->process);
	if (n)
		WRITE_ONCE(frame_fail_done, false);
	WRITE_ONCE(frame_fail_countdown, n);
}

bool frame_fail_happened(void)
{
	return READ_ONCE(frame_fail_done);
}
