#pragma once
/*
 * Scheduling policies: sched(7). A thread of SCHED_FIFO or SCHED_RR runs before all others on its CPU,
 * the higher priority first; but where others wait, they get 50 ms of each second.
 */
#include <sched/cpu.h>

enum {
	SCHED_OTHER,
	SCHED_FIFO,
	SCHED_RR,
	SCHED_BATCH,
	SCHED_IDLE = 5,
	SCHED_DEADLINE,
};
enum { REAL_TIME_MIN = 1, REAL_TIME_MAX = 99, ROUND_ROBIN_NS = 100000000 };

static inline bool policy_is_real_time(unsigned policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}
/* The caller has checked both: @priority is 0 but for real-time policies. Any context. */
void thread_set_policy(struct thread *thread, unsigned policy, unsigned priority);

/* For sched/runqueue.c; the run queue is locked. Put a real-time thread on the list by its priority. */
void policy_queue(struct cpu *cpu, struct thread *thread, bool first);
/* May @first, which waits, run before the ordinary threads that wait? */
bool policy_goes_first(struct cpu *cpu, const struct thread *first, u64 now);
/* When the current thread is to make room for those that wait; WAIT_FOREVER: not for them. */
u64 policy_limit(const struct cpu *cpu);
