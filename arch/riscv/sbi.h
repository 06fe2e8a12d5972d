#pragma once
/* Calls to the firmware: RISC-V SBI specification 2.0. Any context. */
#include <lib/cpumask.h>
#include <lib/types.h>

struct sbi_result {
	long error; /* 0 or a negative SBI error (3.1), not an errno */
	unsigned long value;
};

enum {
	SBI_BASE = 0x10,
	SBI_TIME = 0x54494d45,
	SBI_IPI = 0x735049,
	SBI_RFENCE = 0x52464e43,
	SBI_HSM = 0x48534d,
	SBI_SRST = 0x53525354,
	SBI_DBCN = 0x4442434e,
};

enum sbi_features {
	SBI_HAS_TIME = 1 << 0,
	SBI_HAS_IPI = 1 << 1,
	SBI_HAS_RFENCE = 1 << 2,
	SBI_HAS_HSM = 1 << 3,
	SBI_HAS_SRST = 1 << 4,
	SBI_HAS_DBCN = 1 << 5,
	SBI_HAS_LEGACY_CONSOLE = 1 << 6,
};
extern unsigned sbi_features;

/* Ask what there is. Boot hart, first. */
void sbi_init(void);
/* BASE: identity of the calling hart. 0 where the firmware does not know. */
unsigned long sbi_vendor(void);
unsigned long sbi_architecture(void);
unsigned long sbi_implementation(void);
/* Absolute time of the next timer interrupt; clears a pending one. */
void sbi_set_timer(u64 ticks);
void sbi_send_ipi(unsigned cpu);
struct sbi_result sbi_hart_start(unsigned long hart, paddr_t entry, unsigned long argument);
/* Remote fences on the CPUs of @cpus (a cpumask's bits). Size ~0: everything. 0 or an SBI error. */
long sbi_remote_sfence(u64 cpus, vaddr_t start, size_t size);
long sbi_remote_fence_i(u64 cpus);
/* Return only on failure. */
enum sbi_reset { SBI_SHUTDOWN = 0, SBI_COLD_REBOOT = 1 };
void sbi_system_reset(enum sbi_reset type, bool failure);
