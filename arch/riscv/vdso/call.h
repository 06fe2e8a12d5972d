#pragma once
/* What the vDSO's functions share: the page of data, and the way into the kernel. */
#include "data.h"
#include <stdbool.h>

enum {
	CALL_CLOCK_GETTIME = 113,
	CALL_CLOCK_GETRES = 114,
	CALL_GETCPU = 168,
	CALL_GETTIMEOFDAY = 169,
	CALL_HWPROBE = 258,
	CALL_FLUSH_ICACHE = 259,
};

extern const struct vdso_data vdso_data __attribute__((visibility("hidden")));

static inline long vdso_call(long number, long x0, long x1, long x2, long x3, long x4)
{
	register long a0 __asm__("a0") = x0;
	register long a1 __asm__("a1") = x1;
	register long a2 __asm__("a2") = x2;
	register long a3 __asm__("a3") = x3;
	register long a4 __asm__("a4") = x4;
	register long a7 __asm__("a7") = number;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7)
			 : "memory");
	return a0;
}
