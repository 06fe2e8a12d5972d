/* The way back to user mode: exit, rescheduling, handlers and default actions. */
#include <arch/thread.h>
#include <arch/time.h>
#include <debug/log.h>
#include <lib/errno.h>
#include <mm/space.h>
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

/*
 * Take what is pending until a handler is to run: its signal number, or 0. Default actions happen
 * here.
 */
static int next_handled(const struct trap_frame *frame, struct signal_info *info,
			struct signal_action *action)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;

	for (;;) {
		unsigned long state = signal_lock(process);
		struct signal_action *at;
		u32 count = process->continue_count;
		bool stop = process->stop_signal;
		int signo = 0;

		if (!stop)
			signo = signal_dequeue_locked(process, &user->pending, ~user->blocked,
						      info);
		if (!stop && !signo)
			signo = signal_dequeue_locked(process, &process->pending, ~user->blocked,
						      info);
		if (!stop && !signo)
			signal_update_work_locked();
		at = &process->actions->actions[signo ? signo - 1 : 0];
		*action = *at;
		if (signo && action->handler > SIG_IGN && action->flags & SA_RESETHAND)
			at->handler = SIG_DFL;
		signal_unlock(process, state);

		if (stop)
			signal_stop_sleep();
		else if (!signo || action->handler > SIG_IGN)
			return signo;
		if (thread_interrupted(WAIT_KILLABLE))
			return 0;
		if (stop || action->handler == SIG_IGN || SIGNALS_IGNORED & SIGNAL_BIT(signo))
			continue;
		if (process == process_init && user->fault_signal != signo)
			continue;
		if (SIGNALS_STOP & SIGNAL_BIT(signo)) {
			signal_stop_begin(signo, count);
			continue;
		}
		report_fault(frame, info);
		process_exit_group(signo);
	}
}

static bool on_signal_stack(const struct signal_stack *stack, vaddr_t sp)
{
	return !((u32)stack->flags & SS_AUTODISARM) && sp > stack->sp &&
	       sp - stack->sp <= stack->size;
}

/*
 * What sigreturn is to restore: the mask before sigsuspend(2) and its like, else the present one.
 */
static u64 mask_for_frame(struct thread *thread)
{
	if (!(atomic32_fetch_and(&thread->work, ~(u32)WORK_RESTORE_MASK) & WORK_RESTORE_MASK))
		return thread->user->blocked;
	return thread->user->saved_mask;
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

	if (action->flags & SA_ONSTACK && stack.size && !(stack.flags & SS_DISABLE) &&
	    !on_signal_stack(&stack, sp))
		top = stack.sp + stack.size;
	else if (on_signal_stack(&stack, sp) && sp - stack.sp < SIGNAL_STACK_MIN / 2)
		error = -EFAULT;
	if (!error)
		error = signal_frame_push(frame, info, mask, &stack, action->handler, top);
	if (error) {
		/* Its own handler cannot tell it that there is no stack. */
		if (info->signo == SIGSEGV)
			signal_set_action(SIGSEGV, &(struct signal_action){ .handler = SIG_DFL },
					  NULL);
		signal_set_blocked(mask);
		signal_force_fault(SIGSEGV, SI_KERNEL, 0);
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
 * An interrupted system call: run it again, or say EINTR. A call with a deadline keeps it in
 * restart_deadline and is run again with its own arguments, unless a handler came between.
 */
static void restart_syscall(struct trap_frame *frame, const struct signal_action *handler)
{
	long result = trap_result(frame);
	bool again = true;

	if (!trap_in_syscall(frame) || !is_restart(result))
		return;
	if (handler)
		again = result == -ERESTARTNOINTR ||
			(result == -ERESTARTSYS && handler->flags & SA_RESTART);
	if (!again || result != -ERESTART_RESTARTBLOCK)
		thread_current()->user->restart_deadline = 0;
	if (again)
		trap_restart_syscall(frame);
	else
		trap_set_result(frame, -EINTR);
	trap_forget_syscall(frame);
}

static void handle_signals(struct trap_frame *frame)
{
	struct signal_action action;
	struct signal_info info;
	struct thread *thread = thread_current();

	while (next_handled(frame, &info, &action)) {
		restart_syscall(frame, &action);
		run_handler(frame, &info, &action);
	}
	if (atomic32_read(&thread->work) & WORK_EXIT)
		return;
	restart_syscall(frame, NULL);
	if (atomic32_fetch_and(&thread->work, ~(u32)WORK_RESTORE_MASK) & WORK_RESTORE_MASK)
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

	if (work & WORK_RESCHEDULE)
		schedule_if_needed();
	if (work & (WORK_SIGNAL | WORK_RESTORE_MASK))
		handle_signals(frame);
	if (atomic32_read(&thread->work) & WORK_EXIT)
		end_by_order();
}
