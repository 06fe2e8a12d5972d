/*
 * The CPUs: their start, their idle loops, and the interrupts that concern the scheduler.
 */
#include <arch/smp.h>
#include <arch/time.h>
#include <boot/command_line.h>
#include <debug/lock_check.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <sched/runqueue.h>

struct cpu cpus[CPU_MAX];
unsigned cpu_count = 1;
struct cpumask cpus_online;

struct thread cpu_boot_thread = {
	.cpu = &cpus[0],
	.name = "idle/0",
	.state = THREAD_RUNNING,
	.on_cpu = true,
	.affinity = { 1 },
	.references = ATOMIC_INIT(1),
	.run_link = LIST_INIT(cpu_boot_thread.run_link),
};

static unsigned cpu_limit = CPU_MAX;

static int set_limit(const char *value)
{
	u64 limit;
	const char *end;

	if (!value || parse_u64(value, &end, 10, &limit) || *end || !limit)
		return -EINVAL;
	cpu_limit = MIN(limit, (u64)CPU_MAX);
	return 0;
}
COMMAND_LINE("maxcpus", set_limit);

void sched_init(void)
{
	struct cpu *cpu = &cpus[0];

	for (unsigned i = 0; i < CPU_MAX; i++) {
		cpus[i].index = i;
		runqueue_init(&cpus[i]);
	}
	stack_init();
	cpu->idle = &cpu_boot_thread;
	cpu->current = &cpu_boot_thread;
	cpu->online = true;
	cpumask_set(&cpus_online, 0);
}

static void idle_entry(void *argument)
{
	panic("idle thread was entered by a switch");
}

static bool start(unsigned index)
{
	const u64 patience = 1000000000;
	struct cpu *cpu = &cpus[index];
	struct thread *idle = thread_create("idle", idle_entry, NULL);
	u64 started;

	if (!idle)
		return false;
	idle->name[4] = '/';
	idle->name[5] = '0' + index / 10;
	idle->name[6] = '0' + index % 10;
	idle->cpu = cpu;
	idle->affinity.bits = (u64)1 << index;
	idle->state = THREAD_RUNNING;
	idle->on_cpu = true;
	cpu->idle = idle;
	cpu->current = idle;
	if (smp_start(index, idle)) {
		cpu->idle = NULL;
		cpu->current = NULL;
		idle->state = THREAD_NEW;
		thread_put(idle);
		return false;
	}
	for (started = time_now(); !read_acquire(&cpu->online); cpu_relax()) {
		if (time_now() - started > patience)
			return false;
	}
	return true;
}

/* A CPU that does not start is not fatal, and is not waited for again. */
void smp_boot(unsigned max)
{
	unsigned count = smp_enumerate(MIN(max, cpu_limit));

	cpu_count = MAX(count, 1u);
	for (unsigned i = 1; i < count; i++) {
		if (!start(i))
			log_warning("smp: CPU %u does not start; going on without it", i);
	}
}

void cpu_main(void)
{
	struct cpu *cpu = cpu_this();

	cpu->idle->time_mark = time_now();
	cpumask_set(&cpus_online, cpu->index);
	store_release(&cpu->online, true);
	cpu_idle();
}

/*
 * Why no wake-up is lost between the last look at the queue and the sleep: idle_waiting is set,
 * and the set of idle CPUs entered, before that look, with a full barrier in between. Whoever
 * puts a thread on our queue, or on another where it must wait, looks at these two after it, also
 * behind a barrier (notify() and call_idle_helper() in runqueue.c). So either we see the thread,
 * or it sees us and sends an interrupt; and since interrupts are off from before the look, that
 * stays pending until the wait, which returns for a pending interrupt. It is taken when
 * interrupts are enabled.
 */
static void idle_once(struct cpu *cpu)
{
	irq_disable();
	WRITE_ONCE(cpu->idle_waiting, true);
	cpumask_set(&cpus_idle, cpu->index);
	if (!READ_ONCE(cpu->queue_length) && !runqueue_steal(cpu))
		cpu_wait_for_interrupt();
	WRITE_ONCE(cpu->idle_waiting, false);
	cpumask_clear(&cpus_idle, cpu->index);
	irq_enable();
}

