/* The way back to user mode: exit, rescheduling, handlers and default actions. */
#include <arch/thread.h>
#include <arch/time.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <mm/space.h>
#include <proc/ptrace.h>
#include <proc/rseq.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>
#include <sched/cpu.h>

vaddr_t signal_trampoline(void)
{
	return space_current()->vdso + vdso_signal_return_offset();
}

static const char *signal_name(int signo)
{
	switch (signo) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGILL:
		return "SIGILL";
	case SIGFPE:
		return "SIGFPE";
	case SIGTRAP:
		return "SIGTRAP";
	default:
		return "signal";
	}
}

/* At most ten lines in five seconds, so that no program can drown the log. */
static bool report_allowed(void)
{
	const u64 period = 5000000000;
	static struct atomic64 period_start;
	static struct atomic32 reports;
	u64 now = time_now(), start = atomic64_read(&period_start);

	if (now - start > period && atomic64_cmpxchg(&period_start, start, now) == start)
		atomic32_set(&reports, 0);
	return atomic32_inc_return(&reports) <= 10;
}

static void report_fault(const struct trap_frame *frame, const struct signal_info *info)
{
	struct thread *thread = thread_current();
	const char *cause = "";

	if (thread->user->fault_signal != info->signo || !report_allowed())
		return;
	if (info->signo == SIGSEGV && info->code == SEGV_MAPERR)
		cause = ", nothing is mapped there";
	else if (info->signo == SIGSEGV && info->code == SEGV_ACCERR)
		cause = ", the mapping does not allow it";
	log_info("%s[%d]: killed by %s: address %#llx%s; pc %#lx, sp %#lx\n", thread->name,
		 thread->tid, signal_name(info->signo), (unsigned long long)info->fault.address,
		 cause, trap_pc(frame), trap_stack(frame));
}

/* Take the first signal that this thread may take: its number, or 0. Signal lock held. */
static int take_locked(struct process *process, struct signal_info *info)
{
	struct user_thread *user = thread_current()->user;
	u64 wanted = ~user->blocked;

	if (user->pending.set & wanted)
		return signal_dequeue_locked(process, &user->pending, wanted, info);
	return signal_dequeue_locked(process, &process->pending, wanted, info);
}

/* Its action, which SA_RESETHAND makes the default one from here on. Signal lock held. */
static void take_action_locked(struct process *process, int signo, struct signal_action *action)
{
	struct signal_action *at = &process->actions->actions[signo - 1];

	*action = *at;
	if (action->handler > SIG_IGN && action->flags & SA_RESETHAND)
		at->handler = SIG_DFL;
}

/* The tracer sees the signal first: which one is to be delivered, or 0, and its action. */
static __noinline int show_tracer(int signo, struct signal_info *info, struct signal_action *action)
{
	struct process *process = process_current();
	unsigned long state;

	signo = trace_signal(signo, info);
	if (!signo)
		return 0;
	state = signal_lock(process);
	take_action_locked(process, signo, action);
	signal_unlock(process, state);
	return signo;
}

/*
 * Stops, the tracer's wishes, and the next signal: its number and *@action, or 0. *@again: look once
 * more.
 */
static int next_signal(struct signal_info *info, struct signal_action *action, u32 *continue_count,
		       bool *again)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	unsigned long state = signal_lock(process);
	bool trap = trace_trap_pending_locked(user);
	bool stop = trace_stops_with_process(process, user);
	bool traced = user->trace;
	int signo = 0;

	*continue_count = process->continue_count;
	if (!stop && !trap) {
		signo = take_locked(process, info);
		if (!signo)
			signal_update_work_locked();
		else if (!traced)
			take_action_locked(process, signo, action);
	}
	signal_unlock(process, state);
	*again = stop || trap || signo;
	if (stop)
		signal_stop_sleep();
	else if (trap)
		trace_trap();
	return signo && traced ? show_tracer(signo, info, action) : signo;
}

/* What becomes of @signo without a handler: nothing, a stop, or the end. @count: as it was taken. */
static __noinline void act_by_default(const struct trap_frame *frame,
				      const struct signal_info *info, int signo, u32 count)
{
	if (SIGNALS_IGNORED & SIGNAL_BIT(signo))
		return;
	if (process_current() == process_init && thread_current()->user->fault_signal != signo)
		return;
	if (SIGNALS_STOP & SIGNAL_BIT(signo)) {
		signal_stop_begin(signo, count);
		return;
	}
	report_fault(frame, info);
	process_exit_group(signo);
}

/*
 * Take what is pending until a handler is to run: its signal number, or 0. Default actions happen
 * here.
 */
static int next_handled(const struct trap_frame *frame, struct signal_info *info,
			struct signal_action *action)
{
	bool again = true;
	u32 count;

	while (again) {
		int signo = next_signal(info, action, &count, &again);

		if (signo && action->handler > SIG_IGN)
			return signo;
		if (thread_interrupted(WAIT_KILLABLE))
			return 0;
		if (signo && action->handler == SIG_DFL)
			act_by_default(frame, info, signo, count);
	}
	return 0;
}

static bool on_signal_stack(const struct signal_stack *stack, vaddr_t sp)
{
	return !((u32)stack->flags & SS_AUTODISARM) && sp > stack->sp &&
	       sp - stack->sp <= stack->size;
}

