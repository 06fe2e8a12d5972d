#pragma once
/* The machine as a whole: firmware console, power, interrupt controller. */
#include <lib/types.h>

enum power_action {
	POWER_OFF,
	POWER_RESTART,
	POWER_FAILURE
}; /* FAILURE: off, host sees status 1 */

/* Firmware's console, for messages before a driver; any context. */
void firmware_write(const char *data, size_t size);
int firmware_read(void); /* next character, or -EAGAIN; -ENODEV: no such console */
__noreturn void machine_power(enum power_action action);

/* Find and set up the interrupt controller and the timer from the device tree (boot CPU). */
int machine_init(void);
/* Allow or forbid interrupt @line, to CPU @cpu. */
void irq_line_enable(unsigned line, unsigned cpu);
void irq_line_disable(unsigned line);

/* The core's entry, from the port's start code: MMU on, stack and thread_current() valid. */
__noreturn void kernel_main(paddr_t device_tree);
