/* CPUs as coroutines, what sched would supply, and the steps. */
#include "machine.h"

#include <boot/memory.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <sched/runqueue.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "state.h"

enum { RAM_PAGES = 256, HANG_SECONDS = 2 };

struct cpu cpus[CPU_MAX];
unsigned cpu_count = HOST_CPUS;
struct cpumask cpus_online = { 1 };
bool panic_started;
enum mm_rule broken_rule;
struct machine machine;

/* What is not part of the machine's state lives outside of it. */
struct outside {
	int current;
	void *searcher; /* its stack pointer */
	bool failed, fine;
	char violation[400];
	sigjmp_buf escape;
	u64 steps, steps_at_alarm;
	u8 *stacks;
};
static struct outside *outside;
bool *machine_fine;

int machine_current(void)
{
	return outside->current;
}

const char *violation_text(void)
{
	return outside->violation;
}

/* ---- coroutines ---- */

#ifndef __x86_64__
#error "no context switch for this host: write switch_stack() for it"
#endif
/* Save the callee-saved registers and the stack pointer in *@from, go on where @to was left. */
__attribute__((naked, noinline)) static void switch_stack(void **from, void *to)
{
	__asm__("push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n\t"
		"mov %rsp, (%rdi); mov %rsi, %rsp\n\t"
		"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp; ret");
}

u8 *machine_stack(unsigned number)
{
	return outside->stacks + (size_t)number * STACK_SIZE;
}

static void leave(void)
{
	struct machine_thread *thread = self();

	thread->irq_off = host_interrupts_off;
	switch_stack(&thread->stack_pointer, outside->searcher);
}

static void thread_main(void)
{
	self()->body();
	self()->kind = STEP_DONE;
	leave();
	abort();
}

void machine_thread(unsigned number, void (*body)(void), unsigned space)
{
	struct machine_thread *thread = &machine.threads[number];
	u64 *top = (u64 *)(machine_stack(number) + STACK_SIZE) - 8;

	memset(machine_stack(number), 0, STACK_SIZE);
	top[6] = (u64)(uintptr_t)thread_main;
	*thread = (struct machine_thread){
		.body = body, .stack_pointer = top, .kind = STEP_START, .space = space
	};
	machine.spaces[space].threads++;
}

unsigned machine_options(unsigned number)
{
	struct machine_thread *thread = &machine.threads[number];
	const struct spinlock *lock = thread->object;
	const u32 *word = thread->object;

	if (!thread->body || thread->dormant)
		return 0;
	switch (thread->kind) {
	case STEP_DONE:
		return 0;
	case STEP_LOCK:
		return !lock->locked;
	case STEP_BLOCK:
		return cpus[number].current->wake_pending || thread->interruptible;
	case STEP_YIELD:
	case HOST_RELAX:
		return !thread->stuck;
	case STEP_WAIT:
		return *word != 0;
	case HOST_ACCESS:
		return 1 + host_tlb_stale(number, (vaddr_t)thread->object);
	default:
		return 1;
	}
}

bool machine_step(unsigned number, unsigned option)
{
	struct machine_thread *thread = &machine.threads[number];
	u8 *low;

	host_run_on(number);
	host_interrupts_off = thread->irq_off;
	thread->option = option;
	outside->current = number;
	outside->failed = false;
	outside->steps++;
	if (!sigsetjmp(outside->escape, 0))
		switch_stack(&outside->searcher, thread->stack_pointer);
	outside->current = -1;
	host_interrupts_off = false;
	host_faults = host_shootdowns = host_icache_syncs = 0;
	if (outside->failed)
		return false;
	for (unsigned i = 0; i < THREADS; i++)
		machine.threads[i].stuck &= i == number;
	/* What lies below the stack is no state: always the same, so that equal states look equal. */
	low = (u8 *)thread->stack_pointer - 128;
	memset(low - 6144, 0, 6144 + 128);
	return true;
}

