/* Scheduling: sched(7). */
#include <abi/handler.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/credentials.h>
#include <proc/membarrier.h>
#include <proc/priority.h>
#include <proc/rseq.h>
#include <sched/cpu.h>
#include <sched/policy.h>

enum { MASK_SIZE = sizeof(u64), ATTRIBUTES_MIN = 48, SLICE_NS = 10000000 };
enum { FLAG_RESET_ON_FORK = 1, FLAG_KEEP_POLICY = 8, FLAG_KEEP_PARAMS = 16, FLAGS_KNOWN = 25 };
enum { RESET_ON_FORK = 0x40000000 }; /* in a policy */

/* struct sched_attr, first version. */
struct scheduling_attributes {
	u32 size, policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime, deadline, period;
};
static_assert(sizeof(struct scheduling_attributes) == ATTRIBUTES_MIN, "sched_setattr(2)");

/* A thread, with a reference; 0 is the caller. */
static struct thread *thread_meant(s32 tid)
{
	if (tid < 0)
		return NULL;
	return thread_find(tid ? tid : thread_current()->tid);
}

SYSCALL_0(sys_sched_yield)
{
	thread_yield();
	return 0;
}

SYSCALL_3(sys_sched_setaffinity, tid, size, address)
{
	struct thread *thread;
	u64 mask = 0;
	int error;

	if (copy_in(&mask, address, MIN(size, (unsigned long)MASK_SIZE)))
		return -EFAULT;
	thread = thread_meant((s32)tid);
	if (!thread)
		return -ESRCH;
	error = priority_check(thread, thread->nice) ? -EPERM : thread_set_affinity(thread, mask);
	thread_put(thread);
	return error;
}

SYSCALL_3(sys_sched_getaffinity, tid, size, address)
{
	struct thread *thread;
	u64 mask;

	if (size * 8 < cpu_count || size % MASK_SIZE)
		return -EINVAL;
	thread = thread_meant((s32)tid);
	if (!thread)
		return -ESRCH;
	mask = READ_ONCE(thread->affinity.bits) & cpumask_read(&cpus_online).bits;
	thread_put(thread);
	return copy_out(address, &mask, sizeof(mask)) ? -EFAULT : MASK_SIZE;
}

/* 0, -EINVAL: not a policy of ours, or not a priority of it. */
static int check_policy(int policy, s32 priority)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return priority < REAL_TIME_MIN || priority > REAL_TIME_MAX ? -EINVAL : 0;
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return priority ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

struct wanted {
	int policy; /* -1: as it is */
	s32 priority;
	int nice; /* NICE_MAX + 1: as it is */
	bool reset_on_fork;
};

/* sched(7), "Privileges and resource limits". */
static int may_change(const struct thread *thread, const struct wanted *wanted)
{
	bool nice_too = wanted->nice <= NICE_MAX && !policy_is_real_time((u32)wanted->policy);

	if (credentials_capable(CAP_SYS_NICE))
		return 0;
	if (priority_check(thread, nice_too ? wanted->nice : thread->nice))
		return -EPERM;
	if (wanted->priority > thread->priority &&
	    (u64)wanted->priority > process_limit(RLIMIT_RTPRIO))
		return -EPERM;
	return thread->reset_policy && !wanted->reset_on_fork ? -EPERM : 0;
}

static long change(s32 tid, struct wanted *wanted)
{
	struct thread *thread = thread_meant(tid);
	int error;

	if (!thread)
		return tid < 0 ? -EINVAL : -ESRCH;
	if (wanted->policy < 0)
		wanted->policy = thread->policy;
	error = check_policy(wanted->policy, wanted->priority);
	if (!error)
		error = may_change(thread, wanted);
	if (!error) {
		thread->reset_policy = wanted->reset_on_fork;
		thread_set_policy(thread, (unsigned)wanted->policy, (unsigned)wanted->priority);
		if (wanted->nice <= NICE_MAX)
			thread_set_nice(thread, wanted->nice);
	}
	thread_put(thread);
	return error;
}

SYSCALL_3(sys_sched_setscheduler, tid, policy, address)
{
	struct wanted wanted = { .policy = (int)policy & ~RESET_ON_FORK,
				 .nice = NICE_MAX + 1,
				 .reset_on_fork = policy & RESET_ON_FORK };

	if (!address || (int)policy < 0 || (s32)tid < 0)
		return -EINVAL;
	if (copy_in(&wanted.priority, address, sizeof(wanted.priority)))
		return -EFAULT;
	return change((s32)tid, &wanted);
}

SYSCALL_2(sys_sched_setparam, tid, address)
{
	struct wanted wanted = { .policy = -1, .nice = NICE_MAX + 1 };
	struct thread *thread;

	if (!address || (s32)tid < 0)
		return -EINVAL;
	if (copy_in(&wanted.priority, address, sizeof(wanted.priority)))
		return -EFAULT;
	thread = thread_meant((s32)tid);
	if (!thread)
		return -ESRCH;
	wanted.reset_on_fork = thread->reset_policy;
	thread_put(thread);
	return change((s32)tid, &wanted);
}

