/* riscv_hwprobe(2) without the kernel, for the usual question: what do all CPUs have? */
#include "call.h"
#include "data.h"
#include <stddef.h>

struct probe_pair {
	int64_t key;
	uint64_t value;
};

int __vdso_riscv_hwprobe(struct probe_pair *pairs, size_t count, size_t size, unsigned long *cpus,
			 unsigned flags);

int __vdso_riscv_hwprobe(struct probe_pair *pairs, size_t count, size_t size, unsigned long *cpus,
			 unsigned flags)
{
	if (flags || size || cpus)
		return (int)vdso_call(CALL_HWPROBE, (long)pairs, (long)count, (long)size,
				      (long)cpus, flags);
	for (; count--; pairs++) {
		bool known = (uint64_t)pairs->key < VDSO_PROBE_KEYS;

		pairs->value = known ? vdso_data.probe[pairs->key] : 0;
		pairs->key = known ? pairs->key : -1;
	}
	return 0;
}
