/* prctl(2): what belongs to processes and threads and exists here. */
#include <abi/handler.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/credentials.h>

enum {
	PR_SET_PDEATHSIG = 1,
	PR_GET_PDEATHSIG,
	PR_GET_DUMPABLE,
	PR_SET_DUMPABLE,
	PR_GET_KEEPCAPS = 7,
	PR_SET_KEEPCAPS,
	PR_SET_NAME = 15,
	PR_GET_NAME,
	PR_GET_SECCOMP = 21,
	PR_CAPBSET_READ = 23,
	PR_GET_SECUREBITS = 27,
	PR_SET_TIMERSLACK = 29,
	PR_GET_TIMERSLACK,
	PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER,
	PR_SET_NO_NEW_PRIVS,
	PR_GET_NO_NEW_PRIVS,
	PR_GET_TID_ADDRESS,
	PR_CAP_AMBIENT = 47,
	PR_CAP_AMBIENT_IS_SET = 1,
	PR_CAP_AMBIENT_RAISE,
	PR_CAP_AMBIENT_LOWER,
	PR_CAP_AMBIENT_CLEAR_ALL,
	NAME_SIZE = 16,
};

static long set_name(vaddr_t address)
{
	char name[NAME_SIZE] = { 0 };
	ssize_t length = string_in(name, address, NAME_SIZE - 1);

	if (length == -EFAULT)
		return -EFAULT;
	name[NAME_SIZE - 1] = 0;
	thread_set_name(thread_current(), name);
	return 0;
}

static long put_int(vaddr_t address, s32 value)
{
	return copy_out(address, &value, sizeof(value)) ? -EFAULT : 0;
}

/* A flag that may only be set to 0 or 1. */
static long set_flag(bool *flag, unsigned long value)
{
	if (value > 1)
		return -EINVAL;
	*flag = value;
	return 0;
}

/* There is no ambient set: it is empty, and nothing can be put in. */
static long ambient(unsigned long operation, unsigned long capability)
{
	switch (operation) {
	case PR_CAP_AMBIENT_CLEAR_ALL:
		return capability ? -EINVAL : 0;
	case PR_CAP_AMBIENT_IS_SET:
	case PR_CAP_AMBIENT_LOWER:
		return capability > CAP_LAST ? -EINVAL : 0;
	case PR_CAP_AMBIENT_RAISE:
		return capability > CAP_LAST ? -EINVAL : -EPERM;
	default:
		return -EINVAL;
	}
}

static long set_no_new_privileges(unsigned long value, unsigned long a, unsigned long b,
				  unsigned long c)
{
	if (value != 1 || a || b || c)
		return -EINVAL;
	credentials_current()->no_new_privileges = true;
	return 0;
}

static long set_something(int option, unsigned long value, unsigned long a, unsigned long b,
			  unsigned long c)
{
	struct process *process = process_current();

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (value > SIGNAL_MAX)
			return -EINVAL;
		process->death_signal = (int)value;
		return 0;
	case PR_SET_TIMERSLACK:
		thread_current()->user->timer_slack =
			value ? value : thread_current()->user->timer_slack_default;
		return 0;
	case PR_SET_DUMPABLE:
		return set_flag(&process->dumpable, value);
	case PR_SET_KEEPCAPS:
		return set_flag(&process->keep_capabilities, value);
	case PR_SET_CHILD_SUBREAPER:
		process->child_subreaper = value;
		return 0;
	case PR_SET_NO_NEW_PRIVS:
		return set_no_new_privileges(value, a, b, c);
	default:
		return -EINVAL;
	}
}

SYSCALL_5(sys_prctl, option, a, b, c, d)
{
	struct process *process = process_current();
	u64 tid_address = thread_current()->user->clear_child_tid;

	switch ((int)option) {
	case PR_SET_NAME:
		return set_name(a);
	case PR_GET_NAME:
		return copy_out(a, thread_current()->name, NAME_SIZE) ? -EFAULT : 0;
	case PR_GET_PDEATHSIG:
		return put_int(a, process->death_signal);
	case PR_GET_DUMPABLE:
		return process->dumpable;
	case PR_GET_TIMERSLACK:
		return (long)MIN(thread_current()->user->timer_slack, (u64)INT64_MAX);
	case PR_GET_KEEPCAPS:
		return process->keep_capabilities;
	case PR_GET_CHILD_SUBREAPER:
		return put_int(a, process->child_subreaper);
	case PR_GET_NO_NEW_PRIVS:
		return a || b || c || d ? -EINVAL : process->credentials.no_new_privileges;
	case PR_GET_TID_ADDRESS:
		return copy_out(a, &tid_address, sizeof(tid_address)) ? -EFAULT : 0;
	case PR_GET_SECCOMP:
	case PR_GET_SECUREBITS:
		return 0;
	case PR_CAPBSET_READ:
		return a > CAP_LAST ? -EINVAL : 1;
	case PR_CAP_AMBIENT:
		return c || d ? -EINVAL : ambient(a, b);
	default:
		return set_something((int)option, a, b, c, d);
	}
}
