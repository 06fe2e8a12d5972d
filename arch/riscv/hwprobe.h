#pragma once
/* What programs can ask about the harts: riscv_hwprobe(2), Linux's Documentation/arch/riscv/hwprobe.rst. */
#include <lib/types.h>

enum hwprobe_key {
	HWPROBE_VENDOR,
	HWPROBE_ARCHITECTURE,
	HWPROBE_IMPLEMENTATION,
	HWPROBE_BASE_BEHAVIOR,
	HWPROBE_EXTENSIONS,
	HWPROBE_PERFORMANCE,
	HWPROBE_ZICBOZ_BLOCK,
	HWPROBE_HIGHEST_ADDRESS,
	HWPROBE_TIME_FREQUENCY,
	HWPROBE_MISALIGNED_SCALAR,
	HWPROBE_KEYS
};

/* Bits of HWPROBE_EXTENSIONS for letters. */
enum { HWPROBE_FD = 1 << 0, HWPROBE_C = 1 << 1 };
