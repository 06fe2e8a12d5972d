#pragma once
/* Interrupt lines of the controller that the port drives. */
#include <lib/types.h>

enum { IRQ_LINES_MAX = 1024 };
typedef void irq_handler(unsigned line, void *context); /* interrupts off; may not sleep */

/* Call @handler(@line, @context) on each interrupt; shared lines chain. -ENOMEM, -EINVAL. */
int irq_register(unsigned line, irq_handler *handler, void *context, const char *name);
/* For /proc/interrupts: count of @line on @cpu; name or NULL. */
u64 irq_count(unsigned line, unsigned cpu);
const char *irq_name(unsigned line);
