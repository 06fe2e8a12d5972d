/*
 * A timer is on at most one queue, which timer->cpu names. Whoever puts it on a queue claims it
 * first by changing timer->cpu from NULL under the lock of that queue; whoever takes it off
 * clears timer->cpu under the same lock. So any number of CPUs may start and stop one timer at
 * once.
 *
 * Before a handler runs, the queue says so in ->running and only then clears timer->cpu: who
 * finds the timer on no queue, and its handler running nowhere, knows that the handler has
 * returned. The timer itself is not touched after its handler was called.
 */
#include <arch/thread.h>
#include <arch/time.h>
#include <debug/panic.h>
#include <sched/cpu.h>
#include <sched/runqueue.h>

void timer_init(struct timer *timer, void (*handler)(struct timer *timer))
{
	*timer = (struct timer){ .handler = handler };
}

static struct timer *timer_of(struct rb_node *node)
{
	return rb_entry_or_null(node, struct timer, node);
}

static int compare(const void *key, const struct rb_node *node)
{
	u64 deadline = *(const u64 *)key,
	    other = rb_entry(node, const struct timer, node)->deadline;

	return deadline < other ? -1 : deadline > other;
}

/* [queue->lock] */
static void take_off(struct timer_queue *queue, struct timer *timer)
{
	if (queue->first == timer)
		queue->first = timer_of(rb_next(&timer->node));
	rb_erase(&queue->tree, &timer->node);
	store_release(&timer->cpu, NULL);
}

bool timer_stop(struct timer *timer)
{
	for (;;) {
		struct cpu *cpu = read_acquire(&timer->cpu);
		unsigned long state;
		bool found;

		if (!cpu)
			return false;
		state = spin_lock_irqsave(&cpu->timers.lock);
		found = READ_ONCE(timer->cpu) == cpu;
		if (found)
			take_off(&cpu->timers, timer);
		spin_unlock_irqrestore(&cpu->timers.lock, state);
		if (found)
			return true;
	}
}

static bool try_start(struct timer *timer, u64 deadline)
{
	unsigned long state = irq_save();
	struct cpu *cpu = cpu_this(), *none = NULL;
	struct timer_queue *queue = &cpu->timers;
	bool claimed;

	spin_lock(&queue->lock);
	claimed = atomic_replace_value(&timer->cpu, &none, cpu);
	if (claimed) {
		timer->deadline = deadline;
		store_release(&timer->starts, timer->starts + 1);
		rb_insert_equal(&queue->tree, &timer->node, &timer->deadline, compare);
		if (!queue->first || deadline < queue->first->deadline)
			queue->first = timer;
	}
	spin_unlock(&queue->lock);
	if (claimed)
		cpu_want_event(cpu, deadline);
	irq_restore(state);
	return claimed;
}

void timer_start(struct timer *timer, u64 deadline)
{
	do {
		timer_stop(timer);
	} while (!try_start(timer, deadline));
}

static bool runs_somewhere(struct timer *timer)
{
	for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
		if (read_acquire(&cpus[cpu].timers.running) == timer)
			return true;
	}
	return false;
}

bool timer_stop_sync(struct timer *timer)
{
	bool pending = false, again;

	/* A handler seen nowhere may have come and gone meanwhile, if it started the timer again. */
	do {
		u32 starts = read_acquire(&timer->starts);

		pending |= timer_stop(timer);
		again = runs_somewhere(timer) || read_acquire(&timer->starts) != starts;
		if (again)
			cpu_relax();
	} while (again);
	return pending;
}

void timer_run(struct cpu *cpu, u64 now)
{
	struct timer_queue *queue = &cpu->timers;

	spin_lock(&queue->lock);
	while (queue->first && queue->first->deadline <= now) {
		struct timer *timer = queue->first;
		void (*handler)(struct timer *) = timer->handler;

		WRITE_ONCE(queue->running, timer);
		take_off(queue, timer);
		spin_unlock(&queue->lock);
		handler(timer);
		spin_lock(&queue->lock);
		store_release(&queue->running, NULL);
	}
	spin_unlock(&queue->lock);
}

u64 timer_next(struct cpu *cpu)
{
	unsigned long state = spin_lock_irqsave(&cpu->timers.lock);
	u64 deadline = cpu->timers.first ? cpu->timers.first->deadline : WAIT_FOREVER;

	spin_unlock_irqrestore(&cpu->timers.lock, state);
	return deadline;
}

static s64 realtime_offset;

s64 time_realtime_offset(void)
{
	return __atomic_load_n(&realtime_offset, __ATOMIC_RELAXED);
}

void time_set_realtime(s64 ns_since_epoch)
{
	s64 offset = ns_since_epoch - (s64)time_now();

	__atomic_store_n(&realtime_offset, offset, __ATOMIC_RELAXED);
	vdso_update(offset);
}
