/*
 * Leaving the CPU, sleeping and waking.
 *
 * No wake-up is lost between thread_block() and thread_wake(). Both hold the lock of the thread's
 * run queue: the one to look at wake_pending, the time-out and thread->work, and, finding
 * nothing, to set SLEEPING; the other to set wake_pending and look for SLEEPING. Whichever comes
 * first, either the sleeper sees the sign or the waker sees the sleeper. The signs of a signal
 * (work) and of a time-out are set before thread_wake() is called, so the same argument holds for
 * them.
 */
#include <arch/time.h>
#include <debug/lock_check.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <sched/runqueue.h>

/* A sleeper's time-out; lives on its stack. */
struct timeout {
	struct timer timer;
	struct thread *thread;
	bool expired; /* [atomic] */
};

static void leave_cpu(bool yields)
{
	unsigned long state = irq_save();
	struct thread *thread = thread_current();
	struct cpu *cpu = thread->cpu;

	lock_check_may_sleep((vaddr_t)__builtin_return_address(0));
	atomic32_and(&thread->work, ~(u32)WORK_RESCHEDULE);
	spin_lock(&cpu->queue_lock);
	if (thread == cpu->idle) {
		if (cpu->queue_length)
			runqueue_switch(cpu);
		else
			spin_unlock(&cpu->queue_lock);
	} else {
		runqueue_put_back(cpu, thread, yields);
		thread->switches_involuntary += cpu->queue_length > 1;
		runqueue_switch(cpu);
	}
	irq_restore(state);
}

void schedule(void)
{
	leave_cpu(false);
}

void thread_yield(void)
{
	leave_cpu(true);
}

void schedule_if_needed(void)
{
	if (unlikely(atomic32_read(&thread_current()->work) & WORK_RESCHEDULE))
		leave_cpu(false);
}

bool thread_interrupted(enum wait_mode mode)
{
	static const u32 interrupting[] = {
		[WAIT_UNINTERRUPTIBLE] = 0,
		[WAIT_INTERRUPTIBLE] = WORK_SIGNAL | WORK_EXIT,
		[WAIT_KILLABLE] = WORK_EXIT,
	};

	return atomic32_read(&thread_current()->work) & interrupting[mode];
}

static bool must_stay_awake(const struct thread *thread, const struct timeout *timeout,
			    enum wait_mode mode)
{
	return thread->wake_pending || (timeout && READ_ONCE(timeout->expired)) ||
	       thread_interrupted(mode);
}

static int sleep_until_woken(struct timeout *timeout, enum wait_mode mode)
{
	struct thread *thread = thread_current();
	unsigned long state;
	struct cpu *cpu = thread_lock(thread, &state);
	int error = 0;

	BUG_ON(thread == cpu->idle);
	if (!must_stay_awake(thread, timeout, mode)) {
		thread->state = THREAD_SLEEPING;
		thread->wait_mode = mode;
		thread->switches_voluntary++;
		runqueue_switch(cpu);
		cpu = cpu_this();
		spin_lock(&cpu->queue_lock);
	}
	if (thread->wake_pending)
		thread->wake_pending = false;
	else if (timeout && READ_ONCE(timeout->expired))
		error = -ETIMEDOUT;
	else if (thread_interrupted(mode))
		error = -EINTR;
	thread_unlock(cpu, state);
	return error;
}

static void expire(struct timer *timer)
{
	struct timeout *timeout = container_of(timer, struct timeout, timer);

	WRITE_ONCE(timeout->expired, true);
	thread_wake(timeout->thread, WAKE_TIMEOUT);
}

int thread_block(u64 deadline, enum wait_mode mode)
{
	struct timeout timeout;
	int error;

	lock_check_may_sleep((vaddr_t)__builtin_return_address(0));
	if (deadline == WAIT_FOREVER)
		return sleep_until_woken(NULL, mode);
	timeout.thread = thread_current();
	timeout.expired = deadline <= time_now();
	timer_init(&timeout.timer, expire);
	if (!timeout.expired)
		timer_start(&timeout.timer, deadline);
	error = sleep_until_woken(&timeout, mode);
	timer_stop_sync(&timeout.timer);
	return error;
}