bool machine_guard(void (*check)(void))
{
	outside->current = -1;
	outside->failed = false;
	host_run_on(0);
	if (!sigsetjmp(outside->escape, 0))
		check();
	return !outside->failed;
}

bool machine_finished(void)
{
	for (unsigned i = 0; i < THREADS; i++) {
		const struct machine_thread *thread = &machine.threads[i];

		if (thread->body && thread->kind != STEP_DONE && !thread->dormant)
			return false;
	}
	return true;
}

/* ---- steps ---- */

static unsigned step_at(enum step_kind kind, const void *object, const void *place)
{
	struct machine_thread *thread;

	if (outside->current < 0)
		return 0;
	thread = self();
	thread->kind = kind;
	thread->object = object;
	thread->place = place;
	thread->option = 0;
	leave();
	thread->kind = STEP_START;
	return thread->option;
}

__attribute__((noinline)) unsigned step(enum step_kind kind, const void *object)
{
	return step_at(kind, object, __builtin_return_address(0));
}

static unsigned step_of_port(enum host_step_kind kind, const void *object)
{
	if (outside->current < 0)
		return 0;
	/* Whoever holds the lock of the table reads what nobody else can change. */
	if (kind == HOST_ENTRY_READ && self()->spinlocks)
		return 0;
	if (kind == HOST_RELAX)
		self()->stuck = true;
	return step_at((enum step_kind)kind, object, __builtin_return_address(0));
}

/* The frame that @word belongs to; NULL: it is none of struct frame. */
static const struct frame *frame_around(const void *word)
{
	size_t offset = (uintptr_t)word - (uintptr_t)frame_banks[0].frames;

	return offset < frame_banks[0].count * sizeof(struct frame)
		       ? &frame_banks[0].frames[offset / sizeof(struct frame)]
		       : NULL;
}

/* Counts of frames that others may know; locks have steps of their own. */
__attribute__((noinline)) void step_atomic(const void *word)
{
	const struct frame *frame;

	if (!outside || outside->current < 0)
		return;
	if (!outside->fine) {
		frame = frame_around(word);
		if (!frame || word != &frame->references || frame->kind < FRAME_USER)
			return;
	}
	step_at(STEP_ATOMIC, word, __builtin_return_address(0));
}

void __real_spin_lock(struct spinlock *lock);
void __real_spin_lock_nested(struct spinlock *lock);
void __real_spin_unlock(struct spinlock *lock);

static void before_spin_lock(struct spinlock *lock, const void *place)
{
	if (outside->current < 0)
		return;
	if (outside->fine) /* its own steps are inside */
		(void)0;
	else if (frame_around(lock))
		step_at(STEP_LOCK, lock, place);
	else if (lock->locked) /* there is no step while it is held */
		violation("a lock that is never waited for is held");
	self()->spinlocks++;
}

void __wrap_spin_lock(struct spinlock *lock)
{
	before_spin_lock(lock, __builtin_return_address(0));
	__real_spin_lock(lock);
}

void __wrap_spin_lock_nested(struct spinlock *lock)
{
	before_spin_lock(lock, __builtin_return_address(0));
	__real_spin_lock_nested(lock);
}

void __wrap_spin_unlock(struct spinlock *lock)
{
	if (outside->current >= 0)
		self()->spinlocks--;
	__real_spin_unlock(lock);
}

#define WRAP_SLEEPING(function, type)                                                              \
	void __real_##function(struct type *lock);                                                 \
	void __wrap_##function(struct type *lock)                                                  \
	{                                                                                          \
		step_at(STEP_MUTEX, lock, __builtin_return_address(0));                            \
		__real_##function(lock);                                                           \
	}
WRAP_SLEEPING(mutex_lock, mutex)
WRAP_SLEEPING(read_lock, rwlock)
WRAP_SLEEPING(write_lock, rwlock)

