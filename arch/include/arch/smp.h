#pragma once
/* Other CPUs. CPU numbers are dense from 0, which is the boot CPU; they are not hardware ids. */
#include <lib/types.h>

struct thread;

/* Find the CPUs in the device tree. Returns how many (at most @max). */
unsigned smp_enumerate(unsigned max);
/* Start CPU @cpu on @idle's stack in cpu_main() (kernel/sched/cpu.h). 0 or -errno, at once. */
int smp_start(unsigned cpu, struct thread *idle);
/* Raise ipi_interrupt() on @cpu. Any context. */
void smp_send_ipi(unsigned cpu);
/* Stop every other CPU for ever, for panic: each prints nothing and halts. */
void smp_stop_others(void);
