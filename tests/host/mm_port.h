#pragma once
/*
 * The machine for tests of kernel/mm: arch/host, real locks (with their checks), and the little of
 * sched that a single thread needs. Whoever would sleep here would sleep for ever, and fails
 * instead.
 */
#include <boot/memory.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <mm/audit.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <sched/cpu.h>
#include <sched/runqueue.h>
#include <stdarg.h>

#include "../../arch/host/host.h"
#include "check.h"

struct cpu cpus[CPU_MAX];
unsigned cpu_count = HOST_CPUS;
struct cpumask cpus_online = { 1 };
bool panic_started;

void panic_at(const struct trap_frame *frame, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fflush(stdout);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	abort();
}

void boot_failure(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	exit(EXIT_FAILURE);
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	if (level <= LOG_ERROR)
		CHECK_FAIL("the kernel logged an error");
}

const char *symbol_lookup(vaddr_t pc, size_t *offset)
{
	return NULL;
}

u64 time_now(void)
{
	return 0;
}

void schedule_if_needed(void)
{
}

void thread_yield(void)
{
	panic("a lone thread yields");
}

int thread_sleep_ns(u64 ns, enum wait_mode mode)
{
	return 0;
}

/* One CPU at a time, and no kernel stacks. */
int thread_set_affinity(struct thread *thread, u64 mask)
{
	return 0;
}

u64 thread_stack_tables(void)
{
	return 0;
}

void stack_trim_all(void)
{
}

int thread_block(u64 deadline, enum wait_mode mode)
{
	panic("a lone thread sleeps");
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
	return NULL;
}

void thread_start(struct thread *thread)
{
}

bool thread_wake(struct thread *thread, enum thread_wake kind)
{
	return false;
}

bool thread_wake_deferred(struct thread *thread, enum thread_wake kind, u64 *kicks)
{
	return thread_wake(thread, kind);
}

void cpus_kick(u64 cpus)
{
}

bool thread_interrupted(enum wait_mode mode)
{
	return false;
}

void wait_begin(struct wait_queue *queue, struct waiter *waiter)
{
}

void wait_end(struct waiter *waiter)
{
}

int wait_sleep(struct waiter *waiter, u64 deadline, enum wait_mode mode)
{
	panic("a lone thread waits");
}

void wait_wake_events(struct wait_queue *queue, unsigned exclusive_count, u32 events)
{
}

/* Boot: two banks with a hole between them. */
static inline void mm_boot(u64 megabytes)
{
	u64 half = megabytes << 19;

	host_ram_init((struct host_bank[]){ { 0x40000000, half }, { 0x40200000 + half, half } }, 2);
	host_run_on(0);
	frame_init();
	slab_init();
	/* Each CPU's slab lists are made at its first use, for ever. */
	for (unsigned i = HOST_CPUS; i--;) {
		host_run_on(i);
		kfree(kmalloc(1));
	}
}

static void mm_put(void *context, const char *text, size_t size)
{
	bool *print = context;

	if (*print)
		fwrite(text, 1, size, stdout);
}

/* The audit has nothing to say. */
static inline void mm_expect_clean(void)
{
	bool print = false;

	if (audit_run(mm_put, &print)) {
		print = true;
		EXPECT(audit_run(mm_put, &print), 0);
	}
}

struct mm_level {
	u64 frames, objects;
};

/* Frames in use but for slabs, whose number depends on the past, and slab objects in use. */
static inline struct mm_level mm_level(void)
{
	struct frame_statistics frames;

	frame_statistics(&frames);
	return (struct mm_level){ frames.kernel + frames.table + frames.user + frames.object,
				  slab_live_objects() };
}

static inline void mm_expect_level(struct mm_level before)
{
	struct mm_level now = mm_level();

	EXPECT(now.frames, before.frames);
	EXPECT(now.objects, before.objects);
}
