/*
 * A thread's stack is left before anyone else can run it: a switch holds the run queue's lock from
 * before the thread's state changes until the next thread, on its own stack, gives the lock free
 * (runqueue_finish_switch), and to wake, steal or move a thread takes the lock of the queue that
 * thread->cpu names. on_cpu says the same for those who look without the lock, and is asserted.
 */
#include <arch/mmu.h>
#include <arch/time.h>
#include <debug/lock_check.h>
#include <debug/panic.h>
#include <sched/runqueue.h>

struct cpumask cpus_idle;

void runqueue_init(struct cpu *cpu)
{
	spin_init(&cpu->queue_lock, RANK_RUNQUEUE);
	spin_init(&cpu->timers.lock, RANK_TIMER);
	list_init(&cpu->real_time);
	list_init(&cpu->woken);
	list_init(&cpu->queue);
	cpu->event_deadline = WAIT_FOREVER;
	cpu->slice_deadline = WAIT_FOREVER;
	cpu->tick_deadline = WAIT_FOREVER;
}

static u64 allowed_bits(const struct thread *thread)
{
	return READ_ONCE(thread->affinity.bits) & READ_ONCE(cpus_online.bits);
}

/* Only one CPU at a time is given to a newly woken thread as idle. */
static bool claim_idle(unsigned cpu)
{
	u64 bit = (u64)1 << cpu;

	return __atomic_fetch_and(&cpus_idle.bits, ~bit, __ATOMIC_SEQ_CST) & bit;
}

struct cpu *runqueue_choose(const struct thread *thread)
{
	u64 allowed = allowed_bits(thread), idle = allowed & READ_ONCE(cpus_idle.bits);
	struct cpu *former = thread->cpu;
	u64 former_bit = (u64)1 << former->index;

	/* Woken by an interrupt of the idle CPU itself, which has left the set already. */
	if (former == cpu_this() && former->current == former->idle && !former->queue_length &&
	    allowed & former_bit)
		return former;
	if (idle & former_bit && claim_idle(former->index))
		return former;
	for (idle &= ~former_bit; idle; idle &= idle - 1) {
		unsigned cpu = ctz64(idle);

		if (claim_idle(cpu))
			return &cpus[cpu];
	}
	if (allowed & former_bit || !allowed)
		return former;
	return &cpus[ctz64(allowed)];
}

static __noinline void limit_real_time(struct cpu *cpu)
{
	cpu->slice_deadline = MIN(cpu->slice_deadline, policy_limit(cpu));
}

/* Others wait: the current thread's slice has an end. [rq] */
static void limit_slice(struct cpu *cpu, bool woken)
{
	const struct thread *current = cpu->current;
	u64 left;

	if (current == cpu->idle)
		return;
	if (unlikely(current->priority || !list_empty(&cpu->real_time)))
		limit_real_time(cpu);
	if (unlikely(current->priority))
		return;
	left = current->slice_left;
	if (woken)
		left = MIN(left, (u64)WAKE_GRANULARITY_NS);
	cpu->slice_deadline = MIN(cpu->slice_deadline, current->run_started + left);
}

/*
 * [rq] An idle CPU is woken by an interrupt only if it waits for one: it says so in idle_waiting
 * before it looks at its queue for the last time (cpu_idle), and we look at idle_waiting after
 * the queue was changed. The fence between our two accesses, and the one between its two, let at
 * least one see the other.
 */
static u64 notify(struct cpu *cpu, u64 former_deadline)
{
	atomic_fence();
	if (cpu == cpu_this())
		cpu_want_event(cpu, cpu->slice_deadline);
	else if (READ_ONCE(cpu->idle_waiting) || cpu->slice_deadline < former_deadline)
		return (u64)1 << cpu->index;
	return 0;
}

/* [rq] Returns the set of CPUs to kick. */
static __force_inline u64 enqueue(struct cpu *cpu, struct thread *thread, bool woken)
{
	u64 former_deadline = cpu->slice_deadline;

	woken &= thread->slice_left > 0;
	if (!thread->slice_left)
		thread->slice_left = slice_of(thread);
	if (thread->priority)
		policy_queue(cpu, thread, false);
	else
		list_add_tail(woken ? &cpu->woken : &cpu->queue, &thread->run_link);
	WRITE_ONCE(cpu->queue_length, cpu->queue_length + 1);
	limit_slice(cpu, woken);
	return notify(cpu, former_deadline);
}