void __real_page_copy(void *to, const void *from);
void __wrap_page_copy(void *to, const void *from)
{
	step_at(STEP_COPY, from, __builtin_return_address(0));
	if (frame_of_data(from)->kind < FRAME_USER && frame_of_data(from)->kind != FRAME_TABLE)
		violation("frame %lx is copied after it was freed",
			  (unsigned long)frame_number(frame_of_data(from)));
	__real_page_copy(to, from);
}

/* An object that was freed reads as nonsense from then on. */
void __real_slab_free(struct slab_cache *cache, void *object);
void __wrap_slab_free(struct slab_cache *cache, void *object)
{
	memset(object, 0x6b, cache->size);
	__real_slab_free(cache, object);
}

/* ---- what sched and debug would supply ---- */

void thread_yield(void)
{
	self()->stuck = true;
	step_at(STEP_YIELD, NULL, __builtin_return_address(0));
}

int thread_block(u64 deadline, enum wait_mode mode)
{
	if (self()->spinlocks)
		violation("asleep with a spinlock held");
	self()->interruptible = self()->signalled && mode != WAIT_UNINTERRUPTIBLE;
	step_at(STEP_BLOCK, NULL, __builtin_return_address(0));
	if (self()->interruptible && !thread_current()->wake_pending)
		return -EINTR;
	thread_current()->wake_pending = false;
	return 0;
}

bool thread_wake_deferred(struct thread *thread, enum thread_wake kind, u64 *kicks)
{
	bool first = !thread->wake_pending;

	thread->wake_pending = true;
	return first;
}

bool thread_wake(struct thread *thread, enum thread_wake kind)
{
	return thread_wake_deferred(thread, kind, NULL);
}

void cpus_kick(u64 mask)
{
}

void schedule_if_needed(void)
{
}

int thread_sleep_ns(u64 ns, enum wait_mode mode)
{
	return 0;
}

/* The threads that write back and reclaim are not part of this. */
struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
	return NULL;
}

void thread_start(struct thread *thread)
{
}

/* Without kernel stacks. */
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

bool thread_interrupted(enum wait_mode mode)
{
	return false;
}

u64 time_now(void)
{
	return 0;
}

const char *symbol_lookup(vaddr_t pc, size_t *offset)
{
	return NULL;
}

void log_write(enum log_level level, const char *format, ...)
{
}

void violation(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(outside->violation, sizeof(outside->violation), format, arguments);
	va_end(arguments);
	outside->failed = true;
	siglongjmp(outside->escape, 1);
}

void panic_at(const struct trap_frame *frame, const char *format, ...)
{
	va_list arguments;
	char text[300];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	violation("panic: %s", text);
}

void boot_failure(const char *format, ...)
{
	fputs(format, stderr);
	exit(EXIT_FAILURE);
}

static void crashed(int signal)
{
	violation("the kernel crashes: %s", strsignal(signal));
}

static void alarmed(int signal)
{
	if (outside->current >= 0 && outside->steps == outside->steps_at_alarm)
		violation("the kernel runs in circles");
	outside->steps_at_alarm = outside->steps;
}

static void catch_signals(void)
{
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	stack_t stack = { .ss_sp = malloc(STACK_SIZE), .ss_size = STACK_SIZE };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER };
	struct itimerval timer = { { HANG_SECONDS, 0 }, { HANG_SECONDS, 0 } };

	sigaltstack(&stack, NULL);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);
	action.sa_handler = alarmed;
	action.sa_flags |= SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

void machine_boot(void)
{
	struct host_bank bank = { 0, RAM_PAGES * PAGE_SIZE };

	outside = calloc(1, sizeof(*outside));
	outside->current = -1;
	outside->stacks = mmap(NULL, THREADS * STACK_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	machine_fine = &outside->fine;
	catch_signals();
	host_ram_init(&bank, 1);
	host_run_on(0);
	frame_init();
	slab_init();
	/* Each CPU's lists are made at its first use, for ever. */
	for (unsigned i = HOST_CPUS; i--;) {
		host_run_on(i);
		kfree(kmalloc(1));
	}
	host_step = step_of_port;
}
