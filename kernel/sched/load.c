/* Load averages: threads that run or wait for a CPU, decaying over 1, 5 and 15 minutes. */
#include <arch/time.h>
#include <boot/initcall.h>
#include <sched/cpu.h>

/* 2^16 * exp(-5 s / 60, 300, 900 s): what is left of an average after one sample. */
static const u32 decay[3] = { 60296, 64453, 65173 };
static const u64 sample_interval = 5000000000;

static struct timer sample_timer;
static u32 averages[3]; /* [atomic] 16.16; written by the timer alone */

unsigned sched_runnable(void)
{
	unsigned count = 0, index;

	cpumask_for_each(index, &cpus_online) {
		const struct cpu *cpu = &cpus[index];

		count += READ_ONCE(cpu->queue_length) + (READ_ONCE(cpu->current) != cpu->idle);
	}
	return count;
}

void sched_load(u32 load[3])
{
	for (unsigned i = 0; i < 3; i++)
		load[i] = READ_ONCE(averages[i]);
}

static void sample(struct timer *timer)
{
	u64 runnable = (u64)sched_runnable() << 16;

	for (unsigned i = 0; i < 3; i++) {
		u64 sum = (u64)averages[i] * decay[i] + runnable * (65536 - decay[i]);

		/* Rounded towards the target, so that a steady load is reached. */
		if (runnable > averages[i])
			sum += 65535;
		WRITE_ONCE(averages[i], (u32)(sum >> 16));
	}
	timer_start(timer, timer->deadline + sample_interval);
}

static int load_start(void)
{
	timer_init(&sample_timer, sample);
	timer_start(&sample_timer, time_now() + sample_interval);
	return 0;
}
INITCALL_CORE(load_start);
