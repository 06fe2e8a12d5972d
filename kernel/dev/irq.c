#include <arch/machine.h>
#include <debug/log.h>
#include <dev/irq.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <sched/cpu.h>

/* One handler; those of a line are a chain that only grows, in front: read without a lock. */
struct irq_action {
	irq_handler *handler;
	void *context;
	const char *name;
	struct irq_action *next;
};

struct irq_line {
	struct irq_action *actions; /* [irq_lock to write, atomic read] */
	u64 *counts;		    /* [const once set] per CPU, each written by its own */
};

static struct irq_line lines[IRQ_LINES_MAX];
static struct spinlock irq_lock = SPINLOCK_INIT(RANK_WAIT); /* interrupts off */

int irq_register(unsigned line, irq_handler *handler, void *context, const char *name)
{
	struct irq_action *action;
	unsigned long state;
	u64 *counts;

	if (!line || line >= IRQ_LINES_MAX)
		return -EINVAL;
	action = kmalloc(sizeof(*action));
	counts = kzalloc(CPU_MAX * sizeof(*counts));
	if (!action || !counts) {
		kfree(action);
		kfree(counts);
		return -ENOMEM;
	}
	*action = (struct irq_action){ handler, context, name, NULL };
	state = spin_lock_irqsave(&irq_lock);
	if (!lines[line].counts) {
		lines[line].counts = counts;
		counts = NULL;
	}
	action->next = lines[line].actions;
	store_release(&lines[line].actions, action);
	spin_unlock_irqrestore(&irq_lock, state);
	kfree(counts);
	irq_line_enable(line, 0);
	return 0;
}

void irq_dispatch(unsigned line)
{
	struct cpu *cpu = interrupt_enter();
	struct irq_action *action = line < IRQ_LINES_MAX ? read_acquire(&lines[line].actions)
							 : NULL;

	if (action) {
		lines[line].counts[cpu->index]++;
	} else {
		irq_line_disable(line);
		log_warning("irq: line %u has no handler: it is turned off", line);
	}
	for (; action; action = action->next)
		action->handler(line, action->context);
	interrupt_exit(cpu);
}

u64 irq_count(unsigned line, unsigned cpu)
{
	const u64 *counts = line < IRQ_LINES_MAX ? read_acquire(&lines[line].counts) : NULL;

	return counts && cpu < CPU_MAX ? READ_ONCE(counts[cpu]) : 0;
}

const char *irq_name(unsigned line)
{
	const struct irq_action *action = line < IRQ_LINES_MAX ? read_acquire(&lines[line].actions)
							       : NULL;

	return action ? action->name : NULL;
}
