/* What programs ask about the CPUs. */
#include <abi/handler.h>
#include <arch/thread.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <sched/cpu.h>

struct probe_pair {
	s64 key; /* −1: not known here */
	u64 value;
};

enum { WHICH_CPUS = 1 };

/* Bits of CPUs, of as many bytes as the program gives. */
static int cpus_in(u64 *cpus, vaddr_t address, u64 size)
{
	*cpus = 0;
	return copy_in(cpus, address, MIN(size, sizeof(*cpus))) ? -EFAULT : 0;
}

/* Each pair's value, of what @cpus have in common. */
static int values_get(vaddr_t pairs, u64 count, u64 cpus)
{
	struct probe_pair pair;

	for (; count; count--, pairs += sizeof(pair)) {
		if (copy_in(&pair, pairs, sizeof(pair)))
			return -EFAULT;
		if (!cpus_probe(pair.key, cpus, &pair.value))
			pair = (struct probe_pair){ .key = -1 };
		if (copy_out(pairs, &pair, sizeof(pair)))
			return -EFAULT;
		schedule_if_needed();
	}
	return 0;
}

/* Those of @cpus that have what @pair says. */
static u64 cpus_with(const struct probe_pair *pair, u64 cpus)
{
	u64 value;

	for (u64 rest = cpus; rest; rest &= rest - 1) {
		unsigned cpu = (unsigned)__builtin_ctzl(rest);
		enum cpu_probe kind = cpu_probe(pair->key, cpu, &value);

		if (kind == CPU_PROBE_UNKNOWN ||
		    (kind == CPU_PROBE_MASK ? value & pair->value : value) != pair->value)
			cpus &= ~((u64)1 << cpu);
	}
	return cpus;
}

static int cpus_get(vaddr_t pairs, u64 count, u64 *cpus)
{
	struct probe_pair pair;

	for (; count; count--, pairs += sizeof(pair)) {
		u64 all = cpumask_read(&cpus_online).bits, value;

		if (copy_in(&pair, pairs, sizeof(pair)))
			return -EFAULT;
		if (cpus_probe(pair.key, all, &value)) {
			*cpus = cpus_with(&pair, *cpus);
		} else {
			pair = (struct probe_pair){ .key = -1 };
			*cpus = 0;
			if (copy_out(pairs, &pair, sizeof(pair)))
				return -EFAULT;
		}
		schedule_if_needed();
	}
	return 0;
}

SYSCALL_5(sys_hwprobe, pairs, count, size, set, flags)
{
	u64 online = cpumask_read(&cpus_online).bits, cpus = online;
	int error;

	if ((u32)flags & ~(u32)WHICH_CPUS)
		return -EINVAL;
	if ((u32)flags & WHICH_CPUS && (!size || !set))
		return -EINVAL;
	if (size || set) {
		error = cpus_in(&cpus, set, size);
		if (error)
			return error;
	}
	if (!((u32)flags & WHICH_CPUS)) {
		cpus &= online;
		return cpus ? values_get(pairs, count, cpus) : -EINVAL;
	}
	cpus = cpus ? cpus & online : online;
	error = cpus_get(pairs, count, &cpus);
	if (error)
		return error;
	return copy_out(set, &cpus, MIN(size, sizeof(cpus))) ? -EFAULT : 0;
}