void runqueue_put_back(struct cpu *cpu, struct thread *thread, bool yields)
{
	u64 ran = time_now() - thread->run_started;

	thread->state = THREAD_RUNNABLE;
	if (!cpumask_test(&thread->affinity, cpu->index))
		return;
	if (thread->priority) {
		bool over = thread->policy == SCHED_RR && ran >= thread->slice_left;

		if (over)
			thread->slice_left = slice_of(thread) + ran;
		policy_queue(cpu, thread, !yields && !over);
	} else if (yields || ran >= thread->slice_left) {
		thread->slice_left = slice_of(thread) + ran;
		list_add_tail(&cpu->queue, &thread->run_link);
	} else {
		list_add_head(&cpu->queue, &thread->run_link);
	}
	WRITE_ONCE(cpu->queue_length, cpu->queue_length + 1);
}

/* How many threads wait there for the CPU: one that is idle will run the first of its queue. */
static unsigned waiting_on(const struct cpu *cpu)
{
	unsigned length = READ_ONCE(cpu->queue_length);

	return length && READ_ONCE(cpu->current) == cpu->idle ? length - 1 : length;
}

/*
 * A thread waits on a CPU that is busy. One that went idle since we chose will find it: it enters
 * the set of idle CPUs before it looks at the queues' lengths, we read the set after the length
 * was changed.
 */
static u64 call_idle_helper(const struct thread *thread)
{
	u64 idle;

	atomic_fence();
	idle = allowed_bits(thread) & READ_ONCE(cpus_idle.bits);
	return idle & -idle;
}

/*
 * [rq] On the queue of @cpu, if it may run there: adds to *@kicks the CPUs to kick. An idle helper is looked
 * for after the queue's length was changed, with the lock held or not.
 */
static __force_inline bool place_here(struct cpu *cpu, struct thread *thread, bool woken,
				      u64 *kicks)
{
	u64 allowed = allowed_bits(thread);

	if (unlikely(!(allowed >> cpu->index & 1) && allowed))
		return false;
	*kicks |= enqueue(cpu, thread, woken);
	if (waiting_on(cpu))
		*kicks |= call_idle_helper(thread);
	return true;
}

u64 runqueue_place(struct thread *thread, bool woken)
{
	u64 kicks = 0;

	/* On no queue, the thread stays where we put it. */
	for (;;) {
		struct cpu *cpu = thread->cpu;
		unsigned long state = spin_lock_irqsave(&cpu->queue_lock);
		bool placed = place_here(cpu, thread, woken, &kicks);

		spin_unlock_irqrestore(&cpu->queue_lock, state);
		if (placed)
			return kicks;
		/* If it was chosen for being idle, it has left the set of those: wake it. */
		kicks |= (u64)1 << cpu->index;
		WRITE_ONCE(thread->cpu, runqueue_choose(thread));
	}
}

u64 runqueue_wake(struct cpu *cpu, struct thread *thread, unsigned long state)
{
	struct cpu *chosen = runqueue_choose(thread);
	u64 kicks = 0;

	thread->state = THREAD_RUNNABLE;
	if (likely(chosen == cpu) && place_here(cpu, thread, true, &kicks)) {
		thread_unlock(cpu, state);
		return kicks;
	}
	WRITE_ONCE(thread->cpu, chosen);
	thread_unlock(cpu, state);
	return runqueue_place(thread, true);
}

void runqueue_remove(struct cpu *cpu, struct thread *thread)
{
	list_remove_init(&thread->run_link);
	WRITE_ONCE(cpu->queue_length, cpu->queue_length - 1);
}

static struct thread *find_allowed(struct list_node *list, unsigned cpu)
{
	struct thread *thread;

	list_for_each_entry(thread, list, run_link) {
		if (cpumask_test(&thread->affinity, cpu))
			return thread;
	}
	return NULL;
}

static struct thread *steal_from(struct cpu *victim, struct cpu *cpu)
{
	struct thread *thread;

