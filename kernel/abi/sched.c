/* Scheduling: sched(7). Selene has one policy, SCHED_OTHER, with nice values. */
#include <abi/handler.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/credentials.h>
#include <proc/priority.h>
#include <sched/cpu.h>

enum {
	SCHED_OTHER,
	SCHED_FIFO,
	SCHED_RR,
	SCHED_BATCH,
	SCHED_IDLE = 5,
	SCHED_DEADLINE,
	PRIORITY_MAX = 99,
	MASK_SIZE = sizeof(u64),
	ATTRIBUTES_MIN = 48,
	SLICE_NS = 4000000,
};

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

static long exists(s32 tid)
{
	struct thread *thread = thread_meant(tid);

	if (!thread)
		return tid < 0 ? -EINVAL : -ESRCH;
	thread_put(thread);
	return 0;
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

/*
 * The priority of SCHED_OTHER is 0; the real-time policies, which need rights on Linux, do not
 * exist.
 */
static long check_policy(s32 tid, int policy, s32 priority)
{
	long error = exists(tid);

	if (error)
		return error;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return priority < 1 || priority > PRIORITY_MAX ? -EINVAL : -EPERM;
	return policy != SCHED_OTHER || priority ? -EINVAL : 0;
}

SYSCALL_3(sys_sched_setscheduler, tid, policy, address)
{
	s32 priority;

	if (!address || (int)policy < 0)
		return -EINVAL;
	if (copy_in(&priority, address, sizeof(priority)))
		return -EFAULT;
	return check_policy((s32)tid, (int)policy, priority);
}

SYSCALL_2(sys_sched_setparam, tid, address)
{
	s32 priority;

	if (!address)
		return -EINVAL;
	if (copy_in(&priority, address, sizeof(priority)))
		return -EFAULT;
	return check_policy((s32)tid, SCHED_OTHER, priority);
}

SYSCALL_1(sys_sched_getscheduler, tid)
{
	long error = exists((s32)tid);

	return error ? error : SCHED_OTHER;
}

SYSCALL_2(sys_sched_getparam, tid, address)
{
	const s32 priority = 0;
	long error = address ? exists((s32)tid) : -EINVAL;

	if (error)
		return error;
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
	return priority_bound((int)policy, PRIORITY_MAX);
}

SYSCALL_1(sys_sched_get_priority_min, policy)
{
	return priority_bound((int)policy, 1);
}

SYSCALL_2(sys_sched_rr_get_interval, tid, address)
{
	long error = exists((s32)tid);

	return error ? error : time_spec_out(address, SLICE_NS);
}

SYSCALL_3(sys_sched_setattr, tid, address, flags)
{
	struct scheduling_attributes attributes = { 0 };
	struct thread *thread;
	u32 size;
	long error;

	if (flags || !address)
		return -EINVAL;
	if (copy_in(&size, address, sizeof(size)))
		return -EFAULT;
	if (size && size < ATTRIBUTES_MIN)
		return -E2BIG;
	if (copy_in(&attributes, address, sizeof(attributes)))
		return -EFAULT;
	if (attributes.nice < NICE_MIN || attributes.nice > NICE_MAX || attributes.flags)
		return -EINVAL;
	error = check_policy((s32)tid, (int)attributes.policy, (s32)attributes.priority);
	if (error)
		return error;
	thread = thread_meant((s32)tid);
	if (!thread)
		return -ESRCH;
	error = priority_check(thread, attributes.nice) ? -EPERM : 0;
	if (!error)
		thread_set_nice(thread, attributes.nice);
	thread_put(thread);
	return error;
}

SYSCALL_4(sys_sched_getattr, tid, address, size, flags)
{
	struct scheduling_attributes attributes = { .size = ATTRIBUTES_MIN, .policy = SCHED_OTHER };
	struct thread *thread;

	if (!address || (s32)tid < 0 || size < ATTRIBUTES_MIN || size > PAGE_SIZE || flags)
		return -EINVAL;
	thread = thread_meant((s32)tid);
	if (!thread)
		return -ESRCH;
	attributes.nice = thread->nice;
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

enum { MEMBARRIER_QUERY = 0, MEMBARRIER_GLOBAL = 1 };

/*
 * A thread that ran on every CPU has made each of them pass a switch, which orders its memory
 * accesses.
 */
static void visit_every_cpu(void)
{
	struct thread *thread = thread_current();
	u64 affinity = thread->affinity.bits;
	unsigned cpu;

	cpumask_for_each(cpu, &cpus_online) {
		/* One that cannot be reached is not running anybody. */
		if (thread_set_affinity(thread, 1ull << cpu))
			continue;
		memory_barrier();
	}
	thread_set_affinity(thread, affinity);
}

SYSCALL_3(sys_membarrier, command, flags, cpu)
{
	if (flags)
		return -EINVAL;
	switch ((int)command) {
	case MEMBARRIER_QUERY:
		return MEMBARRIER_GLOBAL;
	case MEMBARRIER_GLOBAL:
		visit_every_cpu();
		return 0;
	default:
		return -EINVAL;
	}
}
