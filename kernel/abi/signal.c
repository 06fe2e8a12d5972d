/* Signals: signal(7) and the calls that it lists. */
#include <abi/handler.h>
#include <arch/thread.h>
#include <arch/time.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/kill.h>
#include <proc/signal_queue.h>
#include <proc/timers.h>

enum { SET_SIZE = 8, SIG_BLOCK = 0, SIG_UNBLOCK, SIG_SETMASK };
enum { NS_PER_MICROSECOND = 1000, MICROSECONDS_PER_SECOND = 1000000 };

SYSCALL_2(sys_kill, pid, signo)
{
	struct signal_info info = signal_info_user((int)signo, SI_USER);

	if ((int)signo && !signal_number_valid((int)signo))
		return -EINVAL;
	return kill_processes((s32)pid, &info);
}

static long send_to_thread(s32 pid, s32 tid, int signo)
{
	struct signal_info info = signal_info_user(signo, SI_TKILL);

	if (tid <= 0 || pid < 0 || (signo && !signal_number_valid(signo)))
		return -EINVAL;
	return kill_thread(pid, tid, &info);
}

SYSCALL_2(sys_tkill, tid, signo)
{
	return send_to_thread(0, (s32)tid, (int)signo);
}

SYSCALL_3(sys_tgkill, pid, tid, signo)
{
	return (s32)pid <= 0 ? -EINVAL : send_to_thread((s32)pid, (s32)tid, (int)signo);
}

/* sigqueue(3): only to oneself may a program pretend that the kernel or kill(2) sent it. */
static int queue_info_in(struct signal_info *info, vaddr_t from, int signo, s32 target)
{
	int error = signal_info_in(info, from);

	if (error)
		return error;
	info->signo = signo;
	if ((info->code >= 0 || info->code == SI_TKILL) && target != process_current()->id->number)
		return -EPERM;
	return signo && !signal_number_valid(signo) ? -EINVAL : 0;
}

SYSCALL_3(sys_rt_sigqueueinfo, pid, signo, user_info)
{
	struct signal_info info;
	int error = queue_info_in(&info, user_info, (int)signo, (s32)pid);

	if (error)
		return error;
	return (s32)pid > 0 ? kill_processes((s32)pid, &info) : -ESRCH;
}

SYSCALL_4(sys_rt_tgsigqueueinfo, pid, tid, signo, user_info)
{
	struct signal_info info;
	int error = (s32)pid <= 0 || (s32)tid <= 0 ? -EINVAL : 0;

	if (!error)
		error = queue_info_in(&info, user_info, (int)signo, (s32)pid);
	return error ? error : kill_thread((s32)pid, (s32)tid, &info);
}

SYSCALL_4(sys_rt_sigaction, signo, new, old, size)
{
	struct signal_action action, former;
	int error;

	if (size != SET_SIZE)
		return -EINVAL;
	if (!new)
		error = signal_get_action((int)signo, &former);
	else if (copy_in(&action, new, sizeof(action)))
		error = -EFAULT;
	else
		error = signal_set_action((int)signo, &action, old ? &former : NULL);
	if (error)
		return error;
	return old && copy_out(old, &former, sizeof(former)) ? -EFAULT : 0;
}

