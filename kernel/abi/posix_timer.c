/* timer_create(2) and its family. */
#include <abi/handler.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/clock.h>
#include <proc/posix_timer.h>

SYSCALL_3(sys_timer_create, clock, event_address, number_address)
{
	struct signal_event event;
	long number;
	s32 result;

	if (event_address && copy_in(&event, event_address, sizeof(event)))
		return -EFAULT;
	number = posix_timer_create((int)clock, event_address ? &event : NULL);
	if (number < 0)
		return number;
	result = (s32)number;
	if (!copy_out(number_address, &result, sizeof(result)))
		return 0;
	posix_timer_delete(result);
	return -EFAULT;
}

/* struct itimerspec: the interval, then the value. */
static long setting_out(vaddr_t address, const struct timer_setting *setting)
{
	int error = time_spec_out(address, setting->interval);

	return error ? error : time_spec_out(address + sizeof(struct time_spec), setting->value);
}

SYSCALL_4(sys_timer_settime, number, flags, new_address, old_address)
{
	struct timer_setting new, old;
	long error;

	if (!new_address)
		return -EINVAL;
	error = time_spec_in(new_address, &new.interval);
	if (!error)
		error = time_spec_in(new_address + sizeof(struct time_spec), &new.value);
	if (!error)
		error = posix_timer_set((s32)number, flags & TIMER_ABSTIME, &new, &old);
	return error || !old_address ? error : setting_out(old_address, &old);
}

SYSCALL_2(sys_timer_gettime, number, address)
{
	struct timer_setting setting;
	int error = posix_timer_get((s32)number, &setting);

	return error ? error : setting_out(address, &setting);
}

SYSCALL_1(sys_timer_getoverrun, number)
{
	return posix_timer_overrun((s32)number);
}

SYSCALL_1(sys_timer_delete, number)
{
	return posix_timer_delete((s32)number);
}
