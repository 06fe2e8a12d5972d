#include <arch/machine.h>
#include <arch/smp.h>
#include <arch/trap.h>
#include <boot/command_line.h>
#include <debug/lock_check.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <sched/cpu.h>

enum { BACKTRACE_MAX = 32, NOBODY = ~0u };

bool panic_started;
static u32 panic_cpu = NOBODY; /* who panics; the others stop */
static bool stay;

/* Also a number, as for Linux: 0 stays, seconds until a restart are a failure here. */
static int set_panic(const char *value)
{
	const char *end;
	u64 seconds;

	if (!value)
		return -EINVAL;
	if (string_equal(value, "halt") || string_equal(value, "off")) {
		stay = value[0] == 'h';
		return 0;
	}
	if (parse_u64(value + (*value == '-'), &end, 10, &seconds) || *end)
		return -EINVAL;
	stay = seconds == 0;
	return 0;
}
COMMAND_LINE("panic", set_panic);

void backtrace_print(const struct trap_frame *frame)
{
	vaddr_t pcs[BACKTRACE_MAX];
	unsigned count = backtrace_collect(frame, pcs, BACKTRACE_MAX);

	log_error("backtrace:");
	for (unsigned i = 0; i < count; i++) {
		/* A call that does not return may be the last of its function: look before its end. */
		unsigned back = !frame || i;
		size_t offset;
		const char *name = symbol_lookup(pcs[i] - back, &offset);

		log_error("  %016lx %s+0x%zx", (unsigned long)pcs[i], name ? name : "(text)",
			  offset + back);
	}
}

static void print_others(unsigned self)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		const struct thread *thread = cpus[i].current;

		if (!thread || !cpus[i].online)
			continue;
		log_error("%s cpu %u: %s (tid %d), %s%s", i == self ? "this" : "    ", i,
			  thread->name, thread->tid, thread == cpus[i].idle ? "idle" : "running",
			  cpus[i].irq_depth ? ", in an interrupt" : "");
		lock_check_print(thread);
	}
}

static __noreturn void stop_here(void)
{
	irq_disable();
	for (;;)
		cpu_wait_for_interrupt();
}

static __noreturn void end_failed(void)
{
	if (stay)
		stop_here();
	machine_power(POWER_FAILURE);
}

/* The first CPU goes on; any other, and the first when it fails again, ends here. */
static void claim_panic(void)
{
	u32 self = cpu_this()->index, expected = NOBODY;

	irq_disable();
	if (atomic_replace_value(&panic_cpu, &expected, self)) {
		WRITE_ONCE(panic_started, true);
		log_set_console_level(LOG_DEBUG + 1);
		smp_stop_others();
		return;
	}
	if (expected != self)
		stop_here();
	log_error("panic: failed again while reporting");
	end_failed();
}

void panic_at(const struct trap_frame *frame, const char *format, ...)
{
	char message[256];
	const struct thread *thread;
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	claim_panic();
	thread = thread_current();
	log_error("panic: %s", message);
	log_error("panic: cpu %u, thread %s (tid %d)", cpu_this()->index, thread->name,
		  thread->tid);
	if (frame)
		trap_print(frame);
	backtrace_print(frame);
	print_others(cpu_this()->index);
	log_error("panic: end of report");
	end_failed();
}

void boot_failure(const char *format, ...)
{
	char message[320];
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	log_set_console_level(LOG_DEBUG + 1);
	log_error("cannot boot: %s", message);
	end_failed();
}