static bool wakes(const struct thread *thread, enum thread_wake kind)
{
	switch (kind) {
	case WAKE_SIGNAL:
		return thread->wait_mode == WAIT_INTERRUPTIBLE;
	case WAKE_KILL:
		return thread->wait_mode != WAIT_UNINTERRUPTIBLE;
	default:
		return true;
	}
}

bool thread_wake_deferred(struct thread *thread, enum thread_wake kind, u64 *kicks)
{
	unsigned long state;
	struct cpu *cpu = thread_lock(thread, &state);
	bool sleeps = thread->state == THREAD_SLEEPING && wakes(thread, kind);
	bool news = sleeps;

	if (kind == WAKE_NORMAL) {
		news |= !thread->wake_pending;
		thread->wake_pending = true;
	}
	if (sleeps)
		*kicks |= runqueue_wake(cpu, thread, state);
	else
		thread_unlock(cpu, state);
	return news;
}

bool thread_wake(struct thread *thread, enum thread_wake kind)
{
	u64 kicks = 0;
	bool news = thread_wake_deferred(thread, kind, &kicks);

	cpus_kick(kicks);
	return news;
}

void thread_add_work(struct thread *thread, u32 work)
{
	unsigned long state;
	struct cpu *cpu;
	bool runs;

	__atomic_fetch_or(&thread->work.v, work, __ATOMIC_SEQ_CST);
	if (thread == thread_current())
		return;
	/* One that runs is interrupted; any other looks at its work after it was switched to. */
	cpu = thread_lock(thread, &state);
	runs = thread->state == THREAD_RUNNING;
	thread_unlock(cpu, state);
	if (runs)
		cpu_kick(cpu);
}

int thread_sleep_ns(u64 ns, enum wait_mode mode)
{
	u64 now = time_now(), deadline = now + ns < now ? WAIT_FOREVER : now + ns;
	int error;

	do {
		error = thread_block(deadline, mode);
	} while (!error);
	return error == -ETIMEDOUT ? 0 : error;
}

int thread_set_affinity(struct thread *thread, u64 mask)
{
	unsigned long state;
	struct cpu *cpu;
	bool move = false;

	mask &= cpus_online.bits;
	if (!mask)
		return -EINVAL;
	cpu = thread_lock(thread, &state);
	WRITE_ONCE(thread->affinity.bits, mask);
	if (mask >> cpu->index & 1) {
		thread_unlock(cpu, state);
		return 0;
	}
	if (thread->state == THREAD_RUNNABLE && !list_empty(&thread->run_link)) {
		runqueue_remove(cpu, thread);
		WRITE_ONCE(thread->cpu, runqueue_choose(thread));
		move = true;
	}
	thread_unlock(cpu, state);
	if (move)
		cpus_kick(runqueue_place(thread, false));
	else if (thread == thread_current())
		schedule();
	else
		thread_add_work(thread, WORK_RESCHEDULE);
	return 0;
}

void thread_set_nice(struct thread *thread, int nice)
{
	unsigned long state;
	struct cpu *cpu = thread_lock(thread, &state);

	thread->nice = (s8)CLAMP(nice, -20, 19);
	thread_unlock(cpu, state);
}

void thread_exit(void)
{
	struct thread *thread = thread_current();
	unsigned long state;
	struct cpu *cpu;

	lock_check_may_sleep((vaddr_t)__builtin_return_address(0));
	stack_trim();
	cpu = thread_lock(thread, &state);
	thread->state = THREAD_DEAD;
	runqueue_switch(cpu);
	panic("thread %s (tid %d) runs after its end", thread->name, thread->tid);
}
