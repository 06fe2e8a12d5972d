#include "hart.h"
#include "sbi.h"
#include "vdso/data.h"
#include <arch/thread.h>
#include <arch/time.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <lib/fdt.h>

enum { EVENT_SHIFT = 60 };

static const u64 ns_per_second = 1000000000;

u64 time_frequency;
static u64 boot_ticks;
static u64 ns_multiplier;   /* ns per tick, times 2^VDSO_TIME_SHIFT; 0: no clock yet */
static u64 tick_multiplier; /* ticks per ns, times 2^EVENT_SHIFT */
static bool has_sstc;

bool csr_stimecmp_present(void);

u64 time_now(void)
{
	return vdso_scale(csr_read(time) - boot_ticks, ns_multiplier);
}

void time_set_event(u64 deadline)
{
	unsigned __int128 ticks = (unsigned __int128)deadline * tick_multiplier >> EVENT_SHIFT;
	/* Rounded up, so that time_now() is not before the deadline when the interrupt comes. */
	unsigned __int128 when = ticks + boot_ticks + 1;

	if (when > INT64_MAX) {
		time_clear_event();
		return;
	}
	if (has_sstc)
		csr_write(0x14d, (u64)when); /* stimecmp */
	else
		sbi_set_timer((u64)when);
	csr_set(sie, BIT(INTERRUPT_TIMER));
}

/* Masking is enough, and costs no call: the next event replaces the one that stays set. */
void time_clear_event(void)
{
	csr_clear(sie, BIT(INTERRUPT_TIMER));
}

/* @frequency × 2^EVENT_SHIFT / ns_per_second by long division, half of the bits at a time. */
static u64 event_multiplier(u64 frequency)
{
	const unsigned half = EVENT_SHIFT / 2;
	u64 high = frequency % ns_per_second << half;
	u64 low = high % ns_per_second << half;

	return (frequency / ns_per_second << EVENT_SHIFT) + (high / ns_per_second << half) +
	       low / ns_per_second;
}

int timer_init_hardware(const struct fdt *tree)
{
	u64 frequency;

	if (timebase_describe(tree, &harts[0].is, &frequency) || frequency < 1000 ||
	    frequency > 8 * ns_per_second) {
		log_error("time: no usable timebase-frequency in /cpus");
		return -EINVAL;
	}
	boot_ticks = csr_read(time);
	ns_multiplier = (ns_per_second << VDSO_TIME_SHIFT) / frequency;
	tick_multiplier = event_multiplier(frequency);
	has_sstc = harts_all_have(HART_SSTC) && csr_stimecmp_present();
	vdso_time_data()->boot_ticks = boot_ticks;
	vdso_time_data()->multiplier = ns_multiplier;
	time_frequency = frequency;
	log_info("time: %lu Hz, %s", (unsigned long)frequency, has_sstc ? "Sstc" : "SBI timer");
	return 0;
}