/* Only the thread itself sets that bit. */
static bool take_restore_mask(struct thread *thread)
{
	if (likely(!(atomic32_read(&thread->work) & WORK_RESTORE_MASK)))
		return false;
	atomic32_and(&thread->work, ~(u32)WORK_RESTORE_MASK);
	return true;
}

/*
 * What sigreturn is to restore: the mask before sigsuspend(2) and its like, else the present one.
 */
static u64 mask_for_frame(struct thread *thread)
{
	return take_restore_mask(thread) ? thread->user->saved_mask : thread->user->blocked;
}

/* There is no stack for the handler of @signo: one of SIGSEGV's own could not be told either. */
static __noinline void fail_handler(int signo, u64 mask)
{
	struct signal_action standard = { .handler = SIG_DFL };

	if (signo == SIGSEGV)
		signal_set_action(SIGSEGV, &standard, NULL);
	signal_set_blocked(mask);
	signal_force_fault(SIGSEGV, SI_KERNEL, 0);
}

static void run_handler(struct trap_frame *frame, const struct signal_info *info,
			const struct signal_action *action)
{
	struct thread *thread = thread_current();
	struct user_thread *user = thread->user;
	struct signal_stack stack = user->stack;
	vaddr_t sp = trap_stack(frame), top = sp;
	u64 mask = mask_for_frame(thread), blocked = user->blocked | action->mask;
	int error = 0;

	if (unlikely(user->rseq))
		rseq_leave_section(frame);
	if (action->flags & SA_ONSTACK && stack.size && !(stack.flags & SS_DISABLE) &&
	    !on_signal_stack(&stack, sp))
		top = stack.sp + stack.size;
	else if (on_signal_stack(&stack, sp) && sp - stack.sp < SIGNAL_STACK_MIN / 2)
		error = -EFAULT;
	if (!error)
		error = signal_frame_push(frame, info, mask, &stack, action->handler, top);
	if (error) {
		fail_handler(info->signo, mask);
		return;
	}
	user->fault_signal = 0;
	if ((u32)stack.flags & SS_AUTODISARM)
		user->stack = (struct signal_stack){ .flags = SS_DISABLE };
	if (!(action->flags & SA_NODEFER))
		blocked |= SIGNAL_BIT(info->signo);
	signal_set_blocked(blocked);
}

static bool is_restart(long result)
{
	return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

/*
 * An interrupted system call is to run again, unless a handler says otherwise: it is backed up to before signals
 * are taken, so that a debugger that makes the thread do something else in between and then puts its
 * registers back sees to the restart, too. A call with a deadline keeps it in restart_deadline and is run again with
 * its own arguments, unless a handler came between.
 */
struct restart {
	long result; /* 0: there is none */
	vaddr_t again, after;
};

static struct restart restart_begin(struct trap_frame *frame)
{
	struct restart restart = { 0 };
	long result = trap_result(frame);

	if (!trap_in_syscall(frame) || !is_restart(result))
		return restart;
	restart.result = result;
	restart.after = trap_pc(frame);
	trap_restart_syscall(frame);
	trap_forget_syscall(frame);
	restart.again = trap_pc(frame);
	if (result != -ERESTART_RESTARTBLOCK)
		thread_current()->user->restart_deadline = 0;
	return restart;
}

/* A handler runs first: it may end the call with EINTR. */
static void restart_decide(struct trap_frame *frame, struct restart *restart,
			   const struct signal_action *handler)
{
	long result = restart->result;

	restart->result = 0;
	if (!result || result == -ERESTARTNOINTR ||
	    (result == -ERESTARTSYS && handler->flags & SA_RESTART))
		return;
	thread_current()->user->restart_deadline = 0;
	if (trap_pc(frame) != restart->again)
		return;
	trap_set_pc(frame, restart->after);
	trap_set_result(frame, -EINTR);
}

static void handle_signals(struct trap_frame *frame)
{
	struct signal_action action;
	struct signal_info info;
	struct thread *thread = thread_current();
	struct restart restart;

	if (unlikely(thread->user->trace))
		trace_late_leave();
	restart = restart_begin(frame);
	/* The mask that the handler runs with says whether there is more to take. */
	while (next_handled(frame, &info, &action)) {
		restart_decide(frame, &restart, &action);
		run_handler(frame, &info, &action);
		if (!(atomic32_read(&thread->work) & WORK_SIGNAL))
			break;
	}
	if (atomic32_read(&thread->work) & WORK_EXIT)
		return;
	if (take_restore_mask(thread))
		signal_set_blocked(thread->user->saved_mask);
}

/* Told to end: by exit_group(2), a fatal signal, or another thread's exec. */
static __noreturn void end_by_order(void)
{
	struct process *process = process_current();

	if (process->exiting)
		process_exit_group(process->exit_status);
	process_exit_thread(0);
}

void user_return_work(struct trap_frame *frame)
{
	struct thread *thread = thread_current();
	u32 work = atomic32_read(&thread->work);

	if (work & WORK_RESCHEDULE) {
		schedule_if_needed();
		if (thread->user->rseq)
			rseq_leave_section(frame);
	}
	if (atomic32_read(&thread->work) & WORK_SEQUENCE)
		rseq_update(frame);
	if (work & (WORK_SIGNAL | WORK_RESTORE_MASK))
		handle_signals(frame);
	if (atomic32_read(&thread->work) & WORK_EXIT)
		end_by_order();
}