SYSCALL_1(sys_sched_getscheduler, tid)
{
	struct thread *thread = thread_meant((s32)tid);
	long policy;

	if (!thread)
		return (s32)tid < 0 ? -EINVAL : -ESRCH;
	policy = thread->policy | (thread->reset_policy ? RESET_ON_FORK : 0);
	thread_put(thread);
	return policy;
}

SYSCALL_2(sys_sched_getparam, tid, address)
{
	struct thread *thread;
	s32 priority;

	if (!address || (s32)tid < 0)
		return -EINVAL;
	thread = thread_meant((s32)tid);
	if (!thread)
		return -ESRCH;
	priority = thread->priority;
	thread_put(thread);
	return copy_out(address, &priority, sizeof(priority));
}

static long priority_bound(int policy, long real_time)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return real_time;
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
		return 0;
	default:
		return -EINVAL;
	}
}

SYSCALL_1(sys_sched_get_priority_max, policy)
{
	return priority_bound((int)policy, REAL_TIME_MAX);
}

SYSCALL_1(sys_sched_get_priority_min, policy)
{
	return priority_bound((int)policy, 1);
}

SYSCALL_2(sys_sched_rr_get_interval, tid, address)
{
	struct thread *thread = thread_meant((s32)tid);
	u64 interval = SLICE_NS;

	if (!thread)
		return (s32)tid < 0 ? -EINVAL : -ESRCH;
	if (thread->priority)
		interval = thread->policy == SCHED_RR ? ROUND_ROBIN_NS : 0;
	thread_put(thread);
	return time_spec_out(address, interval);
}

SYSCALL_3(sys_sched_setattr, tid, address, flags)
{
	struct scheduling_attributes attributes = { 0 };
	struct wanted wanted;
	u32 size;

	if ((u32)flags || !address || (s32)tid < 0)
		return -EINVAL;
	if (copy_in(&size, address, sizeof(size)))
		return -EFAULT;
	if (size && size < ATTRIBUTES_MIN)
		return -E2BIG;
	if (copy_in(&attributes, address, sizeof(attributes)))
		return -EFAULT;
	if (attributes.flags & ~(u64)FLAGS_KNOWN || (s32)attributes.policy < 0 ||
	    attributes.flags & FLAG_KEEP_PARAMS)
		return -EINVAL;
	wanted = (struct wanted){
		.policy = attributes.flags & FLAG_KEEP_POLICY ? -1 : (int)attributes.policy,
		.priority = (s32)attributes.priority,
		.nice = CLAMP(attributes.nice, NICE_MIN, NICE_MAX),
		.reset_on_fork = attributes.flags & FLAG_RESET_ON_FORK,
	};
	if (policy_is_real_time(attributes.policy))
		wanted.nice = NICE_MAX + 1;
	return change((s32)tid, &wanted);
}

SYSCALL_4(sys_sched_getattr, tid, address, size, flags)
{
	struct scheduling_attributes attributes = { .size = ATTRIBUTES_MIN };
	struct thread *thread;

	if (!address || (s32)tid < 0 || (u32)size < ATTRIBUTES_MIN || (u32)size > PAGE_SIZE ||
	    (u32)flags)
		return -EINVAL;
	thread = thread_meant((s32)tid);
	if (!thread)
		return -ESRCH;
	attributes.policy = thread->policy;
	attributes.priority = thread->priority;
	attributes.nice = thread->priority ? 0 : thread->nice;
	attributes.flags = thread->reset_policy ? FLAG_RESET_ON_FORK : 0;
	thread_put(thread);
	return copy_out(address, &attributes, sizeof(attributes));
}

SYSCALL_2(sys_getpriority, which, who)
{
	return priority_get((int)which, (s32)who);
}

SYSCALL_3(sys_setpriority, which, who, nice)
{
	return priority_set((int)which, (s32)who, (int)nice);
}

SYSCALL_3(sys_getcpu, cpu_address, node_address, unused)
{
	const u32 node = 0;
	u32 cpu = READ_ONCE(cpu_this()->index);

	if (cpu_address && copy_out(cpu_address, &cpu, sizeof(cpu)))
		return -EFAULT;
	return node_address && copy_out(node_address, &node, sizeof(node)) ? -EFAULT : 0;
}

SYSCALL_3(sys_membarrier, command, flags, cpu)
{
	return (u32)flags ? -EINVAL : membarrier((int)command);
}

SYSCALL_2(sys_ioprio_get, which, who)
{
	return priority_get_io((int)which, (s32)who);
}

SYSCALL_3(sys_ioprio_set, which, who, value)
{
	return priority_set_io((int)which, (s32)who, (s32)value);
}

SYSCALL_4(sys_rseq, area, size, flags, signature)
{
	return rseq_register(area, (u32)size, (u32)flags, (u32)signature);
}
