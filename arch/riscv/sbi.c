#include "sbi.h"
#include "hart.h"
#include <arch/machine.h>
#include <lib/errno.h>
#include <sched/cpu.h>

enum {
	LEGACY_SET_TIMER = 0,
	LEGACY_PUTCHAR = 1,
	LEGACY_GETCHAR = 2,
	LEGACY_SHUTDOWN = 8,
	BASE_PROBE = 3,
	BASE_VENDOR = 4,
	BASE_ARCHITECTURE = 5,
	BASE_IMPLEMENTATION = 6,
	RFENCE_FENCE_I = 0,
	RFENCE_SFENCE = 1,
	DBCN_WRITE = 0,
	DBCN_READ = 1,
	DBCN_WRITE_BYTE = 2,
};

unsigned sbi_features;

static struct sbi_result call(unsigned long extension, unsigned long function, unsigned long x0,
			      unsigned long x1, unsigned long x2, unsigned long x3)
{
	register unsigned long a0 __asm__("a0") = x0;
	register unsigned long a1 __asm__("a1") = x1;
	register unsigned long a2 __asm__("a2") = x2;
	register unsigned long a3 __asm__("a3") = x3;
	register unsigned long a6 __asm__("a6") = function;
	register unsigned long a7 __asm__("a7") = extension;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_result){ (long)a0, a1 };
}

static bool probe(unsigned long extension)
{
	struct sbi_result result = call(SBI_BASE, BASE_PROBE, extension, 0, 0, 0);

	return !result.error && result.value;
}

void sbi_init(void)
{
	static const struct {
		unsigned long extension;
		unsigned feature;
	} extensions[] = {
		{ SBI_TIME, SBI_HAS_TIME },
		{ SBI_IPI, SBI_HAS_IPI },
		{ SBI_RFENCE, SBI_HAS_RFENCE },
		{ SBI_HSM, SBI_HAS_HSM },
		{ SBI_SRST, SBI_HAS_SRST },
		{ SBI_DBCN, SBI_HAS_DBCN },
		{ LEGACY_PUTCHAR, SBI_HAS_LEGACY_CONSOLE },
	};

	/* Version 0.1 has no BASE, and always the legacy console. */
	if (call(SBI_BASE, 0, 0, 0, 0, 0).error) {
		sbi_features = SBI_HAS_LEGACY_CONSOLE;
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++) {
		if (probe(extensions[i].extension))
			sbi_features |= extensions[i].feature;
	}
}

static unsigned long identity(unsigned long function)
{
	struct sbi_result result = call(SBI_BASE, function, 0, 0, 0, 0);

	return result.error ? 0 : result.value;
}

unsigned long sbi_vendor(void)
{
	return identity(BASE_VENDOR);
}

unsigned long sbi_architecture(void)
{
	return identity(BASE_ARCHITECTURE);
}

unsigned long sbi_implementation(void)
{
	return identity(BASE_IMPLEMENTATION);
}

void sbi_set_timer(u64 ticks)
{
	if (sbi_features & SBI_HAS_TIME)
		call(SBI_TIME, 0, ticks, 0, 0, 0);
	else
		call(LEGACY_SET_TIMER, 0, ticks, 0, 0, 0);
}

void sbi_send_ipi(unsigned cpu)
{
	call(SBI_IPI, 0, 1, harts[cpu].is.id, 0, 0);
}

struct sbi_result sbi_hart_start(unsigned long hart, paddr_t entry, unsigned long argument)
{
	return call(SBI_HSM, 0, hart, entry, argument, 0);
}

/* Hart masks name 64 harts from a base: gather neighbours, as ids may have holes. */
static long remote_fence(unsigned long function, u64 cpus, vaddr_t start, size_t size)
{
	while (cpus) {
		unsigned long base = harts[__builtin_ctzll(cpus)].is.id, mask = 0;

		for (u64 left = cpus; left; left &= left - 1) {
			unsigned cpu = __builtin_ctzll(left);

			if (harts[cpu].is.id - base >= 64)
				continue;
			mask |= 1ul << (harts[cpu].is.id - base);
			cpus &= ~(1ull << cpu);
		}

		long error = call(SBI_RFENCE, function, mask, base, start, size).error;

		if (error)
			return error;
	}
	return 0;
}

long sbi_remote_sfence(u64 cpus, vaddr_t start, size_t size)
{
	return remote_fence(RFENCE_SFENCE, cpus, start, size);
}

long sbi_remote_fence_i(u64 cpus)
{
	return remote_fence(RFENCE_FENCE_I, cpus, 0, 0);
}

/* Not the legacy call where there is a newer firmware: OpenSBI hangs in it if it knows no way. */
void sbi_system_reset(enum sbi_reset type, bool failure)
{
	if (sbi_features & SBI_HAS_SRST)
		call(SBI_SRST, 0, type, failure, 0, 0);
	else if (type == SBI_SHUTDOWN && !(sbi_features & SBI_HAS_HSM))
		call(LEGACY_SHUTDOWN, 0, 0, 0, 0, 0);
}

/* The console takes physical addresses: only the direct map and the image will do. */
static bool linear(const char *data)
{
	vaddr_t address = (vaddr_t)data;

	return address >= KERNEL_IMAGE_BASE ||
	       (address >= DIRECT_MAP_BASE && address - DIRECT_MAP_BASE < DIRECT_MAP_SIZE);
}

static void write_byte(char byte)
{
	if (sbi_features & SBI_HAS_DBCN)
		call(SBI_DBCN, DBCN_WRITE_BYTE, (u8)byte, 0, 0, 0);
	else if (sbi_features & SBI_HAS_LEGACY_CONSOLE)
		call(LEGACY_PUTCHAR, 0, (u8)byte, 0, 0, 0);
}

void firmware_write(const char *data, size_t size)
{
	while (size && sbi_features & SBI_HAS_DBCN && linear(data)) {
		struct sbi_result result =
			call(SBI_DBCN, DBCN_WRITE, size, direct_unmap(data), 0, 0);

		if (result.error || !result.value)
			break;
		data += result.value;
		size -= result.value;
	}
	while (size--)
		write_byte(*data++);
}

int firmware_read(void)
{
	static u8 bytes[CPU_MAX]; /* in the image: its physical address is known */

	if (sbi_features & SBI_HAS_DBCN) {
		unsigned long state = irq_save();
		u8 *byte = &bytes[cpu_this()->index];
		struct sbi_result result = call(SBI_DBCN, DBCN_READ, 1, direct_unmap(byte), 0, 0);
		int value = !result.error && result.value == 1 ? READ_ONCE(*byte) : -EAGAIN;

		irq_restore(state);
		return value;
	}
	if (sbi_features & SBI_HAS_LEGACY_CONSOLE) {
		long value = call(LEGACY_GETCHAR, 0, 0, 0, 0, 0).error;

		return value >= 0 ? (int)value : -EAGAIN;
	}
	return -ENODEV;
}