SYSCALL_4(sys_rt_sigprocmask, how, new, old, size)
{
	u64 set, former = thread_current()->user->blocked;

	if (size != SET_SIZE)
		return -EINVAL;
	if (new) {
		if (copy_in(&set, new, sizeof(set)))
			return -EFAULT;
		switch ((int)how) {
		case SIG_BLOCK:
			set |= former;
			break;
		case SIG_UNBLOCK:
			set = former & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(set);
	}
	return old && copy_out(old, &former, sizeof(former)) ? -EFAULT : 0;
}

SYSCALL_2(sys_rt_sigpending, address, size)
{
	u64 set = signal_pending_set() & thread_current()->user->blocked;

	if (size > SET_SIZE)
		return -EINVAL;
	return copy_out(address, &set, size);
}

/*
 * A signal of the set may arrive blocked, or not blocked and then interrupt: it is looked for once
 * more after each wake-up. waiting_set keeps its sender from taking the default action.
 */
static int wait_for_signal(u64 set, struct signal_info *info, u64 deadline)
{
	struct process *process = process_current();
	struct user_thread *user = thread_current()->user;
	struct waiter waiter;
	int signo, error = 0;
	unsigned long state = signal_lock(process);

	user->waiting_set = set;
	signal_unlock(process, state);
	wait_begin(&process->signal_wait, &waiter);
	while (!(signo = signal_take(set, info)) && !error)
		error = wait_sleep(&waiter, deadline, WAIT_INTERRUPTIBLE);
	wait_end(&waiter);
	state = signal_lock(process);
	user->waiting_set = 0;
	signal_unlock(process, state);
	if (signo)
		return signo;
	return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

SYSCALL_4(sys_rt_sigtimedwait, user_set, user_info, timeout, size)
{
	u64 set, ns, deadline = WAIT_FOREVER;
	struct signal_info info;
	int result;

	if (size != SET_SIZE)
		return -EINVAL;
	if (copy_in(&set, user_set, sizeof(set)))
		return -EFAULT;
	if (timeout) {
		result = time_spec_in(timeout, &ns);
		if (result)
			return result;
		deadline = time_now() + ns;
	}
	result = wait_for_signal(set, &info, deadline);
	if (result > 0 && user_info && signal_info_out(user_info, &info))
		return -EFAULT;
	return result;
}

SYSCALL_2(sys_rt_sigsuspend, address, size)
{
	int error = size != SET_SIZE ? -EINVAL
		    : address	     ? signal_mask_begin(address, size)
				     : -EFAULT;

	if (error)
		return error;
	while (!thread_block(WAIT_FOREVER, WAIT_INTERRUPTIBLE))
		;
	signal_mask_end(true);
	return -ERESTARTNOHAND;
}

/* A frame that cannot be read leaves nothing to return to. */
SYSCALL_0(sys_rt_sigreturn)
{
	struct trap_frame *frame = thread_trap_frame(thread_current());
	struct user_thread *user = thread_current()->user;
	struct signal_stack stack;
	u64 mask;

	user->restart_deadline = 0;
	if (signal_frame_pop(frame, &mask, &stack)) {
		trap_forget_syscall(frame);
		signal_force_fault(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	if (!(stack.flags & ~(s32)(SS_DISABLE | SS_ONSTACK | SS_AUTODISARM)))
		user->stack = stack;
	signal_set_blocked(mask);
	return trap_result(frame);
}

static bool is_on_stack(const struct signal_stack *stack, vaddr_t sp)
{
	return !((u32)stack->flags & SS_AUTODISARM) && sp > stack->sp &&
	       sp - stack->sp <= stack->size;
}

SYSCALL_2(sys_sigaltstack, new, old)
{
	struct user_thread *user = thread_current()->user;
	struct signal_stack stack, former = user->stack;
	bool on_stack = is_on_stack(&former, trap_stack(thread_trap_frame(thread_current())));
	u32 mode;

	if (new) {
		if (copy_in(&stack, new, sizeof(stack)))
			return -EFAULT;
		if (on_stack)
			return -EPERM;
		mode = (u32)stack.flags & ~SS_AUTODISARM;
		if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
			return -EINVAL;
		if (mode == SS_DISABLE)
			stack = (struct signal_stack){ .flags = stack.flags };
		else if (stack.size < SIGNAL_STACK_MIN)
			return -ENOMEM;
		stack.padding = 0;
		user->stack = stack;
	}
	if (!former.size)
		former.flags = SS_DISABLE | (s32)((u32)former.flags & SS_AUTODISARM);
	else if (on_stack)
		former.flags = SS_ONSTACK;
	else
		former.flags = (s32)((u32)former.flags & SS_AUTODISARM);
	return old && copy_out(old, &former, sizeof(former)) ? -EFAULT : 0;
}

/* struct itimerval: interval, then value. */
struct interval_value {
	s64 interval_seconds, interval_microseconds, seconds, microseconds;
};

static int time_value(s64 seconds, s64 microseconds, u64 *ns)
{
	if (seconds < 0 || microseconds < 0 || microseconds >= MICROSECONDS_PER_SECOND)
		return -EINVAL;
	seconds = MIN(seconds, INT64_MAX / 1000000000 - 1);
	*ns = ((u64)seconds * MICROSECONDS_PER_SECOND + (u64)microseconds) * NS_PER_MICROSECOND;
	return 0;
}

static int interval_out(vaddr_t to, const struct interval_timer *timer)
{
	u64 interval = timer->interval / NS_PER_MICROSECOND;
	u64 value = DIV_ROUND_UP(timer->value, (u64)NS_PER_MICROSECOND);
	struct interval_value out = {
		.interval_seconds = (s64)(interval / MICROSECONDS_PER_SECOND),
		.interval_microseconds = (s64)(interval % MICROSECONDS_PER_SECOND),
		.seconds = (s64)(value / MICROSECONDS_PER_SECOND),
		.microseconds = (s64)(value % MICROSECONDS_PER_SECOND),
	};

	return copy_out(to, &out, sizeof(out));
}

SYSCALL_2(sys_getitimer, which, address)
{
	struct interval_timer timer;
	int error = timers_set((int)which, NULL, &timer);

	return error ? error : interval_out(address, &timer);
}

SYSCALL_3(sys_setitimer, which, new, old)
{
	struct interval_timer timer = { 0 }, former;
	struct interval_value value = { 0 };
	int error;

	if (new &&copy_in(&value, new, sizeof(value)))
		return -EFAULT;
	if (time_value(value.interval_seconds, value.interval_microseconds, &timer.interval) ||
	    time_value(value.seconds, value.microseconds, &timer.value))
		return -EINVAL;
	error = timers_set((int)which, &timer, &former);
	if (error)
		return error;
	return old ? interval_out(old, &former) : 0;
}