	spin_lock(&victim->queue_lock);
	thread = find_allowed(&victim->real_time, cpu->index);
	if (!thread)
		thread = find_allowed(&victim->queue, cpu->index);
	if (!thread)
		thread = find_allowed(&victim->woken, cpu->index);
	if (thread) {
		runqueue_remove(victim, thread);
		WRITE_ONCE(thread->cpu, cpu);
		if (!victim->queue_length)
			victim->slice_deadline = WAIT_FOREVER;
	}
	spin_unlock(&victim->queue_lock);
	return thread;
}

bool runqueue_steal(struct cpu *cpu)
{
	u64 tried = (u64)1 << cpu->index;

	for (;;) {
		unsigned longest = 0, index;
		struct cpu *victim = NULL;
		struct thread *thread;

		cpumask_for_each(index, &cpus_online) {
			unsigned length = waiting_on(&cpus[index]);

			if (length > longest && !(tried >> index & 1)) {
				longest = length;
				victim = &cpus[index];
			}
		}
		if (!victim)
			return false;
		thread = steal_from(victim, cpu);
		if (thread) {
			cpu->steals++;
			cpus_kick(runqueue_place(thread, true));
			return true;
		}
		tried |= (u64)1 << victim->index;
	}
}

/* [rq] */
static struct thread *next_thread(struct cpu *cpu, u64 now)
{
	struct thread *first, *thread;

	first = list_first_entry_or_null(&cpu->real_time, struct thread, run_link);
	if (unlikely((first || cpu->current->priority) && policy_goes_first(cpu, first, now))) {
		runqueue_remove(cpu, first);
		return first;
	}
	thread = list_first_entry_or_null(&cpu->woken, struct thread, run_link);
	if (!thread)
		thread = list_first_entry_or_null(&cpu->queue, struct thread, run_link);
	if (!thread)
		return cpu->idle;
	runqueue_remove(cpu, thread);
	return thread;
}

/* [rq] */
static void begin_run(struct cpu *cpu, struct thread *thread, u64 now)
{
	cpu->current = thread;
	thread->state = THREAD_RUNNING;
	thread->run_started = now;
	thread->time_mark = now;
	if (unlikely(thread->sequence_cpu != cpu->index + 1) && thread->sequence_cpu)
		atomic32_or(&thread->work, WORK_SEQUENCE);
	cpu->slice_deadline = WAIT_FOREVER;
	if (cpu->queue_length)
		limit_slice(cpu, !list_empty(&cpu->woken));
	cpu->tick_deadline = thread->process ? now + TICK_NS : WAIT_FOREVER;
	cpu_want_event(cpu, MIN(cpu->slice_deadline, cpu->tick_deadline));
}

void runqueue_switch(struct cpu *cpu)
{
	u64 now = time_now();
	struct thread *former = cpu->current, *next = next_thread(cpu, now);
	u64 ran = now - former->run_started;

	time_charge(cpu, now, CHARGE_UNKNOWN);
	former->slice_left -= MIN(former->slice_left, ran);
	begin_run(cpu, next, now);
	if (next == former) {
		spin_unlock(&cpu->queue_lock);
		return;
	}
	assert(!read_acquire(&next->on_cpu));
	WRITE_ONCE(next->on_cpu, true);
	cpu->previous = former;
	cpu->switches++;
	lock_check_transfer(&cpu->queue_lock, LOCK_SPIN, former, next);
	if (next->mmu != former->mmu)
		mmu_switch(next->mmu);
	thread_context_switch(former, next);
	runqueue_finish_switch();
}

void runqueue_finish_switch(void)
{
	struct cpu *cpu = cpu_this();
	struct thread *former = cpu->previous;
	/* Not allowed on this CPU any more: it must move, now that its stack is free. */
	bool homeless = former->state == THREAD_RUNNABLE && list_empty(&former->run_link);
	bool dead = former->state == THREAD_DEAD;

	if (homeless)
		WRITE_ONCE(former->cpu, runqueue_choose(former));
	store_release(&former->on_cpu, false);
	spin_unlock(&cpu->queue_lock);
	if (homeless)
		cpus_kick(runqueue_place(former, false));
	if (dead)
		thread_put(former);
}
