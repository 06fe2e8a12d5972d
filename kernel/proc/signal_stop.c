/*
 * Job control: a stop signal stops every thread of the process. The thread that takes it sets
 * stop_signal and interrupts the others; each sleeps before it returns to user mode. The one that
 * makes the count complete tells the parent.
 *
 *   running → stopping (stop_signal set) → stopped (stopped_count = thread_count)
 *   and from both back to running (SIGCONT, SIGKILL)
 *
 * A SIGCONT between taking a stop signal and acting on it must win: continue_count tells. A thread
 * counts itself once per stop: stop_generation tells. No thread appears while stopping, as clone(2)
 * looks for work under the signal lock before it links the new one; one that leaves calls
 * signal_stop_check_locked().
 */
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

bool signal_continue_locked(struct process *process)
{
	bool was_stopped = process->stop_signal && process->stopped_count >= process->thread_count;

	process->continue_count++;
	if (!process->stop_signal)
		return false;
	trace_continued_locked(process);
	process->stop_signal = 0;
	process->stopped_count = 0;
	process->stop_reported = false;
	process->continue_pending = was_stopped;
	wait_wake_all(&process->stop_wait);
	return was_stopped;
}

void signal_stop_begin(int signo, u32 count)
{
	struct process *process = process_current();
	struct user_thread *user;
	unsigned long state = tree_lock();

	/*
	 * POSIX 2.4.3: nobody could continue an orphaned group, so the terminal does not stop it.
	 */
	if (signo != SIGSTOP && process_group_orphaned_locked(process->group_id, NULL)) {
		tree_unlock(state);
		return;
	}
	spin_lock(&process->actions->lock);
	if (process->continue_count == count && !process->exiting && !process->execing &&
	    !process->stop_signal) {
		process->stop_signal = (u8)signo;
		process->stop_generation++;
		process->stopped_count = 0;
		process->stop_reported = false;
		process->continue_pending = false;
		process_for_each_thread(user, process)
			signal_interrupt_locked(user);
	}
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
}

void signal_stop_check_locked(struct process *process)
{
	bool complete;

	spin_lock(&process->actions->lock);
	complete = process->stop_signal && process->thread_count &&
		   process->stopped_count == process->thread_count;
	spin_unlock(&process->actions->lock);
	if (complete)
		process_notify_parent_locked(process, CLD_STOPPED, process->stop_signal);
}

/* Count this thread among the stopped ones, once per stop. False: there is nothing to stop for. */
static bool join_stop(struct process *process, u32 *generation)
{
	unsigned long state = tree_lock();
	bool stop, joined = false;

	spin_lock(&process->actions->lock);
	stop = process->stop_signal && !process->exiting && !process->execing;
	if (stop && *generation != process->stop_generation) {
		*generation = process->stop_generation;
		process->stopped_count++;
		joined = true;
	}
	spin_unlock(&process->actions->lock);
	if (joined)
		signal_stop_check_locked(process);
	tree_unlock(state);
	return stop;
}

void signal_stop_sleep(void)
{
	struct process *process = process_current();
	u32 generation = READ_ONCE(process->stop_generation) - 1;
	struct waiter waiter;

	wait_begin(&process->stop_wait, &waiter);
	while (join_stop(process, &generation)) {
		if (trace_group_stop())
			break;
		if (wait_sleep(&waiter, WAIT_FOREVER, WAIT_KILLABLE))
			break;
	}
	wait_end(&waiter);
}