void cpu_idle(void)
{
	struct cpu *cpu = cpu_this();

	for (;;) {
		log_deliver();
		idle_once(cpu);
		schedule();
	}
}

void cpu_kick(struct cpu *cpu)
{
	if (cpu == cpu_this() || !READ_ONCE(cpu->online))
		return;
	/* One interrupt answers for all that was asked before the other CPU clears the mark. */
	if (!atomic_exchange_value(&cpu->kicked, 1))
		smp_send_ipi(cpu->index);
}

void cpus_kick(u64 set)
{
	for (; set; set &= set - 1)
		cpu_kick(&cpus[ctz64(set)]);
}

struct cpu *interrupt_enter(void)
{
	struct cpu *cpu = cpu_this();

	cpu->irq_depth++;
	cpu->interrupts++;
	lock_check_interrupt_enter();
	return cpu;
}

void interrupt_exit(struct cpu *cpu)
{
	lock_check_interrupt_exit();
	cpu->irq_depth--;
}

void ipi_interrupt(void)
{
	struct cpu *cpu = interrupt_enter();

	atomic_exchange_value(&cpu->kicked, 0);
	memory_barrier();
	store_release(&cpu->barriers, cpu->barriers + 1);
	cpu_want_event(cpu, READ_ONCE(cpu->slice_deadline));
	interrupt_exit(cpu);
}

void cpu_want_event(struct cpu *cpu, u64 deadline)
{
	if (deadline >= cpu->event_deadline)
		return;
	cpu->event_deadline = deadline;
	time_set_event(deadline);
}

static void set_next_event(struct cpu *cpu)
{
	u64 next = MIN(cpu->tick_deadline, timer_next(cpu));

	next = MIN(next, READ_ONCE(cpu->slice_deadline));
	cpu->event_deadline = next;
	if (next == WAIT_FOREVER)
		time_clear_event();
	else
		time_set_event(next);
}

void timer_interrupt(void)
{
	struct cpu *cpu = interrupt_enter();
	u64 now = time_now();

	/* A handler's timer_start() must not program the clock for less than what is due. */
	cpu->event_deadline = 0;
	time_charge(cpu, now, trap_interrupted_user() ? CHARGE_USER : CHARGE_SYSTEM);
	timer_run(cpu, now);
	if (now >= cpu->tick_deadline)
		cpu->tick_deadline = now + TICK_NS;
	if (now >= READ_ONCE(cpu->slice_deadline)) {
		atomic32_or(&cpu->current->work, WORK_RESCHEDULE);
		WRITE_ONCE(cpu->slice_deadline, WAIT_FOREVER);
	}
	set_next_event(cpu);
	log_deliver();
	interrupt_exit(cpu);
}

/* All of a stretch that did not end at a tick is one half user time: nobody knows better. */
void time_charge(struct cpu *cpu, u64 now, enum charge to)
{
	struct thread *thread = cpu->current;
	u64 ran = now - MIN(now, thread->time_mark), user = 0;

	thread->time_mark = now;
	if (thread == cpu->idle) {
		cpu->time_idle += ran;
		return;
	}
	if (thread->process && to != CHARGE_SYSTEM)
		user = to == CHARGE_USER ? ran : ran / 2;
	thread->time_user += user;
	thread->time_system += ran - user;
	cpu->time_user += user;
	cpu->time_system += ran - user;
}

void cpu_times(const struct cpu *cpu, u64 *user, u64 *system, u64 *idle)
{
	const struct thread *current = READ_ONCE(cpu->current);

	*user = READ_ONCE(cpu->time_user);
	*system = READ_ONCE(cpu->time_system);
	*idle = READ_ONCE(cpu->time_idle);
	if (current && current == cpu->idle) {
		u64 mark = READ_ONCE(current->time_mark), now = time_now();

		*idle += now - MIN(now, mark);
	}
}
