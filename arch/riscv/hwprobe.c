#include "hwprobe.h"
#include "hart.h"
#include "vdso/data.h"
#include <arch/thread.h>
#include <boot/initcall.h>
#include <sched/cpu.h>

static bool has_letters(const struct hart *hart, const char *letters)
{
	for (; *letters; letters++)
		if (!(hart->is.letters & 1u << (*letters - 'a')))
			return false;
	return true;
}

static u64 extensions_of(const struct hart *hart)
{
	u64 found = hart->is.extensions;

	found |= has_letters(hart, "fd") ? HWPROBE_FD : 0;
	return found | (has_letters(hart, "c") ? HWPROBE_C : 0);
}

enum cpu_probe cpu_probe(s64 key, unsigned cpu, u64 *value)
{
	const struct hart *hart = &harts[cpu];

	switch (key) {
	case HWPROBE_VENDOR:
		*value = hart->vendor;
		return CPU_PROBE_VALUE;
	case HWPROBE_ARCHITECTURE:
		*value = hart->architecture;
		return CPU_PROBE_VALUE;
	case HWPROBE_IMPLEMENTATION:
		*value = hart->implementation;
		return CPU_PROBE_VALUE;
	case HWPROBE_BASE_BEHAVIOR:
		*value = has_letters(hart, "ima");
		return CPU_PROBE_MASK;
	case HWPROBE_EXTENSIONS:
		*value = extensions_of(hart);
		return CPU_PROBE_MASK;
	case HWPROBE_PERFORMANCE: /* of misaligned accesses: unknown, nobody measured */
	case HWPROBE_ZICBOZ_BLOCK:
	case HWPROBE_MISALIGNED_SCALAR:
		*value = 0;
		return CPU_PROBE_VALUE;
	case HWPROBE_HIGHEST_ADDRESS:
		*value = USER_END - 1;
		return CPU_PROBE_VALUE;
	case HWPROBE_TIME_FREQUENCY:
		*value = time_frequency;
		return CPU_PROBE_VALUE;
	default:
		return CPU_PROBE_UNKNOWN;
	}
}

bool cpus_probe(s64 key, u64 cpus, u64 *value)
{
	enum cpu_probe kind = cpu_probe(key, (unsigned)__builtin_ctzl(cpus), value);
	u64 other;

	for (cpus &= cpus - 1; cpus && kind != CPU_PROBE_UNKNOWN; cpus &= cpus - 1) {
		cpu_probe(key, (unsigned)__builtin_ctzl(cpus), &other);
		if (kind == CPU_PROBE_MASK)
			*value &= other;
		else if (*value != other)
			*value = ~(u64)0;
	}
	return kind != CPU_PROBE_UNKNOWN;
}

/* All harts are running by now. */
static int publish(void)
{
	static_assert((int)VDSO_PROBE_KEYS == (int)HWPROBE_KEYS, "the vDSO knows as many keys");
	for (s64 key = 0; key < HWPROBE_KEYS; key++)
		cpus_probe(key, cpumask_read(&cpus_online).bits, &vdso_time_data()->probe[key]);
	return 0;
}
INITCALL_CORE(publish);
