#pragma once
/* One-shot timers in ns of time_now(), kept per CPU in a tree; handlers run in interrupts. */
#include <lib/rbtree.h>
#include <sched/lock.h>

struct cpu;

struct timer {
	struct rb_node node; /* [queue->lock] */
	u64 deadline;	     /* [queue->lock] ns */
	struct cpu *cpu;     /* [atomic] whose queue; NULL: on none */
	u32 starts;	     /* [queue->lock; atomic read] how often it was started */
	void (*handler)(struct timer *timer); /* interrupts off; may start it again, or free it */
};

struct timer_queue {
	struct spinlock lock;  /* RANK_TIMER, interrupts off */
	struct rb_root tree;   /* [lock] by deadline */
	struct timer *first;   /* [lock] */
	struct timer *running; /* [atomic] whose handler runs on this CPU, or NULL */
};

void timer_init(struct timer *timer, void (*handler)(struct timer *timer));
/* (Re)start for @deadline on this CPU. Any context. */
void timer_start(struct timer *timer, u64 deadline);
/* Stop; true: it was pending. The handler may still be running elsewhere. Any context. */
bool timer_stop(struct timer *timer);
/* Stop and wait until its handler has returned everywhere. Not from the handler. */
bool timer_stop_sync(struct timer *timer);
/* For the timer interrupt: run the handlers that are due by @now on this CPU. Interrupts off. */
void timer_run(struct cpu *cpu, u64 now);
/* The next deadline on @cpu, or WAIT_FOREVER. */
u64 timer_next(struct cpu *cpu);

/* CLOCK_REALTIME = time_now() + this; set from an RTC or by clock_settime. */
s64 time_realtime_offset(void);
void time_set_realtime(s64 ns_since_epoch);
