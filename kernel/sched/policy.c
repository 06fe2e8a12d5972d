#include <arch/time.h>
#include <sched/policy.h>
#include <sched/runqueue.h>

/* Of each second, real-time threads leave the last 50 ms to others that wait. */
enum { REAL_TIME_SPAN = 950000000, OTHERS_SPAN = 50000000 };

void policy_queue(struct cpu *cpu, struct thread *thread, bool first)
{
	struct thread *other;

	list_for_each_entry(other, &cpu->real_time, run_link) {
		if (other->priority < thread->priority ||
		    (first && other->priority == thread->priority))
			break;
	}
	/* At the end of the list, its head stands for the entry. */
	list_add_before(&thread->run_link, &other->run_link);
}

static bool others_wait(const struct cpu *cpu)
{
	return !list_empty(&cpu->woken) || !list_empty(&cpu->queue);
}

bool policy_goes_first(struct cpu *cpu, const struct thread *first, u64 now)
{
	if (!others_wait(cpu)) {
		cpu->others_ran = now;
		cpu->others_until = 0;
		return first;
	}
	if (now < cpu->others_until)
		return false;
	if (cpu->others_until || !cpu->current->priority)
		cpu->others_ran = now;
	cpu->others_until = 0;
	if (first && now - cpu->others_ran >= REAL_TIME_SPAN) {
		cpu->others_until = now + OTHERS_SPAN;
		return false;
	}
	return first;
}

u64 policy_limit(const struct cpu *cpu)
{
	const struct thread *current = cpu->current, *first;
	u64 limit = WAIT_FOREVER;

	first = list_first_entry_or_null(&cpu->real_time, struct thread, run_link);
	if (!current->priority) {
		if (first)
			limit = cpu->others_until;
		return limit;
	}
	if (others_wait(cpu))
		limit = cpu->others_ran + REAL_TIME_SPAN;
	if (first && first->priority > current->priority)
		limit = 0;
	else if (first && first->priority == current->priority && current->policy == SCHED_RR)
		limit = MIN(limit, current->run_started + current->slice_left);
	return limit;
}

void thread_set_policy(struct thread *thread, unsigned policy, unsigned priority)
{
	unsigned long state;
	struct cpu *cpu = thread_lock(thread, &state);
	bool waits = thread->state == THREAD_RUNNABLE && !list_empty(&thread->run_link);

	if (waits)
		runqueue_remove(cpu, thread);
	thread->policy = (u8)policy;
	thread->priority = (u8)priority;
	thread->slice_left = slice_of(thread);
	thread_unlock(cpu, state);
	/* Off every queue, it is nobody's but ours. */
	if (waits)
		cpus_kick(runqueue_place(thread, false));
	else
		thread_add_work(thread, WORK_RESCHEDULE);
}
