/* Blocking signals, and taking pending ones without a handler. */
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

bool signal_pending(void)
{
	return thread_signal_pending(thread_current());
}

static u64 deliverable_locked(struct process *process, struct user_thread *user)
{
	return (user->pending.set | process->pending.set) & ~user->blocked;
}

static __force_inline void update_work_locked(void)
{
	struct thread *thread = thread_current();
	struct process *process = thread->process;

	if (deliverable_locked(process, thread->user) ||
	    trace_stops_with_process(process, thread->user) ||
	    trace_trap_pending_locked(thread->user))
		thread_add_work(thread, WORK_SIGNAL);
	else
		atomic32_and(&thread->work, ~(u32)WORK_SIGNAL);
}

void signal_update_work_locked(void)
{
	update_work_locked();
}

/* What this thread was to take and now blocks goes to another one. */
static __noinline void hand_on(u64 set)
{
	struct process *process = process_current();
	unsigned long state = tree_lock();

	spin_lock(&process->actions->lock);
	signal_retarget_locked(process, set);
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
}

void signal_set_blocked(u64 mask)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	unsigned long state = signal_lock(process);
	u64 newly;

	mask &= ~SIGNALS_UNBLOCKABLE;
	newly = mask & ~user->blocked & process->pending.set;
	user->blocked = mask;
	update_work_locked();
	signal_unlock(process, state);
	if (newly)
		hand_on(newly);
}

int signal_mask_begin(vaddr_t address, u64 size)
{
	struct user_thread *user = thread_current()->user;
	u64 mask;

	if (!address)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_in(&mask, address, sizeof(mask)))
		return -EFAULT;
	user->saved_mask = user->blocked;
	atomic32_or(&thread_current()->work, WORK_RESTORE_MASK);
	signal_set_blocked(mask);
	return 0;
}

void signal_mask_end(bool interrupted)
{
	struct thread *thread = thread_current();

	if (interrupted || !(atomic32_read(&thread->work) & WORK_RESTORE_MASK))
		return;
	atomic32_and(&thread->work, ~(u32)WORK_RESTORE_MASK);
	signal_set_blocked(thread->user->saved_mask);
}

u64 signal_pending_set(void)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	unsigned long state = signal_lock(process);
	u64 set = user->pending.set | process->pending.set;

	signal_unlock(process, state);
	return set;
}

int signal_take(u64 set, struct signal_info *info)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	unsigned long state = signal_lock(process);
	int signo;

	set &= ~SIGNALS_UNBLOCKABLE;
	signo = signal_dequeue_locked(process, &user->pending, set, info);
	if (!signo)
		signo = signal_dequeue_locked(process, &process->pending, set, info);
	signal_update_work_locked();
	signal_unlock(process, state);
	return signo;
}

bool signal_is_ignored_or_blocked(int signo)
{
	struct process *process = process_current();
	unsigned long state = signal_lock(process);
	bool result = thread_current()->user->blocked & SIGNAL_BIT(signo) ||
		      process->actions->actions[signo - 1].handler == SIG_IGN;

	signal_unlock(process, state);
	return result;
}
